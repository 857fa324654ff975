//! Biases: int32 of the accumulator's scale.

use std::rc::Rc;

use crate::import::{
    affine::{FloatClamp, one_or_indexed},
    call::Call,
    constant::{Constant, Data},
    error::{ImportErrorKind, OperatorError, QuantizationError},
    role::Role,
    value::{DequantizedConstant, Linear, Value},
};

/// Largest relative difference of a bias scale from input scale times weight scale: quantizers compute the product
/// in double precision or round its factors once more.
const BIAS_SCALE_TOLERANCE: f32 = 1.0 / (1 << 20) as f32;

/// The bias of a MatMul, on either side.
pub(in crate::import) fn added(call: &Call<'_>, sides: [&Value; 2]) -> Result<Value, ImportErrorKind> {
    if !sides.into_iter().any(Value::is_constant) {
        return Err(OperatorError::ActivationAddition { left: call.name(0), right: call.name(1) }.into());
    }
    let (layer, clamp, bias, bias_index) = match sides {
        [Value::Linear { layer, clamp }, bias] if layer.is_dense() => (layer, clamp, bias, 1),
        [bias, Value::Linear { layer, clamp }] if layer.is_dense() => (layer, clamp, bias, 0),
        [left, _] => return Err(OperatorError::Addend { name: call.name(0), found: left.describe() }.into()),
    };
    if layer.bias.is_some() || *clamp != FloatClamp::NONE {
        let found = "the float32 result of a layer with bias, Relu or Clip";
        return Err(OperatorError::Addend { name: call.name(1 - bias_index), found }.into());
    }
    let bias = dequantized_bias(call, bias_index, bias, layer)?;
    let layer = Linear { bias: Some(bias), ..(**layer).clone() };
    Ok(Value::Linear { layer: Rc::new(layer), clamp: FloatClamp::NONE })
}

/// One int32 per output from a constant that broadcasts to the result.
pub(in crate::import) fn int32_bias(bias: &Constant, layer: &Linear) -> Result<Vec<i32>, ImportErrorKind> {
    let outputs = layer.weights.outputs;
    let Data::Int32(values) = &*bias.data else {
        return Err(OperatorError::ElementType {
            role: "bias",
            got: bias.type_name(),
            expected: "int32".to_owned(),
        }
        .into());
    };
    let per_output = (0..outputs).map(|output| one_or_indexed(values, output).copied()).collect();
    match per_output {
        Some(per_output)
            if bias.shape.len() <= layer.shape.len() && broadcasts_to_row(&bias.shape, outputs) =>
        {
            Ok(per_output)
        }
        _ => Err(OperatorError::Shape {
            role: "bias",
            got: bias.shape.clone(),
            expected: format!("[{outputs}]"),
        }
        .into()),
    }
}

/// A bias that the file holds as a dequantized int32 constant of the accumulator's scale.
pub(in crate::import) fn dequantized_bias(
    call: &Call<'_>,
    index: usize,
    bias: &Value,
    layer: &Linear,
) -> Result<Vec<i32>, ImportErrorKind> {
    let DequantizedConstant { constant, by } = match bias {
        Value::DequantizedConstant(bias) => &**bias,
        Value::Constant(_) => return Err(QuantizationError::FloatBias { name: call.name(index) }.into()),
        other => return Err(call.wrong_form(index, Role::Bias, other, "a dequantized int32 constant")),
    };
    let values = int32_bias(constant, layer)?;
    if let Some(&zero_point) = by.zero_points.iter().find(|&&zero_point| zero_point != 0) {
        return Err(QuantizationError::BiasZeroPoint { zero_point }.into());
    }
    for channel in 0..layer.weights.outputs {
        let got = one_or_indexed(&by.scales, channel).copied().unwrap_or(f32::NAN);
        let expected = one_or_indexed(&layer.accumulator_scales, channel).copied().unwrap_or(f32::NAN);
        let close = (got - expected).abs() <= expected * BIAS_SCALE_TOLERANCE;
        if !close {
            return Err(QuantizationError::BiasScale { channel, got, expected }.into());
        }
    }
    Ok(values)
}

/// One element, or one per column of a row vector.
pub(super) fn broadcasts_to_row(shape: &[usize], columns: usize) -> bool {
    let ones = shape.iter().rev().skip(1).all(|&dim| dim == 1);
    ones && shape.len() <= 2 && shape.last().is_none_or(|&dim| dim == 1 || dim == columns)
}
