//! Behind a refused node: integers of the type and shape that it would have defined, so that what reads them is looked at.

use super::{
    builder::Builder,
    graph::{Graph, Node},
    proto::data_type,
    value::Value,
};
use crate::ir::Elem;

/// Values in the place of what a node defines; `None` for those that stay unknown.
///
/// A model that has one is never returned.
pub(super) fn behind(
    graph: &Graph,
    node: &Node,
    values: &[Option<Value>],
    builder: &mut Builder,
) -> Vec<Option<Value>> {
    let mut stand_in = |(position, output): (usize, &Option<usize>)| {
        let output = (*output)?;
        let declared = graph.declared.get(output)?;
        let quantizes = position == 0 && node.op == "QuantizeLinear";
        let elem = match declared.data_type {
            data_type::INT8 => Elem::I8,
            data_type::UINT8 => Elem::U8,
            _ if quantizes => type_of_zero_point(node, values)?,
            _ => return None,
        };
        let shape = declared.shape.clone().or_else(|| {
            let input = node.inputs.first().copied().flatten().filter(|_| quantizes)?;
            let known = values.get(input).and_then(Option::as_ref).map(|value| value.shape().to_vec());
            known.or_else(|| graph.declared.get(input)?.shape.clone())
        })?;
        builder.stand_in(elem, &shape).ok().map(Value::Quantized)
    };
    node.outputs.iter().enumerate().map(&mut stand_in).collect()
}

/// The type that a quantizer's zero point gives, uint8 without one.
fn type_of_zero_point(node: &Node, values: &[Option<Value>]) -> Option<Elem> {
    let Some(zero_point) = node.inputs.get(2).copied().flatten() else { return Some(Elem::U8) };
    match values.get(zero_point)?.as_ref()? {
        Value::Constant(constant) => constant.data.elem(),
        _ => None,
    }
}
