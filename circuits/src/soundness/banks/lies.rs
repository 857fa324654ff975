//! The table of lies about circuits with banks.
//!
//! A lie is coherent: every other cell is what an honest prover would derive from it, later operators and the statement
//! included, so that nothing but the named constraints stands in its way.

mod claims;
mod derived;
mod idle;
mod matrices;

pub(super) use derived::{other_slice, restart, slices, window_start};

use super::case::{Case, Caught, Told};
use crate::{
    banks::LaneColumns,
    testing::{bank_spot::BankSpot, subject::hints},
    witness::Witness,
};

/// A lie; `None` where the case offers no opportunity.
pub(in crate::soundness) struct Lie {
    pub(in crate::soundness) what: &'static str,
    pub(super) tell: fn(&Case) -> Option<Told>,
}

/// All lies.
pub(in crate::soundness) fn all() -> Vec<&'static Lie> {
    [LIES, claims::LIES, idle::LIES, derived::LIES, matrices::LIES].into_iter().flatten().collect()
}

const OPERATOR: Caught = Caught::By(&["operator equation"]);
const PUBLIC: Caught = Caught::By(&["public input"]);

/// Adds to the claim of a spot, through its lowest limbs alone.
fn add_to_claim(case: &Case, witness: &mut Witness, spot: BankSpot, by: i64) {
    match spot.columns(&case.plan) {
        LaneColumns::Linear(cells) => witness.columns[cells.limbs[0]][spot.row] += by,
        LaneColumns::Threshold(cells) => {
            witness.columns[cells.distance[0]][spot.row] += by;
            witness.columns[cells.complement[0]][spot.row] -= by;
        }
        LaneColumns::Maximum(cells) => witness.columns[cells.distances[1]][spot.row] -= by,
        LaneColumns::Product(cells) => witness.columns[cells.factors[1]][spot.row] += by,
    }
}

/// Whether the tables allow a small change of a claim.
fn room(case: &Case, spot: BankSpot, by: i64) -> bool {
    let mut changed = case.honest();
    add_to_claim(case, &mut changed, spot, by);
    case.missing(&changed).is_empty()
}

/// The spots of the first operator's outputs that are stored, with their elements.
fn outputs(case: &Case, operator: usize) -> Vec<(usize, BankSpot)> {
    let (_, tensor) = case.stored()[operator];
    let home = case.plan.network.homes.home(tensor);
    let elements = home.planes.iter().flat_map(|plane| plane.elements.iter());
    elements.map(|element| (*element, case.spot(tensor, *element))).collect()
}

/// Exchanges all phase-0 cells of two spots of lanes of one kind.
fn exchange(case: &Case, columns: &mut [Vec<i64>], one: BankSpot, other: BankSpot) {
    for (left, right) in hints(one.columns(&case.plan)).into_iter().zip(hints(other.columns(&case.plan))) {
        let kept = columns[left][one.row];
        columns[left][one.row] = columns[right][other.row];
        columns[right][other.row] = kept;
    }
}

/// The first operator's outputs with some exchanged in pairs.
fn exchanged(case: &Case, pairs: &[(usize, usize)]) -> Told {
    let (node, tensor) = case.stored()[0];
    let witness = case.lying(Some(node), |columns, tensors| {
        for &(one, other) in pairs {
            exchange(case, columns, case.spot(tensor, one), case.spot(tensor, other));
            tensors[tensor.0].swap(one, other);
        }
    });
    Told::new(case, witness, OPERATOR)
}

/// Every output of a plane in its neighbor's place.
fn shifted(case: &Case) -> Option<Told> {
    let (_, tensor) = case.stored()[0];
    let elements = &case.plan.network.homes.home(tensor).planes[0].elements;
    let pairs: Vec<_> = elements.windows(2).map(|pair| (pair[0], pair[1])).collect();
    Some(exchanged(case, &pairs))
}

/// Two channels of one block in each other's place.
fn swapped_channels(case: &Case) -> Option<Told> {
    let (_, tensor) = case.stored()[0];
    let planes = &case.plan.network.homes.home(tensor).planes;
    let block = |plane: usize| case.plan.placement.lanes[tensor.0][plane].0;
    let other = (1..planes.len()).find(|other| block(*other) == block(0))?;
    let pairs: Vec<_> =
        planes[0].elements.iter().copied().zip(planes[other].elements.iter().copied()).collect();
    Some(exchanged(case, &pairs))
}

/// The input with its first element changed.
fn other_input(case: &Case) -> Vec<i32> {
    let mut input = case.input.clone();
    input[0] = if input[0] == 127 { 126 } else { input[0] + 1 };
    input
}

/// Bytes 256 and k for the stated 0 and k + 1, in one row or in two: the same public input.
fn byte_beyond_the_type(case: &Case) -> Option<Told> {
    // Functions are of bytes: there is no coherent continuation.
    if !case.plan.forms.functions.is_empty() {
        return None;
    }
    let mut stated = case.input.clone();
    (stated[0], stated[1]) = (-128, -100);
    let honest = Case { input: stated, ..case.clone() };
    let witness = honest.lying(None, |_, tensors| (tensors[0][0], tensors[0][1]) = (128, -101));
    Some(Told::new(&honest, witness, Caught::Tables(vec![crate::Role::Activation])))
}

const LIES: &[Lie] = &[
    Lie { what: "every output of a plane in its neighbor's place", tell: shifted },
    Lie { what: "two channels in each other's place", tell: swapped_channels },
    Lie {
        what: "two positions in each other's place",
        tell: |case| {
            let (_, tensor) = case.stored()[0];
            let elements = &case.plan.network.homes.home(tensor).planes[0].elements;
            Some(exchanged(case, &[(*elements.first()?, *elements.last()?)]))
        },
    },
    Lie {
        what: "the input in the circuit is not the statement's",
        tell: |case| Some(Told::new(case, case.of(&other_input(case)), PUBLIC)),
    },
    Lie {
        what: "the output in the statement is not the circuit's",
        tell: |case| {
            let witness = case.honest();
            let mut outputs = witness.outputs.clone();
            outputs[0].rotate_left(1);
            let public = case.public(&case.input, &outputs);
            Some(Told { public, ..Told::new(case, witness, PUBLIC) })
        },
    },
    Lie { what: "an input byte of 256", tell: byte_beyond_the_type },
];
