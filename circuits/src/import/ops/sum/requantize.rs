//! Sums and products of two operands in the integers of their quantizer.

use crate::{
    import::{
        affine::MAX_RESULT,
        builder::Builder,
        error::{ImportErrorKind, QuantizationError, UncertainAnswer},
        operand::expect_elem,
        role::Role,
        value::{Activation, Operand, Order, Pair},
    },
    ir::{Add, Elem, Multiply, Op, Quantization},
    requantize::quantized_sum,
};

/// Quantizes a sum or product.
pub(in crate::import) fn quantized(
    named: (&str, &[usize]),
    (operands, pair): (&[Operand; 2], Pair),
    to: (Elem, Quantization, (i32, i32)),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let [lhs, rhs] = operands;
    match pair {
        Pair::Sum(Order::Given) => added(named, [lhs, rhs], to, builder),
        Pair::Sum(Order::Exchanged) => added(named, [rhs, lhs], to, builder),
        Pair::Sum(Order::Open) => {
            expect_one_sum([lhs, rhs], (to.1, to.2), builder)?;
            added(named, [lhs, rhs], to, builder)
        }
        Pair::Product => multiplied(named, operands, to, builder),
    }
}

fn multiplied(
    (name, shape): (&str, &[usize]),
    operands: &[Operand; 2],
    (elem, to, range): (Elem, Quantization, (i32, i32)),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let op = product(operands, to, range)?;
    let [lhs, rhs] = operands.each_ref().map(|operand| &operand.activation);
    expect_elem(Role::Output, elem, lhs.elem)?;
    builder.clamping(name, op, &[lhs, rhs], (elem, shape), range)
}

/// The operands added in this order.
fn added(
    (name, shape): (&str, &[usize]),
    [lhs, rhs]: [&Operand; 2],
    (elem, to, range): (Elem, Quantization, (i32, i32)),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    expect_elem(Role::Output, elem, lhs.activation.elem)?;
    let op = Op::Add(sum([lhs, rhs], to, range)?);
    let inputs = [&lhs.activation, &rhs.activation];
    builder.clamping(name, op, &inputs, (elem, shape), range)
}

/// `fma(a, ra, fma(b, rb, c))` with `ra = fl(sa / sy)`, `rb = fl(sb / sy)`, `c = fl(zy - fma(ra, za, fl(rb * zb)))`.
pub(in crate::import) fn sum(
    [lhs, rhs]: [&Operand; 2],
    to: Quantization,
    (lo, hi): (i32, i32),
) -> Result<Add, ImportErrorKind> {
    let lhs_scale = lhs.by.scale / to.scale;
    let rhs_scale = rhs.by.scale / to.scale;
    let zero = lhs_scale.mul_add(lhs.by.zero_point as f32, rhs_scale * rhs.by.zero_point as f32);
    let offset = to.zero_point as f32 - zero;
    let largest = 255.0 * (lhs_scale + rhs_scale) + offset.abs();
    if !(lhs_scale.is_normal() && rhs_scale.is_normal() && largest < MAX_RESULT) {
        return Err(QuantizationError::OperandScale {
            lhs: lhs.by.scale,
            rhs: rhs.by.scale,
            output: to.scale,
        }
        .into());
    }
    Ok(Add { lhs_scale, rhs_scale, offset, lo, hi })
}

/// `fl(fl(sa * sb) / sy)` times the exact product.
fn product([lhs, rhs]: &[Operand; 2], to: Quantization, (lo, hi): (i32, i32)) -> Result<Op, ImportErrorKind> {
    let scale = lhs.by.scale * rhs.by.scale;
    let multiplier = scale / to.scale;
    let largest = 65_025.0 * multiplier + 255.0;
    if !(scale.is_normal() && multiplier.is_normal() && largest < MAX_RESULT) {
        return Err(QuantizationError::OperandScale {
            lhs: lhs.by.scale,
            rhs: rhs.by.scale,
            output: to.scale,
        }
        .into());
    }
    Ok(Op::Multiply(Multiply {
        lhs_zero_point: lhs.by.zero_point,
        rhs_zero_point: rhs.by.zero_point,
        multiplier,
        zero_point: to.zero_point,
        lo,
        hi,
    }))
}

/// Refuses operands whose sum depends on their order.
fn expect_one_sum(
    [lhs, rhs]: [&Operand; 2],
    (to, range): (Quantization, (i32, i32)),
    builder: &Builder,
) -> Result<(), ImportErrorKind> {
    let (given, exchanged) = (sum([lhs, rhs], to, range)?, sum([rhs, lhs], to, range)?);
    let integers = |operand: &Operand| {
        let (lo, hi) = builder.range(&operand.activation);
        lo..=hi
    };
    for a in integers(lhs) {
        for b in integers(rhs) {
            let outputs = [quantized_sum(&given, a, b), quantized_sum(&exchanged, b, a)];
            if outputs[0] != outputs[1] {
                return Err(UncertainAnswer::Order { inputs: [a, b], outputs }.into());
            }
        }
    }
    Ok(())
}
