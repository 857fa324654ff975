//! Relu and Clip: merged into the clamp of what is in front of them, or tables.

use crate::{
    import::{
        affine::FloatClamp,
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError, QuantizationError},
        role::Role,
        value::{Activation, Dequantized, Value},
    },
    ir::Elem,
};

pub(in crate::import) fn relu(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    call.node.attributes.reader().finish()?;
    let x = call.input(0, Role::Input)?;
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
        return Err(OperatorError::ElementType {
            role: "input",
            got: format!("an integer tensor in opset {}", call.node.opset),
            expected: "float32, or int8 from opset 14".to_owned(),
        }
        .into());
    }
    match builder.zero_point(activation.tensor) {
        None | Some(0) => {
            let bounds = (0, activation.elem.max());
            builder.clamped(&call.node.label.name, activation, bounds).map(Value::Quantized)
        }
        Some(zero_point) => Err(QuantizationError::IntegerRelu { zero_point }.into()),
    }
}

/// Adds a clamp to a float value; the quantizer behind it turns the bounds into integers.
fn float_clamp(call: &Call<'_>, x: &Value, next: FloatClamp) -> Result<Value, ImportErrorKind> {
    match x {
        Value::Linear { layer, clamp } => Ok(Value::Linear { layer: layer.clone(), clamp: clamp.then(next) }),
        Value::Function(function) => Ok(Value::Function(function.clamped(next))),
        Value::Arithmetic(arithmetic) => crate::import::ops::layer::arithmetic::clamped(arithmetic, next),
        Value::Waiting { result, clamp } => {
            Ok(Value::Waiting { result: result.clone(), clamp: clamp.then(next) })
        }
        Value::Dequantized(dequantized) => {
            Ok(Value::Dequantized(Dequantized { clamp: dequantized.clamp.then(next), ..dequantized.clone() }))
        }
        other => Err(call.wrong_form(0, Role::Input, other, "the result of a quantized layer")),
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
    let x = call.input(0, Role::Input)?;
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
            return Err(QuantizationError::ClipBounds { min, max }.into());
        }
    }
    let (min, max) = (min.unwrap_or(f32::NEG_INFINITY), max.unwrap_or(f32::INFINITY));
    if min > max && (min.is_infinite() || max.is_infinite()) {
        // Its fused kernels answer neither bound then.
        return Err(QuantizationError::ClipBounds { min, max }.into());
    }
    float_clamp(call, x, FloatClamp::new(min, max)?)
}

fn float_bound(call: &Call<'_>, index: usize) -> Result<Option<f32>, ImportErrorKind> {
    call.optional_constant(index, Role::ClipBound)?
        .map(|bound| {
            bound.float_scalar().filter(|_| bound.is_single()).ok_or_else(|| {
                OperatorError::ElementType {
                    role: "clip bound",
                    got: format!("{} of shape {:?}", bound.type_name(), bound.shape),
                    expected: "one float32, of shape [] or [1]".to_owned(),
                }
                .into()
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
    call.expect_integers_known_since(12, Role::Input)?;
    let bound = |index: usize, default: i32| -> Result<i32, ImportErrorKind> {
        let Some(bound) = call.optional_constant(index, Role::ClipBound)? else { return Ok(default) };
        match (bound.data.elem(), bound.data.integer(0)) {
            (Some(elem), Some(value)) if elem == activation.elem && bound.is_single() => Ok(value),
            _ => Err(OperatorError::ElementType {
                role: "clip bound",
                got: format!("{} of shape {:?}", bound.type_name(), bound.shape),
                expected: "one value of the input's type, of shape [] or [1]".to_owned(),
            }
            .into()),
        }
    };
    let (min, max) = (bound(1, activation.elem.min())?, bound(2, activation.elem.max())?);
    // Of bounds in the wrong order onnxruntime gives the upper one.
    builder.clamped(&call.node.label.name, activation, (min.min(max), max)).map(Value::Quantized)
}
