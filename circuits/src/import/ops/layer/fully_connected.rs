//! Fully connected layers: QLinearMatMul, QGemm, and MatMul, Gemm, Add between quantizers.

use std::rc::Rc;

use crate::import::affine::{self, FloatClamp, one_or_indexed};
use crate::import::attributes::{AttributeReader, unsupported};
use crate::import::builder::Builder;
use crate::import::constant::{Constant, Data};
use crate::import::error::ImportErrorKind;
use crate::import::limits;
use crate::import::ops::Call;
use crate::import::ops::layer::arithmetic::{self, Operator};
use crate::import::value::{Activation, Dequantized, DequantizedConstant, Linear, Sliding, Value, Weights};
use crate::import::views;
use crate::ir::{Elem, Quantization, Window};

/// Largest relative difference of a bias scale from input scale times weight scale: quantizers compute the product
/// in double precision or round its factors once more.
const BIAS_SCALE_TOLERANCE: f32 = 1.0 / (1 << 20) as f32;

pub(in crate::import) fn q_linear_mat_mul(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(8, 8)?;
    call.node.attributes.reader().finish()?;
    let input = call.activation(0, "input")?;
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
    let input = &gemm_input(call, call.activation(0, "input")?, turned, builder)?;
    let by = input_quantization(call, input)?;
    let weights = q_weights(call, transposed, gemm_parameters, builder)?;
    let shape = gemm_shape(&input.shape, turned, &weights)?;
    let mut layer = over_rows(linear(call, input, by, alpha * by.scale, Rc::new(weights), shape)?, builder)?;
    if let Some(bias) = call.optional_constant(6, "bias")? {
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

/// The bias of a MatMul, on either side, or two tensors.
pub(in crate::import) fn add(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    if let Some(value) = arithmetic::with_constant(call, Operator::Add, builder)? {
        return Ok(value);
    }
    let sides = [call.input(0, "left addend")?, call.input(1, "right addend")?];
    if !sides.into_iter().any(|side| matches!(side, Value::Linear { .. })) {
        return crate::import::ops::sum::elementwise::add(call, builder);
    }
    if !sides.into_iter().any(Value::is_constant) {
        return Err(ImportErrorKind::ActivationAddition { left: call.name(0), right: call.name(1) });
    }
    let (layer, clamp, bias, bias_index) = match sides {
        [Value::Linear { layer, clamp }, bias] if layer.is_dense() => (layer, clamp, bias, 1),
        [bias, Value::Linear { layer, clamp }] if layer.is_dense() => (layer, clamp, bias, 0),
        [left, _] => return Err(ImportErrorKind::Addend { name: call.name(0), found: left.describe() }),
    };
    if layer.bias.is_some() || *clamp != FloatClamp::NONE {
        let found = "the float32 result of a layer with bias, Relu or Clip";
        return Err(ImportErrorKind::Addend { name: call.name(1 - bias_index), found });
    }
    let bias = dequantized_bias(call, bias_index, bias, layer)?;
    let layer = Linear { bias: Some(bias), ..(**layer).clone() };
    Ok(Value::Linear { layer: Rc::new(layer), clamp: FloatClamp::NONE })
}

/// Quantizes the accumulators of a layer.
pub(in crate::import) fn requantize(
    layer: &Linear,
    elem: Elem,
    by: Quantization,
    clamp: FloatClamp,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    requantize_to(layer, elem, by, clamp.quantized(by, elem), builder)
}

/// Quantizes the accumulators of a layer and clamps the integers to a range.
pub(in crate::import) fn requantize_to(
    layer: &Linear,
    elem: Elem,
    by: Quantization,
    range: (i32, i32),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    if elem != layer.input.elem {
        return Err(ImportErrorKind::ElementType {
            role: "output of a layer",
            got: elem.name().to_owned(),
            expected: format!("{} like its input, as in onnxruntime", layer.input.elem.name()),
        });
    }
    let result = builder.linear(layer, elem, by, range)?;
    in_rows(layer, result, builder)
}

/// The result of a layer on several rows, which is computed channel by channel, row by row.
pub(in crate::import) fn in_rows(
    layer: &Linear,
    result: Activation,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    if layer.rows == 1 {
        return Ok(result);
    }
    let channels = Activation { shape: vec![layer.weights.outputs, layer.rows], ..result };
    let rows = views::transposed(&layer.name, &channels, &[1, 0], builder)?;
    Ok(Activation { shape: layer.shape.clone(), ..rows })
}

/// Inputs 1 and 2 of the QOperator forms.
pub(in crate::import) fn input_quantization(
    call: &Call<'_>,
    input: &Activation,
) -> Result<Quantization, ImportErrorKind> {
    let scale = call.constant(1, "input scale")?;
    let zero_point = call.constant(2, "input zero point")?;
    let (elem, by) = affine::activation(scale, zero_point, "input")?;
    if elem == input.elem {
        return Ok(by);
    }
    Err(ImportErrorKind::ElementType {
        role: "zero point",
        got: elem.name().to_owned(),
        expected: input.elem.name().to_owned(),
    })
}

pub(in crate::import) fn output_quantization(
    call: &Call<'_>,
    index: usize,
) -> Result<(Elem, Quantization), ImportErrorKind> {
    let scale = call.constant(index, "output scale")?;
    let zero_point = call.constant(index + 1, "output zero point")?;
    affine::activation(scale, zero_point, "output")
}

/// Checks the shapes of a weight scale and zero point against the number of outputs.
type CheckParameters = fn(&Constant, &Constant, usize) -> Result<(), ImportErrorKind>;

/// What onnxruntime's QLinearMatMul takes: each of the two is one element, one per output, or a row of one per output.
fn mat_mul_parameters(
    scale: &Constant,
    zero_point: &Constant,
    outputs: usize,
) -> Result<(), ImportErrorKind> {
    for parameter in [scale, zero_point] {
        let per_output = matches!(parameter.shape.as_slice(), [size] | [1, size] if *size == outputs);
        if !per_output && !parameter.is_single() {
            return Err(ImportErrorKind::Shape {
                role: "weight scale or zero point",
                got: parameter.shape.clone(),
                expected: format!("[] or [1] for all outputs, or [{outputs}] for one per output"),
            });
        }
    }
    Ok(())
}

/// What onnxruntime's QGemm takes: both are one element, or both are one per output, in equal shapes.
fn gemm_parameters(scale: &Constant, zero_point: &Constant, outputs: usize) -> Result<(), ImportErrorKind> {
    if !scale.is_single() && scale.shape != [outputs] {
        return Err(ImportErrorKind::Shape {
            role: "weight scale",
            got: scale.shape.clone(),
            expected: format!("[] or [1] for all outputs, or [{outputs}] for one per output"),
        });
    }
    if zero_point.shape != scale.shape {
        return Err(ImportErrorKind::Shape {
            role: "weight zero point",
            got: zero_point.shape.clone(),
            expected: format!("{:?} like the weight scale", scale.shape),
        });
    }
    Ok(())
}

/// Inputs 3, 4 and 5 of the QOperator forms.
fn q_weights(
    call: &Call<'_>,
    transposed: bool,
    check: CheckParameters,
    builder: &mut Builder,
) -> Result<Weights, ImportErrorKind> {
    let constant = call.constant(3, "weights")?;
    let scale = call.constant(4, "weight scale")?;
    let zero_point = call.constant(5, "weight zero point")?;
    let form = WeightForm::new(constant, transposed)?;
    if constant.data.data_type() != zero_point.data.data_type() {
        return Err(ImportErrorKind::ElementType {
            role: "weight zero point",
            got: zero_point.type_name(),
            expected: constant.type_name(),
        });
    }
    check(scale, zero_point, form.outputs)?;
    let scales = affine::scales(scale, "weights", &mut builder.budget)?;
    let zero_points = affine::zero_points(zero_point, &mut builder.budget)?;
    form.center(constant, scales, &zero_points, builder)
}

/// One element, or one per column of a row vector.
fn broadcasts_to_row(shape: &[usize], columns: usize) -> bool {
    let ones = shape.iter().rev().skip(1).all(|&dim| dim == 1);
    ones && shape.len() <= 2 && shape.last().is_none_or(|&dim| dim == 1 || dim == columns)
}

pub(in crate::import) fn dequantized_input<'a>(
    call: &Call<'a>,
) -> Result<(&'a Activation, Quantization), ImportErrorKind> {
    match call.input(0, "input")? {
        Value::Dequantized(Dequantized { activation, by, clamp }) if *clamp == FloatClamp::NONE => {
            Ok((activation, *by))
        }
        other => Err(call.wrong_form(0, "input", other, "a dequantized activation")),
    }
}

fn dequantized_weights(
    call: &Call<'_>,
    transposed: bool,
    builder: &mut Builder,
) -> Result<Weights, ImportErrorKind> {
    let dequantized = match call.input(1, "weights")? {
        Value::DequantizedConstant(dequantized) => dequantized,
        other => return Err(call.wrong_form(1, "weights", other, "a dequantized int8 or uint8 constant")),
    };
    let DequantizedConstant { constant, by } = &**dequantized;
    let form = WeightForm::new(constant, transposed)?;
    let output_axis = usize::from(!transposed);
    if by.axis.is_some_and(|axis| axis != output_axis) {
        return Err(ImportErrorKind::Shape {
            role: "weight scale",
            got: vec![by.scales.len()],
            expected: format!("one, or one per output, which is axis {output_axis} of the weights"),
        });
    }
    builder.budget.spend(by.scales.len(), size_of::<f32>())?;
    form.center(constant, by.scales.clone(), &by.zero_points, builder)
}

/// How a weight constant is laid out.
pub(in crate::import) struct WeightForm {
    inputs: usize,
    pub(in crate::import) outputs: usize,
    elem: Elem,
    /// `[outputs][inputs]` instead of `[inputs][outputs]`.
    transposed: bool,
}

impl WeightForm {
    pub(in crate::import) fn new(constant: &Constant, transposed: bool) -> Result<Self, ImportErrorKind> {
        let Some(elem) = constant.data.elem() else {
            return Err(ImportErrorKind::ElementType {
                role: "weight tensor",
                got: constant.type_name(),
                expected: "int8 or uint8".to_owned(),
            });
        };
        limits::elements("the weights", &constant.shape)?;
        match (constant.shape.as_slice(), transposed) {
            (&[outputs, inputs], true) | (&[inputs, outputs], false) => {
                Ok(Self { inputs, outputs, elem, transposed })
            }
            _ => Err(ImportErrorKind::Shape {
                role: "weight tensor",
                got: constant.shape.clone(),
                expected: "two dimensions".to_owned(),
            }),
        }
    }

    /// Subtracts the zero points and brings the weights into `[outputs][inputs]` order.
    pub(in crate::import) fn center(
        self,
        constant: &Constant,
        scales: Vec<f32>,
        zero_points: &[i32],
        builder: &mut Builder,
    ) -> Result<Weights, ImportErrorKind> {
        let Self { inputs, outputs, elem, transposed } = self;
        builder.budget.spend_on_weights(&constant.data)?;
        let (output_stride, input_stride) = if transposed { (inputs, 1) } else { (1, outputs) };
        let mut centered = Vec::with_capacity(constant.data.len());
        for output in 0..outputs {
            let zero_point = one_or_indexed(zero_points, output).copied().unwrap_or(0);
            let row = (0..inputs).filter_map(|input| {
                let weight = constant.data.integer(output * output_stride + input * input_stride)?;
                // Two 8-bit values of one type differ by at most 255.
                Some((weight - zero_point) as i16)
            });
            centered.extend(row);
        }
        let source = Some(constant.data.clone());
        Ok(Weights { inputs, outputs, elem, shape: constant.shape.clone(), centered, scales, source })
    }
}

/// The layer without bias, its accumulators scaled; `input_factor` is the part of the input in the accumulator's scale.
pub(in crate::import) fn linear(
    call: &Call<'_>,
    input: &Activation,
    by: Quantization,
    input_factor: f32,
    weights: Rc<Weights>,
    shape: Vec<usize>,
) -> Result<Linear, ImportErrorKind> {
    expect_weight_type(input, &weights)?;
    let scales = weights.scales.iter().map(|scale| input_factor * scale).collect();
    layer(call, (input, by.zero_point), weights, scales, shape)
}

/// QOperator kernels have no uint8 weights for int8 inputs.
pub(in crate::import) fn expect_weight_type(
    input: &Activation,
    weights: &Weights,
) -> Result<(), ImportErrorKind> {
    if input.elem == Elem::I8 && weights.elem == Elem::U8 {
        return Err(ImportErrorKind::ElementType {
            role: "weight tensor",
            got: weights.elem.name().to_owned(),
            expected: "int8, since the input is int8, as in onnxruntime".to_owned(),
        });
    }
    Ok(())
}

/// The layer without bias.
pub(in crate::import) fn layer(
    call: &Call<'_>,
    (input, input_zero_point): (&Activation, i32),
    weights: Rc<Weights>,
    accumulator_scales: Vec<f32>,
    shape: Vec<usize>,
) -> Result<Linear, ImportErrorKind> {
    limits::elements("the result", &shape)?;
    Ok(Linear {
        name: call.node.label.name.clone(),
        input: input.clone(),
        rows: 1,
        sliding: None,
        input_zero_point,
        accumulator_scales,
        weights,
        bias: None,
        shape,
    })
}

/// The layer on several rows: a convolution with one tap over an image whose channels are the columns.
pub(in crate::import) fn over_rows(layer: Linear, builder: &mut Builder) -> Result<Linear, ImportErrorKind> {
    let Weights { inputs, outputs, .. } = *layer.weights;
    let rows = layer.shape.iter().product::<usize>() / outputs;
    if rows == 1 {
        return Ok(layer);
    }
    let matrix = Activation { shape: vec![rows, inputs], ..layer.input.clone() };
    let window = Window {
        input: [rows, 1],
        output: [rows, 1],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
    };
    Ok(Linear {
        input: views::transposed(&layer.name, &matrix, &[1, 0], builder)?,
        rows,
        sliding: Some(Sliding { channels: inputs, groups: 1, window }),
        ..layer
    })
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
        _ => Err(ImportErrorKind::Shape {
            role: "input of the layer",
            got: input.to_vec(),
            expected: format!("[rows, {}], to fit the weights of shape {:?}", weights.inputs, weights.shape),
        }),
    }
}

fn gemm_shape(input: &[usize], turned: bool, weights: &Weights) -> Result<Vec<usize>, ImportErrorKind> {
    match input {
        [rows, columns] if *columns == weights.inputs => Ok(vec![*rows, weights.outputs]),
        _ => Err(ImportErrorKind::Shape {
            role: if turned { "input of the layer, transposed by transA," } else { "input of the layer" },
            got: input.to_vec(),
            expected: format!("[rows, {}], to fit the weights of shape {:?}", weights.inputs, weights.shape),
        }),
    }
}

/// One int32 per output from a constant that broadcasts to the result.
pub(in crate::import) fn int32_bias(bias: &Constant, layer: &Linear) -> Result<Vec<i32>, ImportErrorKind> {
    let outputs = layer.weights.outputs;
    let Data::Int32(values) = &*bias.data else {
        return Err(ImportErrorKind::ElementType {
            role: "bias",
            got: bias.type_name(),
            expected: "int32".to_owned(),
        });
    };
    let per_output = (0..outputs).map(|output| one_or_indexed(values, output).copied()).collect();
    match per_output {
        Some(per_output)
            if bias.shape.len() <= layer.shape.len() && broadcasts_to_row(&bias.shape, outputs) =>
        {
            Ok(per_output)
        }
        _ => Err(ImportErrorKind::Shape {
            role: "bias",
            got: bias.shape.clone(),
            expected: format!("[{outputs}]"),
        }),
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
        Value::Constant(_) => return Err(ImportErrorKind::FloatBias { name: call.name(index) }),
        other => return Err(call.wrong_form(index, "bias", other, "a dequantized int32 constant")),
    };
    let values = int32_bias(constant, layer)?;
    if let Some(&zero_point) = by.zero_points.iter().find(|&&zero_point| zero_point != 0) {
        return Err(ImportErrorKind::BiasZeroPoint { zero_point });
    }
    for channel in 0..layer.weights.outputs {
        let got = one_or_indexed(&by.scales, channel).copied().unwrap_or(f32::NAN);
        let expected = one_or_indexed(&layer.accumulator_scales, channel).copied().unwrap_or(f32::NAN);
        let close = (got - expected).abs() <= expected * BIAS_SCALE_TOLERANCE;
        if !close {
            return Err(ImportErrorKind::BiasScale { channel, got, expected });
        }
    }
    Ok(values)
}
