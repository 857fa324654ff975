//! Functions of one value between quantizers, and their 8-bit forms: tables of 256 entries.

use crate::{
    import::{
        affine::{self, FloatClamp},
        attributes::unsupported,
        builder::Builder,
        call::Call,
        error::{ImportErrorKind, OperatorError, QuantizationError, UncertainAnswer},
        functions,
        functions::bounded,
        operand::{input_parameters, parameters},
        role::Role,
        spread::{Course, Spread},
        value::{Activation, Dequantized, Function, Value},
    },
    ir::{Elem, Quantization},
};

/// Applies a float function to the input.
fn apply(call: &Call<'_>, course: Course, function: impl Fn(f32) -> f32) -> Result<Value, ImportErrorKind> {
    apply_bounded(call, course, |value| Spread::exact(function(value)))
}

/// Applies a float function, known up to an error, to the input.
fn apply_bounded(
    call: &Call<'_>,
    course: Course,
    function: impl Fn(f32) -> Spread,
) -> Result<Value, ImportErrorKind> {
    let through = |view: &Function| Function {
        activation: view.activation.clone(),
        values: view.values.iter().map(|value| value.through(course, &function)).collect(),
    };
    let mapped = match call.input(0, Role::Input)? {
        Value::Dequantized(dequantized) => through(&Function::of(dequantized, |value| value)),
        Value::Function(view) => through(view),
        other => return Err(call.wrong_form(0, Role::Input, other, "a dequantized activation")),
    };
    Ok(Value::Function(mapped))
}

/// Quantizes the result of a function.
pub(in crate::import) fn quantize(
    name: &str,
    function: &Function,
    elem: Elem,
    by: Quantization,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let (lo, hi) = builder.range(&function.activation);
    let reached = (function.activation.elem.min()..).zip(&*function.values);
    for (input, value) in reached.filter(|(q, _)| lo <= *q && *q <= hi) {
        let [low, high] = [value.lo, value.hi].map(|value| affine::quantize(value, by, elem));
        if low != high {
            return Err(UncertainAnswer::Function { input, low, high }.into());
        }
        if value.may_be_nan {
            return Err(
                QuantizationError::NotANumber { role: "result of the function", value: f32::NAN }.into()
            );
        }
    }
    let entries = function.values.iter().map(|value| affine::quantize(value.lo, by, elem)).collect();
    builder.table(name, &function.activation, elem, entries)
}

/// Functions without attributes.
macro_rules! plain {
    ($($name:ident: $course:ident => $function:expr;)*) => {$(
        pub(in crate::import) fn $name(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
            call.expect_inputs(1, 1)?;
            call.node.attributes.reader().finish()?;
            apply(call, Course::$course, $function)
        }
    )*};
}

plain! {
    sigmoid: Approximated => functions::sigmoid;
    tanh: Approximated => functions::tanh;
    exp: Approximated => functions::exp;
    erf: Approximated => functions::erf;
    abs: Any => f32::abs;
    neg: Monotone => |x| -x;
    sqrt: Monotone => f32::sqrt;
    floor: Monotone => f32::floor;
    ceil: Monotone => f32::ceil;
    round: Monotone => f32::round_ties_even;
    reciprocal: Any => |x| 1.0 / x;
    sign: Monotone => functions::sign;
    hard_swish: Any => |x| x * functions::hard_sigmoid(x, 1.0 / 6.0, 0.5);
}

/// Functions without attributes, known up to an error.
macro_rules! plain_bounded {
    ($($name:ident: $course:ident;)*) => {$(
        pub(in crate::import) fn $name(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
            call.expect_inputs(1, 1)?;
            call.node.attributes.reader().finish()?;
            apply_bounded(call, Course::$course, bounded::$name)
        }
    )*};
}

plain_bounded! {
    softplus: Monotone;
    softsign: Monotone;
    mish: Any;
    log: Monotone;
    sin: Any;
    cos: Any;
    tan: Any;
    asin: Monotone;
    acos: Monotone;
    atan: Monotone;
    sinh: Monotone;
    cosh: Any;
    asinh: Monotone;
    acosh: Monotone;
    atanh: Monotone;
}

pub(in crate::import) fn gelu(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let approximate = attributes.text("approximate")?.unwrap_or("none");
    attributes.finish()?;
    match approximate {
        "none" => apply(call, Course::Any, functions::gelu),
        "tanh" => apply_bounded(call, Course::Any, bounded::fast_gelu),
        other => Err(unsupported("approximate", other, "none or tanh")),
    }
}

pub(in crate::import) fn hard_sigmoid(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(0.2))?;
    let beta = finite("beta", attributes.float("beta")?.unwrap_or(0.5))?;
    attributes.finish()?;
    apply(call, Course::Monotone, |x| functions::hard_sigmoid(x, alpha, beta))
}

pub(in crate::import) fn leaky_relu(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(0.01))?;
    attributes.finish()?;
    apply(call, Course::rising_if(alpha >= 0.0), |x| functions::leaky_relu(x, alpha))
}

pub(in crate::import) fn thresholded_relu(
    call: &Call<'_>,
    _: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(1.0))?;
    attributes.finish()?;
    apply(call, Course::rising_if(alpha >= 0.0), |x| functions::thresholded_relu(x, alpha))
}

pub(in crate::import) fn shrink(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let lambda = finite("lambd", attributes.float("lambd")?.unwrap_or(0.5))?;
    let bias = finite("bias", attributes.float("bias")?.unwrap_or(0.0))?;
    attributes.finish()?;
    apply(call, Course::Any, |x| functions::shrink(x, lambda, bias))
}

pub(in crate::import) fn elu(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(1.0))?;
    attributes.finish()?;
    apply_bounded(call, Course::rising_if(alpha >= 0.0), |x| bounded::elu(x, alpha))
}

pub(in crate::import) fn selu(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(1.673_263_2))?;
    let gamma = finite("gamma", attributes.float("gamma")?.unwrap_or(1.050_701))?;
    attributes.finish()?;
    apply_bounded(call, Course::rising_if(alpha >= 0.0 && gamma >= 0.0), |x| bounded::selu(x, alpha, gamma))
}

pub(in crate::import) fn celu(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(1.0))?;
    attributes.finish()?;
    if alpha <= 0.0 {
        return Err(unsupported("alpha", alpha, "a positive number"));
    }
    apply_bounded(call, Course::Monotone, |x| bounded::celu(x, alpha))
}

pub(in crate::import) fn quick_gelu(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    let attributes = call.node.attributes.reader();
    let alpha = finite("alpha", attributes.float("alpha")?.unwrap_or(1.702))?;
    attributes.finish()?;
    apply_bounded(call, Course::Any, |x| bounded::quick_gelu(x, alpha))
}

/// Without the bias that it may have.
pub(in crate::import) fn fast_gelu(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(1, 1)?;
    call.node.attributes.reader().finish()?;
    apply_bounded(call, Course::Any, bounded::fast_gelu)
}

/// With a constant exponent.
pub(in crate::import) fn pow(call: &Call<'_>, _: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    let constant = call.input(1, Role::Exponent)?;
    let exponent = match constant {
        Value::Constant(constant) => match constant.int64_list() {
            // Small integers are float32 numbers.
            Some(&[exponent]) if exponent.abs() <= 64 && call.node.opset >= 12 => Some(exponent as f32),
            _ => constant.float_scalar(),
        },
        Value::DequantizedConstant(_) => constant.number(),
        other => {
            let (name, found) = (call.name(1), other.describe());
            return Err(OperatorError::NotConstant { role: "exponent", name, found }.into());
        }
    };
    let exponent = exponent.ok_or_else(|| OperatorError::Shape {
        role: "exponent",
        got: constant.shape().to_vec(),
        expected: "one float32 number, or from opset 12 on one int64 from -64 to 64".to_owned(),
    })?;
    let exponent = finite("exponent", exponent)?;
    apply_bounded(call, Course::Any, |x| bounded::pow(x, exponent))
}

fn finite(name: &'static str, value: f32) -> Result<f32, ImportErrorKind> {
    if value.is_finite() { Ok(value) } else { Err(unsupported(name, value, "a finite number")) }
}

/// Zero points may be left empty, but without a fifth input onnxruntime reads behind the list and aborts.
fn expect_q_linear_inputs(call: &Call<'_>) -> Result<(), ImportErrorKind> {
    call.expect_inputs(4, 5)?;
    if call.node.inputs.len() == 4 {
        return Err(OperatorError::MissingZeroPoint { index: 4 }.into());
    }
    Ok(())
}

pub(in crate::import) fn q_linear_sigmoid(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    expect_q_linear_inputs(call)?;
    call.node.attributes.reader().finish()?;
    q_linear(call, functions::sigmoid, builder)
}

pub(in crate::import) fn q_linear_leaky_relu(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    expect_q_linear_inputs(call)?;
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
    let activation = call.activation(0, Role::Input)?.clone();
    let by = input_parameters(call, 1, &activation)?;
    let (elem, to) = parameters(call, 3, activation.elem, Role::Output)?;
    let view = Function::of(&Dequantized { activation, by, clamp: FloatClamp::NONE }, function);
    quantize(&call.node.label.name, &view, elem, to, builder).map(Value::Quantized)
}
