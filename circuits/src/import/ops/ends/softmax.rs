//! Relu, Clip and Softmax.

use crate::import::affine::FloatClamp;
use crate::import::attributes::unsupported;
use crate::import::builder::Builder;
use crate::import::error::ImportErrorKind;
use crate::import::ops::Call;
use crate::import::ops::moving::shape::axis_index;
use crate::import::ops::sum::elementwise::{input_parameters, parameters};
use crate::import::outside;
use crate::import::value::{Activation, Dequantized, Value};
use crate::ir::{Elem, Quantization, Tail};

pub(in crate::import) fn relu(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    call.node.attributes.reader().finish()?;
    let x = call.input(0, "input")?;
    match x {
        Value::Quantized(activation) => integer_relu(call, activation, builder),
        _ => float_clamp(call, x, FloatClamp::new(0.0, f32::INFINITY)?),
    }
}

/// `max(q, 0)` on the integers themselves.
fn integer_relu(
    call: &Call<'_>,
    activation: &Activation,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    if activation.elem == Elem::U8 || call.node.opset < 14 {
        return Err(ImportErrorKind::ElementType {
            role: "input",
            got: format!("an integer tensor in opset {}", call.node.opset),
            expected: "float32, or int8 from opset 14".to_owned(),
        });
    }
    match builder.zero_point(activation.tensor) {
        None | Some(0) => {
            let bounds = (0, activation.elem.max());
            builder.clamped(&call.node.label.name, activation, bounds).map(Value::Quantized)
        }
        Some(zero_point) => Err(ImportErrorKind::IntegerRelu { zero_point }),
    }
}

/// Adds a clamp to a float value; the quantizer behind it turns the bounds into integers.
fn float_clamp(call: &Call<'_>, x: &Value, next: FloatClamp) -> Result<Value, ImportErrorKind> {
    match x {
        Value::Linear { layer, clamp } => Ok(Value::Linear { layer: layer.clone(), clamp: clamp.then(next) }),
        Value::Function(function) => {
            Ok(Value::Function(crate::import::ops::function::unary::clamped(function, next)))
        }
        Value::Arithmetic(arithmetic) => crate::import::ops::layer::arithmetic::clamped(arithmetic, next),
        Value::Waiting { result, clamp } => {
            Ok(Value::Waiting { result: result.clone(), clamp: clamp.then(next) })
        }
        Value::Dequantized(dequantized) => {
            Ok(Value::Dequantized(Dequantized { clamp: dequantized.clamp.then(next), ..dequantized.clone() }))
        }
        other => Err(call.wrong_form(0, "input", other, "the result of a quantized layer")),
    }
}

pub(in crate::import) fn clip(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, if call.node.opset < 11 { 1 } else { 3 })?;
    let attributes = call.node.attributes.reader();
    let bounds_in_attributes = if call.node.opset < 11 {
        (attributes.float("min")?, attributes.float("max")?)
    } else {
        (None, None)
    };
    attributes.finish()?;
    let x = call.input(0, "input")?;
    if let Value::Quantized(activation) = x {
        return integer_clip(call, activation, builder);
    }
    let (min, max) = match bounds_in_attributes {
        (None, None) => (float_bound(call, 1)?, float_bound(call, 2)?),
        bounds => bounds,
    };
    if call.node.opset < 11 {
        let (min, max) = (min.unwrap_or(f32::MIN), max.unwrap_or(f32::MAX));
        if min > max {
            return Err(ImportErrorKind::ClipBounds { min, max });
        }
    }
    let (min, max) = (min.unwrap_or(f32::NEG_INFINITY), max.unwrap_or(f32::INFINITY));
    if min > max && (min.is_infinite() || max.is_infinite()) {
        // Its fused kernels answer neither bound then.
        return Err(ImportErrorKind::ClipBounds { min, max });
    }
    float_clamp(call, x, FloatClamp::new(min, max)?)
}

fn float_bound(call: &Call<'_>, index: usize) -> Result<Option<f32>, ImportErrorKind> {
    call.optional_constant(index, "clip bound")?
        .map(|bound| {
            bound.float_scalar().filter(|_| bound.is_single()).ok_or_else(|| ImportErrorKind::ElementType {
                role: "clip bound",
                got: format!("{} of shape {:?}", bound.type_name(), bound.shape),
                expected: "one float32, of shape [] or [1]".to_owned(),
            })
        })
        .transpose()
}

/// Bounds on the integers themselves, of their type.
fn integer_clip(
    call: &Call<'_>,
    activation: &Activation,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_integers_known_since(12, "input")?;
    let bound = |index: usize, default: i32| -> Result<i32, ImportErrorKind> {
        let Some(bound) = call.optional_constant(index, "clip bound")? else { return Ok(default) };
        match (bound.data.elem(), bound.data.integer(0)) {
            (Some(elem), Some(value)) if elem == activation.elem && bound.is_single() => Ok(value),
            _ => Err(ImportErrorKind::ElementType {
                role: "clip bound",
                got: format!("{} of shape {:?}", bound.type_name(), bound.shape),
                expected: "one value of the input's type, of shape [] or [1]".to_owned(),
            }),
        }
    };
    let (min, max) = (bound(1, activation.elem.min())?, bound(2, activation.elem.max())?);
    // Of bounds in the wrong order onnxruntime gives the upper one.
    builder.clamped(&call.node.label.name, activation, (min.min(max), max)).map(Value::Quantized)
}

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
    let input = call.input(0, "input")?;
    let index = call.node.inputs.first().copied().flatten().unwrap_or(usize::MAX);
    let (activation, before) = outside::of(call.graph, index, call.values, builder)?
        .ok_or_else(|| call.wrong_form(0, "input", input, "a dequantized activation"))?;
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
        return Err(ImportErrorKind::SoftmaxInside { role: "input", name: call.name(0) });
    };
    let value = call.node.inputs.first().copied().flatten();
    let uses = value.and_then(|value| call.graph.uses.get(value)).copied().unwrap_or(0);
    if uses > 1 && call.node.op == "QuantizeLinear" {
        return Err(ImportErrorKind::FloatFanOut { name: call.name(0), uses });
    }
    if elem != activation.elem {
        return Err(ImportErrorKind::ElementType {
            role: "output",
            got: elem.name().to_owned(),
            expected: format!("{} like the input of Softmax, as in onnxruntime", activation.elem.name()),
        });
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
    let opset = attributes.int("opset")?.ok_or(ImportErrorKind::MissingAttribute { attribute: "opset" })?;
    attributes.finish()?;
    let activation = call.activation(0, "input")?;
    let from = input_parameters(call, 1, activation)?;
    let (elem, to) = parameters(call, 3, activation.elem, "output")?;
    let len = normalized(&activation.shape, axis, opset)?;
    quantized_softmax(call, activation, &[Tail::Dequantize(from), Tail::Softmax { len }], elem, to)
}
