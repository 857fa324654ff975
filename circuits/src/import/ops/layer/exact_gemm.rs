//! Gemm with a bias and an alpha or beta that is not 1, which onnxruntime leaves in float32, where nothing in it is rounded.
//!
//! If all products and sums are multiples of a power of two u and at most `2^24 u`, they are float32 numbers in every order, and
//! `alpha x w + beta b` is the accumulator times `alpha sx sw`, and `beta b`.

use std::rc::Rc;

use crate::import::{
    affine::one_or_indexed,
    builder::Builder,
    constant::Data,
    error::ImportErrorKind,
    ops::layer::bias::broadcasts_to_row,
    value::{Arithmetic, Linear, Origin, Step, Value},
};

/// The largest integer up to which float32 has all.
const LARGEST: u64 = 1 << 24;

/// An odd integer times a power of two, or 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Binary {
    odd: u64,
    exponent: i32,
}

impl Binary {
    /// The magnitude of a normal number or 0.
    fn of(value: f32) -> Option<Self> {
        if value == 0.0 {
            return Some(Self { odd: 0, exponent: 0 });
        }
        let bits = value.abs().to_bits();
        let mantissa = u64::from((bits & 0x7f_ffff) | 0x80_0000);
        let zeros = mantissa.trailing_zeros();
        // Eight bits of exponent, and at most 23 zeros.
        value
            .is_normal()
            .then_some(Self { odd: mantissa >> zeros, exponent: (bits >> 23) as i32 - 150 + zeros as i32 })
    }

    fn times(self, other: Self) -> Option<Self> {
        let odd = self.odd.checked_mul(other.odd).filter(|odd| *odd <= LARGEST)?;
        Some(Self { odd, exponent: self.exponent + other.exponent })
    }

    /// How many of a smaller power of two it is.
    fn multiples(self, exponent: i32) -> Option<u64> {
        let factor = 1_u64.checked_shl(self.exponent.checked_sub(exponent)?.try_into().ok()?)?;
        self.odd.checked_mul(factor)
    }

    /// The number, if float32 has the power of two.
    fn number(self) -> Option<f32> {
        let biased = u32::try_from(self.exponent + 127).ok().filter(|biased| (1..255).contains(biased))?;
        Some(self.odd as f32 * f32::from_bits(biased << 23))
    }
}

/// `alpha x w + beta b` of a layer without bias; `None` where something may be rounded, or the bias is no row of numbers.
pub(super) fn with_bias(
    layer: &Linear,
    input_scale: f32,
    (alpha, beta): (f32, f32),
    bias: &Value,
    builder: &mut Builder,
) -> Result<Option<Value>, ImportErrorKind> {
    let outputs = layer.weights.outputs;
    let Some(numbers) = numbers(bias).filter(|_| broadcasts_to_row(bias.shape(), outputs)) else {
        return Ok(None);
    };
    builder.budget.spend(outputs, 2 * size_of::<f32>())?;
    let (lo, hi) = builder.range(&layer.input);
    let zero_point = layer.input_zero_point;
    let largest = u64::from((lo - zero_point).unsigned_abs().max((hi - zero_point).unsigned_abs()));
    let rows = layer.weights.centered.chunks(layer.weights.inputs.max(1));
    let channels = rows.enumerate().map(|(channel, row)| {
        let weights: u64 = row.iter().map(|weight| u64::from(weight.unsigned_abs())).sum();
        let scale = Binary::of(input_scale)?
            .times(Binary::of(*one_or_indexed(&layer.weights.scales, channel)?)?)?
            .times(Binary::of(alpha)?)?;
        let number = *one_or_indexed(&numbers, channel)?;
        let addend = Binary::of(beta)?.times(Binary::of(number)?)?;
        let is_exact = is_exact(scale, weights.checked_mul(largest)?, addend);
        Some((scale.number().filter(|_| is_exact)?, beta * number))
    });
    let Some(channels) = channels.collect::<Option<Vec<(f32, f32)>>>() else { return Ok(None) };
    let (factors, addends) = channels.into_iter().unzip();
    let product =
        Arithmetic { layer: Rc::new(layer.clone()), origin: Origin::Accumulator, steps: Vec::new() };
    product.then(Step::Multiply(factors))?.then(Step::Add(addends)).map(|sum| Some(Value::Arithmetic(sum)))
}

/// Whether up to so many times the scale, and the addend, are sums of at most 2^24 of one power of two, none of them subnormal.
fn is_exact(scale: Binary, count: u64, addend: Binary) -> bool {
    let exponent = if addend.odd == 0 { scale.exponent } else { scale.exponent.min(addend.exponent) };
    let total = || {
        let products = scale.multiples(exponent)?.checked_mul(count)?;
        products.checked_add(if addend.odd == 0 { 0 } else { addend.multiples(exponent)? })
    };
    (-126..100).contains(&exponent) && scale.exponent < 100 && total().is_some_and(|total| total <= LARGEST)
}

/// The float32 numbers of a bias.
fn numbers(bias: &Value) -> Option<Vec<f32>> {
    let dequantized = match bias {
        Value::DequantizedConstant(dequantized) => dequantized,
        other => return other.numbers().map(|numbers| numbers.into_owned()),
    };
    let Data::Int32(values) = &*dequantized.constant.data else {
        return bias.numbers().map(|numbers| numbers.into_owned());
    };
    let number = |(index, value): (usize, &i32)| {
        let by = dequantized.by.of_element(&dequantized.constant.shape, index)?;
        let is_plain = by.zero_point == 0 && u64::from(value.unsigned_abs()) <= LARGEST;
        // The product is exact where it has 24 bits, and refused where it has more.
        let product = *value as f32 * by.scale;
        (is_plain && f64::from(*value) * f64::from(by.scale) == f64::from(product)).then_some(product)
    };
    values.iter().enumerate().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::{Binary, is_exact};

    #[test]
    fn sums_are_exact_up_to_24_bits() {
        let binary = |value: f32| Binary::of(value).unwrap();
        assert_eq!(binary(0.75), Binary { odd: 3, exponent: -2 });
        assert_eq!(binary(-40.0).number(), Some(40.0));
        assert_eq!(binary(0.1).times(binary(0.1)), None);
        assert!(is_exact(binary(0.75), (1 << 22) - 1, binary(0.5)));
        assert!(!is_exact(binary(0.75), 1 << 23, binary(0.5)));
        assert!(is_exact(binary(0.25), 1 << 24, binary(0.0)));
        assert!(!is_exact(binary(0.25), 1 << 24, binary(0.25)));
        assert!(!is_exact(binary(1.0), 1, binary(1e-30)));
        assert!(!is_exact(binary(1e-37), 1, binary(0.0)));
    }
}
