//! Functions of an activation and a constant: one number for all elements, or one for each position along an axis.

use std::{borrow::Cow, rc::Rc};

use crate::import::{
    affine::FloatClamp,
    builder::Builder,
    call::Call,
    error::{ImportErrorKind, OperatorError, QuantizationError},
    functions,
    ops::{
        constants,
        layer::arithmetic::{self, Operator},
    },
    role::Role,
    spread::{Course, Spread},
    value::{Function, Value, Waiting, WaitingForm},
    views::{Coordinates, picked},
};

/// Which constants are read as numbers.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::import) enum Constants {
    /// float32 ones: dequantized ones make another operator of it.
    Float,
    /// Dequantized ones too.
    All,
}

/// An operator on a float view and a constant, `None` where the inputs are others. It is monotone in its left operand.
pub(in crate::import) fn with_constant(
    call: &Call<'_>,
    constants: Constants,
    course_on_right: Course,
    operator: impl Fn(f32, f32) -> f32,
    builder: &mut Builder,
) -> Result<Option<Value>, ImportErrorKind> {
    let sides = [call.input(0, Role::LeftOperand)?, call.input(1, Role::RightOperand)?];
    for (index, other) in [(0, 1), (1, 0)] {
        let Some(view) = view(sides[index]) else { continue };
        let constant = sides[other];
        if matches!(constant, Value::DequantizedConstant(_)) && constants == Constants::Float {
            continue;
        }
        let Some(numbers) = constant.numbers() else { continue };
        let along = along(view.activation.shape.as_slice(), constant.shape(), call, other)?;
        let course = if index == 0 { Course::Monotone } else { course_on_right };
        let applied = |number, x| if index == 0 { operator(x, number) } else { operator(number, x) };
        return along_axis(call, &view, (along, &numbers), |_| course, applied, builder).map(Some);
    }
    Ok(None)
}

/// With one slope for all elements, or one for each position along an axis.
pub(in crate::import) fn p_relu(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    let x = call.input(0, Role::Input)?;
    let view = view(x).ok_or_else(|| call.wrong_form(0, Role::Input, x, "a dequantized activation"))?;
    let constant = call.input(1, Role::Slope)?;
    let slopes = constant.numbers().ok_or_else(|| OperatorError::NotConstant {
        role: "slope",
        name: call.name(1),
        found: constant.describe(),
    })?;
    if let Some(&value) = slopes.iter().find(|slope| !slope.is_finite()) {
        return Err(QuantizationError::NotANumber { role: "slope", value }.into());
    }
    let along = along(&view.activation.shape, constant.shape(), call, 1)?;
    let course = |slope: f32| Course::rising_if(slope >= 0.0);
    along_axis(call, &view, (along, &slopes), course, |slope, x| functions::leaky_relu(x, slope), builder)
}

/// An activation as floats.
pub(in crate::import) fn view(value: &Value) -> Option<Cow<'_, Function>> {
    match value {
        Value::Dequantized(dequantized) => Some(Cow::Owned(Function::of(dequantized, |value| value))),
        Value::Function(function) => Some(Cow::Borrowed(function)),
        _ => None,
    }
}

/// The axis of `shape` that a constant runs along, `None` for one of one element.
fn along(
    shape: &[usize],
    constant: &[usize],
    call: &Call<'_>,
    index: usize,
) -> Result<Option<usize>, ImportErrorKind> {
    let mut long = constant.iter().rev().enumerate().filter(|(_, dim)| **dim != 1);
    let axis = match (long.next(), long.next()) {
        (None, _) => Some(None),
        (Some((from_end, dim)), None) => {
            let axis = shape.len().checked_sub(from_end + 1);
            axis.filter(|axis| shape.get(*axis) == Some(dim)).map(Some)
        }
        _ => None,
    };
    axis.filter(|_| constant.len() <= shape.len()).ok_or_else(|| {
        OperatorError::VaryingConstant {
            name: call.name(index),
            got: constant.to_vec(),
            activation: shape.to_vec(),
        }
        .into()
    })
}

/// A function for each number of the constant, of the elements that meet it.
fn along_axis(
    call: &Call<'_>,
    view: &Function,
    (axis, numbers): (Option<usize>, &[f32]),
    course: impl Fn(f32) -> Course,
    applied: impl Fn(f32, f32) -> f32,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    if let Some(&value) = numbers.iter().find(|number| number.is_nan()) {
        return Err(QuantizationError::NotANumber { role: "constant operand", value }.into());
    }
    let bits: Vec<u32> = numbers.iter().map(|number| number.to_bits()).collect();
    let function = |bits: u32, x| Spread::exact(applied(f32::from_bits(bits), x));
    varying(call, view, (axis, &bits), |bits| course(f32::from_bits(bits)), function, builder)
}

/// A function for each position along the axis, one for positions beside each other that have equal parameters; of the first
/// parameters for all elements without an axis.
pub(in crate::import) fn varying<P: Copy + PartialEq>(
    call: &Call<'_>,
    view: &Function,
    (axis, parameters): (Option<usize>, &[P]),
    course: impl Fn(P) -> Course,
    applied: impl Fn(P, f32) -> Spread,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let through = |parameters: P| -> Rc<[Spread]> {
        let function = |x| applied(parameters, x);
        view.values.iter().map(|value| value.through(course(parameters), function)).collect()
    };
    let runs: Vec<&[P]> = parameters.chunk_by(P::eq).collect();
    let (Some(axis), [_, _, ..]) = (axis, runs.as_slice()) else {
        let values =
            parameters.first().map_or_else(|| view.values.clone(), |parameters| through(*parameters));
        return Ok(Value::Function(Function { activation: view.activation.clone(), values }));
    };
    builder.budget.spend_tables(runs.len())?;
    let name = &call.node.label.name;
    let shape = view.activation.shape.clone();
    let mut start = 0;
    let mut parts = Vec::with_capacity(runs.len());
    for run in runs {
        let end = start + run.len();
        let positions = shape.iter().enumerate().map(|(index, &size)| {
            let range = if index == axis { start..end } else { 0..size };
            range.map(Some).collect::<Coordinates>()
        });
        let positions: Vec<Coordinates> = positions.collect();
        let activation = picked(name, &view.activation, &positions, 0, builder)?;
        let values = run.first().map(|&parameters| through(parameters)).unwrap_or_default();
        parts.push(Function { activation, values });
        start = end;
    }
    let form = WaitingForm::Concat { parts, axis };
    let result = Rc::new(Waiting { name: name.clone(), form, shape });
    Ok(Value::Waiting { result, clamp: FloatClamp::NONE })
}

/// Sub and Div of an activation and a constant.
pub(in crate::import) fn only_with_constant(
    call: &Call<'_>,
    course_on_right: Course,
    operator: fn(f32, f32) -> f32,
    instead: &'static str,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(2, 2)?;
    call.node.attributes.reader().finish()?;
    if let Some(value) = constants::folded(call, operator, builder)? {
        return Ok(value);
    }
    if let Some(value) = with_constant(call, Constants::All, course_on_right, operator, builder)? {
        return Ok(value);
    }
    for (index, role) in [(0, Role::LeftOperand), (1, Role::RightOperand)] {
        let operand = call.input(index, role)?;
        let is_view = matches!(operand, Value::Dequantized(_) | Value::Function(_));
        if !is_view && !operand.is_constant() {
            return Err(call.wrong_form(index, role, operand, "a dequantized activation or a constant"));
        }
    }
    Err(OperatorError::Pair { left: call.name(0), right: call.name(1), instead }.into())
}

pub(in crate::import) fn div(call: &Call<'_>, builder: &mut Builder) -> Result<Value, ImportErrorKind> {
    if let Some(value) = arithmetic::with_constant(call, Operator::Divide, builder)? {
        return Ok(value);
    }
    let instead = "use Reciprocal of the right operand, a QuantizeLinear/DequantizeLinear pair and Mul";
    only_with_constant(call, Course::Any, |a, b| a / b, instead, builder)
}
