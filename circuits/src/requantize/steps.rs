//! Requantization as a step function over the reachable accumulators.

use super::requantize;
use crate::ir::AccumulatorRange;

/// The thresholds of [`requantize`] over a range of accumulators.
///
/// y is monotone in acc: rounding an integer to float32 is monotone, multiplying by a positive number is
/// monotone and stays so when the product is rounded, and so are rounding to an integer, adding a constant
/// and clamping. So y over the range is known from its smallest value and the accumulators where it rises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The reachable accumulators.
    pub range: AccumulatorRange,
    /// y at `range.lo`.
    pub first: i32,
    /// `thresholds[i]` is the smallest accumulator of the range with `y >= first + 1 + i`; ascending, beyond
    /// `range.lo`, one for each integer up to y at `range.hi`. Where y jumps by more than one, neighbors
    /// coincide.
    pub thresholds: Vec<i64>,
}

impl Steps {
    /// The steps of `requantize(acc, multiplier, zero_point, lo, hi)` over `range`.
    ///
    /// # Panics
    /// If the range is empty or leaves int32, or where [`requantize`] panics.
    pub fn new(range: AccumulatorRange, multiplier: f32, zero_point: i32, lo: i32, hi: i32) -> Self {
        Self::of(range, |acc| requantize(acc, multiplier, zero_point, lo, hi))
    }

    /// The steps of a function that does not fall over `range`.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn of(range: AccumulatorRange, y: impl Fn(i64) -> i32) -> Self {
        assert!(range.lo <= range.hi, "the range {}..={} is not empty", range.lo, range.hi);
        let first = y(range.lo);
        let mut thresholds = Vec::new();
        let mut below = range.lo;
        for target in first + 1..=y(range.hi) {
            // y(below) < target <= y(range.hi). Where y jumps over the target, the next search starts at the
            // same `below` and ends at the same threshold.
            let threshold = smallest_reaching(target, below, range.hi, &y);
            thresholds.push(threshold);
            below = threshold - 1;
        }
        Self { range, first, thresholds }
    }

    /// y at `range.hi`.
    pub fn last(&self) -> i32 {
        self.first + i32::try_from(self.thresholds.len()).expect("outputs are int32")
    }

    /// y at an accumulator of the range.
    pub fn output(&self, acc: i64) -> i32 {
        let risen = self.thresholds.partition_point(|&threshold| threshold <= acc);
        self.first + i32::try_from(risen).expect("outputs are int32")
    }

    /// The smallest accumulator of the range whose output is at least the given one; that behind the range if none is.
    pub fn threshold(&self, output: i32) -> i64 {
        match usize::try_from(i64::from(output) - i64::from(self.first) - 1) {
            Err(_) => self.range.lo,
            Ok(index) => self.thresholds.get(index).copied().unwrap_or(self.range.hi + 1),
        }
    }

    /// Each output above `first` with the smallest accumulator that reaches it.
    pub fn rises(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        (self.first + 1..).zip(self.thresholds.iter().copied())
    }
}

/// The smallest acc in `below + 1..=reaching` with `y(acc) >= target`, for monotone y with
/// `y(below) < target <= y(reaching)`.
fn smallest_reaching(target: i32, mut below: i64, mut reaching: i64, y: impl Fn(i64) -> i32) -> i64 {
    while reaching - below > 1 {
        let middle = below + (reaching - below) / 2;
        if y(middle) < target { below = middle } else { reaching = middle }
    }
    reaching
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Steps;
    use crate::{ir::AccumulatorRange, requantize::requantize};

    #[test]
    fn ties_make_steps_of_alternating_width() {
        let steps = Steps::new(AccumulatorRange { lo: -4, hi: 8 }, 0.25, 10, 0, 255);
        // rne(acc / 4): -1.0 .. 2.0 with ties at -2 (to -0), 2 (to 0) and 6 (to 2).
        assert_eq!((steps.first, steps.last()), (9, 12));
        assert_eq!(steps.thresholds, [-2, 3, 6]);
    }

    #[test]
    fn thresholds_coincide_where_the_output_jumps() {
        let steps = Steps::new(AccumulatorRange { lo: -1, hi: 2 }, 2.5, 0, -128, 127);
        // -2.5, 0, 2.5, 5 -> -2, 0, 2, 5
        assert_eq!(steps.thresholds, [0, 0, 1, 1, 2, 2, 2]);
        assert_eq!([-1, 0, 1, 2].map(|acc| steps.output(acc)), [-2, 0, 2, 5]);
    }

    #[test]
    fn a_range_of_one_accumulator_has_no_threshold() {
        let steps = Steps::new(AccumulatorRange { lo: 40, hi: 40 }, 0.1, 0, 0, 255);
        assert_eq!((steps.first, steps.last(), steps.thresholds.len()), (4, 4, 0));
    }

    #[test]
    fn the_ends_of_int32_are_reachable() {
        let range = AccumulatorRange { lo: i64::from(i32::MIN), hi: i64::from(i32::MAX) };
        let steps = Steps::new(range, f32::powi(2.0, -25), 0, -128, 127);
        assert_eq!((steps.first, steps.last()), (-64, 64));
        for (output, threshold) in steps.rises() {
            assert_eq!(requantize(threshold, f32::powi(2.0, -25), 0, -128, 127), output);
            assert!(requantize(threshold - 1, f32::powi(2.0, -25), 0, -128, 127) < output);
        }
    }

    proptest! {
        #[test]
        fn equal_requantize_at_every_accumulator(
            lo in -3000_i64..3000, width in 0_i64..6000, log in -9.0_f32..2.0,
            zero_point in 0_i32..=255, clamp_lo in 0_i32..=255, clamp_width in 0_i32..=255,
        ) {
            let (multiplier, clamp_hi) = (log.exp2(), (clamp_lo + clamp_width).min(255));
            let range = AccumulatorRange { lo, hi: lo + width };
            let steps = Steps::new(range, multiplier, zero_point, clamp_lo, clamp_hi);
            for acc in range.lo..=range.hi {
                prop_assert_eq!(steps.output(acc), requantize(acc, multiplier, zero_point, clamp_lo, clamp_hi));
            }
        }

        #[test]
        fn equal_requantize_where_float32_rounds_the_accumulator(
            lo in (1_i64 << 24) - 500..1 << 28, negative: bool, exponent in -30_i32..-18, mantissa in 1.0_f32..2.0,
        ) {
            let lo = if negative { -lo } else { lo };
            let multiplier = mantissa * f32::powi(2.0, exponent);
            let zero_point = -requantize(lo, multiplier, 0, -100_000, 100_000);
            let range = AccumulatorRange { lo, hi: lo + 3000 };
            let steps = Steps::new(range, multiplier, zero_point, -128, 127);
            for acc in range.lo..=range.hi {
                prop_assert_eq!(steps.output(acc), requantize(acc, multiplier, zero_point, -128, 127));
            }
        }
    }
}
