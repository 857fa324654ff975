//! Requantization: from an int32 accumulator to an 8-bit output, exactly as onnxruntime rounds.
//!
//! [`requantize`] is the function itself. It is a monotone step function of the accumulator, and where a model has
//! another one, a channel lists its thresholds instead: [`ChannelFunction`] is either. [`Steps`] holds the
//! thresholds over the reachable accumulators, and [`LinearForm`] is an integer formula
//! `clamp(floor((acc * m + c) / 2^shift))` that equals it on every one of them, where such a formula exists.
//!
//! # Sources of the formulas
//! - `y = sat(rne(fl(float32(acc) * M)) + zero_point)`: the output stage of onnxruntime's CPU kernels for
//!   QLinearMatMul, QLinearConv and QGemm, measured bit for bit against onnxruntime 1.31.1. `fl` is one
//!   float32 rounding, `rne` rounding half to even, `sat` the clamp. `float32(acc)` itself rounds beyond 2^24.
//! - The zero point is added after rounding, on integers. The ONNX reference evaluator adds it before, which
//!   moves ties for odd zero points.
//! - Existence of the linear form: see [`linear_form`].

mod channel;
mod linear;
mod product;
mod steps;
mod sum;

pub use channel::ChannelFunction;
pub use linear::{LinearForm, linear_form};
pub use product::{product_steps, quantized_product};
pub use steps::Steps;
pub use sum::{SumForm, SumSteps, quantized_sum, sum_form, sum_steps};

/// `clamp(rne(fl(float32(acc) * multiplier)) + zero_point, lo, hi)`.
///
/// `acc` is an int32 accumulator, `multiplier` a finite positive `fl(fl(sx * sw) / sy)`, `zero_point` that of
/// the output, `lo..=hi` the output's type or a narrower absorbed Relu / Clip. Every float32 operation here is
/// a single IEEE 754 operation, so the result is the same on every platform.
///
/// # Panics
/// If `acc` is not an int32, the multiplier is not finite and positive, or `lo > hi`.
pub fn requantize(acc: i64, multiplier: f32, zero_point: i32, lo: i32, hi: i32) -> i32 {
    let acc = i32::try_from(acc).expect("the accumulator is an int32");
    assert!(multiplier.is_finite() && multiplier > 0.0, "the multiplier {multiplier} is finite and positive");
    let scaled = acc as f32 * multiplier;
    // The cast saturates: an overflow to infinity lands beyond every clamp.
    let rounded = scaled.round_ties_even() as i64;
    let clamped = rounded.saturating_add(i64::from(zero_point)).clamp(i64::from(lo), i64::from(hi));
    i32::try_from(clamped).expect("lo and hi are int32")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::requantize;

    /// `rne(acc * multiplier)` in exact integers, for `multiplier = mantissa / 2^shift`.
    fn exact(acc: i64, mantissa: i128, shift: u32) -> i64 {
        let product = i128::from(acc) * mantissa;
        let floor = product >> shift;
        let twice_remainder = (product - (floor << shift)) * 2;
        let up = match twice_remainder.cmp(&(1 << shift)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => floor & 1 == 1,
            std::cmp::Ordering::Greater => true,
        };
        i64::try_from(floor + i128::from(up)).unwrap()
    }

    #[test]
    fn ties_go_to_the_even_integer() {
        let y = |acc| requantize(acc, 0.5, 0, -128, 127);
        assert_eq!([-5, -3, -1, 1, 3, 5].map(y), [-2, -2, 0, 0, 2, 2]);
    }

    #[test]
    fn the_zero_point_is_added_after_rounding() {
        // 0.5 rounds to 0; added first, 1.5 would round to 2.
        assert_eq!(requantize(1, 0.5, 1, 0, 255), 1);
    }

    #[test]
    fn the_accumulator_is_rounded_to_float32_first() {
        // 2^24 + 1 is a tie between 2^24 and 2^24 + 2 and becomes 2^24, whose product is the tie 64.5;
        // 2^24 + 3 becomes 2^24 + 4.
        let multiplier = f32::powi(2.0, -24) * 64.5;
        assert_eq!(requantize((1 << 24) + 1, multiplier, 0, -128, 127), 64);
        assert_eq!(requantize((1 << 24) + 3, multiplier, 0, -128, 127), 65);
        assert_eq!(exact((1 << 24) + 1, 129, 25), 65);
    }

    #[test]
    fn the_product_is_rounded_to_float32_before_the_integer_rounding() {
        // (1.25 * 2^23 - 1) * 2^-22 (1 + 2^-23) = 2.5 + 2^-24 - 2^-45, less than half a float32 step (2^-22)
        // above 2.5: it becomes the tie and goes down, where the exact product goes up.
        let (acc, mantissa) = (10_485_759, (1 << 23) + 1);
        let multiplier = mantissa as f32 * f32::powi(2.0, -45);
        assert_eq!(requantize(acc, multiplier, 0, -128, 127), 2);
        assert_eq!(exact(acc, i128::from(mantissa), 45), 3);
    }

    #[test]
    fn extremes_saturate() {
        assert_eq!(requantize(i64::from(i32::MAX), f32::MAX, 255, 0, 255), 255);
        assert_eq!(requantize(i64::from(i32::MIN), f32::MAX, -128, -128, 127), -128);
        assert_eq!(requantize(i64::from(i32::MAX), f32::from_bits(1), 7, 0, 255), 7);
    }

    #[test]
    #[should_panic(expected = "the accumulator is an int32")]
    fn refuses_an_accumulator_beyond_int32() {
        requantize(1 << 31, 1.0, 0, 0, 255);
    }

    #[test]
    #[should_panic(expected = "finite and positive")]
    fn refuses_a_zero_multiplier() {
        requantize(1, 0.0, 0, 0, 255);
    }

    proptest! {
        #[test]
        fn equals_the_exact_product_when_both_roundings_are_exact(
            acc in -4096_i64..4096, mantissa in 1_i128..4096, shift in 0_u32..20, zero_point in -128_i32..=127,
        ) {
            // 12-bit times 12-bit: neither conversion nor product rounds.
            let multiplier = mantissa as f32 / (1_u32 << shift) as f32;
            let expected = (exact(acc, mantissa, shift) + i64::from(zero_point)).clamp(-128, 127);
            prop_assert_eq!(i64::from(requantize(acc, multiplier, zero_point, -128, 127)), expected);
        }

        #[test]
        fn is_monotone_in_the_accumulator(acc: i32, step in 0_i32..1000, exponent in -35_i32..0, mantissa in 1.0_f32..2.0) {
            let multiplier = mantissa * f32::powi(2.0, exponent);
            let next = i64::from(acc.saturating_add(step));
            prop_assert!(
                requantize(i64::from(acc), multiplier, 3, 0, 255) <= requantize(next, multiplier, 3, 0, 255)
            );
        }
    }
}
