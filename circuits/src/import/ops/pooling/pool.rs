//! Average over the whole image, and the largest value of windows.

use std::{ops::Range, rc::Rc};

use crate::{
    import::{
        affine::FloatClamp,
        attributes::unsupported,
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, QuantizationError},
        operand::{dequantized_input, input_parameters, parameters},
        ops::{
            layer::{
                linear,
                window::{WindowAttributes, image, result_shape},
            },
            pooling::{average, maximum},
        },
        role::Role,
        value::{
            Activation, Average, AverageWindow, Linear, Operand, Sliding, Value, Waiting, WaitingForm,
            Weights,
        },
        views,
    },
    ir::{Elem, MaxPool, Op, Quantization, Window},
};

/// The factors between sums over an image and results that onnxruntime computes with; others it calls out of range.
const FACTORS: Range<f32> = 1.0 / 4_294_967_296.0..256.0;

pub(in crate::import) fn q_linear_global_average_pool(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(4, 5)?;
    call.expect_zero_points(&[2, 4])?;
    let attributes = call.node.attributes.reader();
    let channels_last = attributes.flag("channels_last")?;
    attributes.finish()?;
    q_average(call, channels_last, None, builder)
}

pub(in crate::import) fn q_linear_average_pool(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(4, 5)?;
    // The last one may be left out, but not left empty.
    call.expect_zero_points(if call.node.inputs.len() == 5 { &[2, 4] } else { &[2] })?;
    let attributes = call.node.attributes.reader();
    let window = WindowAttributes::of_average(&attributes)?;
    let counts_padding = attributes.flag("count_include_pad")?;
    let channels_last = attributes.flag("channels_last")?;
    attributes.finish()?;
    q_average(call, channels_last, Some((&window, counts_padding)), builder)
}

fn q_average(
    call: &Call<'_>,
    channels_last: bool,
    window: Option<(&WindowAttributes<'_>, bool)>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let input = call.activation(0, Role::Input)?;
    let by = input_parameters(call, 1, input)?;
    let (elem, to) = parameters(call, 3, input.elem, Role::Output)?;
    let rank = input.shape.len();
    // With the channels last, they move to axis 1 and the result back.
    let first = if channels_last && rank >= 3 {
        let order: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
        views::transposed(&call.node.label.name, input, &order, builder)?
    } else {
        input.clone()
    };
    let (average, shape) = averaged(call, Operand { activation: first, by }, window, builder)?;
    let named = (call.node.label.name.as_str(), shape.as_slice());
    let pooled = average_layer(named, &average, (elem, to, FloatClamp::NONE), builder)?;
    if channels_last && rank >= 3 {
        let order: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
        let back = views::transposed(&call.node.label.name, &pooled, &order, builder)?;
        return Ok(Value::Quantized(back));
    }
    Ok(Value::Quantized(pooled))
}

/// AveragePool between quantizers.
pub(in crate::import) fn average_pool(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let window = WindowAttributes::of_average(&attributes)?;
    let counts_padding = attributes.flag("count_include_pad")?;
    attributes.finish()?;
    average(call, Some((&window, counts_padding)), builder)
}

/// GlobalAveragePool between quantizers.
pub(in crate::import) fn global_average_pool(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    call.node.attributes.reader().finish()?;
    average(call, None, builder)
}

fn average(
    call: &Call<'_>,
    window: Option<(&WindowAttributes<'_>, bool)>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let (activation, by) = dequantized_input(call)?;
    let operand = Operand { activation: activation.clone(), by };
    let (average, shape) = averaged(call, operand, window, builder)?;
    let form = WaitingForm::Average(average);
    let result = Rc::new(Waiting { name: call.node.label.name.clone(), form, shape });
    Ok(Value::Waiting { result, clamp: FloatClamp::NONE })
}

/// The average over the image, or over the windows if there are some and they are smaller, and the shape of the result.
fn averaged(
    call: &Call<'_>,
    operand: Operand,
    windows: Option<(&WindowAttributes<'_>, bool)>,
    builder: &mut Builder,
) -> Result<(Average, Vec<usize>), ImportErrorKind> {
    let (channels, spatial) = image(&operand.activation.shape)?;
    if let Some((attributes, counts_padding)) = windows {
        let placement = attributes.place(spatial, &attributes.kernel(spatial.len())?)?;
        let activation = placement.crop(&call.node.label.name, &operand.activation, builder)?;
        let window = placement.window;
        expect_reading(&window)?;
        let whole = window.kernel == window.input && window.output == [1, 1] && window.pad == [0, 0];
        if !whole {
            let shape = result_shape(channels, &window, spatial.len())?;
            let operand = Operand { activation, ..operand };
            let windows = Some(AverageWindow { window, counts_padding });
            return Ok((Average { operand, channels, windows }, shape));
        }
    }
    let shape = [1, channels].into_iter().chain(spatial.iter().map(|_| 1)).collect();
    Ok((Average { operand, channels, windows: None }, shape))
}

/// Refuses windows that lie in the padding.
fn expect_reading(window: &Window) -> Result<(), ImportErrorKind> {
    if window.every_output_reads() {
        return Ok(());
    }
    Err(unsupported("pads", format!("{:?}", window.pad), "less padding than the kernel covers"))
}

/// A depthwise convolution with unit weights: `sum x` over the image, scaled by `fl(sx / fl(sy * n))`; or those of
/// smaller windows.
pub(in crate::import) fn average_layer(
    (name, shape): (&str, &[usize]),
    Average { operand, channels, windows }: &Average,
    (elem, to, clamp): (Elem, Quantization, FloatClamp),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    if let Some(windows) = windows {
        return average::averaged((name, shape), operand, windows, (elem, to, clamp), builder);
    }
    let Operand { activation, by } = operand;
    let elements: usize = activation.shape.iter().product();
    let positions = elements / channels;
    builder.budget.spend(elements, size_of::<i16>())?;
    let weights = Weights {
        inputs: positions,
        outputs: *channels,
        elem: Elem::I8,
        shape: vec![*channels, 1, positions],
        centered: vec![1; elements],
        scales: vec![1.0],
        source: None,
    };
    let [.., height, width] = match activation.shape.as_slice() {
        [_, _, length] => [*length, 1],
        [_, _, height, width] => [*height, *width],
        _ => [positions, 1],
    };
    let layer = Linear {
        name: name.to_owned(),
        input: activation.clone(),
        rows: 1,
        sliding: Some(Sliding {
            channels: *channels,
            groups: *channels,
            window: Window {
                input: [height, width],
                output: [1, 1],
                kernel: [height, width],
                stride: [1, 1],
                dilation: [1, 1],
                pad: [0, 0],
            },
        }),
        input_zero_point: by.zero_point,
        weights: Rc::new(weights),
        bias: None,
        accumulator_scales: vec![by.scale],
        shape: shape.to_vec(),
    };
    // The divisor is rounded once, before the division.
    let divided = Quantization { scale: to.scale * positions as f32, ..to };
    let factor = by.scale / divided.scale;
    if !FACTORS.contains(&factor) {
        return Err(QuantizationError::AverageFactor { factor }.into());
    }
    linear::requantize_to(&layer, elem, divided, clamp.quantized(to, elem), builder)
}

/// MaxPool on integers, or between quantizers, which keep their parameters.
pub(in crate::import) fn max_pool(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let window = WindowAttributes::of_max_pool(&attributes)?;
    // The order of the indices, which are a second output.
    attributes.flag("storage_order")?;
    attributes.finish()?;
    call.expect_integers_known_since(12, Role::Input)?;
    maximum::of_largest(call, builder, |activation, builder| pooled(call, activation, &window, builder))
}

fn pooled(
    call: &Call<'_>,
    x: &Activation,
    attributes: &WindowAttributes<'_>,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let (channels, spatial) = image(&x.shape)?;
    let placement = attributes.place(spatial, &attributes.kernel(spatial.len())?)?;
    let name = &call.node.label.name;
    let read = placement.crop(name, x, builder)?;
    let window = placement.window;
    let is_float = !matches!(call.input(0, Role::Input)?, Value::Quantized(_));
    // onnxruntime pools floats then, where its kernel takes no negative padding.
    let is_unfused = call.node.opset < 12 || call.output_uses() > 1;
    if placement.falls_short && window.dilation == [1, 1] && is_float && is_unfused {
        let expected = "windows that reach the whole image, or one reader of the result and opset 12, with which onnxruntime \
                        pools integers: convert the model with onnx.version_converter.convert_version";
        return Err(unsupported("strides", format!("{:?}", window.stride), expected));
    }
    expect_reading(&window)?;
    let shape = result_shape(channels, &window, spatial.len())?;
    let range = builder.range(x);
    builder.clamping(name, Op::MaxPool(MaxPool { channels, window }), &[&read], (x.elem, &shape), range)
}
