//! Where onnxruntime leaves a Clip out, or makes one pair of two pairs of quantizers.

use crate::{
    import::{
        call::Call,
        constant::{Constant, Data},
        error::{ImportErrorKind, UncertainAnswer},
        graph::{Node, ValueIndex},
        proto::data_type,
        value::Value,
    },
    ir::Quantization,
};

/// onnxruntime leaves a Clip in front of a quantizer out where its bounds are at most 2^-23 inside what the quantizer can
/// represent, which at these scales is half a step.
pub(super) fn expect_clip_to_stay(call: &Call<'_>, by: Quantization) -> Result<(), ImportErrorKind> {
    let smallest = 2.0 * f32::EPSILON;
    if by.scale > smallest || call.graph.before(call.node).is_none_or(|node| node.op != "Clip") {
        return Ok(());
    }
    Err(UncertainAnswer::Clip { scale: by.scale, smallest }.into())
}

/// onnxruntime makes one pair of QuantizeLinear, DequantizeLinear, QuantizeLinear, DequantizeLinear in a row, with parameters
/// that cover what both cover, and so other integers where they differ.
pub(super) fn expect_single_pair(call: &Call<'_>) -> Result<(), ImportErrorKind> {
    let mut pairs = vec![call.node];
    for op in ["QuantizeLinear", "DequantizeLinear", "QuantizeLinear"] {
        match pairs.last().and_then(|node| defining(call, node)).filter(|node| node.op == op) {
            Some(node) => pairs.push(node),
            None => return Ok(()),
        }
    }
    let differ = |pair: &[&Node]| parameters_of(call, pair[0]) != parameters_of(call, pair[1]);
    match pairs.as_slice() {
        [.., first] if pairs.windows(2).any(differ) => {
            Err(UncertainAnswer::Pairs { first: first.label.name.clone() }.into())
        }
        _ => Ok(()),
    }
}

/// The scale, the zero point and its type of a quantizer on the way to a node.
fn parameters_of(call: &Call<'_>, node: &Node) -> (Option<f32>, i32, i32) {
    let constant = |index: usize| match call.values.get(node.inputs.get(index).copied().flatten()?)? {
        Some(Value::Constant(constant)) => Some(constant),
        _ => None,
    };
    let zero_point = constant(2).map(|zero_point| (zero_point.data.integer(0), zero_point.data.data_type()));
    let (integer, data_type) = zero_point.unwrap_or((None, data_type::UINT8));
    (constant(1).and_then(Constant::float_scalar), integer.unwrap_or(0), data_type)
}

/// The node in front, those left out that onnxruntime may leave out, and those that move elements.
fn defining<'a>(call: &Call<'a>, node: &Node) -> Option<&'a Node> {
    let mut found = call.graph.before(node)?;
    while let Some(value) = passed_on(call, found) {
        found = call.graph.producer(value)?;
    }
    Some(found)
}

/// The input whose elements a node passes on as they are.
fn passed_on(call: &Call<'_>, node: &Node) -> Option<ValueIndex> {
    let input = |index: usize| node.inputs.get(index).copied().flatten();
    let is_all = |index: usize, number: f32| match call.values.get(input(index)?)? {
        Some(Value::Constant(constant)) => match &*constant.data {
            Data::Float(values) => Some(values.iter().all(|value| *value == number)),
            _ => None,
        },
        _ => None,
    };
    let neutral = match node.op.as_str() {
        "Identity" | "Dropout" | "Cast" | "Expand" | "Transpose" | "Reshape" | "Flatten" | "Squeeze"
        | "Unsqueeze" => {
            return input(0);
        }
        "Mul" | "Div" => 1.0,
        "Add" | "Sub" => 0.0,
        _ => return None,
    };
    match (is_all(0, neutral), is_all(1, neutral)) {
        (_, Some(true)) => input(0),
        (Some(true), _) if matches!(node.op.as_str(), "Mul" | "Add") => input(1),
        _ => None,
    }
}
