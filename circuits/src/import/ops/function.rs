//! Functions of one value between quantizers, and their 8-bit forms: tables of 256 entries.

use std::rc::Rc;

use super::super::affine::{self, FloatClamp};
use super::super::attributes::unsupported;
use super::super::builder::Builder;
use super::super::error::ImportErrorKind;
use super::super::functions;
use super::super::value::{Activation, Dequantized, Function, Value};
use super::Call;
use super::elementwise::{input_parameters, parameters};
use crate::ir::{Elem, Quantization};

/// Applies a float function to the input.
fn apply(call: &Call<'_>, function: impl Fn(f32) -> f32) -> Result<Value, ImportErrorKind> {
    apply_to(call, 0, function)
}

/// Applies a float function to an input of the node.
pub(super) fn apply_to(
    call: &Call<'_>,
    index: usize,
    function: impl Fn(f32) -> f32,
) -> Result<Value, ImportErrorKind> {
    let mapped = match call.input(index, "input")? {
        Value::Dequantized(dequantized) => of_dequantized(dequantized, function),
        Value::Function(view) => Function {
            activation: view.activation.clone(),
            values: view.values.iter().map(|&value| function(value)).collect(),
        },
        other => return Err(call.wrong_form(index, "input", other, "a dequantized activation")),
    };
    Ok(Value::Function(mapped))
}

/// The function of every value that the dequantized activation can have.
pub(super) fn of_dequantized(dequantized: &Dequantized, function: impl Fn(f32) -> f32) -> Function {
    let Dequantized { activation, by, clamp } = dequantized;
    let integers = activation.elem.min()..=activation.elem.max();
    let values = integers.map(|q| function(clamp.apply(affine::dequantize(q, *by)))).collect();
    Function { activation: activation.clone(), values }
}

/// Quantizes the result of a function.
pub(super) fn quantize(
    name: &str,
    function: &Function,
    elem: Elem,
    by: Quantization,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let (lo, hi) = builder.range(&function.activation);
    let reached = (function.activation.elem.min()..).zip(&*function.values);
    for (q, &value) in reached {
        if value.is_nan() && lo <= q && q <= hi {
            return Err(ImportErrorKind::NotANumber { role: "result of the function", value });
        }
    }
    let entries = function.values.iter().map(|&value| affine::quantize(value, by, elem)).collect();
    builder.table(name, &function.activation, elem, entries)
}

/// Functions without attributes.
macro_rules! plain {
    ($($name:ident => $function:expr;)*) => {$(
        pub(super) fn $name(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
            call.expect_inputs(1, 1)?;
            call.node.attributes.reader().finish()?;
            apply(call, $function)
        }
    )*};
}

plain! {
    sigmoid => functions::sigmoid;
    tanh => functions::tanh;
    exp => functions::exp;
    erf => functions::erf;
    abs => f32::abs;
    neg => |x| -x;
    sqrt => f32::sqrt;
    floor => f32::floor;
    ceil => f32::ceil;
    round => f32::round_ties_even;
    reciprocal => |x| 1.0 / x;
    hard_swish => |x| x * functions::hard_sigmoid(x, 1.0 / 6.0, 0.5);
}

pub(super) fn gelu(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let approximate = attributes.text("approximate")?.unwrap_or("none");
    attributes.finish()?;
    if approximate != "none" {
        return Err(unsupported("approximate", approximate, "none"));
    }
    apply(call, functions::gelu)
}

pub(super) fn hard_sigmoid(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(0.2))?;
    let beta = finite("beta", attributes.float("beta")?.unwrap_or(0.5))?;
    attributes.finish()?;
    apply(call, |x| functions::hard_sigmoid(x, alpha, beta))
}

pub(super) fn leaky_relu(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(0.01))?;
    attributes.finish()?;
    apply(call, |x| functions::leaky_relu(x, alpha))
}

fn finite(name: &'static str, value: f32) -> Result<f32, ImportErrorKind> {
    if value.is_finite() { Ok(value) } else { Err(unsupported(name, value, "a finite number")) }
}

pub(super) fn q_linear_sigmoid(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(4, 5)?;
    call.node.attributes.reader().finish()?;
    q_linear(call, functions::sigmoid, builder)
}

pub(super) fn q_linear_leaky_relu(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(4, 5)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(0.01))?;
    attributes.finish()?;
    q_linear(call, |x| functions::leaky_relu(x, alpha), builder)
}

/// A function whose quantizations are inputs 1 to 4.
fn q_linear(
    call: &Call<'_>,
    function: impl Fn(f32) -> f32,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let activation = call.activation(0, "input")?.clone();
    let by = input_parameters(call, 1, &activation)?;
    let (elem, to) = parameters(call, 3, activation.elem, "output")?;
    let view = of_dequantized(&Dequantized { activation, by, clamp: FloatClamp::NONE }, function);
    quantize(&call.node.label.name, &view, elem, to, builder).map(Value::Quantized)
}

/// An operator on a float view and a float constant of one element, `None` where the inputs are others.
pub(super) fn with_constant(
    call: &Call<'_>,
    operator: impl Fn(f32, f32) -> f32,
) -> Result<Option<Value>, ImportErrorKind> {
    let sides = [call.input(0, "left operand")?, call.input(1, "right operand")?];
    let is_view = |value: &Value| matches!(value, Value::Dequantized(_) | Value::Function(_));
    let scalar = |value: &Value, other: &Value| match value {
        Value::Constant(constant) if constant.shape.len() <= other.shape().len() => constant.float_scalar(),
        _ => None,
    };
    let [left, right] = sides;
    if is_view(left)
        && let Some(value) = scalar(right, left)
    {
        return apply_to(call, 0, |x| operator(x, value)).map(Some);
    }
    if is_view(right)
        && let Some(value) = scalar(left, right)
    {
        return apply_to(call, 1, |x| operator(value, x)).map(Some);
    }
    Ok(None)
}

/// Sub, Div, Max and Min, one side being a number.
fn only_with_constant(call: &Call<'_>, operator: fn(f32, f32) -> f32) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    with_constant(call, operator)?
        .ok_or_else(|| ImportErrorKind::Pair { left: call.name(0), right: call.name(1) })
}

pub(super) fn max(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    only_with_constant(call, f32::max)
}

pub(super) fn min(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    only_with_constant(call, f32::min)
}

pub(super) fn sub(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    only_with_constant(call, |a, b| a - b)
}

pub(super) fn div(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    only_with_constant(call, |a, b| a / b)
}

/// The float view behind a table of its values.
pub(super) fn clamped(function: &Function, clamp: FloatClamp) -> Function {
    let values: Rc<[f32]> = function.values.iter().map(|&value| clamp.apply(value)).collect();
    Function { activation: function.activation.clone(), values }
}
