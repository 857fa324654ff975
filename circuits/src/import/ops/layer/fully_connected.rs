//! Fully connected layers: QLinearMatMul, QGemm, and MatMul, Gemm, Add between quantizers.

use std::rc::Rc;

use crate::import::{
    affine::FloatClamp,
    attributes::{AttributeReader, unsupported},
    builder::Builder,
    call::Call,
    error::{ImportErrorKind, OperatorError},
    operand::{dequantized_input, input_quantization, output_quantization},
    ops::layer::{
        bias::{dequantized_bias, int32_bias},
        exact_gemm,
        linear::{linear, over_rows, requantize},
        weights::{dequantized_weights, gemm_parameters, mat_mul_parameters, q_weights},
    },
    role::Role,
    value::{Activation, Value, Weights},
    views,
};

pub(in crate::import) fn q_linear_mat_mul(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(8, 8)?;
    call.node.attributes.reader().finish()?;
    let input = call.activation(0, Role::Input)?;
    let by = input_quantization(call, input)?;
    let weights = q_weights(call, false, mat_mul_parameters, builder)?;
    let shape = mat_mul_shape(&input.shape, &weights)?;
    let layer = over_rows(linear(call, input, by, by.scale, Rc::new(weights), shape)?, builder)?;
    let (elem, by) = output_quantization(call, 6)?;
    requantize(&layer, elem, by, FloatClamp::NONE, builder).map(Value::Quantized)
}

pub(in crate::import) fn q_gemm(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(6, 9)?;
    let attributes = call.node.attributes.reader();
    let (turned, transposed) = (attributes.flag("transA")?, attributes.flag("transB")?);
    let alpha = positive_alpha(&attributes)?;
    attributes.finish()?;
    let input = &gemm_input(call, call.activation(0, Role::Input)?, turned, builder)?;
    let by = input_quantization(call, input)?;
    let weights = q_weights(call, transposed, gemm_parameters, builder)?;
    let shape = gemm_shape(&input.shape, turned, &weights)?;
    let mut layer = over_rows(linear(call, input, by, alpha * by.scale, Rc::new(weights), shape)?, builder)?;
    if let Some(bias) = call.optional_constant(6, Role::Bias)? {
        layer.bias = Some(int32_bias(bias, &layer)?);
    }
    let (elem, by) = output_quantization(call, 7)?;
    requantize(&layer, elem, by, FloatClamp::NONE, builder).map(Value::Quantized)
}

/// The factor of the product, a part of the accumulator's scale.
fn positive_alpha(attributes: &AttributeReader<'_>) -> Result<f32, ImportErrorKind> {
    let alpha = attributes.float("alpha")?.unwrap_or(1.0);
    if alpha.is_finite() && alpha > 0.0 {
        return Ok(alpha);
    }
    Err(unsupported("alpha", alpha, "a positive number: for a negative one multiply the weights by -1"))
}

/// The input of Gemm with its rows first.
fn gemm_input(
    call: &Call<'_>,
    input: &Activation,
    turned: bool,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    if turned && input.shape.len() == 2 {
        return views::transposed(&call.node.label.name, input, &[1, 0], builder);
    }
    Ok(input.clone())
}

pub(in crate::import) fn gemm(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(if call.node.opset < 11 { 3 } else { 2 }, 3)?;
    let attributes = call.node.attributes.reader();
    let beta = attributes.float("beta")?.unwrap_or(1.0);
    let (turned, transposed) = (attributes.flag("transA")?, attributes.flag("transB")?);
    let alpha = positive_alpha(&attributes)?;
    attributes.finish()?;
    let (input, by) = dequantized_input(call)?;
    let input = &gemm_input(call, input, turned, builder)?;
    let weights = dequantized_weights(call, transposed, builder)?;
    let shape = gemm_shape(&input.shape, turned, &weights)?;
    let mut layer = over_rows(linear(call, input, by, alpha * by.scale, Rc::new(weights), shape)?, builder)?;
    if let Some(bias) = call.optional(2)? {
        if (alpha, beta) != (1.0, 1.0)
            && let Some(sum) = exact_gemm::with_bias(&layer, by.scale, (alpha, beta), bias, builder)?
        {
            return Ok(sum);
        }
        // onnxruntime leaves these in float32.
        if alpha != 1.0 {
            let expected =
                "1 where there is a bias, in QDQ format: multiply the weights by it before quantizing";
            return Err(unsupported("alpha", alpha, expected));
        }
        if beta != 1.0 {
            let expected = "1 where there is a bias: multiply the bias by it before quantizing";
            return Err(unsupported("beta", beta, expected));
        }
        layer.bias = Some(dequantized_bias(call, 2, bias, &layer)?);
    }
    Ok(Value::Linear { layer: Rc::new(layer), clamp: FloatClamp::NONE })
}

pub(in crate::import) fn mat_mul(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    let (input, by) = dequantized_input(call)?;
    let weights = dequantized_weights(call, false, builder)?;
    let shape = mat_mul_shape(&input.shape, &weights)?;
    let layer = over_rows(linear(call, input, by, by.scale, Rc::new(weights), shape)?, builder)?;
    Ok(Value::Linear { layer: Rc::new(layer), clamp: FloatClamp::NONE })
}

/// `[.., rows, inputs] -> [.., rows, outputs]`, and `[inputs] -> [outputs]`.
pub(in crate::import) fn mat_mul_shape(
    input: &[usize],
    weights: &Weights,
) -> Result<Vec<usize>, ImportErrorKind> {
    match input.split_last() {
        Some((&last, leading)) if last == weights.inputs => {
            Ok(leading.iter().copied().chain([weights.outputs]).collect())
        }
        _ => Err(OperatorError::Shape {
            role: "input of the layer",
            got: input.to_vec(),
            expected: format!("[rows, {}], to fit the weights of shape {:?}", weights.inputs, weights.shape),
        }
        .into()),
    }
}

fn gemm_shape(input: &[usize], turned: bool, weights: &Weights) -> Result<Vec<usize>, ImportErrorKind> {
    match input {
        [rows, columns] if *columns == weights.inputs => Ok(vec![*rows, weights.outputs]),
        _ => Err(OperatorError::Shape {
            role: if turned { "input of the layer, transposed by transA," } else { "input of the layer" },
            got: input.to_vec(),
            expected: format!("[rows, {}], to fit the weights of shape {:?}", weights.inputs, weights.shape),
        }
        .into()),
    }
}
