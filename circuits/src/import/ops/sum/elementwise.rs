//! Sums and products of two tensors: QLinearAdd, QLinearMul, and Add, Mul between quantizers.

use std::rc::Rc;

use crate::import::affine::{self, FloatClamp};
use crate::import::builder::Builder;
use crate::import::constant::Constant;
use crate::import::error::{ImportErrorKind, UncertainAnswer};
use crate::import::ops::Call;
use crate::import::ops::function::with_constant::{Constants, with_constant};
use crate::import::ops::layer::arithmetic::{self, Operator};
use crate::import::ops::matrix;
use crate::import::ops::moving::concat;
use crate::import::ops::sum::float_pair;
use crate::import::spread::Course;
use crate::import::value::{Activation, Dequantized, Operand, Value, Waiting, WaitingForm};
use crate::import::views;
use crate::ir::{Add, Elem, Multiply, Op, Quantization};
use crate::requantize::quantized_sum;

/// Beyond it onnxruntime's conversion of a float result to int32 would wrap.
pub(in crate::import) const MAX_RESULT: f32 = (1 << 30) as f32;

/// Which of the two operators.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Add,
    Multiply,
}

pub(in crate::import) fn q_linear_add(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    q_linear(call, Kind::Add, builder)
}

pub(in crate::import) fn q_linear_mul(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    q_linear(call, Kind::Multiply, builder)
}

fn q_linear(call: &Call<'_>, kind: Kind, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(7, 8)?;
    // The last one may be left out, but not left empty.
    call.expect_zero_points(if call.node.inputs.len() == 8 { &[2, 5, 7] } else { &[2, 5] })?;
    call.node.attributes.reader().finish()?;
    let lhs = q_operand(call, 0, "left operand", builder)?;
    let rhs = q_operand(call, 3, "right operand", builder)?;
    let (elem, by) = parameters(call, 6, lhs.activation.elem, "output")?;
    let result = combined(call, kind, [lhs, rhs], builder)?;
    requantize(&result, elem, by, FloatClamp::NONE, builder).map(Value::Quantized)
}

/// An operand with its scale and zero point behind it; a constant becomes a tensor.
pub(in crate::import) fn q_operand(
    call: &Call<'_>,
    index: usize,
    role: &'static str,
    builder: &mut Builder,
) -> Result<Operand, ImportErrorKind> {
    match call.input(index, role)? {
        Value::Quantized(activation) => {
            let (elem, by) = parameters(call, index + 1, activation.elem, role)?;
            expect_elem(role, elem, activation.elem)?;
            Ok(Operand { activation: activation.clone(), by })
        }
        Value::Constant(constant) => {
            let Some(elem) = constant.data.elem() else { return Err(not_8_bit(role, constant)) };
            let (given, by) = parameters(call, index + 1, elem, role)?;
            expect_elem(role, given, elem)?;
            Ok(Operand { activation: views::constant(call, constant, builder)?, by })
        }
        other => Err(call.wrong_form(index, role, other, "an 8-bit tensor")),
    }
}

/// A scale and an optional zero point, 0 of the type unless given; of an input they have to be of its type.
pub(in crate::import) fn input_parameters(
    call: &Call<'_>,
    index: usize,
    input: &Activation,
) -> Result<Quantization, ImportErrorKind> {
    let (elem, by) = parameters(call, index, input.elem, "input")?;
    expect_elem("zero point", elem, input.elem)?;
    Ok(by)
}

/// A scale and an optional zero point, 0 of the type unless given.
pub(in crate::import) fn parameters(
    call: &Call<'_>,
    index: usize,
    elem: Elem,
    role: &'static str,
) -> Result<(Elem, Quantization), ImportErrorKind> {
    let scale = call.constant(index, "scale")?;
    let zero = Constant::zero(elem);
    let zero_point = call.optional_constant(index + 1, "zero point")?.unwrap_or(&zero);
    affine::activation(scale, zero_point, role)
}

fn expect_elem(role: &'static str, got: Elem, expected: Elem) -> Result<(), ImportErrorKind> {
    if got == expected {
        return Ok(());
    }
    Err(ImportErrorKind::ElementType {
        role,
        got: got.name().to_owned(),
        expected: expected.name().to_owned(),
    })
}

fn not_8_bit(role: &'static str, constant: &Constant) -> ImportErrorKind {
    ImportErrorKind::ElementType { role, got: constant.type_name(), expected: "int8 or uint8".to_owned() }
}

/// Add between quantizers, neither side being a layer without bias.
pub(in crate::import) fn add(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    match with_constant(call, Constants::Float, Course::Monotone, |a, b| a + b, builder)? {
        Some(value) => Ok(value),
        None => between_quantizers(call, Kind::Add, builder),
    }
}

pub(in crate::import) fn mul(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    if let Some(value) = arithmetic::with_constant(call, Operator::Multiply, builder)? {
        return Ok(value);
    }
    if let Some(value) = arithmetic::folded(call, |a, b| a * b, builder)? {
        return Ok(value);
    }
    match with_constant(call, Constants::Float, Course::Monotone, |a, b| a * b, builder)? {
        Some(value) => Ok(value),
        None => between_quantizers(call, Kind::Multiply, builder),
    }
}

fn between_quantizers(call: &Call<'_>, kind: Kind, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    let lhs = operand(call, 0, "left operand", builder)?;
    let rhs = operand(call, 1, "right operand", builder)?;
    let result = Rc::new(combined(call, kind, [lhs, rhs], builder)?);
    Ok(Value::Waiting { result, clamp: FloatClamp::NONE })
}

pub(in crate::import) fn operand(
    call: &Call<'_>,
    index: usize,
    role: &'static str,
    builder: &mut Builder,
) -> Result<Operand, ImportErrorKind> {
    match call.input(index, role)? {
        Value::Dequantized(Dequantized { activation, by, clamp }) if *clamp == FloatClamp::NONE => {
            Ok(Operand { activation: activation.clone(), by: *by })
        }
        Value::DequantizedConstant(dequantized) => {
            let constant = &dequantized.constant;
            if constant.data.elem().is_none() {
                return Err(not_8_bit(role, constant));
            }
            let Some(by) = dequantized.by.slice(0).filter(|_| dequantized.by.axis.is_none()) else {
                return Err(ImportErrorKind::Shape {
                    role: "scale or zero point of a constant",
                    got: vec![dequantized.by.scales.len()],
                    expected: "one for the whole tensor".to_owned(),
                });
            };
            Ok(Operand { activation: views::constant(call, constant, builder)?, by })
        }
        other => Err(call.wrong_form(index, role, other, "a dequantized 8-bit tensor")),
    }
}

/// Both operands broadcast to the shape of the result, and that shape.
pub(in crate::import) fn broadcast(
    call: &Call<'_>,
    [lhs, rhs]: [Operand; 2],
    builder: &mut Builder,
) -> Result<([Operand; 2], Vec<usize>), ImportErrorKind> {
    let (left, right) = (&lhs.activation.shape, &rhs.activation.shape);
    let shape = views::broadcast_shape(left, right).ok_or_else(|| ImportErrorKind::Shape {
        role: "right operand",
        got: right.clone(),
        expected: format!("one that broadcasts with {left:?}"),
    })?;
    let mut broadcast = |operand: &Operand| {
        let activation = views::broadcast(call, &operand.activation, &shape, builder)?;
        Ok::<_, ImportErrorKind>(Operand { activation, by: operand.by })
    };
    let operands = [broadcast(&lhs)?, broadcast(&rhs)?];
    Ok((operands, shape))
}

/// A sum or product of the operands, which waits for its quantizer.
fn combined(
    call: &Call<'_>,
    kind: Kind,
    [lhs, rhs]: [Operand; 2],
    builder: &mut Builder,
) -> Result<Waiting, ImportErrorKind> {
    expect_elem("right operand", rhs.activation.elem, lhs.activation.elem)?;
    let order = Order::of(&lhs.activation.shape, &rhs.activation.shape, call.graph.may_move_axes());
    let (operands, shape) = broadcast(call, [lhs, rhs], builder)?;
    let form = match kind {
        Kind::Add => WaitingForm::Add { operands, order },
        Kind::Multiply => WaitingForm::Multiply(operands),
    };
    Ok(Waiting { name: call.node.label.name.clone(), form, shape })
}

/// The order in which onnxruntime's kernel adds the operands, which its roundings show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::import) enum Order {
    Given,
    Exchanged,
    /// Either, as the layout goes that graph optimizations choose.
    Open,
}

impl Order {
    /// The kernel looks for the innermost axis, of those that both have, where an operand has more than one element, and at
    /// the outermost of them where there is none: a left operand with one element there comes second. Of one without axes
    /// the other decides.
    ///
    /// Where axes may be `moved`, any could be the innermost.
    fn of(left: &[usize], right: &[usize], moved: bool) -> Self {
        let pairs = || left.iter().rev().zip(right.iter().rev());
        let deciding = pairs().find(|(left, right)| **left > 1 || **right > 1).or(pairs().next_back());
        let exchanged = match deciding {
            Some((left, _)) => *left == 1,
            None => left.last().is_none_or(|last| *last == 1),
        };
        let is_long = left.iter().any(|left| *left > 1);
        let longer = right.iter().rev().skip(left.len());
        let is_broadcast = longer
            .chain(pairs().filter(|(left, _)| **left == 1).map(|(_, right)| right))
            .any(|size| *size > 1);
        match exchanged {
            _ if moved && is_long && (exchanged || is_broadcast) => Self::Open,
            true => Self::Exchanged,
            false => Self::Given,
        }
    }
}

/// Quantizes a waiting result.
pub(in crate::import) fn requantize(
    result: &Waiting,
    elem: Elem,
    to: Quantization,
    clamp: FloatClamp,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let range = clamp.quantized(to, elem);
    let (op, operands) = match &result.form {
        WaitingForm::MatMul { factors, sizes } => (matrix::requantized(factors, *sizes, to, range)?, factors),
        WaitingForm::Add { operands, order } => {
            let [lhs, rhs] = operands;
            return match order {
                Order::Given => added(result, [lhs, rhs], (elem, to, range), builder),
                Order::Exchanged => added(result, [rhs, lhs], (elem, to, range), builder),
                Order::Open => {
                    expect_one_sum([lhs, rhs], (to, range), builder)?;
                    added(result, [lhs, rhs], (elem, to, range), builder)
                }
            };
        }
        WaitingForm::Multiply(operands) => (product(operands, to, range)?, operands),
        WaitingForm::Concat { parts, axis } => {
            return concat::requantize((&result.name, parts, *axis), elem, to, clamp, builder);
        }
        WaitingForm::Float { operands, pair } => {
            return float_pair::requantize(result, (operands, *pair), (elem, to), range, builder);
        }
        WaitingForm::Average { .. } => {
            return crate::import::ops::pooling::pool::average_layer(result, elem, to, clamp, builder);
        }
    };
    let [lhs, rhs] = operands.each_ref().map(|operand| &operand.activation);
    expect_elem("output", elem, lhs.elem)?;
    builder.clamping(&result.name, op, &[lhs, rhs], (elem, &result.shape), range)
}

/// The operands added in this order.
fn added(
    result: &Waiting,
    [lhs, rhs]: [&Operand; 2],
    (elem, to, range): (Elem, Quantization, (i32, i32)),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    expect_elem("output", elem, lhs.activation.elem)?;
    let op = Op::Add(sum([lhs, rhs], to, range)?);
    let inputs = [&lhs.activation, &rhs.activation];
    builder.clamping(&result.name, op, &inputs, (elem, &result.shape), range)
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
        return Err(ImportErrorKind::OperandScale { lhs: lhs.by.scale, rhs: rhs.by.scale, output: to.scale });
    }
    Ok(Add { lhs_scale, rhs_scale, offset, lo, hi })
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

/// `fl(fl(sa * sb) / sy)` times the exact product.
fn product([lhs, rhs]: &[Operand; 2], to: Quantization, (lo, hi): (i32, i32)) -> Result<Op, ImportErrorKind> {
    let scale = lhs.by.scale * rhs.by.scale;
    let multiplier = scale / to.scale;
    let largest = 65_025.0 * multiplier + 255.0;
    if !(scale.is_normal() && multiplier.is_normal() && largest < MAX_RESULT) {
        return Err(ImportErrorKind::OperandScale { lhs: lhs.by.scale, rhs: rhs.by.scale, output: to.scale });
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

#[cfg(test)]
mod tests {
    use super::Order::{self, Exchanged, Given, Open};

    #[test]
    fn the_innermost_common_axis_that_is_not_1_decides_the_order() {
        for (left, right) in [
            (&[1][..], &[256][..]),
            (&[4, 1], &[1, 64]),
            (&[3, 1, 1], &[64]),
            (&[2, 1, 1], &[2, 32, 1]),
            (&[], &[5]),
        ] {
            assert_eq!(Order::of(left, right, false), Exchanged, "{left:?} {right:?}");
            assert_eq!(Order::of(right, left, false), Given, "{right:?} {left:?}");
        }
        for (left, right) in [(&[1, 2, 1, 1][..], &[1, 1, 1, 1][..]), (&[3, 4], &[3, 4])] {
            assert_eq!(Order::of(left, right, false), Given, "{left:?} {right:?}");
        }
        for (left, right) in [
            (&[500, 1][..], &[1][..]),
            (&[500, 1, 1], &[1, 1]),
            (&[1, 3, 3, 1], &[]),
            (&[1, 1], &[1]),
            (&[], &[]),
        ] {
            assert_eq!(Order::of(left, right, false), Exchanged, "{left:?} {right:?}");
        }
    }

    #[test]
    fn where_axes_move_any_of_them_decides() {
        for (left, right) in [(&[1, 4, 1, 1][..], &[1, 4, 3, 3][..]), (&[5], &[2, 3, 5]), (&[5, 1], &[1])] {
            assert_eq!(Order::of(left, right, true), Open, "{left:?} {right:?}");
        }
        for (left, right, order) in [
            (&[1, 4, 3, 3][..], &[1, 4, 1, 1][..], Given),
            (&[1, 4, 3, 3], &[1, 4, 3, 3], Given),
            (&[1, 1, 1, 1], &[1, 4, 3, 3], Exchanged),
            (&[], &[4], Exchanged),
        ] {
            assert_eq!(Order::of(left, right, true), order, "{left:?} {right:?}");
        }
    }
}
