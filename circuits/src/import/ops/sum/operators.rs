//! Add, Mul and Sub between quantizers: what stands on their sides decides what they are.

use crate::import::{
    affine::FloatClamp,
    builder::Builder,
    call::Call,
    error::ImportErrorKind,
    ops::{
        constants,
        function::with_constant::{Constants, only_with_constant, with_constant},
        layer::{
            arithmetic::{self, Operator},
            bias,
        },
        sum::{
            elementwise::{self, Kind},
            float_pair,
        },
    },
    role::Role,
    spread::Course,
    value::{FloatPair, Value},
};

/// The bias of a MatMul, on either side, a function of one tensor and a constant, or two tensors.
pub(super) fn add(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    if let Some(value) = arithmetic::with_constant(call, Operator::Add, builder)? {
        return Ok(value);
    }
    let sides = [call.input(0, Role::LeftAddend)?, call.input(1, Role::RightAddend)?];
    if sides.into_iter().any(|side| matches!(side, Value::Linear { .. })) {
        return bias::added(call, sides);
    }
    match with_constant(call, Constants::Float, Course::Monotone, |a, b| a + b, builder)? {
        Some(value) => Ok(value),
        None => elementwise::between_quantizers(call, Kind::Add, builder),
    }
}

pub(super) fn multiply(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    if let Some(value) = arithmetic::with_constant(call, Operator::Multiply, builder)? {
        return Ok(value);
    }
    if let Some(value) = constants::folded(call, |a, b| a * b, builder)? {
        return Ok(value);
    }
    match with_constant(call, Constants::Float, Course::Monotone, |a, b| a * b, builder)? {
        Some(value) => Ok(value),
        None => elementwise::between_quantizers(call, Kind::Multiply, builder),
    }
}

pub(super) fn subtract(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    if let Some(value) = arithmetic::with_constant(call, Operator::Subtract, builder)? {
        return Ok(value);
    }
    let is_plain = |index: usize| {
        let value = call.node.inputs.get(index).copied().flatten().and_then(|value| call.values.get(value));
        let clamp = |value: &Value| match value {
            Value::Dequantized(view) => Some(view.clamp),
            _ => None,
        };
        value.and_then(Option::as_ref).and_then(clamp) == Some(FloatClamp::NONE)
    };
    if call.node.inputs.len() == 2 && is_plain(0) && is_plain(1) {
        call.node.attributes.reader().finish()?;
        return float_pair::between_quantizers(call, FloatPair::Difference, builder);
    }
    let instead =
        "put a QuantizeLinear/DequantizeLinear pair behind both: two dequantized tensors can be subtracted";
    only_with_constant(call, Course::Monotone, |a, b| a - b, instead, builder)
}
