//! Operators that move, repeat or leave out elements of activations.

use super::super::builder::Builder;
use super::super::constant::Constant;
use super::super::error::ImportErrorKind;
use super::super::limits;
use super::super::value::Activation;
use super::Call;
use super::shape::transposed_indices;
use crate::ir::Source;

/// The activation with its axes in another order.
pub(super) fn transposed(
    call: &Call<'_>,
    x: &Activation,
    order: &[usize],
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let shape = order.iter().filter_map(|&axis| x.shape.get(axis).copied()).collect();
    let indices = transposed_indices(&x.shape, order);
    let sources = indices.map(|element| Source::Element { input: 0, element });
    builder.rearrange(&call.node.label.name, &[x], (x.elem, shape), sources)
}

/// An 8-bit constant as a tensor without inputs.
pub(super) fn constant(
    call: &Call<'_>,
    constant: &Constant,
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    let Some(elem) = constant.data.elem() else {
        return Err(ImportErrorKind::ElementType {
            role: "operand",
            got: constant.type_name(),
            expected: "int8 or uint8".to_owned(),
        });
    };
    let data = &constant.data;
    let values = (0..data.len()).filter_map(|index| data.integer(index).map(Source::Constant));
    builder.rearrange(&call.node.label.name, &[], (elem, constant.shape.clone()), values)
}

/// The shape that two shapes broadcast to, aligned at their last axes.
pub(super) fn broadcast_shape(left: &[usize], right: &[usize]) -> Option<Vec<usize>> {
    let rank = left.len().max(right.len());
    let at = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).and_then(|axis| shape.get(axis)).copied().unwrap_or(1)
    };
    (0..rank)
        .map(|axis| match (at(left, axis), at(right, axis)) {
            (left, right) if left == right => Some(left),
            (1, size) | (size, 1) => Some(size),
            _ => None,
        })
        .collect()
}

/// The activation repeated along the axes where it has size 1 and `shape` has more.
pub(super) fn broadcast(
    call: &Call<'_>,
    x: &Activation,
    shape: &[usize],
    builder: &mut Builder,
) -> Result<Activation, ImportErrorKind> {
    if x.shape == shape {
        return Ok(x.clone());
    }
    let total = limits::elements("the result", shape)?;
    let padding = shape.len().saturating_sub(x.shape.len());
    // Per axis of the result, innermost first: its size, and how far one step moves in the source.
    let mut stride = 1;
    let mut steps = Vec::with_capacity(shape.len());
    for (axis, &size) in shape.iter().enumerate().rev() {
        let own = axis.checked_sub(padding).and_then(|axis| x.shape.get(axis)).copied().unwrap_or(1);
        steps.push((size, if own == 1 { 0 } else { stride }));
        stride *= own;
    }
    let sources = (0..total).map(|index| {
        let mut rest = index;
        let element = steps.iter().fold(0, |element, &(size, step)| {
            let coordinate = rest % size;
            rest /= size;
            element + coordinate * step
        });
        Source::Element { input: 0, element }
    });
    builder.rearrange(&call.node.label.name, &[x], (x.elem, shape.to_vec()), sources)
}
