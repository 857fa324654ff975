//! Integer accumulators, and float32 operators between them and their quantizer.

use std::rc::Rc;

use crate::{
    import::{
        affine::FloatClamp,
        builder::Builder,
        call::Call,
        constant::{Constant, Data},
        error::{ImportErrorKind, OperatorError, QuantizationError},
        ops::layer::linear,
        role::Role,
        value::{Activation, Arithmetic, Linear, Origin, Step, Value, ZeroPoint},
    },
    ir::{Elem, Quantization},
    requantize::Steps,
};

/// The arithmetic operators of two inputs.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::import) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// The operator on an accumulator, or on what was computed from one, and a constant; `None` on other inputs.
pub(in crate::import) fn with_constant(
    call: &Call<'_>,
    operator: Operator,
    builder: &mut Builder,
) -> Result<Option<Value>, ImportErrorKind> {
    let sides = [call.input(0, Role::LeftOperand)?, call.input(1, Role::RightOperand)?];
    let index = match sides {
        [Value::Accumulator(_) | Value::Arithmetic(_), _] => 0,
        [_, Value::Accumulator(_) | Value::Arithmetic(_)] => 1,
        _ => return Ok(None),
    };
    let other = 1 - index;
    let constant = call.constant(other, Role::BesideSum)?;
    if index == 1 && matches!(operator, Operator::Subtract | Operator::Divide) {
        let found = "the second operand, which makes the result fall where the sum rises";
        return Err(OperatorError::SumOperand { name: call.name(index), found }.into());
    }
    match sides[index] {
        Value::Accumulator(layer) => added(call, operator, layer, (other, constant), builder).map(Some),
        Value::Arithmetic(arithmetic) => {
            let list = per_channel(call, other, constant, &arithmetic.layer)?;
            let Data::Float(list) = list else {
                return Err(OperatorError::ElementType {
                    role: "second operand",
                    got: constant.type_name(),
                    expected: "float32".to_owned(),
                }
                .into());
            };
            builder.budget.spend(list.len(), size_of::<f32>())?;
            let usable = |value: &f32| match operator {
                Operator::Add | Operator::Subtract => *value == 0.0 || value.is_normal(),
                Operator::Multiply | Operator::Divide => value.is_normal() && *value > 0.0,
            };
            if let Some(&value) = list.iter().find(|value| !usable(value)) {
                return Err(OperatorError::SumFactor { value }.into());
            }
            let step = match operator {
                Operator::Add => Step::Add(list),
                Operator::Subtract => Step::Add(list.into_iter().map(|value| -value).collect()),
                Operator::Multiply => Step::Multiply(list),
                Operator::Divide => Step::Divide(list),
            };
            arithmetic.then(step).map(|next| Some(Value::Arithmetic(next)))
        }
        _ => Ok(None),
    }
}

/// An int32 constant added to an accumulator.
fn added(
    call: &Call<'_>,
    operator: Operator,
    layer: &Linear,
    (index, constant): (usize, &Constant),
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    let values = match per_channel(call, index, constant, layer)? {
        Data::Int32(values) if matches!(operator, Operator::Add | Operator::Subtract) => values,
        _ => {
            let found =
                "an int32 accumulator, to which only int32 constants can be added; Cast it to float32 first";
            return Err(OperatorError::SumOperand { name: call.name(1 - index), found }.into());
        }
    };
    let outputs = layer.weights.outputs;
    builder.budget.spend(outputs, size_of::<i32>())?;
    let sign = if operator == Operator::Subtract { -1 } else { 1 };
    let before = layer.bias.as_deref();
    let bias = (0..outputs).map(|channel| {
        let value = crate::import::affine::one_or_indexed(&values, channel).copied().unwrap_or(0);
        let before = before.and_then(|bias| bias.get(channel)).copied().unwrap_or(0);
        let sum = i64::from(before) + sign * i64::from(value);
        i32::try_from(sum).map_err(|_| OperatorError::AddendOverflow { name: call.name(index), channel, sum })
    });
    let bias: Vec<i32> = bias.collect::<Result<_, _>>()?;
    Ok(Value::Accumulator(Rc::new(Linear { bias: Some(bias), ..layer.clone() })))
}

/// A constant of one element, or of one per output channel of the layer, in a shape that broadcasts along that axis
/// alone.
fn per_channel(
    call: &Call<'_>,
    index: usize,
    constant: &Constant,
    layer: &Linear,
) -> Result<Data, ImportErrorKind> {
    let rank = layer.shape.len();
    let axis = if layer.is_dense() { rank.saturating_sub(1) } else { 1 };
    let from_end = rank - axis;
    let dims = constant.shape.iter().rev().enumerate();
    let fits = constant.shape.len() <= rank
        && dims.clone().all(|(position, &dim)| {
            dim == 1 || (position + 1 == from_end && layer.has_channels() && dim == layer.weights.outputs)
        });
    if fits {
        return Ok((*constant.data).clone());
    }
    let outputs = layer.weights.outputs;
    Err(OperatorError::Shape {
        role: "constant beside an integer sum",
        got: constant.shape.clone(),
        expected: match layer.has_channels() {
            true => format!(
                "one element, or {outputs} along axis {axis}; '{}' varies otherwise",
                call.name(index)
            ),
            false => format!("one element; '{}' varies", call.name(index)),
        },
    }
    .into())
}

/// Cast of an accumulator to float32.
pub(in crate::import) fn cast(layer: &Rc<Linear>) -> Value {
    Value::Arithmetic(Arithmetic { layer: layer.clone(), origin: Origin::Accumulator, steps: Vec::new() })
}

/// Relu and Clip.
pub(in crate::import) fn clamped(
    arithmetic: &Arithmetic,
    clamp: FloatClamp,
) -> Result<Value, ImportErrorKind> {
    arithmetic.then(Step::Clamp(clamp)).map(Value::Arithmetic)
}

/// QuantizeLinear, or the end of QLinearAveragePool.
pub(in crate::import) fn quantize(
    arithmetic: &Arithmetic,
    to: (Elem, Quantization, ZeroPoint),
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let (elem, by, _) = to;
    if !by.scale.is_normal() {
        return Err(QuantizationError::Scale { role: "output", scale: by.scale }.into());
    }
    let layer = &arithmetic.layer;
    // Channels are often alike, in sums over a tensor all of them.
    let mut last: Option<(usize, Steps)> = None;
    let steps = |channel, range| {
        let known = last
            .as_ref()
            .filter(|(other, steps)| steps.range == range && arithmetic.treats_alike(*other, channel));
        let steps = match known {
            Some((_, steps)) => steps.clone(),
            None => arithmetic.quantized(channel, range, to)?,
        };
        last = Some((channel, steps.clone()));
        Ok(steps)
    };
    let result = builder.stepwise(layer, elem, by.zero_point, steps)?;
    linear::in_rows(layer, result, builder)
}
