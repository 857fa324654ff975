//! Softmax and LogSoftmax, outside the proof.

use crate::{
    import::{
        attributes::{axis_index, unsupported},
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError},
        operand::{input_parameters, parameters},
        outside,
        role::Role,
        value::{Activation, Value},
    },
    ir::{Elem, Quantization, Tail},
};

/// Softmax of the last values, outside the proof.
pub(in crate::import) fn softmax(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    normalizing(call, |len| Tail::Softmax { len }, builder)
}

/// LogSoftmax of the last values, outside the proof.
pub(in crate::import) fn log_softmax(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    normalizing(call, |len| Tail::LogSoftmax { len }, builder)
}

fn normalizing(
    call: &Call<'_>,
    operator: impl FnOnce(usize) -> Tail,
    builder: &Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?;
    attributes.finish()?;
    let input = call.input(0, Role::Input)?;
    let index = call.node.inputs.first().copied().flatten().unwrap_or(usize::MAX);
    let (activation, before) = outside::of(call.graph, index, call.values, builder)?
        .ok_or_else(|| call.wrong_form(0, Role::Input, input, "a dequantized activation"))?;
    let len = normalized(&activation.shape, axis, call.node.opset)?;
    Ok(Value::Tail { activation, tail: vec![before, operator(len)] })
}

/// How many elements Softmax normalizes together.
fn normalized(shape: &[usize], axis: Option<i64>, opset: i64) -> Result<usize, ImportErrorKind> {
    // Before opset 13 Softmax runs over all dimensions from the axis on.
    let flattens = opset < 13;
    let axis = axis.unwrap_or(if flattens { 1 } else { -1 });
    let last = shape.len().saturating_sub(1);
    axis_index(axis, shape.len())
        .filter(|&index| flattens || index == last)
        .map(|index| shape.iter().skip(index).product())
        .ok_or_else(|| unsupported("axis", axis, &softmax_axis(shape)))
}

/// Which axis Softmax runs over, and how to get there.
fn softmax_axis(shape: &[usize]) -> String {
    format!(
        "the last axis of shape {shape:?}: put a Transpose in front that brings this axis to the end, and use axis -1"
    )
}

/// Softmax between quantizers as onnxruntime fuses it: QLinearSoftmax, the last operator, outside the proof.
pub(in crate::import) fn quantized_softmax(
    call: &Call<'_>,
    activation: &Activation,
    tail: &[Tail],
    elem: Elem,
    to: Quantization,
) -> Result<Value, ImportErrorKind> {
    let &[Tail::Dequantize(from), Tail::Softmax { len }] = tail else {
        return Err(OperatorError::SoftmaxInside { role: "input", name: call.name(0) }.into());
    };
    let value = call.node.inputs.first().copied().flatten();
    let uses = value.and_then(|value| call.graph.uses.get(value)).copied().unwrap_or(0);
    if uses > 1 && call.node.op == "QuantizeLinear" {
        return Err(OperatorError::FloatFanOut { name: call.name(0), uses }.into());
    }
    if elem != activation.elem {
        return Err(OperatorError::ElementType {
            role: "output",
            got: elem.name().to_owned(),
            expected: format!("{} like the input of Softmax, as in onnxruntime", activation.elem.name()),
        }
        .into());
    }
    let tail = vec![Tail::QuantizedSoftmax { from, len, to, elem }];
    Ok(Value::Tail { activation: activation.clone(), tail })
}

/// QLinearSoftmax of the last values, outside the proof.
pub(in crate::import) fn q_linear_softmax(
    call: &Call<'_>,
    _: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(4, 5)?;
    call.expect_zero_points(&[4])?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?;
    let opset = attributes.int("opset")?.ok_or(OperatorError::MissingAttribute { attribute: "opset" })?;
    attributes.finish()?;
    let activation = call.activation(0, Role::Input)?;
    let from = input_parameters(call, 1, activation)?;
    let (elem, to) = parameters(call, 3, activation.elem, Role::Output)?;
    let len = normalized(&activation.shape, axis, opset)?;
    quantized_softmax(call, activation, &[Tail::Dequantize(from), Tail::Softmax { len }], elem, to)
}
