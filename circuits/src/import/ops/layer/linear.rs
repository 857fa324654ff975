//! Layers of any kind: their accumulators and how they are quantized.

use std::rc::Rc;

use crate::{
    import::{
        affine::FloatClamp,
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError},
        limits,
        value::{Activation, Linear, Sliding, Weights},
        views,
    },
    ir::{Elem, Quantization, Window},
};

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
        return Err(OperatorError::ElementType {
            role: "weight tensor",
            got: weights.elem.name().to_owned(),
            expected: "int8, since the input is int8, as in onnxruntime".to_owned(),
        }
        .into());
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
        return Err(OperatorError::ElementType {
            role: "output of a layer",
            got: elem.name().to_owned(),
            expected: format!("{} like its input, as in onnxruntime", layer.input.elem.name()),
        }
        .into());
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
