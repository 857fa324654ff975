//! The integer formula that equals requantization on every reachable accumulator.

use super::Steps;
use crate::ir::AccumulatorRange;

/// The formula `clamp(floor((acc * m + c) / 2^shift), lo, hi)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinearForm {
    /// Positive; near `multiplier * 2^shift`.
    pub m: u64,
    /// Of either sign.
    pub c: i128,
    /// At most [`LinearForm::MAX_SHIFT`].
    pub s: u32,
}

impl LinearForm {
    /// The largest shift a form may have: `2^shift` and the multiples of it in use stay far from the ends of i128.
    pub const MAX_SHIFT: u32 = 62;

    /// `floor((acc * m + c) / 2^shift)`, the output before the clamp.
    ///
    /// # Panics
    /// If `acc * m + c` overflows i128, which no verified form and no int32 `acc` reach.
    pub fn quotient(&self, acc: i64) -> i128 {
        (i128::from(acc) * i128::from(self.m) + self.c) >> self.s
    }

    /// The smallest and the largest quotient over a range of accumulators.
    pub fn quotients(&self, range: AccumulatorRange) -> (i128, i128) {
        (self.quotient(range.lo), self.quotient(range.hi))
    }

    /// The form with the larger shift `s`: `m` and `c` are multiplied by the same power of two, so every
    /// quotient stays what it was.
    ///
    /// # Panics
    /// If `s` is less than the form's shift or more than [`LinearForm::MAX_SHIFT`], or if `m` leaves u64.
    pub fn with_shift(self, s: u32) -> Self {
        assert!(self.s <= s && s <= Self::MAX_SHIFT, "the shift {} can be raised to {s}", self.s);
        let factor = 1_u64 << (s - self.s);
        let m = self.m.checked_mul(factor).expect("the multiplier fits 64 bits");
        Self { m, c: self.c * i128::from(factor), s }
    }

    /// Whether the clamped quotient equals the steps at every accumulator of their range.
    ///
    /// `clamp` is the one the steps were made with. Both sides are monotone in the accumulator, so they are
    /// equal everywhere when they are equal at both ends of the range and at both sides of every threshold.
    pub fn verify(&self, steps: &Steps, clamp: (i32, i32)) -> bool {
        let agrees = |acc: i64| {
            i128::from(acc)
                .checked_mul(i128::from(self.m))
                .and_then(|product| product.checked_add(self.c))
                .map(|sum| (sum >> self.s).clamp(i128::from(clamp.0), i128::from(clamp.1)))
                == Some(i128::from(steps.output(acc)))
        };
        self.m > 0
            && self.s <= Self::MAX_SHIFT
            && agrees(steps.range.lo)
            && agrees(steps.range.hi)
            && steps.thresholds.iter().all(|&threshold| agrees(threshold) && agrees(threshold - 1))
    }
}

/// The linear form with the smallest shift, at most `max_shift`, that equals the steps on their whole range;
/// among those the one with the smallest `m`. `None` when there is none.
///
/// `multiplier` and `clamp` are what the steps were made with. The span of the quotients is held to that of
/// the clamp or to about `multiplier` times that of the accumulators, whichever is larger: a few thresholds
/// alone would admit a formula with a needlessly small shift and as many quotients as accumulators.
///
/// A constant output gets one quotient for the whole range, with a shift that may exceed the smallest.
///
/// # Which forms are exact
/// With m > 0 the quotient is monotone, so it is exact when it rises to y at `acc = t_y` and not before, for
/// every output y above the first, and does not pass the first and the last output at the ends:
/// - `t_y * m + c >= y * 2^shift` and `(t_y - 1) * m + c <= y * 2^shift - 1`;
/// - `range.lo * m + c >= first * 2^shift`, unless the first output is where the clamp begins;
/// - `range.hi * m + c <= (last + 1) * 2^shift - 1`, unless the last output is where the clamp ends.
///
/// So c exists if and only if the gap `max (y * 2^shift - a * m) - min (y * 2^shift - 1 - b * m)` over those lower
/// bounds (a, y) and upper bounds (b, y) is at most 0. For fixed s the gap is convex in m, a maximum of
/// lines, one for each pair of bounds. Any pair that is violated at some m with a slope that does not fall
/// rules out every larger m; any other moves m up to the first value where that pair holds. Starting from
/// m = 1 this reaches the smallest feasible m, or proves that there is none.
///
/// When s is feasible, s + 1 is, with 2 m and 2 c: the smallest s is found by bisection.
///
/// # Panics
/// If `max_shift` exceeds [`LinearForm::MAX_SHIFT`], or an internal error makes a form differ from the steps.
pub fn linear_form(steps: &Steps, multiplier: f32, clamp: (i32, i32), max_shift: u32) -> Option<LinearForm> {
    assert!(max_shift <= LinearForm::MAX_SHIFT, "shifts are at most {}", LinearForm::MAX_SHIFT);
    let form = if steps.thresholds.is_empty() {
        constant_form(steps, max_shift)?
    } else {
        let bounds = Bounds::new(steps, clamp);
        let span = permitted_span(steps, multiplier, clamp);
        let feasible = |s| bounds.smallest_multiplier(s, largest_multiplier(steps.range, span, s));
        feasible(max_shift)?;
        let s = smallest_true(max_shift, |s| feasible(s).is_some());
        let m = feasible(s)?;
        LinearForm { m, c: bounds.lower(s, m).0, s }
    };
    assert!(form.verify(steps, clamp), "{form:?} equals the steps by construction");
    Some(form)
}

/// m = 1 and one quotient: `acc - range.lo + first * 2^shift` with `2^shift > range.hi - range.lo`.
fn constant_form(steps: &Steps, max_shift: u32) -> Option<LinearForm> {
    let width = steps.range.hi.abs_diff(steps.range.lo);
    let s = u64::BITS - width.leading_zeros();
    let c = (i128::from(steps.first) << s) - i128::from(steps.range.lo);
    (s <= max_shift).then_some(LinearForm { m: 1, c, s })
}

/// The largest difference of two quotients that a form may have, see [`linear_form`].
fn permitted_span(steps: &Steps, multiplier: f32, clamp: (i32, i32)) -> u64 {
    let width = steps.range.hi.abs_diff(steps.range.lo);
    // One eighth more than the natural span, for the coarseness of m at small shifts. The width has 32 bits
    // and the cast saturates.
    let natural = (width as f64 * f64::from(multiplier) * 1.125) as u64;
    natural.saturating_add(1).max(u64::from(clamp.1.abs_diff(clamp.0)))
}

/// The largest m with `(range.hi - range.lo) * m <= span * 2^shift`, for a range of at least two accumulators.
fn largest_multiplier(range: AccumulatorRange, span: u64, s: u32) -> u64 {
    let largest = (u128::from(span) << s) / u128::from(range.hi.abs_diff(range.lo));
    u64::try_from(largest).unwrap_or(u64::MAX)
}

/// The smallest value in `0..=limit` with `holds`, which holds at the limit and from its first value on.
fn smallest_true(limit: u32, holds: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (0, limit);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    high
}

/// A bound at one accumulator: the quotient there is at least, or less than, `output`.
#[derive(Clone, Copy)]
struct Bound {
    acc: i64,
    output: i32,
}

impl Bound {
    /// `output * 2^shift - acc * m`.
    fn offset(self, s: u32, m: u64) -> i128 {
        (i128::from(self.output) << s) - i128::from(self.acc) * i128::from(m)
    }
}

/// Everything an exact form must satisfy.
struct Bounds {
    /// `acc * m + c >= output * 2^shift`.
    at_least: Vec<Bound>,
    /// `acc * m + c <= output * 2^shift - 1`.
    less_than: Vec<Bound>,
}

impl Bounds {
    /// For steps with at least one threshold.
    fn new(steps: &Steps, clamp: (i32, i32)) -> Self {
        let rises = || steps.rises();
        let mut at_least: Vec<Bound> = rises().map(|(output, acc)| Bound { acc, output }).collect();
        let mut less_than: Vec<Bound> = rises().map(|(output, acc)| Bound { acc: acc - 1, output }).collect();
        if steps.first > clamp.0 {
            at_least.push(Bound { acc: steps.range.lo, output: steps.first });
        }
        if steps.last() < clamp.1 {
            less_than.push(Bound { acc: steps.range.hi, output: steps.last() + 1 });
        }
        Self { at_least, less_than }
    }

    /// The smallest permitted c and the bound that makes it so.
    fn lower(&self, s: u32, m: u64) -> (i128, Bound) {
        let offsets = self.at_least.iter().map(|&bound| (bound.offset(s, m), bound));
        offsets.max_by_key(|(offset, _)| *offset).expect("there is a threshold")
    }

    /// The largest permitted c and the bound that makes it so.
    fn upper(&self, s: u32, m: u64) -> (i128, Bound) {
        let offsets = self.less_than.iter().map(|&bound| (bound.offset(s, m) - 1, bound));
        offsets.min_by_key(|(offset, _)| *offset).expect("there is a threshold")
    }

    /// The smallest m in `1..=largest` for which some c satisfies every bound.
    fn smallest_multiplier(&self, s: u32, largest: u64) -> Option<u64> {
        let mut m = 1;
        while m <= largest {
            let ((lower, from), (upper, to)) = (self.lower(s, m), self.upper(s, m));
            if lower <= upper {
                return Some(m);
            }
            // This pair needs (from.acc - to.acc) * m >= (from.output - to.output) * 2^shift + 1.
            let slope = i128::from(from.acc) - i128::from(to.acc);
            if slope <= 0 {
                return None;
            }
            let rise = i128::from(from.output) - i128::from(to.output);
            let needed = (rise << s) + 1;
            m = u64::try_from((needed + slope - 1).div_euclid(slope)).ok()?;
        }
        None
    }
}

#[cfg(test)]
mod tests;
