//! Lies about matrix products of activations.

use std::sync::Arc;

use super::{Lie, OPERATOR, add_to_claim, exchange, room};
use crate::{
    equations::Factor,
    expanded::Op,
    index::NodeId,
    ir::TensorId,
    roles::Role,
    soundness::case::{Case, Caught, Told},
};

/// The first matrix product, and the tensor it defines.
fn product(case: &Case) -> Option<(NodeId, TensorId)> {
    let is_product =
        |(node, _): &(NodeId, TensorId)| matches!(case.expanded().nodes[*node].op, Op::MatMul(_));
    case.stored().into_iter().find(is_product)
}

/// An accumulator one off.
fn off_by_one(case: &Case) -> Option<Told> {
    let (_, tensor) = product(case)?;
    let spots = (0..case.expanded().tensor(tensor).len).map(|element| case.spot(tensor, element));
    let mut changes = spots.flat_map(|spot| [(spot, 1), (spot, -1)]);
    let (spot, by) = changes.find(|(spot, by)| room(case, *spot, *by))?;
    let mut witness = case.honest();
    add_to_claim(case, &mut witness, spot, by);
    Some(Told::new(case, witness, OPERATOR))
}

/// The elements of a tensor that `places` names in each other's place.
fn exchanged(case: &Case, node: NodeId, tensor: TensorId, one: usize, other: usize) -> Told {
    let witness = case.lying(Some(node), |columns, tensors| {
        exchange(case, columns, case.spot(tensor, one), case.spot(tensor, other));
        tensors[tensor.0].swap(one, other);
    });
    Told::new(case, witness, OPERATOR)
}

/// Two different elements of a tensor, `apart` from each other.
fn different(case: &Case, tensor: TensorId, apart: usize) -> Option<(usize, usize)> {
    let honest = case.honest();
    let byte = |element: usize| {
        let spot = case.spot(tensor, element);
        honest.columns[spot.columns(&case.layout).activation()][spot.row]
    };
    let elements = 0..case.expanded().tensor(tensor).len.checked_sub(apart)?;
    let mut pairs = elements.map(|element| (element, element + apart));
    pairs.find(|(one, other)| byte(*one) != byte(*other))
}

/// Two rows, or two columns, of the product in each other's place at one element.
fn transposed(case: &Case) -> Option<Told> {
    let (node, tensor) = product(case)?;
    let (one, other) = different(case, tensor, 1)?;
    Some(exchanged(case, node, tensor, one, other))
}

/// A factor whose copy has two elements in each other's place.
fn copied_wrongly(case: &Case, side: usize) -> Option<Told> {
    let (node, _) = product(case)?;
    let factor = case.expanded().nodes[node].inputs[side];
    let copy = case.expanded().nodes.position(|node| node.output == factor)?;
    let (one, other) = different(case, factor, 1)?;
    Some(exchanged(case, copy, factor, one, other))
}

/// The evaluation beside the one a row is multiplied with.
fn wrong_factor(case: &Case) -> Option<Told> {
    let rows = &case.layout.region.rows;
    let index = rows.iter().position(|row| matches!(row.factor, Some(Factor::Slice { .. })))?;
    let mut layout = (*case.layout).clone();
    layout.region.rows[index].factor = rows[index].factor.map(Factor::another);
    let told = Told::new(case, case.honest(), Caught::By(&["copy", "operator equation"]));
    Some(Told { derivation: Some(Arc::new(layout)), ..told })
}

pub(super) const LIES: &[Lie] = &[
    Lie { role: Role::Activation, what: "an accumulator of a matrix product off by one", tell: off_by_one },
    Lie {
        role: Role::Activation,
        what: "two elements of a matrix product in each other's place",
        tell: transposed,
    },
    Lie {
        role: Role::Activation,
        what: "a left factor copied in another order",
        tell: |case| copied_wrongly(case, 0),
    },
    Lie {
        role: Role::Activation,
        what: "a right factor copied in another order",
        tell: |case| copied_wrongly(case, 1),
    },
    Lie { role: Role::PowerCopy, what: "another slice for a product of slices", tell: wrong_factor },
];
