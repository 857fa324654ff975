//! float32 functions at the end of a model, which nothing quantizes: outside the proof, tables of the proven integers.

use super::{
    affine::FloatClamp,
    builder::Builder,
    error::{ImportErrorKind, QuantizationError},
    graph::{Graph, ValueIndex},
    spread::Spread,
    value::{Activation, Dequantized, Function, Value},
};
use crate::ir::Tail;

/// Most operators that a table names.
const MAX_NAMES: usize = 16;

/// The activation that a float32 value is a function of, and that function; `None` for other values.
///
/// # Errors
/// [`QuantizationError::NotANumber`] for a function without a finite result for an integer that its input can have.
pub(super) fn of(
    graph: &Graph,
    index: ValueIndex,
    values: &[Option<Value>],
    builder: &Builder,
) -> Result<Option<(Activation, Tail)>, ImportErrorKind> {
    Ok(match values.get(index).and_then(Option::as_ref) {
        Some(Value::Dequantized(Dequantized { activation, by, clamp })) if *clamp == FloatClamp::NONE => {
            Some((activation.clone(), Tail::Dequantize(*by)))
        }
        Some(Value::Dequantized(view)) => {
            let function = Function::of(view, |value| value);
            Some((view.activation.clone(), table(&function, names(graph, index, values), builder)?))
        }
        Some(Value::Function(function)) => {
            Some((function.activation.clone(), table(function, names(graph, index, values), builder)?))
        }
        _ => None,
    })
}

/// The function of the integers that the activation can have; other ones, which nobody meets, have the value of the nearest.
fn table(function: &Function, operators: Vec<String>, builder: &Builder) -> Result<Tail, ImportErrorKind> {
    let elem = function.activation.elem;
    let (lo, hi) = builder.range(&function.activation);
    let value = |integer: i32| {
        let index = usize::try_from(integer.clamp(lo, hi) - elem.min()).ok();
        let spread = index.and_then(|index| function.values.get(index)).copied().unwrap_or(Spread::UNKNOWN);
        let value = middle(spread);
        if spread.may_be_nan || !value.is_finite() {
            let value = if spread.may_be_nan { f32::NAN } else { value };
            return Err(QuantizationError::NotANumber { role: "result of the function", value });
        }
        Ok(value)
    };
    let values = (elem.min()..=elem.max()).map(value).collect::<Result<_, _>>()?;
    Ok(Tail::Table { elem, values, operators })
}

/// The number, or the middle of what it may be.
fn middle(Spread { lo, hi, .. }: Spread) -> f32 {
    if lo.to_bits() == hi.to_bits() {
        return lo;
    }
    ((f64::from(lo) + f64::from(hi)) / 2.0) as f32
}

/// The operators from DequantizeLinear on; of a long row the last ones.
fn names(graph: &Graph, value: ValueIndex, values: &[Option<Value>]) -> Vec<String> {
    let is_float = |value: &ValueIndex| {
        let value = values.get(*value).and_then(Option::as_ref);
        matches!(value, Some(Value::Dequantized(_) | Value::Function(_)))
    };
    let mut names = Vec::new();
    let mut next = Some(value);
    while let Some(node) = next.and_then(|value| graph.producer(value)).filter(|_| names.len() < MAX_NAMES) {
        names.push(node.op.clone());
        next = node.inputs.iter().copied().flatten().find(is_float);
    }
    names.reverse();
    names
}
