//! Lies that do not depend on the form of a channel.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::{Caught, Lie, Told};
use crate::{
    Role,
    circuit::Layout,
    plan::{LaneKind, PAD, Spot, Use},
    soundness::case::Case,
    witness::Witness,
};

/// A case's input with its first element changed.
fn other_input(case: &Case) -> Vec<i32> {
    let mut input = case.input.clone();
    input[0] += 1;
    input
}

/// Bytes 256, k stated as bytes 0, k + 1: the same packed public input.
fn byte_beyond_the_type(case: &Case) -> Option<Told> {
    let mut stated = case.input.clone();
    (stated[0], stated[1]) = (-128, -100);
    let honest = Case { input: stated, ..case.clone() };
    let witness = honest.lying(None, |_, tensors| (tensors[0][0], tensors[0][1]) = (128, -101));
    Some(Told::new(&honest, witness, Caught::Tables(vec![Role::Activation])))
}

/// The copy of the first output's first element and the statement say one more than its home.
fn output_copy(case: &Case) -> Option<Told> {
    let tensor = case.model.outputs[0].tensor;
    let is_copy =
        |content: Use| matches!(content, Use::Byte { tensor: of, element: 0, copied: true } if of == tensor);
    let lanes = case.plan.placement.lanes.iter().enumerate();
    let spot = lanes
        .flat_map(|(lane, rows)| {
            rows.rows.iter().enumerate().map(move |(row, used)| (Spot { lane, row }, used))
        })
        .find_map(|(spot, used)| is_copy(used.content).then_some(spot))?;
    let mut witness = case.honest();
    let by = if witness.outputs[0][0] == case.model.tensor(tensor).elem.max() { -1 } else { 1 };
    witness.columns[case.plan.columns.activation(spot.lane)][spot.row] += i64::from(by);
    witness.outputs[0][0] += by;
    Some(Told::new(case, witness, Caught::Copy))
}

/// An honest inference with another statement.
fn statement(case: &Case, input: &[i32], change: fn(&mut Vec<Vec<i32>>)) -> Option<Told> {
    let witness = case.honest();
    let mut outputs = witness.outputs.clone();
    change(&mut outputs);
    let public = case.public(input, &outputs);
    Some(Told { public, ..Told::new(case, witness, Caught::PublicInput) })
}

/// All phase-0 cells of two channels of one node and one lane change places, and so do the outputs.
fn swapped_channels(case: &Case) -> Option<Told> {
    let output = case.model.nodes[0].output;
    let homes = &case.plan.placement.homes[output.0];
    let honest = case.honest();
    let byte = |spot: &Spot| honest.columns[case.plan.columns.activation(spot.lane)][spot.row];
    let of_same_kind =
        |other: &usize| homes[*other].lane == homes[0].lane && byte(&homes[*other]) != byte(&homes[0]);
    let other = (1..homes.len()).find(of_same_kind)?;
    let cells = lane_cells(case, homes[0].lane);
    let witness = case.lying(Some(0), |columns, tensors| {
        cells.iter().for_each(|column| columns[*column].swap(homes[0].row, homes[other].row));
        tensors[output.0].swap(0, other);
    });
    // Channels of one clamp class share their tables; the intervals of another step class do not fit.
    Some(Told::new(case, witness, Caught::LayerEquation))
}

/// The phase-0 columns of a lane.
fn lane_cells(case: &Case, lane: usize) -> Vec<usize> {
    match lane.checked_sub(case.plan.columns.linear.len()) {
        None => {
            let lane = &case.plan.columns.linear[lane];
            [vec![lane.cells.activation], lane.cells.excess.clone(), lane.cells.limbs.clone()].concat()
        }
        Some(lane) => {
            let lane = &case.plan.columns.threshold[lane];
            [
                vec![lane.cells.activation, lane.cells.threshold],
                lane.cells.distance.clone(),
                lane.cells.complement.clone(),
            ]
            .concat()
        }
    }
}

/// Adds to the claimed value of a channel, through its lowest limbs alone.
fn add_to_claim(case: &Case, witness: &mut Witness, spot: Spot, by: i64) {
    match case.plan.placement.lanes[spot.lane].kind {
        LaneKind::Linear => {
            witness.columns[case.plan.columns.linear[spot.lane].cells.limbs[0]][spot.row] += by
        }
        LaneKind::Threshold => {
            let lane = &case.plan.columns.threshold[spot.lane - case.plan.columns.linear.len()];
            witness.columns[lane.cells.distance[0]][spot.row] += by;
            witness.columns[lane.cells.complement[0]][spot.row] -= by;
        }
    }
}

/// Homes of the first block of node 0, in coefficient order.
fn block(case: &Case) -> Vec<Spot> {
    let block = &case.plan.placement.nodes[0].1[0];
    let homes = &case.plan.placement.homes[case.model.nodes[0].output.0];
    block.channels.iter().map(|channel| homes[*channel]).collect()
}

/// Errors `B` and `-1` in neighboring slots cancel in the layer equation; only the tables see them.
fn cancelling_slots(case: &Case) -> Option<Told> {
    let packing = case.plan.placement.nodes[0].0;
    let spots = block(case);
    let mut witness = case.honest();
    // The second error stays within its tables.
    let slot = (1..spots.len().min(packing.slots)).find(|slot| room(case, &witness, spots[*slot], -1))?;
    add_to_claim(case, &mut witness, spots[slot - 1], 1 << packing.base_bits);
    add_to_claim(case, &mut witness, spots[slot], -1);
    let caught = match case.plan.placement.lanes[spots[0].lane].kind {
        LaneKind::Linear => vec![Role::Remainder],
        LaneKind::Threshold => vec![Role::Distance, Role::Complement],
    };
    Some(Told::new(case, witness, Caught::Tables(caught)))
}

/// Whether the tables allow a small change of a claim.
fn room(case: &Case, witness: &Witness, spot: Spot, by: i64) -> bool {
    let mut changed = witness.clone();
    add_to_claim(case, &mut changed, spot, by);
    case.missing(&changed).is_empty()
}

/// Errors 1 and -1, which every table allows, in channels `apart` slots from each other.
fn small_errors(case: &Case, apart: usize) -> Option<Told> {
    let spots = block(case);
    let mut witness = case.honest();
    let first = (0..spots.len().checked_sub(apart)?).find(|first| {
        room(case, &witness, spots[*first], 1) && room(case, &witness, spots[first + apart], -1)
    })?;
    add_to_claim(case, &mut witness, spots[first], 1);
    add_to_claim(case, &mut witness, spots[first + apart], -1);
    Some(Told::new(case, witness, Caught::LayerEquation))
}

/// An honest inference with other multiplicities.
fn multiplicities(case: &Case, changes: &[((usize, usize), i64)]) -> Option<Told> {
    let mut told = Told::new(case, case.honest(), Caught::LookupSum);
    let mut counted = case.honest();
    counted.count_lookups(&Layout::from(case.plan.clone()).lookup_tables(), &case.slots());
    for &((set, row), by) in changes {
        let column = *case.plan.columns.lookup.multiplicities.get(set)?;
        let count = counted.columns[column][row] + by;
        told.overrides.insert((column, row), Fr::from(count.unsigned_abs()) * sign(count));
    }
    Some(told)
}

fn sign(value: i64) -> Fr {
    if value < 0 { -Fr::ONE } else { Fr::ONE }
}

/// Where the table entry with this tag and value is.
fn entry(case: &Case, wanted: impl Fn(&[i64; 4]) -> bool) -> Option<(usize, usize)> {
    let sets = case.plan.tables.iter().enumerate();
    sets.flat_map(|(set, entries)| entries.iter().enumerate().map(move |(row, entry)| ((set, row), entry)))
        .find_map(|(at, entry)| wanted(entry).then_some(at))
}

/// An unused row looks the first filler entry up, which is also counted as if that were allowed.
fn looked_up_filler(case: &Case) -> Option<Told> {
    let pad = entry(case, |entry| entry[0] == PAD)?;
    let zero = entry(case, |entry| *entry == [0; 4])?;
    let [_, row, set, _] = case.plan.tables[pad.0][pad.1];
    let lane = 0;
    let unused = case.plan.placement.lanes[lane].rows.len();
    let mut told = multiplicities(case, &[(pad, 1), (zero, -1)])?;
    let columns = lane_cells(case, lane);
    // The filler's values, where the first lookup of the lane reads them.
    told.witness.columns[columns[0]][unused] = row;
    told.witness.columns[columns[1]][unused] = set;
    told.caught = Caught::Tables(vec![Role::Activation]);
    Some(told)
}

/// Everything of another inference but the first stated byte of the input.
fn other_operands(case: &Case) -> Option<Told> {
    let mut witness = case.of(&other_input(case));
    let honest = case.honest();
    let home = case.plan.placement.homes[case.model.inputs[0].tensor.0][0];
    let column = case.plan.columns.activation(home.lane);
    witness.columns[column][home.row] = honest.columns[column][home.row];
    Some(Told::new(case, witness, Caught::LayerEquation))
}

pub(super) const LIES: &[Lie] = &[
    Lie {
        role: Role::Activation,
        what: "the input in the circuit is not the statement's",
        tell: |case| Some(Told::new(case, case.of(&other_input(case)), Caught::PublicInput)),
    },
    Lie {
        role: Role::Activation,
        what: "the input in the statement is not the circuit's",
        tell: |case| statement(case, &other_input(case), |_| {}),
    },
    Lie {
        role: Role::Activation,
        what: "the output in the statement is not the circuit's",
        tell: |case| statement(case, &case.input, |outputs| outputs[0].rotate_left(1)),
    },
    Lie { role: Role::Activation, what: "a copied output is not its home", tell: output_copy },
    Lie { role: Role::Activation, what: "the layers read another input", tell: other_operands },
    Lie { role: Role::Activation, what: "an input byte of 256", tell: byte_beyond_the_type },
    Lie { role: Role::Activation, what: "two channels in each other's place", tell: swapped_channels },
    Lie { role: Role::Activation, what: "errors that cancel between slots", tell: cancelling_slots },
    Lie { role: Role::Activation, what: "errors 1 and -1 in one group", tell: |case| small_errors(case, 1) },
    Lie {
        role: Role::Activation,
        what: "errors 1 and -1 in one slot of two groups",
        tell: |case| small_errors(case, case.plan.placement.nodes[0].0.slots),
    },
    Lie {
        role: Role::Multiplicity,
        what: "a lookup counted at another entry",
        tell: |case| {
            let entries =
                [entry(case, |entry| *entry == [1, 5, 0, 0])?, entry(case, |entry| *entry == [1, 6, 0, 0])?];
            multiplicities(case, &[(entries[0], 1), (entries[1], -1)])
        },
    },
    Lie {
        role: Role::Multiplicity,
        what: "an entry counted once more",
        tell: |case| multiplicities(case, &[(entry(case, |entry| *entry == [1, 5, 0, 0])?, 1)]),
    },
    Lie {
        role: Role::Multiplicity,
        what: "a filler entry counted",
        tell: |case| multiplicities(case, &[(entry(case, |entry| entry[0] == PAD)?, 1)]),
    },
    Lie { role: Role::Multiplicity, what: "a filler entry looked up", tell: looked_up_filler },
];
