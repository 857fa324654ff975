//! QuantizeLinear and DequantizeLinear.

use std::rc::Rc;

use crate::{
    import::{
        affine::{self, AxisQuantization, FloatClamp},
        attributes::unsupported,
        builder::Builder,
        call::Call,
        constant::{Constant, Data},
        error::{ImportErrorKind, OperatorError, QuantizationError},
        graph::Domain,
        ops::{
            ends::{
                pairs::{expect_clip_to_stay, expect_single_pair},
                softmax,
            },
            function::unary,
            layer::{arithmetic, linear},
        },
        proto::data_type,
        role::Role,
        value::{Dequantized, DequantizedConstant, Function, Value, ZeroPoint},
        waiting,
    },
    ir::{Elem, Quantization, Source, Tail},
};

pub(in crate::import) fn quantize_linear(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 3)?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?;
    let output_type = attributes.int("output_dtype")?.unwrap_or(0);
    attributes.only_int("block_size", 0)?;
    // Both only concern other types: float8 targets, and a scale of another precision.
    attributes.flag("saturate")?;
    attributes.only_int("precision", 0)?;
    attributes.finish()?;

    let x = call.input(0, Role::Input)?;
    let scale = call.constant(1, Role::Scale)?;
    let zero_point = match call.optional_constant(2, Role::ZeroPoint)? {
        Some(zero_point) => zero_point.clone(),
        None => default_zero_point(scale, output_type)?,
    };
    if output_type != 0 && output_type != i64::from(zero_point.data.data_type()) {
        return Err(unsupported("output_dtype", output_type, "the type of the zero point"));
    }
    if let Value::Constant(constant) = x {
        return fold_quantize(call, constant, scale, &zero_point, axis, builder).map(Value::Constant);
    }
    let (elem, by) = affine::activation(scale, &zero_point, "output")?;
    expect_clip_to_stay(call, by)?;
    match x {
        Value::FloatInput { input, shape, moved } => {
            let from = moved.as_ref().map_or(shape, |moved| &moved.from);
            let quantized = builder.quantize_input(*input, elem, by, from)?;
            let Some(moved) = moved else { return Ok(Value::Quantized(quantized)) };
            let sources = moved.elements.iter().map(|&element| Source::Element { input: 0, element });
            let name = &call.node.label.name;
            builder.rearrange(name, &[&quantized], (elem, shape.clone()), sources).map(Value::Quantized)
        }
        Value::Function(function) => {
            unary::quantize(&call.node.label.name, function, elem, by, builder).map(Value::Quantized)
        }
        Value::Linear { layer, clamp } => {
            linear::requantize(layer, elem, by, *clamp, builder).map(Value::Quantized)
        }
        Value::Arithmetic(arithmetic) => {
            arithmetic::quantize(arithmetic, (elem, by, ZeroPoint::AfterRounding), builder)
                .map(Value::Quantized)
        }
        Value::Waiting { result, clamp } => {
            waiting::quantized(result, elem, by, *clamp, builder).map(Value::Quantized)
        }
        Value::Tail { activation, tail } => match tail.as_slice() {
            // A quantized Softmax that was moved between its pair and an equal one.
            [softmax @ Tail::QuantizedSoftmax { to, elem: of, .. }, Tail::Dequantize(from)]
                if (to, of) == (&by, &elem) && from == to && affine::round_trips(by, elem) =>
            {
                Ok(Value::Tail { activation: activation.clone(), tail: vec![softmax.clone()] })
            }
            _ => softmax::quantized_softmax(call, activation, tail, elem, by),
        },
        Value::Dequantized(dequantized) => quantize_again(call, dequantized, elem, by, builder),
        other => Err(call.wrong_form(0, Role::Input, other, "a float32 tensor behind a quantized operator")),
    }
}

/// Quantizing with the parameters that the integers had is the identity, and a clamp if there was one between; with
/// others it is a table.
fn quantize_again(
    call: &Call<'_>,
    dequantized: &Dequantized,
    elem: Elem,
    by: Quantization,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let Dequantized { activation, by: from, clamp } = dequantized;
    let name = &call.node.label.name;
    if (*from, activation.elem) == (by, elem) && affine::round_trips(by, elem) {
        return builder.clamped(name, activation, clamp.quantized(by, elem)).map(Value::Quantized);
    }
    let view = Function::of(dequantized, |value| value);
    unary::quantize(name, &view, elem, by, builder).map(Value::Quantized)
}

/// Without a zero point it is 0 of the type that `output_dtype` names, uint8 unless told.
fn default_zero_point(scale: &Constant, output_type: i64) -> Result<Constant, ImportErrorKind> {
    let count = scale.data.len();
    let data = if output_type == 0 || output_type == i64::from(data_type::UINT8) {
        Data::Uint8(vec![0; count])
    } else if output_type == i64::from(data_type::INT8) {
        Data::Int8(vec![0; count])
    } else {
        return Err(unsupported("output_dtype", output_type, "int8 (3) or uint8 (2)"));
    };
    Ok(Constant::new(scale.shape.clone(), data))
}

fn fold_quantize(
    call: &Call<'_>,
    constant: &Constant,
    scale: &Constant,
    zero_point: &Constant,
    axis: Option<i64>,
    builder: &mut Builder,
) -> Result<Constant, ImportErrorKind> {
    let Data::Float(values) = &*constant.data else {
        return Err(OperatorError::ElementType {
            role: "input",
            got: constant.type_name(),
            expected: data_type::name(data_type::FLOAT),
        }
        .into());
    };
    if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
        return Err(QuantizationError::NotANumber { role: "constant", value }.into());
    }
    let Some(elem) = zero_point.data.elem() else {
        return Err(OperatorError::ElementType {
            role: "zero point",
            got: zero_point.type_name(),
            expected: "int8 or uint8".to_owned(),
        }
        .into());
    };
    let by = axis_quantization(call, &constant.shape, scale, zero_point, axis, builder)?;
    builder.budget.spend(values.len(), size_of::<u8>())?;
    let quantized = values.iter().enumerate().map(|(index, &value)| {
        let by = by.of_element(&constant.shape, index)?;
        Some(affine::quantize(value, by, elem))
    });
    // Every value lies in the type and every slice has its parameters, so nothing is cut or left out.
    let data = match elem {
        Elem::I8 => Data::Int8(quantized.flatten().map(|q| q as i8).collect()),
        Elem::U8 => Data::Uint8(quantized.flatten().map(|q| q as u8).collect()),
    };
    Ok(Constant::new(constant.shape.clone(), data))
}

pub(in crate::import) fn dequantize_linear(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 3)?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?;
    attributes.only_int("block_size", 0)?;
    match attributes.int("output_dtype")?.unwrap_or(0) {
        0 => {}
        float if float == i64::from(data_type::FLOAT) => {}
        other => return Err(unsupported("output_dtype", other, "float32 (1)")),
    }
    attributes.finish()?;

    let scale = call.constant(1, Role::Scale)?;
    let zero_point = call.optional_constant(2, Role::ZeroPoint)?;
    match call.input(0, Role::Input)? {
        Value::Constant(constant) => {
            let zero_point = match zero_point {
                Some(zero_point) => zero_point.clone(),
                None => zeros(&constant.data, scale)?,
            };
            expect_type(Role::ZeroPoint, &zero_point, constant.data.data_type())?;
            let by = axis_quantization(call, &constant.shape, scale, &zero_point, axis, builder)?;
            let constant = constant.clone();
            Ok(Value::DequantizedConstant(Rc::new(DequantizedConstant { constant, by })))
        }
        Value::Quantized(activation) => {
            expect_single_pair(call)?;
            let zero = Constant::zero(activation.elem);
            let zero_point = zero_point.unwrap_or(&zero);
            expect_type(Role::ZeroPoint, zero_point, zero.data.data_type())?;
            let (_, by) = affine::activation(scale, zero_point, "input")?;
            Ok(Value::Dequantized(Dequantized {
                activation: activation.clone(),
                by,
                clamp: FloatClamp::NONE,
            }))
        }
        Value::Tail { activation, tail: softmax } => {
            let &[Tail::QuantizedSoftmax { elem, .. }] = softmax.as_slice() else {
                return Err(OperatorError::SoftmaxInside { role: "input", name: call.name(0) }.into());
            };
            let zero = Constant::zero(elem);
            let zero_point = zero_point.unwrap_or(&zero);
            expect_type(Role::ZeroPoint, zero_point, zero.data.data_type())?;
            let (_, by) = affine::activation(scale, zero_point, "input")?;
            let tail = softmax.iter().cloned().chain([Tail::Dequantize(by)]).collect();
            Ok(Value::Tail { activation: activation.clone(), tail })
        }
        other => Err(call.wrong_form(0, Role::Input, other, "an integer tensor")),
    }
}

/// Zero points of the type of the data, as many as scales.
fn zeros(data: &Data, scale: &Constant) -> Result<Constant, ImportErrorKind> {
    let count = scale.data.len();
    let zeros = match data {
        Data::Int8(_) => Data::Int8(vec![0; count]),
        Data::Uint8(_) => Data::Uint8(vec![0; count]),
        Data::Int32(_) => Data::Int32(vec![0; count]),
        other => {
            return Err(OperatorError::ElementType {
                role: "input",
                got: data_type::name(other.data_type()),
                expected: "int8, uint8 or int32".to_owned(),
            }
            .into());
        }
    };
    Ok(Constant::new(scale.shape.clone(), zeros))
}

fn expect_type(role: Role, constant: &Constant, expected: i32) -> Result<(), ImportErrorKind> {
    if constant.data.data_type() == expected {
        return Ok(());
    }
    let expected = data_type::name(expected);
    Err(OperatorError::ElementType { role: role.text(), got: constant.type_name(), expected }.into())
}

/// The parameters of a constant: one pair, or a list along an axis as long as the constant is there.
fn axis_quantization(
    call: &Call<'_>,
    shape: &[usize],
    scale: &Constant,
    zero_point: &Constant,
    axis: Option<i64>,
    builder: &mut Builder,
) -> Result<AxisQuantization, ImportErrorKind> {
    let scales = affine::scales(scale, "constant", &mut builder.budget)?;
    let zero_points = affine::zero_points(zero_point, &mut builder.budget)?;
    if scales.len() == 1 && zero_points.len() == 1 {
        if let Some(other) = [scale, zero_point].into_iter().find(|parameter| !parameter.is_single()) {
            return Err(OperatorError::Shape {
                role: "scale or zero point of a constant",
                got: other.shape.clone(),
                expected: "[] or [1]".to_owned(),
            }
            .into());
        }
        return Ok(AxisQuantization { scales, zero_points, axis: None });
    }
    let default = if call.node.domain == Domain::Onnx && call.node.opset >= 13 { Some(1) } else { None };
    let axis = axis.or(default).ok_or(OperatorError::MissingAttribute { attribute: "axis" })?;
    let index = crate::import::attributes::axis_index(axis, shape.len())
        .ok_or_else(|| unsupported("axis", axis, &format!("an axis of shape {shape:?}")))?;
    for parameter in [scale, zero_point] {
        if parameter.shape != shape[index..=index] {
            return Err(OperatorError::Shape {
                role: "scale or zero point of a constant",
                got: parameter.shape.clone(),
                expected: format!("one, or {:?} for axis {axis} of shape {shape:?}", &shape[index..=index]),
            }
            .into());
        }
    }
    Ok(AxisQuantization { scales, zero_points, axis: Some(index) })
}
