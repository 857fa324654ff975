//! The integer formula that equals onnxruntime's QLinearAdd on every reachable pair.

use super::Steps;
use crate::ir::{AccumulatorRange, Add};

/// The formula `clamp(floor((a * lhs + b * rhs + c) / 2^shift), lo, hi)` of two stored integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SumForm {
    /// Positive; near `lhs_scale * 2^shift`.
    pub lhs: i64,
    /// Positive; near `rhs_scale * 2^shift`.
    pub rhs: i64,
    /// Of either sign.
    pub c: i64,
    /// At most [`SumForm::MAX_SHIFT`].
    pub s: u32,
}

impl SumForm {
    /// The largest shift tried.
    pub const MAX_SHIFT: u32 = 40;

    /// `floor((a * lhs + b * rhs + c) / 2^shift)`, the sum before the clamp.
    pub fn quotient(&self, a: i32, b: i32) -> i64 {
        (i64::from(a) * self.lhs + i64::from(b) * self.rhs + self.c) >> self.s
    }
}

/// `clamp(rne(fma(a, lhs_scale, fma(b, rhs_scale, offset))), lo, hi)`: the float32 recipe of onnxruntime's x86
/// kernel, measured against onnxruntime 1.31.1.
pub fn quantized_sum(add: &Add, a: i32, b: i32) -> i32 {
    let inner = (b as f32).mul_add(add.rhs_scale, add.offset);
    let sum = (a as f32).mul_add(add.lhs_scale, inner);
    // The cast saturates: an overflow to infinity lands beyond every clamp.
    let rounded = sum.round_ties_even() as i64;
    let clamped = rounded.clamp(i64::from(add.lo), i64::from(add.hi));
    i32::try_from(clamped).expect("lo and hi are int32")
}

/// The form with the smallest shift that equals [`quantized_sum`] for all `a` and `b` of the given closed ranges;
/// `None` when there is none.
///
/// For given s, lhs and rhs the admissible c are an interval: with `v = a * lhs + b * rhs` and output y,
/// `c >= y 2^shift - v` unless y is the low end of the clamp, and `c < (y + 1) 2^shift - v` unless it is the high end.
pub fn sum_form(add: &Add, a_range: (i32, i32), b_range: (i32, i32)) -> Option<SumForm> {
    let pairs = || (a_range.0..=a_range.1).flat_map(|a| (b_range.0..=b_range.1).map(move |b| (a, b)));
    let outputs: Vec<(i64, i64, i32)> =
        pairs().map(|(a, b)| (i64::from(a), i64::from(b), quantized_sum(add, a, b))).collect();
    let scaled = |scale: f32, s: u32| {
        let value = f64::from(scale) * (1u64 << s) as f64;
        (value < (1i64 << 50) as f64).then(|| value.round() as i64)
    };
    (0..=SumForm::MAX_SHIFT).find_map(|s| {
        let (lhs, rhs) = (scaled(add.lhs_scale, s)?, scaled(add.rhs_scale, s)?);
        let near = |center: i64| [center, center - 1, center + 1];
        let candidates = near(lhs).into_iter().flat_map(|lhs| near(rhs).map(move |rhs| (lhs, rhs)));
        candidates
            .filter(|(lhs, rhs)| *lhs > 0 && *rhs > 0)
            .find_map(|(lhs, rhs)| constant(add, &outputs, lhs, rhs, s).map(|c| SumForm { lhs, rhs, c, s }))
    })
}

/// The smallest admissible c, if any.
fn constant(add: &Add, outputs: &[(i64, i64, i32)], lhs: i64, rhs: i64, s: u32) -> Option<i64> {
    let (mut least, mut most) = (i64::MIN, i64::MAX);
    for &(a, b, y) in outputs {
        let v = a * lhs + b * rhs;
        if y > add.lo {
            least = least.max((i64::from(y) << s) - v);
        }
        if y < add.hi {
            most = most.min((i64::from(y + 1) << s) - 1 - v);
        }
        if least > most {
            return None;
        }
    }
    Some(if least == i64::MIN { most.min(0) } else { least })
}

/// A sum as a monotone step function of an integer combination of its operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumSteps {
    /// What the first operand is multiplied with.
    pub lhs: i64,
    /// What the second operand is multiplied with.
    pub rhs: i64,
    /// The output over the reachable values of `a * lhs + b * rhs`.
    pub steps: Steps,
}

/// The smallest integer multiples of the operands whose sum decides [`quantized_sum`], monotonically, for all `a` and
/// `b` of the given closed ranges; `None` when there are none below 2^20.
///
/// This is what remains where ties to even alternate, with scales that are powers of two of each other.
pub fn sum_steps(add: &Add, a_range: (i32, i32), b_range: (i32, i32)) -> Option<SumSteps> {
    (0..=20).find_map(|s| {
        let scale = f64::from(1u32 << s);
        let multiple = |scale_of: f32| (f64::from(scale_of) * scale).round() as i64;
        let (lhs, rhs) = (multiple(add.lhs_scale), multiple(add.rhs_scale));
        let small = |value: i64| 0 < value && value < 1 << 20;
        (small(lhs) && small(rhs)).then(|| monotone(add, a_range, b_range, lhs, rhs))?
    })
}

fn monotone(add: &Add, a_range: (i32, i32), b_range: (i32, i32), lhs: i64, rhs: i64) -> Option<SumSteps> {
    let pairs = || (a_range.0..=a_range.1).flat_map(|a| (b_range.0..=b_range.1).map(move |b| (a, b)));
    let mut outputs: Vec<(i64, i32)> =
        pairs().map(|(a, b)| (i64::from(a) * lhs + i64::from(b) * rhs, quantized_sum(add, a, b))).collect();
    outputs.sort_unstable();
    let is_monotone = |pair: &[(i64, i32)]| {
        let [(v, y), (next_v, next_y)] = [pair[0], pair[1]];
        if v == next_v { y == next_y } else { y <= next_y }
    };
    if !outputs.windows(2).all(is_monotone) {
        return None;
    }
    let (&(lo, first), &(hi, last)) = (outputs.first()?, outputs.last()?);
    let rise = |target: i32| outputs[outputs.partition_point(|(_, y)| *y < target)].0;
    let thresholds = (first + 1..=last).map(rise).collect();
    let steps = Steps { range: AccumulatorRange { lo, hi }, first, thresholds };
    Some(SumSteps { lhs, rhs, steps })
}

#[cfg(test)]
mod tests {
    use super::{quantized_sum, sum_form, sum_steps};
    use crate::ir::Add;

    fn add(lhs_scale: f32, rhs_scale: f32, offset: f32) -> Add {
        Add { lhs_scale, rhs_scale, offset, lo: -128, hi: 127 }
    }

    #[test]
    fn ordinary_scales_have_a_form_that_is_exact_on_every_pair() {
        for add in [
            add(0.713_2, 0.415_1, 3.25),
            add(0.713_241_6, 0.415_129_3, -17.431_7),
            add(1.017_3, 0.093_17, 2.713),
        ] {
            let form = sum_form(&add, (-128, 127), (-128, 127)).unwrap();
            for (a, b) in (-128..=127).flat_map(|a| (-128..=127).map(move |b| (a, b))) {
                let y = form.quotient(a, b).clamp(-128, 127);
                assert_eq!(y, i64::from(quantized_sum(&add, a, b)), "{add:?} at {a}, {b}");
            }
        }
    }

    #[test]
    fn ties_that_alternate_have_no_form() {
        assert_eq!(sum_form(&add(0.5, 0.5, 0.0), (-128, 127), (-128, 127)), None);
    }

    #[test]
    fn thresholds_are_exact_where_ties_alternate() {
        for add in [add(0.5, 0.5, 0.0), add(0.25, 0.5, 1.0), add(1.0, 0.125, -3.5)] {
            let sum = sum_steps(&add, (-128, 127), (-100, 127)).unwrap();
            for (a, b) in (-128..=127).flat_map(|a| (-100..=127).map(move |b| (a, b))) {
                let v = i64::from(a) * sum.lhs + i64::from(b) * sum.rhs;
                assert_eq!(sum.steps.output(v), quantized_sum(&add, a, b), "{add:?} at {a}, {b}");
            }
        }
    }

    #[test]
    fn the_sum_is_fused() {
        // fl(3 * 0.1) + ... would round twice.
        let add = add(0.1, 0.3, 0.05);
        let exact = 0.1_f32.mul_add(3.0, 0.3_f32.mul_add(7.0, 0.05));
        assert_eq!(quantized_sum(&add, 3, 7), exact.round_ties_even() as i32);
    }
}
