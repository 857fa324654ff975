//! The step function of one output channel, in either of its two descriptions.

use super::{Steps, requantize};
use crate::ir::{AccumulatorRange, ChannelSteps, Requantize};

/// From the accumulators of one output channel to its outputs, monotone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ChannelFunction<'a> {
    /// [`requantize`] with these parameters.
    Multiplier {
        /// Finite and positive.
        multiplier: f32,
        /// Zero point of the output.
        zero_point: i32,
        /// Smallest output.
        lo: i32,
        /// Largest output.
        hi: i32,
    },
    /// `lo` plus the number of thresholds that are at most the accumulator.
    Thresholds {
        /// In ascending order.
        thresholds: &'a [i64],
        /// Smallest output.
        lo: i32,
    },
}

impl ChannelFunction<'_> {
    /// The output at an accumulator.
    ///
    /// # Panics
    /// Where [`requantize`] panics.
    pub fn output(&self, acc: i64) -> i32 {
        match *self {
            Self::Multiplier { multiplier, zero_point, lo, hi } => {
                requantize(acc, multiplier, zero_point, lo, hi)
            }
            Self::Thresholds { thresholds, lo } => {
                let passed = thresholds.partition_point(|&threshold| threshold <= acc);
                lo + i32::try_from(passed).expect("outputs are int32")
            }
        }
    }

    /// The steps over a range of accumulators.
    ///
    /// # Panics
    /// If the range is empty or leaves int32.
    pub fn steps(&self, range: AccumulatorRange) -> Steps {
        Steps::of(range, |acc| self.output(acc))
    }

    /// Outputs per accumulator: the multiplier, or the mean slope between the first and the last rise of the steps.
    pub fn slope(&self, steps: &Steps) -> f32 {
        match (self, steps.thresholds.as_slice()) {
            (Self::Multiplier { multiplier, .. }, _) => *multiplier,
            (Self::Thresholds { .. }, [first, .., last]) if first < last => {
                (steps.thresholds.len() - 1) as f32 / (last - first) as f32
            }
            (Self::Thresholds { .. }, _) => 0.0,
        }
    }
}

impl Requantize {
    /// The function of every output channel.
    pub fn functions(&self) -> Vec<ChannelFunction<'_>> {
        let Self { zero_point, lo, hi, .. } = *self;
        match &self.channels {
            ChannelSteps::Multipliers(multipliers) => {
                let function = |&multiplier| ChannelFunction::Multiplier { multiplier, zero_point, lo, hi };
                multipliers.iter().map(function).collect()
            }
            ChannelSteps::Thresholds(channels) => {
                channels.iter().map(|thresholds| ChannelFunction::Thresholds { thresholds, lo }).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ChannelFunction;
    use crate::{
        ir::{AccumulatorRange, ChannelSteps, Requantize},
        requantize::linear_form,
    };

    fn by(channels: ChannelSteps, lo: i32, hi: i32) -> Requantize {
        Requantize { channels, zero_point: 3, lo, hi }
    }

    #[test]
    fn thresholds_count() {
        let by = by(ChannelSteps::Thresholds(vec![vec![-5, 0, 0, 1 << 31]]), -2, 2);
        let [function] = by.functions()[..] else { panic!("one channel") };
        let outputs =
            [i64::from(i32::MIN), -6, -5, -1, 0, i64::from(i32::MAX)].map(|acc| function.output(acc));
        assert_eq!(outputs, [-2, -2, -1, -1, 1, 1]);
    }

    #[test]
    fn a_narrower_clamp_leaves_out_steps_at_the_ends() {
        let listed = || by(ChannelSteps::Thresholds(vec![vec![-3, -1, 0, 4, 9], vec![0, 0, 0, 0, 0]]), -2, 3);
        for (lo, hi) in [(-2, 3), (-1, 3), (-2, 1), (0, 0), (-9, -5), (7, 9), (-9, 2), (1, 99)] {
            let mut narrowed = listed();
            narrowed.narrow(lo, hi);
            for (before, after) in listed().functions().iter().zip(narrowed.functions()) {
                for acc in -12..12 {
                    assert_eq!(after.output(acc), before.output(acc).clamp(lo, hi), "{lo}..={hi} at {acc}");
                }
            }
            let ChannelSteps::Thresholds(channels) = &narrowed.channels else { panic!("thresholds") };
            let steps = narrowed.hi.abs_diff(narrowed.lo) as usize;
            assert!(channels.iter().all(|channel| channel.len() == steps), "{narrowed:?}");
        }
    }

    #[test]
    fn a_function_without_two_rises_has_no_slope() {
        for thresholds in [vec![7, 7, 7], vec![100, 100, 100]] {
            let function = ChannelFunction::Thresholds { thresholds: &thresholds, lo: 0 };
            assert_eq!(function.slope(&function.steps(AccumulatorRange { lo: 0, hi: 50 })), 0.0);
        }
    }

    proptest! {
        /// A multiplier written out as thresholds is the same function, with a linear form just when it had one.
        #[test]
        fn both_descriptions_agree(
            lo in -40_000_i64..0, width in 1_i64..80_000, log in -12.0_f32..-2.0, power: bool,
            zero_point in -20_i32..20, clamp in -128_i32..100, height in 1_i32..27,
        ) {
            let multiplier = if power { log.round().exp2() } else { log.exp2() };
            let range = AccumulatorRange { lo, hi: lo + width };
            let hi = clamp + height;
            let scaled = ChannelFunction::Multiplier { multiplier, zero_point, lo: clamp, hi };
            let steps = scaled.steps(range);
            let reached = |y: i32| match y {
                y if y <= steps.first => lo,
                y => steps.rises().find(|(output, _)| *output == y).map_or(range.hi + 1, |(_, acc)| acc),
            };
            let thresholds: Vec<i64> = (clamp + 1..=hi).map(reached).collect();
            let counted = ChannelFunction::Thresholds { thresholds: &thresholds, lo: clamp };
            prop_assert_eq!(&counted.steps(range), &steps);
            for acc in (lo..=range.hi).step_by(7) {
                prop_assert_eq!(counted.output(acc), scaled.output(acc));
            }
            if let Some(form) = linear_form(&steps, counted.slope(&steps), (clamp, hi), 40) {
                prop_assert!(form.verify(&steps, (clamp, hi)));
            }
        }
    }
}
