//! Quantized operands: activations with their scales and zero points.

use super::{
    affine::{self, FloatClamp},
    builder::Builder,
    call::Call,
    constant::Constant,
    error::{ImportErrorKind, OperatorError},
    role::Role,
    value::{Activation, Dequantized, Operand, Value},
    views,
};
use crate::ir::{Elem, Quantization};

/// An operand with its scale and zero point behind it; a constant becomes a tensor.
pub(super) fn q_operand(
    call: &Call<'_>,
    index: usize,
    role: Role,
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
pub(super) fn input_parameters(
    call: &Call<'_>,
    index: usize,
    input: &Activation,
) -> Result<Quantization, ImportErrorKind> {
    let (elem, by) = parameters(call, index, input.elem, Role::Input)?;
    expect_elem(Role::ZeroPoint, elem, input.elem)?;
    Ok(by)
}

/// A scale and an optional zero point, 0 of the type unless given.
pub(super) fn parameters(
    call: &Call<'_>,
    index: usize,
    elem: Elem,
    role: Role,
) -> Result<(Elem, Quantization), ImportErrorKind> {
    let scale = call.constant(index, Role::Scale)?;
    let zero = Constant::zero(elem);
    let zero_point = call.optional_constant(index + 1, Role::ZeroPoint)?.unwrap_or(&zero);
    affine::activation(scale, zero_point, role.text())
}

pub(super) fn expect_elem(role: Role, got: Elem, expected: Elem) -> Result<(), ImportErrorKind> {
    if got == expected {
        return Ok(());
    }
    Err(OperatorError::ElementType {
        role: role.text(),
        got: got.name().to_owned(),
        expected: expected.name().to_owned(),
    }
    .into())
}

fn not_8_bit(role: Role, constant: &Constant) -> ImportErrorKind {
    OperatorError::ElementType {
        role: role.text(),
        got: constant.type_name(),
        expected: "int8 or uint8".to_owned(),
    }
    .into()
}

pub(super) fn operand(
    call: &Call<'_>,
    index: usize,
    role: Role,
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
                return Err(OperatorError::Shape {
                    role: "scale or zero point of a constant",
                    got: vec![dequantized.by.scales.len()],
                    expected: "one for the whole tensor".to_owned(),
                }
                .into());
            };
            Ok(Operand { activation: views::constant(call, constant, builder)?, by })
        }
        other => Err(call.wrong_form(index, role, other, "a dequantized 8-bit tensor")),
    }
}

/// Inputs 1 and 2 of the QOperator forms.
pub(super) fn input_quantization(
    call: &Call<'_>,
    input: &Activation,
) -> Result<Quantization, ImportErrorKind> {
    let scale = call.constant(1, Role::InputScale)?;
    let zero_point = call.constant(2, Role::InputZeroPoint)?;
    let (elem, by) = affine::activation(scale, zero_point, "input")?;
    if elem == input.elem {
        return Ok(by);
    }
    Err(OperatorError::ElementType {
        role: "zero point",
        got: elem.name().to_owned(),
        expected: input.elem.name().to_owned(),
    }
    .into())
}

pub(super) fn output_quantization(
    call: &Call<'_>,
    index: usize,
) -> Result<(Elem, Quantization), ImportErrorKind> {
    let scale = call.constant(index, Role::OutputScale)?;
    let zero_point = call.constant(index + 1, Role::OutputZeroPoint)?;
    affine::activation(scale, zero_point, "output")
}

pub(super) fn dequantized_input<'a>(
    call: &Call<'a>,
) -> Result<(&'a Activation, Quantization), ImportErrorKind> {
    match call.input(0, Role::Input)? {
        Value::Dequantized(Dequantized { activation, by, clamp }) if *clamp == FloatClamp::NONE => {
            Ok((activation, *by))
        }
        other => Err(call.wrong_form(0, Role::Input, other, "a dequantized activation")),
    }
}
