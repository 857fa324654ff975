//! The table of lies: per kind of cell, what a cheating prover would write, and what must catch it.
//!
//! A lie is coherent: every other cell is what an honest prover would derive from it, later operators and the statement
//! included, so that nothing but the named constraints stands in its way.

mod claims;
mod counting;
mod derived;
mod idle;
mod linear;
mod matrices;
mod statement;
mod threshold;

pub(super) use derived::{claims_start, first_row, other_slice, restart, slices, window_start};

use lemma_verifier::{
    columns::LaneColumns,
    index::{Lane, RowId},
};

use super::case::{Case, Caught, Told};
use crate::{
    cells::HintCells,
    forms::Form,
    index::{NodeId, PlaneId},
    ir::TensorId,
    roles::Role,
    testing::{spot::Spot, subject::hints},
    witness::Witness,
};

/// A lie about cells of one role; `None` where the case offers no opportunity.
pub(in crate::soundness) struct Lie {
    pub(in crate::soundness) role: Role,
    pub(in crate::soundness) what: &'static str,
    pub(super) tell: fn(&Case) -> Option<Told>,
}

/// All lies.
pub(in crate::soundness) fn all() -> Vec<&'static Lie> {
    let all = [
        LIES,
        statement::LIES,
        claims::LIES,
        linear::LIES,
        threshold::LIES,
        idle::LIES,
        derived::LIES,
        matrices::LIES,
        counting::LIES,
    ];
    all.into_iter().flatten().collect()
}

const OPERATOR: Caught = Caught::By(&["operator equation"]);
const PUBLIC: Caught = Caught::By(&["public input"]);

/// Adds to the claim of a spot, through its lowest limbs alone.
fn add_to_claim(case: &Case, witness: &mut Witness, spot: Spot, by: i64) {
    match spot.columns(&case.layout) {
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
fn room(case: &Case, spot: Spot, by: i64) -> bool {
    let mut changed = case.honest();
    add_to_claim(case, &mut changed, spot, by);
    case.missing(&changed).is_empty()
}

/// The spots of the first operator's outputs that are stored, with their elements.
fn outputs(case: &Case, operator: usize) -> Vec<(usize, Spot)> {
    let (_, tensor) = case.stored()[operator];
    let home = case.layout.network.homes.home(tensor);
    let elements = home.planes.iter().flat_map(|plane| plane.elements.iter());
    elements.map(|element| (*element, case.spot(tensor, *element))).collect()
}

/// Exchanges all phase-0 cells of two spots of lanes of one kind.
fn exchange(case: &Case, columns: &mut HintCells, one: Spot, other: Spot) {
    for (left, right) in hints(one.columns(&case.layout)).into_iter().zip(hints(other.columns(&case.layout)))
    {
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

/// An output of an operator that computes it.
#[derive(Clone, Copy)]
struct Place<'a> {
    node: NodeId,
    tensor: TensorId,
    element: usize,
    spot: Spot,
    form: &'a Form,
}

impl Place<'_> {
    /// The inference in which this output is `byte` and its cells are what `write` makes them, and what follows.
    fn lying(&self, case: &Case, byte: i64, write: impl Fn(&mut HintCells)) -> Witness {
        let type_min = case.expanded().tensor(self.tensor).elem.min();
        case.lying(Some(self.node), |cells, tensors| {
            write(cells);
            tensors[self.tensor.0][self.element] = type_min + i32::try_from(byte).expect("a byte");
        })
    }
}

/// Every output of every operator that computes one.
fn places(case: &Case) -> impl Iterator<Item = Place<'_>> {
    case.stored().into_iter().flat_map(move |(node, tensor)| {
        let home = case.layout.network.homes.home(tensor);
        let of_plane = move |plane: PlaneId| {
            let form = case.layout.forms.nodes[node].form(home.planes[plane].channel);
            let place = move |element: &usize| Place {
                node,
                tensor,
                element: *element,
                spot: case.spot(tensor, *element),
                form,
            };
            home.planes[plane].elements.iter().map(place)
        };
        home.planes.keys().flat_map(of_plane)
    })
}

/// The phase-0 columns of the first lane of a kind, and a row that no block uses.
fn unused(case: &Case, is_of_kind: fn(&LaneColumns) -> bool) -> Option<(&LaneColumns, RowId)> {
    let banks = case.layout.columns.banks.iter().zip(&case.layout.placement.bank_rows);
    let mut lanes = banks.map(|(bank, rows)| (&bank.lanes[Lane::default()].cells, RowId::from(*rows)));
    lanes.find(|(cells, row)| is_of_kind(cells) && *row < RowId::from(case.layout.rows))
}

/// Every output of a plane in its neighbor's place.
fn shifted(case: &Case) -> Option<Told> {
    let (_, tensor) = case.stored()[0];
    let elements = &case.layout.network.homes.home(tensor).planes.raw[0].elements;
    let pairs: Vec<_> = elements.raw.windows(2).map(|pair| (pair[0], pair[1])).collect();
    (!pairs.is_empty()).then(|| exchanged(case, &pairs))
}

/// Two channels of one block in each other's place, with other outputs and the same tables.
fn swapped_channels(case: &Case) -> Option<Told> {
    let (node, tensor) = case.stored()[0];
    let planes = &case.layout.network.homes.home(tensor).planes;
    let honest = case.honest();
    let bytes = |plane: PlaneId| -> Vec<i64> {
        let cells = planes[plane].elements.iter().map(|element| case.layout.activation(tensor, *element));
        cells.map(|(column, row)| honest.columns[column][row]).collect()
    };
    let block = |plane: PlaneId| case.layout.placement.members[tensor.0][plane].0;
    let class = |plane: PlaneId| match case.layout.forms.nodes[node].form(planes[plane].channel) {
        Form::Threshold(class) => Some(*class),
        _ => None,
    };
    let first = planes.first_key()?;
    let alike = |other: &PlaneId| (block(*other), class(*other)) == (block(first), class(first));
    let other = planes.keys().find(|other| alike(other) && bytes(*other) != bytes(first))?;
    let pairs: Vec<_> =
        planes[first].elements.iter().copied().zip(planes[other].elements.iter().copied()).collect();
    Some(exchanged(case, &pairs))
}

const LIES: &[Lie] = &[
    Lie { role: Role::Activation, what: "every output of a plane in its neighbor's place", tell: shifted },
    Lie { role: Role::Activation, what: "two channels in each other's place", tell: swapped_channels },
    Lie {
        role: Role::Activation,
        what: "two positions in each other's place",
        tell: |case| {
            let (_, tensor) = case.stored()[0];
            let elements = &case.layout.network.homes.home(tensor).planes.raw[0].elements;
            let (first, last) = (*elements.first()?, *elements.last()?);
            (first != last).then(|| exchanged(case, &[(first, last)]))
        },
    },
];
