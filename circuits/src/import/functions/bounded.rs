//! float32 functions whose last bits depend on how onnxruntime was compiled: the true value and a bound on the error.
//!
//! The bound is [`UNITS`] units in the last place, unless a function says otherwise, of the result or of the largest
//! intermediate result (as the 1 that `exp(x) - 1` subtracts). Over 60,000 values per function, onnxruntime 1.31.1 was
//! off by less than half of that. Branches without rounding are exact.

use crate::import::spread::Spread;

/// Units in the last place that a result may be off by.
const UNITS: f64 = 8.0;

/// One unit in the last place of 1.
const ULP: f64 = f32::EPSILON as f64;

/// A value that is off by units of itself, or of the magnitude where that is larger.
fn within(units: f64, value: f64, magnitude: f64) -> Spread {
    Spread::around(value, units * ULP * value.abs().max(magnitude))
}

pub(in crate::import) fn elu(x: f32, alpha: f32) -> Spread {
    if x >= 0.0 {
        return Spread::exact(x);
    }
    let alpha = f64::from(alpha);
    within(UNITS, alpha * f64::from(x).exp_m1(), alpha.abs())
}

/// With a product of alpha and gamma beyond float32, an infinity in between may make any number of it, or none.
pub(in crate::import) fn selu(x: f32, alpha: f32, gamma: f32) -> Spread {
    if !(alpha * gamma).is_finite() {
        return Spread::UNKNOWN;
    }
    let (x, alpha, gamma) = (f64::from(x), f64::from(alpha), f64::from(gamma));
    if x >= 0.0 {
        within(UNITS, gamma * x, 0.0)
    } else {
        within(UNITS, gamma * alpha * x.exp_m1(), (gamma * alpha).abs())
    }
}

/// For positive alpha.
pub(in crate::import) fn celu(x: f32, alpha: f32) -> Spread {
    if x >= 0.0 {
        return Spread::exact(x);
    }
    let alpha = f64::from(alpha);
    within(UNITS, alpha * (f64::from(x) / alpha).exp_m1(), alpha)
}

/// `(x - mean) scale / sqrt(variance + epsilon) + bias`: onnxruntime multiplies and adds with a factor and an offset of its
/// own, whose parts may be larger than the result.
pub(in crate::import) fn normalized(x: f32, [scale, bias, mean, variance]: [f32; 4], epsilon: f32) -> Spread {
    let [x, scale, bias, mean, variance] = [x, scale, bias, mean, variance].map(f64::from);
    let factor = scale / (variance + f64::from(epsilon)).sqrt();
    let magnitude = (x * factor).abs().max((mean * factor).abs()).max(bias.abs());
    within(UNITS, (x - mean) * factor + bias, magnitude)
}

fn log_of_one_plus_exp(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

pub(in crate::import) fn softplus(x: f32) -> Spread {
    within(UNITS, log_of_one_plus_exp(x.into()), 1.0)
}

pub(in crate::import) fn softsign(x: f32) -> Spread {
    let x = f64::from(x);
    within(UNITS, x / (1.0 + x.abs()), 0.0)
}

/// Twice the bound: three functions in a row.
pub(in crate::import) fn mish(x: f32) -> Spread {
    let x = f64::from(x);
    within(2.0 * UNITS, x * log_of_one_plus_exp(x).tanh(), 1.0)
}

/// `x / (1 + exp(-alpha x))`: the sigmoid is off by units of 1 and multiplied by x.
pub(in crate::import) fn quick_gelu(x: f32, alpha: f32) -> Spread {
    let (x, alpha) = (f64::from(x), f64::from(alpha));
    within(UNITS, x / (1.0 + (-alpha * x).exp()), 1.0_f64.max(x.abs()))
}

/// `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`: tanh is off by units of 1 and multiplied by x.
pub(in crate::import) fn fast_gelu(x: f32) -> Spread {
    let x = f64::from(x);
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    within(UNITS, 0.5 * x * (1.0 + inner.tanh()), 1.0_f64.max(x.abs()))
}

pub(in crate::import) fn log(x: f32) -> Spread {
    within(UNITS, f64::from(x).ln(), 1.0 / 64.0)
}

/// Squares, constants and the number itself are exact. Tiny results may be 0.
pub(in crate::import) fn pow(x: f32, exponent: f32) -> Spread {
    match exponent {
        0.0 => Spread::exact(1.0),
        1.0 => Spread::exact(x),
        2.0 => Spread::exact(x * x),
        _ => within(UNITS, f64::from(x).powf(exponent.into()), 1e-30),
    }
}

/// A function of float64 that is off by units of 1 at least.
macro_rules! standard {
    ($($name:ident = $function:expr;)*) => {$(
        pub(in crate::import) fn $name(x: f32) -> Spread {
            within(UNITS, $function(f64::from(x)), 1.0)
        }
    )*};
}

standard! {
    sin = f64::sin;
    cos = f64::cos;
    tan = f64::tan;
    asin = f64::asin;
    acos = f64::acos;
    atan = f64::atan;
    sinh = f64::sinh;
    cosh = f64::cosh;
    asinh = f64::asinh;
    acosh = f64::acosh;
    atanh = f64::atanh;
}

#[cfg(test)]
mod tests {
    use super::{elu, fast_gelu, log, mish, pow, quick_gelu, selu, sin, softplus};

    #[test]
    fn exact_branches_are_exact() {
        for (spread, value) in
            [(elu(1.5, 2.0), 1.5), (pow(3.0, 2.0), 9.0), (pow(-7.5, 1.0), -7.5), (elu(0.0, 1.0), 0.0)]
        {
            assert_eq!((spread.lo, spread.hi), (value, value));
        }
    }

    #[test]
    fn the_true_value_is_inside_and_the_bound_is_narrow() {
        for (spread, value) in [
            (elu(-1.0, 1.0), -0.632_120_6),
            (selu(-1.0, 1.673_263_2, 1.050_701), -1.111_330_7),
            (softplus(0.0), std::f32::consts::LN_2),
            (mish(1.0), 0.865_098_4),
            (quick_gelu(1.0, 1.702), 0.845_795_8),
            (fast_gelu(1.0), 0.841_192),
            (log(10.0), std::f32::consts::LN_10),
            (sin(1.0), 0.841_471),
            (pow(2.0, 0.5), std::f32::consts::SQRT_2),
        ] {
            assert!(spread.lo < value && value < spread.hi, "{spread:?} {value}");
            assert!(spread.hi - spread.lo < 1e-5, "{spread:?}");
        }
    }

    #[test]
    fn outside_its_domain_a_function_is_no_number() {
        assert!([log(-1.0), super::asin(1.5), pow(-2.0, 0.5)].iter().all(|value| value.lo.is_nan()));
        assert_eq!(log(0.0).hi, f32::NEG_INFINITY);
        assert!(selu(0.0, 3e38, 3.0).may_be_nan);
    }
}
