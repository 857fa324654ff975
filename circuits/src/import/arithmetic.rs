//! float32 arithmetic between an integer sum and its quantizer, rounded operator by operator as onnxruntime does.
//!
//! Every operator here is monotone, and so is rounding: what the quantizer answers is a step function of the integer
//! sum, and its thresholds are found by search.

use std::rc::Rc;

use super::affine::{self, FloatClamp, one_or_indexed};
use super::error::{ImportErrorKind, UncertainAnswer};
use super::value::Linear;
use crate::ir::{AccumulatorRange, Elem, Quantization};
use crate::requantize::Steps;

/// Most operators between a sum and its quantizer.
pub(super) const MAX_STEPS: usize = 16;

/// Half the distance of 1 and the next float32 number: the relative error of one rounding.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// Longest sum whose relative error [`sum_error`] bounds.
const MAX_TERMS: usize = 1 << 16;

/// The float32 number that the arithmetic starts with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Origin {
    /// Cast of the int32 accumulator, rounded beyond 2^24.
    Accumulator,
    /// A float32 sum of `fl(scale * (x - zero_point))` in an order that is not known: at most `error` away from
    /// `scale * accumulator`, equal to it when the error is 0.
    Sum { scale: f32, error: f64 },
}

/// One operator; lists have one element, or one per output channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
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
pub(super) enum ZeroPoint {
    /// To the integer: QuantizeLinear.
    AfterRounding,
    /// In float32: QLinearAveragePool.
    BeforeRounding,
}

/// A layer's accumulators with the operators behind them.
#[derive(Clone, Debug)]
pub(super) struct Arithmetic {
    pub(super) layer: Rc<Linear>,
    pub(super) origin: Origin,
    /// In the order of their application.
    pub(super) steps: Vec<Rc<Step>>,
}

impl Arithmetic {
    /// One operator more.
    pub(super) fn then(&self, step: Step) -> Result<Self, ImportErrorKind> {
        if self.steps.len() == MAX_STEPS {
            return Err(ImportErrorKind::ArithmeticSteps { limit: MAX_STEPS });
        }
        let steps = self.steps.iter().cloned().chain([Rc::new(step)]).collect();
        Ok(Self { layer: self.layer.clone(), origin: self.origin, steps })
    }

    /// Whether two channels have the same operators.
    pub(super) fn treats_alike(&self, first: usize, second: usize) -> bool {
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
    pub(super) fn quantized(
        &self,
        channel: usize,
        range: AccumulatorRange,
        (elem, by, zero_point): (Elem, Quantization, ZeroPoint),
    ) -> Result<Steps, ImportErrorKind> {
        let output = |start: f32| {
            let value = self.steps.iter().fold(start, |value, step| step.apply(channel, value));
            match zero_point {
                ZeroPoint::AfterRounding => affine::quantize(value, by, elem),
                ZeroPoint::BeforeRounding => {
                    let shifted = value / by.scale + by.zero_point as f32;
                    // Within these bounds the conversion is exact.
                    (shifted.round_ties_even().clamp(-512.0, 512.0) as i32).clamp(elem.min(), elem.max())
                }
            }
        };
        let (scale, error) = match self.origin {
            Origin::Accumulator => return Ok(Steps::of(range, |acc| output(acc as f32))),
            Origin::Sum { scale, error } => (f64::from(scale), error),
        };
        if error == 0.0 {
            return Ok(Steps::of(range, |acc| output((acc as f64 * scale) as f32)));
        }
        let least = Steps::of(range, |acc| output(((acc as f64 * scale - error) as f32).next_down()));
        let most = Steps::of(range, |acc| output(((acc as f64 * scale + error) as f32).next_up()));
        if least == most {
            return Ok(least);
        }
        let differing = least.thresholds.iter().zip(&most.thresholds).find(|(late, early)| late != early);
        let sum = differing.map_or(range.hi, |(_, early)| *early);
        let (operator, output) = (self.layer.name.clone(), most.output(sum));
        Err(UncertainAnswer::Sum { operator, scale: scale as f32, sum, output }.into())
    }
}

/// A bound on the distance of a float32 sum of `terms` values `fl(scale * k)`, `|k| <= largest`, in any order, from the
/// exact sum.
///
/// 0 when every product and partial sum is a float32 number: `scale` is an odd integer m times a power of two, and the
/// partial sums are multiples of that power, at most `m * largest * terms` of them. Otherwise one rounding of each
/// product, and one of each partial sum of j terms, which is at most `j * largest * scale`; a sum one after the other
/// has the most.
pub(super) fn sum_error(scale: f32, terms: usize, largest: i32) -> f64 {
    let mantissa = (scale.to_bits() & 0x7f_ffff) | 0x80_0000;
    let odd = u64::from(mantissa >> mantissa.trailing_zeros());
    let magnitude = u64::try_from(largest).unwrap_or(0);
    let multiples = odd.saturating_mul(magnitude).saturating_mul(terms as u64);
    if scale < f32::MIN_POSITIVE * 16_777_216.0 || terms > MAX_TERMS {
        // Differences could be subnormal, or the terms of second order matter.
        return f64::INFINITY;
    }
    if multiples <= 1 << 24 {
        return 0.0;
    }
    let n = terms as f64;
    let roundings = n + n * (n + 1.0) / 2.0 - 1.0;
    // 2^16 roundings of 2^-24 multiply to less than 1.01.
    UNIT * f64::from(scale) * f64::from(largest) * roundings * 1.01
}

#[cfg(test)]
mod tests {
    use super::sum_error;

    #[test]
    fn sums_of_short_scales_are_exact() {
        assert_eq!(sum_error(0.5, 100, 255), 0.0);
        assert_eq!(sum_error(0.75, 21_845, 256), 0.0);
        assert!(sum_error(0.75, 21_846, 256) > 0.0);
        assert!(sum_error(0.1, 2, 255) > 0.0);
    }

    #[test]
    fn the_bound_holds_for_sums_one_after_the_other() {
        for (scale, terms) in [(0.1_f32, 4), (0.037, 9), (0.9999, 49), (1e-20, 300)] {
            for pattern in 0..200_i32 {
                let k = |index: i32| (index * 97 + pattern * 31 + index * index * 7) % 511 - 255;
                let exact: i32 = (0..terms).map(k).sum();
                let float = (0..terms).fold(0.0_f32, |sum, index| sum + k(index) as f32 * scale);
                let error = (f64::from(float) - f64::from(exact) * f64::from(scale)).abs();
                assert!(error <= sum_error(scale, terms as usize, 255), "{scale} {terms} {pattern}");
            }
        }
    }
}
