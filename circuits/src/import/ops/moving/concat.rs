//! Concat of integers or between quantizers, and QLinearConcat.

use std::rc::Rc;

use crate::{
    import::{
        affine::{self, FloatClamp},
        attributes::axis_of,
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError},
        limits,
        ops::{constants, function::unary},
        role::Role,
        value::{Activation, Dequantized, Function, Value, Waiting, WaitingForm},
        views,
    },
    ir::{Elem, Quantization},
};

pub(in crate::import) fn concat(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, limits::NODE_VALUES)?;
    let inputs = (0..call.node.inputs.len()).map(|index| call.input(index, Role::Input));
    let inputs: Vec<&Value> = inputs.collect::<Result<_, _>>()?;
    if inputs.iter().all(|input| matches!(input, Value::Constant(_))) {
        return constants::concat(call, builder);
    }
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?.ok_or(OperatorError::MissingAttribute { attribute: "axis" })?;
    attributes.finish()?;
    let axis = axis_of(axis, inputs[0].shape())?;
    if inputs.iter().any(|input| matches!(input, Value::Quantized(_))) {
        let parts = inputs.iter().enumerate().map(|(index, input)| match input {
            Value::Quantized(activation) => Ok(activation.clone()),
            Value::Constant(constant) => views::constant(call, constant, builder),
            other => Err(call.wrong_form(index, Role::Input, other, "an 8-bit tensor like the others")),
        });
        let parts: Vec<Activation> = parts.collect::<Result<_, _>>()?;
        return views::concatenated(&call.node.label.name, &parts, axis, builder).map(Value::Quantized);
    }
    let views = inputs.iter().enumerate().map(|(index, input)| view(call, index, input, builder));
    let views: Vec<View> = views.collect::<Result<_, _>>()?;
    // Equal parameters: a float view of the joined integers.
    if let [View::Dequantized(first), others @ ..] = views.as_slice()
        && others.iter().all(|other| {
            matches!(other, View::Dequantized(other) if (other.by, other.clamp, other.activation.elem) == (first.by, first.clamp, first.activation.elem))
        })
    {
        let parts: Vec<Activation> = views.iter().map(|view| view.activation().clone()).collect();
        let activation = views::concatenated(&call.node.label.name, &parts, axis, builder)?;
        return Ok(Value::Dequantized(Dequantized { activation, ..first.clone() }));
    }
    let mut shape = views[0].activation().shape.clone();
    if let Some(size) = shape.get_mut(axis) {
        *size = views.iter().filter_map(|view| view.activation().shape.get(axis)).sum();
    }
    let parts = views.into_iter().map(View::into_function).collect();
    let form = WaitingForm::Concat { parts, axis };
    let result = Rc::new(Waiting { name: call.node.label.name.clone(), form, shape });
    Ok(Value::Waiting { result, clamp: FloatClamp::NONE })
}

/// A float view of integers.
enum View {
    Dequantized(Dequantized),
    Function(Function),
}

impl View {
    fn activation(&self) -> &Activation {
        match self {
            Self::Dequantized(view) => &view.activation,
            Self::Function(view) => &view.activation,
        }
    }

    fn into_function(self) -> Function {
        match self {
            Self::Dequantized(view) => Function::of(&view, |value| value),
            Self::Function(view) => view,
        }
    }
}

fn view(
    call: &Call<'_>,
    index: usize,
    input: &Value,
    builder: &mut Builder,
) -> Result<View, ImportErrorKind> {
    match input {
        Value::Dequantized(view) => Ok(View::Dequantized(view.clone())),
        Value::Function(view) => Ok(View::Function(view.clone())),
        Value::DequantizedConstant(constant) => {
            let per_tensor = constant.by.slice(0).filter(|_| constant.by.axis.is_none());
            let by = per_tensor.ok_or_else(|| OperatorError::Shape {
                role: "scale or zero point of a constant",
                got: vec![constant.by.scales.len()],
                expected: "one for the whole tensor".to_owned(),
            })?;
            let activation = views::constant(call, &constant.constant, builder)?;
            Ok(View::Dequantized(Dequantized { activation, by, clamp: FloatClamp::NONE }))
        }
        other => Err(call.wrong_form(index, Role::Input, other, "a dequantized 8-bit tensor")),
    }
}

/// Every part quantized by its own table, then joined.
pub(in crate::import) fn requantize(
    (name, parts, axis): (&str, &[Function], usize),
    elem: Elem,
    to: Quantization,
    clamp: FloatClamp,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let parts = parts
        .iter()
        .map(|part| unary::quantize(name, &part.clamped(clamp), elem, to, builder))
        .collect::<Result<Vec<_>, _>>()?;
    views::concatenated(name, &parts, axis, builder)
}

pub(in crate::import) fn q_linear_concat(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(5, limits::NODE_VALUES)?;
    let attributes = call.node.attributes.reader();
    let axis = attributes.int("axis")?.ok_or(OperatorError::MissingAttribute { attribute: "axis" })?;
    attributes.finish()?;
    let (elem, to) =
        affine::activation(call.constant(0, Role::Scale)?, call.constant(1, Role::ZeroPoint)?, "output")?;
    let mut parts = Vec::new();
    for index in (2..call.node.inputs.len()).step_by(3) {
        let activation = match call.input(index, Role::Input)? {
            Value::Quantized(activation) => activation.clone(),
            Value::Constant(constant) => views::constant(call, constant, builder)?,
            other => return Err(call.wrong_form(index, Role::Input, other, "an 8-bit tensor")),
        };
        let (scale, zero_point) =
            (call.constant(index + 1, Role::Scale)?, call.constant(index + 2, Role::ZeroPoint)?);
        let (given, by) = affine::activation(scale, zero_point, "input")?;
        if given != activation.elem {
            return Err(OperatorError::ElementType {
                role: "zero point",
                got: given.name().to_owned(),
                expected: activation.elem.name().to_owned(),
            }
            .into());
        }
        // Equal parameters are copied, not rounded again.
        if (by, given) == (to, elem) {
            parts.push(activation);
            continue;
        }
        let view = Function::of(&Dequantized { activation, by, clamp: FloatClamp::NONE }, |value| value);
        parts.push(unary::quantize(&call.node.label.name, &view, elem, to, builder)?);
    }
    let shape = parts.first().map(|part| part.shape.clone()).unwrap_or_default();
    let axis = axis_of(axis, &shape)?;
    views::concatenated(&call.node.label.name, &parts, axis, builder).map(Value::Quantized)
}
