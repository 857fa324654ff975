//! float32 arithmetic between an integer sum and its quantizer, rounded operator by operator as onnxruntime does.
//!
//! Every operator here is monotone, and so is rounding: what the quantizer answers is a step function of the integer
//! sum, and its thresholds are found by search.

use std::rc::Rc;

use super::linear::Linear;
use crate::{
    import::{
        affine::{self, FloatClamp, one_or_indexed},
        error::{ImportErrorKind, OperatorError, UncertainAnswer},
        float_sum::FloatSum,
    },
    ir::{AccumulatorRange, Elem, Quantization},
    requantize::Steps,
};

/// Most operators between a sum and its quantizer.
pub(in crate::import) const MAX_STEPS: usize = 16;

/// The float32 number that the arithmetic starts with.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::import) enum Origin {
    /// Cast of the int32 accumulator, rounded beyond 2^24.
    Accumulator,
    /// A float32 sum of `fl(scale * (x - zero_point))`, which the accumulator may not decide.
    Sum(Rc<FloatSum>),
}

/// One operator; lists have one element, or one per output channel.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::import) enum Step {
    /// By positive numbers.
    Multiply(Vec<f32>),
    /// By positive numbers.
    Divide(Vec<f32>),
    Add(Vec<f32>),
    Clamp(FloatClamp),
}

impl Step {
    fn apply(&self, channel: usize, value: f32) -> f32 {
        let of = |list: &[f32]| one_or_indexed(list, channel).copied().unwrap_or(f32::NAN);
        match self {
            Self::Multiply(factors) => value * of(factors),
            Self::Divide(divisors) => value / of(divisors),
            Self::Add(addends) => value + of(addends),
            Self::Clamp(clamp) => clamp.apply(value),
        }
    }
}

/// Where the zero point is added to the quotient by the scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::import) enum ZeroPoint {
    /// To the integer: QuantizeLinear.
    AfterRounding,
    /// In float32: QLinearAveragePool.
    BeforeRounding,
}

/// A layer's accumulators with the operators behind them.
#[derive(Clone, Debug)]
pub(in crate::import) struct Arithmetic {
    pub(in crate::import) layer: Rc<Linear>,
    pub(in crate::import) origin: Origin,
    /// In the order of their application.
    pub(in crate::import) steps: Vec<Rc<Step>>,
}

impl Arithmetic {
    /// One operator more.
    pub(in crate::import) fn then(&self, step: Step) -> Result<Self, ImportErrorKind> {
        if self.steps.len() == MAX_STEPS {
            return Err(OperatorError::ArithmeticSteps { limit: MAX_STEPS }.into());
        }
        let steps = self.steps.iter().cloned().chain([Rc::new(step)]).collect();
        Ok(Self { layer: self.layer.clone(), origin: self.origin.clone(), steps })
    }

    /// Whether two channels have the same operators.
    pub(in crate::import) fn treats_alike(&self, first: usize, second: usize) -> bool {
        let alike = |list: &[f32]| one_or_indexed(list, first) == one_or_indexed(list, second);
        self.steps.iter().all(|step| match &**step {
            Step::Multiply(list) | Step::Divide(list) | Step::Add(list) => alike(list),
            Step::Clamp(_) => true,
        })
    }

    /// The outputs over a range of accumulators of a channel.
    ///
    /// # Errors
    /// [`UncertainAnswer::Sum`] when an output depends on the order of the sum.
    pub(in crate::import) fn quantized(
        &self,
        channel: usize,
        range: AccumulatorRange,
        to: (Elem, Quantization, ZeroPoint),
    ) -> Result<Steps, ImportErrorKind> {
        let sum = match &self.origin {
            Origin::Accumulator => {
                return Ok(Steps::of(range, |acc| self.output(channel, acc as f32, to)));
            }
            Origin::Sum(sum) => sum,
        };
        let [least, most] = self.extremes(sum, channel, range, to);
        if least == most {
            return Ok(least);
        }
        let differing = least.thresholds.iter().zip(&most.thresholds).find(|(late, early)| late != early);
        let at = differing.map_or(range.hi, |(_, early)| *early);
        Err(self.uncertain(sum, channel, range, to, (at, most.output(at))).into())
    }

    /// The smallest and the largest outputs.
    fn extremes(
        &self,
        sum: &FloatSum,
        channel: usize,
        range: AccumulatorRange,
        to: (Elem, Quantization, ZeroPoint),
    ) -> [Steps; 2] {
        let least = Steps::of(range, |acc| self.output(channel, sum.least(acc), to));
        if sum.is_exact() {
            return [least.clone(), least];
        }
        [least, Steps::of(range, |acc| self.output(channel, sum.most(acc), to))]
    }

    /// The quantized result of the operators behind a float32 number.
    fn output(
        &self,
        channel: usize,
        start: f32,
        (elem, by, zero_point): (Elem, Quantization, ZeroPoint),
    ) -> i32 {
        let value = self.steps.iter().fold(start, |value, step| step.apply(channel, value));
        match zero_point {
            ZeroPoint::AfterRounding => affine::quantize(value, by, elem),
            ZeroPoint::BeforeRounding => {
                let shifted = value / by.scale + by.zero_point as f32;
                // Within these bounds the conversion is exact.
                (shifted.round_ties_even().clamp(-512.0, 512.0) as i32).clamp(elem.min(), elem.max())
            }
        }
    }

    /// What to say of a sum that does not decide its output, with an output scale that would.
    fn uncertain(
        &self,
        float_sum: &FloatSum,
        channel: usize,
        range: AccumulatorRange,
        (elem, by, zero_point): (Elem, Quantization, ZeroPoint),
        (sum, output): (i64, i32),
    ) -> UncertainAnswer {
        // Larger ones: nothing saturates that did not before.
        let scales = (1..=SCALES_TRIED).map(|step| by.scale * (1.0 + step as f32 / 128.0));
        let decides = |scale: &f32| {
            let to = (elem, Quantization { scale: *scale, ..by }, zero_point);
            let [least, most] = self.extremes(float_sum, channel, range, to);
            scale.is_normal() && least == most
        };
        UncertainAnswer::Sum {
            operator: self.layer.name.clone(),
            scale: float_sum.scale,
            output_scale: by.scale,
            sum,
            output,
            is_pool: zero_point == ZeroPoint::BeforeRounding,
            other_output_scale: scales.into_iter().find(decides),
        }
    }
}

/// How many output scales are tried before a message names none.
const SCALES_TRIED: u8 = 32;
