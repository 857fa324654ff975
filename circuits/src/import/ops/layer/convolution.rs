//! Convolutions: QLinearConv, and Conv between quantizers.

use std::rc::Rc;

use crate::{
    import::{
        affine::{self, FloatClamp, one_or_indexed},
        builder::Builder,
        call::Call,
        constant::Constant,
        error::{ImportErrorKind, OperatorError},
        limits,
        operand::{dequantized_input, input_quantization, output_quantization},
        ops::layer::{
            bias::{dequantized_bias, int32_bias},
            linear,
            weights::{expect_type_of, q_constants},
            window::{WindowAttributes, image, result_shape},
        },
        role::Role,
        value::{Activation, DequantizedConstant, Linear, Sliding, Value, Weights},
    },
    ir::Quantization,
};

pub(in crate::import) fn q_linear_conv(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(8, 9)?;
    let attributes = Attributes::read(call)?;
    let input = call.activation(0, Role::Input)?;
    let by = input_quantization(call, input)?;
    let [constant, scale, zero_point] = q_constants(call)?;
    expect_type_of(constant, zero_point)?;
    let outputs = constant.shape.first().copied().unwrap_or(0);
    for parameter in [scale, zero_point] {
        if !parameter.is_single() && parameter.shape != [outputs] {
            return Err(OperatorError::Shape {
                role: "weight scale or zero point",
                got: parameter.shape.clone(),
                expected: format!("[] or [1] for all channels, or [{outputs}] for one per output channel"),
            }
            .into());
        }
    }
    let scales = affine::scales(scale, "weights", &mut builder.budget)?;
    let zero_points = affine::zero_points(zero_point, &mut builder.budget)?;
    let weights = center(constant, scales, &zero_points, builder)?;
    let mut layer = scaled(call, &attributes, (input, by), weights, builder)?;
    if let Some(bias) = call.optional_constant(8, Role::Bias)? {
        layer.bias = Some(channel_bias(bias, &layer, |bias| int32_bias(bias, &layer))?);
    }
    let (elem, by) = output_quantization(call, 6)?;
    linear::requantize(&layer, elem, by, FloatClamp::NONE, builder).map(Value::Quantized)
}

pub(in crate::import) fn conv(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 3)?;
    let attributes = Attributes::read(call)?;
    let input = dequantized_input(call)?;
    let dequantized = match call.input(1, Role::Weights)? {
        Value::DequantizedConstant(dequantized) => dequantized,
        other => {
            return Err(call.wrong_form(1, Role::Weights, other, "a dequantized int8 or uint8 constant"));
        }
    };
    let DequantizedConstant { constant, by } = &**dequantized;
    if by.axis.is_some_and(|axis| axis != 0) {
        return Err(OperatorError::Shape {
            role: "weight scale",
            got: vec![by.scales.len()],
            expected: "one, or one per output channel, which is axis 0 of the weights".to_owned(),
        }
        .into());
    }
    builder.budget.spend(by.scales.len(), size_of::<f32>())?;
    let weights = center(constant, by.scales.clone(), &by.zero_points, builder)?;
    let mut layer = scaled(call, &attributes, input, weights, builder)?;
    if let Some(bias) = call.optional(2)? {
        let values = dequantized_bias(call, 2, bias, &layer)?;
        if let Value::DequantizedConstant(bias) = bias {
            channel_bias(&bias.constant, &layer, |_| Ok(()))?;
        }
        layer.bias = Some(values);
    }
    Ok(Value::Linear { layer: Rc::new(layer), clamp: FloatClamp::NONE })
}

pub(in crate::import) struct Attributes<'a> {
    window: WindowAttributes<'a>,
    groups: i64,
}

impl<'a> Attributes<'a> {
    pub(in crate::import) fn read(call: &Call<'a>) -> Result<Self, ImportErrorKind> {
        let attributes = call.node.attributes.reader();
        let window = WindowAttributes::of_convolution(&attributes)?;
        let groups = attributes.int("group")?.unwrap_or(1);
        attributes.finish()?;
        Ok(Self { window, groups })
    }
}

/// Subtracts the zero points; the weights of a convolution are in the order of the intermediate representation.
pub(in crate::import) fn center(
    constant: &Constant,
    scales: Vec<f32>,
    zero_points: &[i32],
    builder: &mut Builder,
) -> Result<Weights, ImportErrorKind> {
    let Some(elem) = constant.data.elem() else {
        return Err(OperatorError::ElementType {
            role: "weight tensor",
            got: constant.type_name(),
            expected: "int8 or uint8".to_owned(),
        }
        .into());
    };
    let count = limits::elements("the weights", &constant.shape)?;
    let Some((&outputs, rest)) =
        constant.shape.split_first().filter(|(_, rest)| (2..=3).contains(&rest.len()))
    else {
        return Err(OperatorError::Shape {
            role: "weight tensor",
            got: constant.shape.clone(),
            expected:
                "[channels, channels per group, height, width] or [channels, channels per group, length]: volumes are not \
                 supported, use 2-D Conv with the depth among the channels"
                    .to_owned(),
        }.into());
    };
    let inputs = rest.iter().product();
    builder.budget.spend_on_weights(&constant.data)?;
    let centered = (0..count)
        .filter_map(|index| {
            let zero_point = one_or_indexed(zero_points, index / inputs).copied().unwrap_or(0);
            // Two 8-bit values of one type differ by at most 255.
            Some((constant.data.integer(index)? - zero_point) as i16)
        })
        .collect();
    let source = Some(constant.data.clone());
    Ok(Weights { inputs, outputs, elem, shape: constant.shape.clone(), centered, scales, source })
}

/// The layer without bias, its accumulators scaled by input scale times weight scale.
fn scaled(
    call: &Call<'_>,
    attributes: &Attributes<'_>,
    (input, by): (&Activation, Quantization),
    weights: Weights,
    builder: &mut Builder,
) -> Result<Linear, ImportErrorKind> {
    linear::expect_weight_type(input, &weights)?;
    let scales = weights.scales.iter().map(|scale| by.scale * scale).collect();
    convolution(call, attributes, (input, by.zero_point), weights, scales, builder)
}

/// The layer without bias.
pub(in crate::import) fn convolution(
    call: &Call<'_>,
    attributes: &Attributes<'_>,
    (input, zero_point): (&Activation, i32),
    weights: Weights,
    accumulator_scales: Vec<f32>,
    builder: &mut Builder,
) -> Result<Linear, ImportErrorKind> {
    let (channels, spatial) = image(&input.shape)?;
    let kernel = weights.shape.get(2..).unwrap_or_default();
    let per_group = weights.shape.get(1).copied().unwrap_or(0);
    let groups = usize::try_from(attributes.groups).unwrap_or(0);
    let fits = groups > 0
        && per_group.checked_mul(groups) == Some(channels)
        && weights.outputs.is_multiple_of(groups)
        && kernel.len() == spatial.len();
    if !fits {
        return Err(OperatorError::Shape {
            role: "weight tensor",
            got: weights.shape,
            expected: format!(
                "one that fits an input of shape {:?} in {} groups: [channels, {channels} / groups, kernel]",
                input.shape, attributes.groups
            ),
        }
        .into());
    }
    attributes.window.expect_kernel(kernel)?;
    let placement = attributes.window.place(spatial, kernel)?;
    let read = placement.crop(&call.node.label.name, input, builder)?;
    let window = placement.window;
    let shape = result_shape(weights.outputs, &window, spatial.len())?;
    let weights = Rc::new(weights);
    let layer = linear::layer(call, (&read, zero_point), weights, accumulator_scales, shape)?;
    Ok(Linear { sliding: Some(Sliding { channels, groups, window }), ..layer })
}

/// What is read from a bias that has one element per output channel.
fn channel_bias<T>(
    bias: &Constant,
    layer: &Linear,
    read: impl FnOnce(&Constant) -> Result<T, ImportErrorKind>,
) -> Result<T, ImportErrorKind> {
    if bias.shape != [layer.weights.outputs] {
        return Err(OperatorError::Shape {
            role: "bias",
            got: bias.shape.clone(),
            expected: format!("[{}]", layer.weights.outputs),
        }
        .into());
    }
    read(bias)
}
