//! onnxruntime's QLinearMul as a step function of the product.

use super::Steps;
use crate::ir::{AccumulatorRange, Multiply};

/// `clamp(rne(fl(fl(p * multiplier) + zero_point)), lo, hi)` of an exact product: the float32 recipe of onnxruntime's
/// kernel, measured against onnxruntime 1.31.1. Unlike for accumulators the zero point is added before rounding.
pub fn quantized_product(by: &Multiply, product: i64) -> i32 {
    let scaled = product as f32 * by.multiplier + by.zero_point as f32;
    // The cast saturates: an overflow to infinity lands beyond every clamp.
    let rounded = scaled.round_ties_even() as i64;
    let clamped = rounded.clamp(i64::from(by.lo), i64::from(by.hi));
    i32::try_from(clamped).expect("lo and hi are int32")
}

/// The range of the centered product of integers of two closed ranges, and [`quantized_product`] over it: every
/// operation in it is monotone for a positive multiplier.
pub fn product_steps(by: &Multiply, a: (i32, i32), b: (i32, i32)) -> Steps {
    let factors =
        |range: (i32, i32), zero_point: i32| [range.0, range.1].map(|end| i64::from(end - zero_point));
    let (a, b) = (factors(a, by.lhs_zero_point), factors(b, by.rhs_zero_point));
    let corners = a.iter().flat_map(|a| b.iter().map(move |b| a * b));
    let lo = corners.clone().min().expect("there are four corners");
    let hi = corners.max().expect("there are four corners");
    Steps::of(AccumulatorRange { lo, hi }, |product| quantized_product(by, product))
}

#[cfg(test)]
mod tests {
    use super::{product_steps, quantized_product};
    use crate::ir::Multiply;

    #[test]
    fn the_steps_are_the_function_on_every_product() {
        for multiplier in [0.0123, 0.007_812_5, 0.5] {
            let by = Multiply {
                lhs_zero_point: 3,
                rhs_zero_point: -7,
                multiplier,
                zero_point: 5,
                lo: -128,
                hi: 127,
            };
            let steps = product_steps(&by, (-128, 127), (-128, 127));
            for product in steps.range.lo..=steps.range.hi {
                assert_eq!(steps.output(product), quantized_product(&by, product), "{multiplier}: {product}");
            }
        }
    }
}
