//! Sums and products of two tensors: QLinearAdd, QLinearMul, and Add, Mul between quantizers.

use std::rc::Rc;

use crate::import::{
    affine::FloatClamp,
    builder::Builder,
    call::Call,
    error::{ImportErrorKind, OperatorError},
    operand::{expect_elem, operand, parameters, q_operand},
    ops::sum::requantize,
    role::Role,
    value::{Operand, Order, Pair, Value, Waiting, WaitingForm},
    views,
};

/// Which of the two operators.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
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
    let lhs = q_operand(call, 0, Role::LeftOperand, builder)?;
    let rhs = q_operand(call, 3, Role::RightOperand, builder)?;
    let (elem, by) = parameters(call, 6, lhs.activation.elem, Role::Output)?;
    let (operands, pair, shape) = combined(call, kind, [lhs, rhs], builder)?;
    let named = (call.node.label.name.as_str(), shape.as_slice());
    let to = (elem, by, (elem.min(), elem.max()));
    requantize::quantized(named, (&operands, pair), to, builder).map(Value::Quantized)
}

pub(super) fn between_quantizers(
    call: &Call<'_>,
    kind: Kind,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let lhs = operand(call, 0, Role::LeftOperand, builder)?;
    let rhs = operand(call, 1, Role::RightOperand, builder)?;
    let (operands, pair, shape) = combined(call, kind, [lhs, rhs], builder)?;
    let form = WaitingForm::Pair { operands, pair };
    let result = Rc::new(Waiting { name: call.node.label.name.clone(), form, shape });
    Ok(Value::Waiting { result, clamp: FloatClamp::NONE })
}

/// Both operands broadcast to the shape of the result, and that shape.
pub(in crate::import) fn broadcast(
    call: &Call<'_>,
    [lhs, rhs]: [Operand; 2],
    builder: &mut Builder,
) -> Result<([Operand; 2], Vec<usize>), ImportErrorKind> {
    let (left, right) = (&lhs.activation.shape, &rhs.activation.shape);
    let shape = views::broadcast_shape(left, right).ok_or_else(|| OperatorError::Shape {
        role: "right operand",
        got: right.clone(),
        expected: format!("one that broadcasts with {left:?}"),
    })?;
    let mut broadcast = |operand: &Operand| {
        let activation = views::broadcast(&call.node.label.name, &operand.activation, &shape, builder)?;
        Ok::<_, ImportErrorKind>(Operand { activation, by: operand.by })
    };
    let operands = [broadcast(&lhs)?, broadcast(&rhs)?];
    Ok((operands, shape))
}

/// A sum or product of the operands broadcast to the shape of the result, and that shape.
fn combined(
    call: &Call<'_>,
    kind: Kind,
    [lhs, rhs]: [Operand; 2],
    builder: &mut Builder,
) -> Result<([Operand; 2], Pair, Vec<usize>), ImportErrorKind> {
    expect_elem(Role::RightOperand, rhs.activation.elem, lhs.activation.elem)?;
    let order = Order::of(&lhs.activation.shape, &rhs.activation.shape, call.graph.may_move_axes());
    let (operands, shape) = broadcast(call, [lhs, rhs], builder)?;
    let pair = match kind {
        Kind::Add => Pair::Sum(order),
        Kind::Multiply => Pair::Product,
    };
    Ok((operands, pair, shape))
}
