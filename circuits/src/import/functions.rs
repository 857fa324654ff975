//! float32 functions of one value, with the arithmetic of onnxruntime's kernels.
//!
//! Between DequantizeLinear and QuantizeLinear such a function is a table of 256 entries. Functions whose float32
//! results are reproduced bit for bit are here, the others in [`bounded`]. Each was compared with onnxruntime 1.31.1 on 120,000 values. The
//! polynomials are those of the MLAS library in onnxruntime on processors with fused multiply-add.

pub(super) mod bounded;

/// A polynomial by Horner's rule with fused multiply-adds, highest coefficient first.
fn horner<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients.into_iter().reduce(|sum, coefficient| sum.mul_add(x, coefficient)).unwrap_or(0.0)
}

/// `1 / (1 + exp(-x))`, a rational function of degree 9 over 10.
pub(super) fn sigmoid(x: f32) -> f32 {
    let x = x.clamp(-18.0, 18.0);
    let square = x * x;
    let p = horner(square, [4.370_31e-11, 1.156_273_2e-7, 6.085_749e-5, 8.513_771e-3, 2.482_879_5e-1]) * x;
    let q = horner(
        square,
        [6.102_473_7e-13, 5.761_021_4e-9, 6.291_068e-6, 1.701_988_2e-3, 1.168_176_5e-1, 9.931_519e-1],
    );
    (p / q + 0.5).clamp(0.0, 1.0)
}

/// The hyperbolic tangent, a rational function of degree 13 over 6.
pub(super) fn tanh(x: f32) -> f32 {
    let x = x.clamp(-9.0, 9.0);
    let square = x * x;
    let p = horner(
        square,
        [
            -2.760_768_4e-16,
            2.000_188e-13,
            -8.604_672e-11,
            5.122_297_3e-8,
            1.485_722_35e-5,
            6.372_619_3e-4,
            4.893_524_6e-3,
        ],
    ) * x;
    let q = horner(square, [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_7e-3, 4.893_525e-3]);
    p / q
}

/// `exp(r) 2^m` with `x = r + m ln 2` and a polynomial for `exp(r)`, rounded once more by the scaling.
fn exponential(x: f32, polynomial: [f32; 7]) -> f32 {
    /// 1.5 * 2^23: added to a small number it leaves the nearest integer in the lowest bits.
    const ROUNDING_BIAS: f32 = 12_582_912.0;
    let m = x.mul_add(std::f32::consts::LOG2_E, ROUNDING_BIAS) - ROUNDING_BIAS;
    let r = m.mul_add(-1.428_606_8e-6, m.mul_add(-0.693_145_75, x));
    (f64::from(horner(r, polynomial)) * f64::from(m).exp2()) as f32
}

/// The exponential.
pub(super) fn exp(x: f32) -> f32 {
    exponential(
        x.clamp(-103.972_084, 88.776_26),
        [1.378_059_4e-3, 8.373_124_5e-3, 4.166_953_6e-2, 1.666_647_2e-1, 0.499_999_85, 1.0, 1.0],
    )
}

/// The error function: a polynomial of degree 11 up to 0.921875, `1 - exp(-polynomial)` beyond.
pub(super) fn erf(x: f32) -> f32 {
    let a = x.abs().min(3.925);
    let magnitude = if a > 0.921_875 {
        let exponent = horner(
            a,
            [
                1.729_489_3e-5,
                -3.832_086_8e-4,
                3.883_934_4e-3,
                -2.425_456e-2,
                1.067_778_5e-1,
                6.348_467e-1,
                1.287_175_1e-1,
            ],
        )
        .mul_add(a, a);
        let polynomial = [1.383_198_1e-3, 8.375_5e-3, 4.166_895e-2, 1.666_644_7e-1, 0.499_999_85, 1.0, 1.0];
        1.0 - exponential((-exponent).max(-88.376_26), polynomial)
    } else {
        let polynomial = [
            -5.991_049_7e-4,
            4.993_396e-3,
            -2.676_673_4e-2,
            1.128_180_25e-1,
            -3.761_248_6e-1,
            1.283_791_5e-1,
        ];
        horner(a * a, polynomial).mul_add(a, a)
    };
    magnitude.copysign(x)
}

/// `x (1 + erf(x / sqrt 2)) / 2`.
pub(super) fn gelu(x: f32) -> f32 {
    0.5 * x * (erf(x * std::f32::consts::FRAC_1_SQRT_2) + 1.0)
}

/// `max(0, min(1, alpha x + beta))`, not fused.
pub(super) fn hard_sigmoid(x: f32, alpha: f32, beta: f32) -> f32 {
    (alpha * x + beta).clamp(0.0, 1.0)
}

/// `x` where it is more than alpha, 0 elsewhere.
pub(super) fn thresholded_relu(x: f32, alpha: f32) -> f32 {
    if x > alpha { x } else { 0.0 }
}

/// `x` moved by the bias towards 0 where it is farther than lambda from it, 0 elsewhere.
pub(super) fn shrink(x: f32, lambda: f32, bias: f32) -> f32 {
    if x < -lambda {
        x + bias
    } else if x > lambda {
        x - bias
    } else {
        0.0
    }
}

/// -1, 0 or 1.
pub(super) fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// `x` where it is not negative, `alpha x` where it is.
pub(super) fn leaky_relu(x: f32, alpha: f32) -> f32 {
    if x >= 0.0 { x } else { alpha * x }
}

#[cfg(test)]
mod tests {
    use super::{erf, exp, gelu, hard_sigmoid, leaky_relu, sigmoid, tanh};

    /// The sum of the results' bit patterns on -32, -32 + 1/64, .. 32, as onnxruntime 1.31.1 computes them.
    #[test]
    fn every_bit_is_onnxruntimes() {
        let sum = |function: &dyn Fn(f32) -> f32| -> u64 {
            (-2048_i16..=2048).map(|k| u64::from(function(f32::from(k) / 64.0).to_bits())).sum()
        };
        assert_eq!(sum(&sigmoid), 0x2f7_07bf_57d2);
        assert_eq!(sum(&tanh), 0x7f7_8aeb_9ea6);
        assert_eq!(sum(&exp), 0x3f7_ca59_545f);
        assert_eq!(sum(&erf), 0x7f7_9f1f_6b0a);
        assert_eq!(sum(&gelu), 0x65b_6386_6e22);
        assert_eq!(sum(&|x| hard_sigmoid(x, 0.2, 0.5)), 0x222_c2bf_ff68);
        assert_eq!(sum(&|x| x * hard_sigmoid(x, 1.0 / 6.0, 0.5)), 0x638_5b9a_f7a1);
        assert_eq!(sum(&|x| leaky_relu(x, 0.1)), 0x806_ba19_9b33);
    }
}
