//! Sum and Mean of three tensors or more, which onnxruntime adds in float32 one after the other.
//!
//! Where scales are multiples of one number, `s_i = k_i g`, the sum is `g sum_i k_i (q_i - z_i)`: a layer with one weight a tensor. Its
//! float32 result is that number where every partial sum is exact, and of equal scales where all float32 sums quantize alike.

use std::rc::Rc;

use crate::{
    import::{
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError},
        float_sum::FloatSum,
        operand::operand,
        role::Role,
        value::{Activation, Arithmetic, Linear, Operand, Origin, Sliding, Step, Value, Weights},
        views,
    },
    ir::{Elem, Quantization, Window},
};

/// Largest weight of a tensor.
const MAX_FACTOR: u64 = 255;

/// The sum of the inputs, divided by their number for a mean.
pub(super) fn added(call: &Call<'_>, is_mean: bool, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    let count = call.node.inputs.len();
    let operands = (0..count).map(|index| operand(call, index, Role::Input, builder));
    let operands: Vec<Operand> = operands.collect::<Result<_, _>>()?;
    let name = &call.node.label.name;
    let elem = operands.first().map_or(Elem::I8, |first| first.activation.elem);
    let operands: Vec<Operand> =
        operands.into_iter().map(|each| of_type(name, each, elem, builder)).collect::<Result<_, _>>()?;
    let scales: Vec<f32> = operands.iter().map(|operand| operand.by.scale).collect();
    let Some((unit, factors)) = common_unit(&scales) else {
        return Err(OperatorError::Terms { count }.into());
    };
    let sum = float_sum(&operands, (unit, &factors), builder).ok_or(OperatorError::Terms { count })?;
    let layer = Rc::new(layer(call, &operands, &factors, builder)?);
    let sum = Arithmetic { layer, origin: Origin::Sum(Rc::new(sum)), steps: Vec::new() };
    // onnxruntime multiplies by the rounded reciprocal; at most 2^17 inputs.
    let sum = if is_mean { sum.then(Step::Multiply(vec![1.0 / count as f32]))? } else { sum };
    Ok(Value::Arithmetic(sum))
}

/// The operand in another 8-bit type, shifted by 128.
fn of_type(
    name: &str,
    operand: Operand,
    elem: Elem,
    builder: &mut Builder,
) -> Result<Operand, ImportErrorKind> {
    let Operand { activation, by } = operand;
    if activation.elem == elem {
        return Ok(Operand { activation, by });
    }
    let shift = elem.min() - activation.elem.min();
    let activation = builder.table(name, &activation, elem, (elem.min()..=elem.max()).collect())?;
    Ok(Operand { activation, by: Quantization { zero_point: by.zero_point + shift, ..by } })
}

/// A number of which all scales are multiples, and the factors.
fn common_unit(scales: &[f32]) -> Option<(f32, Vec<i16>)> {
    // A finite positive float32 number is an odd integer times a power of two.
    let parts: Vec<(u64, i32)> = scales
        .iter()
        .map(|scale| {
            let bits = scale.to_bits();
            let mantissa = u64::from((bits & 0x7f_ffff) | 0x80_0000);
            let zeros = mantissa.trailing_zeros();
            scale.is_normal().then(|| (mantissa >> zeros, (bits >> 23) as i32 - 150 + zeros as i32))
        })
        .collect::<Option<_>>()?;
    let least = parts.iter().map(|(_, exponent)| *exponent).min()?;
    let multiples: Vec<u64> = parts
        .iter()
        .map(|(odd, exponent)| odd.checked_shl(exponent.abs_diff(least)).filter(|_| exponent - least < 32))
        .collect::<Option<_>>()?;
    let divisor = multiples.iter().copied().fold(0, greatest_common_divisor);
    let factor = |multiple: &u64| {
        let factor = multiple / divisor;
        i16::try_from(factor).ok().filter(|_| factor <= MAX_FACTOR)
    };
    let factors = multiples.iter().map(factor).collect::<Option<_>>()?;
    // At most 24 bits, since the divisor divides an odd number of that many.
    let unit = (divisor as f64 * power_of_two(least)) as f32;
    unit.is_normal().then_some((unit, factors))
}

/// `2^exponent` of float32 numbers.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(u64::from((1023 + exponent).unsigned_abs()) << 52)
}

fn greatest_common_divisor(mut left: u64, mut right: u64) -> u64 {
    while right > 0 {
        (left, right) = (right, left % right);
    }
    left
}

/// What is known of the float32 sum; `None` where the integer sum says too little of it.
fn float_sum(
    operands: &[Operand],
    (unit, factors): (f32, &[i16]),
    builder: &mut Builder,
) -> Option<FloatSum> {
    let ranges: Vec<(i32, i32)> = operands
        .iter()
        .map(|Operand { activation, by }| {
            let (lo, hi) = builder.range(activation);
            (lo - by.zero_point, hi - by.zero_point)
        })
        .collect();
    let most =
        |((lo, hi), factor): (&(i32, i32), &i16)| i64::from(lo.abs().max(hi.abs())) * i64::from(*factor);
    let total = i32::try_from(ranges.iter().zip(factors).map(most).sum::<i64>()).ok()?;
    // One term as large as all of them: where it is exact so are all partial sums.
    let exact = FloatSum::in_any_order(unit, 1, (-total, total));
    if exact.is_exact() {
        return Some(exact);
    }
    let are_equal = factors.iter().all(|factor| *factor == 1);
    // The layer takes every channel to have the range of all.
    let zero_points = || operands.iter().map(|operand| operand.by.zero_point);
    let integers = || operands.iter().map(|operand| builder.range(&operand.activation));
    let lo = integers().map(|(lo, _)| lo).min()? - zero_points().max()?;
    let hi = integers().map(|(_, hi)| hi).max()? - zero_points().min()?;
    are_equal.then(|| FloatSum::in_sequence(unit, operands.len(), (lo, hi), &mut builder.budget))
}

/// A convolution with one tap over the tensors as channels.
fn layer(
    call: &Call<'_>,
    operands: &[Operand],
    factors: &[i16],
    builder: &mut Builder,
) -> Result<Linear, ImportErrorKind> {
    let name = &call.node.label.name;
    let shapes: Vec<&[usize]> = operands.iter().map(|operand| operand.activation.shape.as_slice()).collect();
    let shape = views::common_shape(&shapes)?;
    let positions: usize = shape.iter().product();
    let channels = operands
        .iter()
        .map(|operand| {
            let whole = views::broadcast(name, &operand.activation, &shape, builder)?;
            Ok(Activation { shape: vec![1, positions], ..whole })
        })
        .collect::<Result<Vec<_>, ImportErrorKind>>()?;
    let input = views::concatenated(name, &channels, 0, builder)?;
    let count = operands.len();
    let window = Window {
        input: [positions, 1],
        output: [positions, 1],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
    };
    let zero_point = operands.first().map_or(0, |first| first.by.zero_point);
    let shift = |(operand, factor): (&Operand, &i16)| {
        i64::from(*factor) * i64::from(zero_point - operand.by.zero_point)
    };
    let bias = i32::try_from(operands.iter().zip(factors).map(shift).sum::<i64>());
    let bias = bias.map_err(|_| OperatorError::Terms { count })?;
    let weights = Weights {
        inputs: count,
        outputs: 1,
        elem: Elem::I8,
        shape: vec![1, count],
        centered: factors.to_vec(),
        scales: Vec::new(),
        source: None,
    };
    Ok(Linear {
        name: name.clone(),
        input,
        rows: 1,
        sliding: Some(Sliding { channels: count, groups: 1, window }),
        input_zero_point: zero_point,
        weights: Rc::new(weights),
        bias: Some(vec![bias]),
        accumulator_scales: Vec::new(),
        shape,
    })
}

#[cfg(test)]
mod tests {
    use super::common_unit;

    #[test]
    fn scales_have_a_unit_where_their_quotients_are_small_fractions() {
        assert_eq!(common_unit(&[0.1, 0.1, 0.1]), Some((0.1, vec![1, 1, 1])));
        assert_eq!(common_unit(&[0.5, 0.125, 2.0]), Some((0.125, vec![4, 1, 16])));
        assert_eq!(common_unit(&[0.75, 0.5]), Some((0.25, vec![3, 2])));
        assert_eq!(common_unit(&[0.1, 0.2, 0.4]), Some((0.1, vec![1, 2, 4])));
        assert_eq!(common_unit(&[0.1, 0.3]), None);
        assert_eq!(common_unit(&[1.0, 1.0 / 512.0]), None);
        assert_eq!(common_unit(&[1e30, 1e-30]), None);
    }
}
