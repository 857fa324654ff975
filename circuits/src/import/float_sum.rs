//! float32 sums of integers times a scale: between which two float32 numbers onnxruntime's sum lies.

use super::budget::Budget;

/// Half the distance of 1 and the next float32 number: the relative error of one rounding.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// Longest sum whose relative error is bounded.
const MAX_TERMS: usize = 1 << 16;

/// Most additions that the sums of one operator are followed through.
const MAX_ADDITIONS: usize = 1 << 28;

/// What is known of the float32 sum of `fl(scale * k)` over `terms` integers k from `lo` to `hi`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FloatSum {
    pub(super) scale: f32,
    knowledge: Knowledge,
}

#[derive(Clone, Debug, PartialEq)]
enum Knowledge {
    /// It is `scale` times the integer sum.
    Exact,
    /// The smallest and the largest, by integer sum from `first` on.
    Extremes { first: i64, least: Vec<f32>, most: Vec<f32> },
    /// A bound on its distance from `scale` times the integer sum.
    Error(ErrorBound),
}

impl FloatSum {
    /// A sum in an order that is not known.
    pub(super) fn in_any_order(scale: f32, terms: usize, range: (i32, i32)) -> Self {
        let bound = ErrorBound::new(scale, terms, range);
        let knowledge = if bound.is_zero() { Knowledge::Exact } else { Knowledge::Error(bound) };
        Self { scale, knowledge }
    }

    /// A sum that adds one term after the other, in whatever order: what it can be is found by following all of them, as far
    /// as the budget goes.
    pub(super) fn in_sequence(scale: f32, terms: usize, range: (i32, i32), budget: &mut Budget) -> Self {
        let any_order = Self::in_any_order(scale, terms, range);
        let (lo, hi) = range;
        let Knowledge::Error(bound) = &any_order.knowledge else { return any_order };
        let values = lo.abs_diff(hi) as usize + 1;
        let additions = terms.checked_mul(terms).and_then(|square| square.checked_mul(values * values));
        // Beyond so many terms errors could reach the next integer sum.
        let is_short = terms <= 64 && bound.at(i64::from(lo)).is_finite() && lo <= hi;
        match additions.filter(|additions| is_short && *additions <= MAX_ADDITIONS) {
            Some(additions) if budget.spend_additions(additions) => {}
            _ => return any_order,
        }
        let terms_of_one: Vec<f32> = (lo..=hi).map(|k| k as f32 * scale).collect();
        let [mut least, mut most] = [terms_of_one.clone(), terms_of_one.clone()];
        for _ in 1..terms {
            // The rounded sum never falls where a summand rises, so extremes come from extremes.
            least = extended(&least, &terms_of_one, f32::INFINITY, f32::min);
            most = extended(&most, &terms_of_one, f32::NEG_INFINITY, f32::max);
        }
        // At most 64 terms of 9 bits.
        let first = terms as i64 * i64::from(lo);
        Self { scale, knowledge: Knowledge::Extremes { first, least, most } }
    }

    /// Whether the integer sum decides the float32 sum.
    pub(super) fn is_exact(&self) -> bool {
        self.knowledge == Knowledge::Exact
    }

    /// A float32 number that no float32 sum of this integer sum is below; it does not fall where the integer sum rises.
    pub(super) fn least(&self, sum: i64) -> f32 {
        let exact = sum as f64 * f64::from(self.scale);
        match &self.knowledge {
            Knowledge::Exact => exact as f32,
            Knowledge::Extremes { first, least, .. } => at(least, *first, sum).unwrap_or(f32::NEG_INFINITY),
            Knowledge::Error(bound) => ((exact - bound.at(sum)) as f32).next_down(),
        }
    }

    /// A float32 number that no float32 sum of this integer sum is above; it does not fall where the integer sum rises.
    pub(super) fn most(&self, sum: i64) -> f32 {
        let exact = sum as f64 * f64::from(self.scale);
        match &self.knowledge {
            Knowledge::Exact => exact as f32,
            Knowledge::Extremes { first, most, .. } => at(most, *first, sum).unwrap_or(f32::INFINITY),
            Knowledge::Error(bound) => ((exact + bound.at(sum)) as f32).next_up(),
        }
    }
}

fn at(list: &[f32], first: i64, sum: i64) -> Option<f32> {
    list.get(usize::try_from(sum - first).ok()?).copied()
}

/// The extreme sums of one term more, by integer sum.
fn extended(sums: &[f32], terms: &[f32], worst: f32, better: fn(f32, f32) -> f32) -> Vec<f32> {
    let mut next = vec![worst; sums.len() + terms.len() - 1];
    for (shift, term) in terms.iter().enumerate() {
        for (best, sum) in next.iter_mut().skip(shift).zip(sums) {
            *best = better(*best, sum + term);
        }
    }
    next
}

/// A bound on the distance of a float32 sum, in any order, from the exact sum.
///
/// 0 when every product and partial sum is a float32 number: `scale` is an odd integer m times a power of two, and the
/// partial sums are multiples of that power, at most `m * largest * terms` of them. Otherwise every term goes through at most
/// as many roundings as there are terms, its product among them; or, if that is less, one rounding of each
/// product, and one of each partial sum of j terms, which is at most `j * largest * scale`, and a sum one after the other
/// has the most.
#[derive(Clone, Debug, PartialEq)]
struct ErrorBound {
    /// The bound whatever the sum is.
    whole: f64,
    /// Times the largest sum of magnitudes that an integer sum leaves.
    per_magnitude: f64,
    terms: f64,
    /// The farthest that a term goes below and above 0.
    below: f64,
    above: f64,
}

impl ErrorBound {
    fn new(scale: f32, terms: usize, (lo, hi): (i32, i32)) -> Self {
        let largest = lo.unsigned_abs().max(hi.unsigned_abs());
        let mantissa = (scale.to_bits() & 0x7f_ffff) | 0x80_0000;
        let odd = u64::from(mantissa >> mantissa.trailing_zeros());
        let multiples = odd.saturating_mul(largest.into()).saturating_mul(terms as u64);
        let n = terms as f64;
        let (below, above) = (f64::from(-lo.min(0)), f64::from(hi.max(0)));
        // 2^16 roundings of 2^-24 multiply to less than 1.01.
        let unit = UNIT * f64::from(scale) * 1.01;
        let (whole, per_magnitude) = if scale < f32::MIN_POSITIVE * 16_777_216.0 || terms > MAX_TERMS {
            // Differences could be subnormal, or the terms of second order matter.
            (f64::INFINITY, f64::INFINITY)
        } else if multiples <= 1 << 24 {
            (0.0, 0.0)
        } else {
            let roundings = n + n * (n + 1.0) / 2.0 - 1.0;
            (unit * f64::from(largest) * roundings, unit * n)
        };
        Self { whole, per_magnitude, terms: n, below, above }
    }

    fn is_zero(&self) -> bool {
        self.whole == 0.0
    }

    fn at(&self, sum: i64) -> f64 {
        if self.whole.is_infinite() {
            return self.whole;
        }
        self.whole.min(self.per_magnitude * self.magnitudes(sum as f64))
    }

    /// The largest sum of magnitudes of terms with this sum: P + N where P - N is the sum, and P at most `above` times as many
    /// terms as N leaves at `below` each.
    fn magnitudes(&self, sum: f64) -> f64 {
        let width = self.below + self.above;
        if width == 0.0 {
            return 0.0;
        }
        let negative = (self.below * (self.terms * self.above - sum) / width).max(0.0);
        // Divided and multiplied in float64, up to 2^26.
        (sum + 2.0 * negative).abs().max(sum.abs()) * (1.0 + 1e-9)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Budget, ErrorBound, FloatSum};

    #[test]
    fn sums_of_short_scales_are_exact() {
        let is_exact = |scale, terms, range| FloatSum::in_any_order(scale, terms, range).is_exact();
        assert!(is_exact(0.5, 100, (-255, 255)));
        assert!(is_exact(0.75, 21_845, (0, 256)));
        assert!(!is_exact(0.75, 21_846, (0, 256)));
        assert!(!is_exact(0.1, 2, (0, 255)));
    }

    #[test]
    fn magnitudes_are_as_large_as_the_range_lets_them() {
        let bound = ErrorBound::new(0.1, 4, (-3, 5));
        // 5 + 5 - 3 - 3 = 4.
        assert!((bound.magnitudes(4.0) - 16.0).abs() < 1e-6, "{bound:?}");
        assert!((bound.magnitudes(20.0) - 20.0).abs() < 1e-6);
        assert!((bound.magnitudes(-12.0) - 12.0).abs() < 1e-6);
        let positive = ErrorBound::new(0.1, 4, (0, 255));
        assert!((positive.magnitudes(7.0) - 7.0).abs() < 1e-6);
    }

    proptest! {
        /// One after the other, pairwise, and from both ends.
        #[test]
        fn sums_lie_between_their_bounds(
            scale in 1e-20_f32..2.0,
            (lo, hi) in (-255_i32..=0, 0_i32..=255),
            picks in prop::collection::vec(0.0_f64..1.0, 2..12),
        ) {
            let width = f64::from(hi - lo);
            let integers: Vec<i32> = picks.iter().map(|pick| lo + (pick * width).round() as i32).collect();
            let sum: i64 = integers.iter().map(|&k| i64::from(k)).sum();
            let terms: Vec<f32> = integers.iter().map(|&k| k as f32 * scale).collect();
            let in_sequence = terms.iter().fold(0.0, |sum, term| sum + term);
            let reversed = terms.iter().rev().fold(0.0, |sum, term| sum + term);
            let halves = terms.split_at(terms.len() / 2);
            let pairwise = halves.0.iter().sum::<f32>() + halves.1.iter().sum::<f32>();
            let bounds = FloatSum::in_any_order(scale, terms.len(), (lo, hi));
            for found in [in_sequence, reversed, pairwise] {
                prop_assert!(bounds.least(sum) <= found && found <= bounds.most(sum), "{found} {bounds:?}");
            }
            let mut budget = Budget::for_file(0);
            let followed = FloatSum::in_sequence(scale, terms.len(), (lo, hi), &mut budget);
            for found in [in_sequence, reversed] {
                prop_assert!(followed.least(sum) <= found && found <= followed.most(sum), "{found}");
            }
            prop_assert!(bounds.least(sum) <= followed.least(sum) && followed.most(sum) <= bounds.most(sum));
        }
    }

    /// Of three terms every combination is tried.
    #[test]
    fn what_is_followed_is_what_can_be() {
        let (scale, lo, hi) = (0.0123_f32, -20, 25);
        let mut budget = Budget::for_file(0);
        let sums = FloatSum::in_sequence(scale, 3, (lo, hi), &mut budget);
        let mut seen = std::collections::BTreeMap::<i64, (f32, f32)>::new();
        for (a, b, c) in
            (lo..=hi).flat_map(|a| (lo..=hi).flat_map(move |b| (lo..=hi).map(move |c| (a, b, c))))
        {
            let [x, y, z] = [a, b, c].map(|k| k as f32 * scale);
            let (sum, float) = (i64::from(a + b + c), x + y + z);
            let ends = seen.entry(sum).or_insert((float, float));
            *ends = (ends.0.min(float), ends.1.max(float));
        }
        assert_eq!(seen.len(), 3 * 45 + 1);
        for (sum, (least, most)) in seen {
            assert_eq!((sums.least(sum), sums.most(sum)), (least, most), "{sum}");
        }
    }

    #[test]
    fn the_budget_ends_what_is_followed() {
        let mut budget = Budget::for_file(0);
        let mut count = 0;
        let any_order = FloatSum::in_any_order(0.1, 49, (0, 255));
        while FloatSum::in_sequence(0.1, 49, (0, 255), &mut budget) != any_order {
            count += 1;
        }
        assert!((2..100).contains(&count), "{count}");
    }
}
