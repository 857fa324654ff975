//! Lies about lanes that hold nothing.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{index::Lane, integers::integer, interface::HEADER_INSTANCES, shape::BankKind};

use super::{Lie, OPERATOR, add_to_claim, room};
use crate::{
    roles::Role,
    soundness::case::{Case, Caught, Told},
    testing::spot::Spot,
};

/// Idle lanes of inputs, or of operators of a kind, on the first row of each block.
fn idle(case: &Case, kind: BankKind, of_input: bool) -> Vec<Spot> {
    let placement = &case.layout.placement;
    let blocks = placement.blocks.iter_enumerated();
    let blocks = blocks.filter(|(_, block)| block.kind == kind && block.content.node().is_none() == of_input);
    let spots = blocks.flat_map(|(id, block)| {
        let lanes = block.planes.len()..placement.lanes_per_bank.of(kind);
        lanes.map(move |lane| Spot { block: id, lane: Lane::from(lane), row: block.first_row })
    });
    spots.collect()
}

/// An idle lane of an input holds part of the byte that the statement packs next: the public input is the same.
fn borrowed_byte(case: &Case) -> Option<Told> {
    let tensor = case.input_tensor();
    let per_instance = usize::from(case.compiled.interface().inputs[0].bytes_per_instance);
    let lanes = case.layout.placement.lanes_per_bank.of(BankKind::Linear);
    let element = (0..case.input.len() - 1).find(|element| {
        let spot = case.spot(tensor, *element);
        let next = usize::from(spot.lane) + 1;
        let is_last = next == case.layout.placement.blocks[spot.block].planes.len();
        let same_instance = (element + 1) % per_instance != 0;
        is_last && next < lanes && same_instance && case.input[element + 1] > -128
    })?;
    let mut witness = case.lying(None, |_, tensors| tensors[tensor.0][element + 1] -= 1);
    let spot = case.spot(tensor, element);
    let idle = Spot { lane: spot.lane + 1, ..spot };
    let cell = &mut witness.columns[idle.columns(&case.layout).activation()][idle.row];
    *cell += 1;
    (*cell < 256).then(|| Told::new(case, witness, by_copies(case, idle)))
}

/// All idle cells of inputs are copies of the first, which is 0 in an equation.
fn by_copies(case: &Case, idle: Spot) -> Caught {
    let placement = &case.layout.placement;
    let lane = placement.lane(placement.blocks[idle.block].bank, idle.lane);
    let mut cells = placement.idle_input_cells();
    match (cells.next() == Some((lane, idle.row)), cells.next().is_some()) {
        (true, true) => Caught::By(&["copy", "operator equation"]),
        (true, false) => OPERATOR,
        (false, _) => Caught::By(&["copy"]),
    }
}

/// An idle lane of an input holds a byte, and the public input counts it.
fn stated_byte(case: &Case) -> Option<Told> {
    let spot = idle(case, BankKind::Linear, true).into_iter().next()?;
    let mut witness = case.honest();
    let cell = &mut witness.columns[spot.columns(&case.layout).activation()][spot.row];
    let more = if *cell < 255 { 255 - *cell } else { -1 };
    *cell += more;
    let block = &case.layout.placement.blocks[spot.block];
    let first = &case.layout.network.homes.home(block.tensor).planes[block.first_plane()];
    let (_, position) = block.at(block.first_row, Lane::default())?;
    let (instance, byte) = case.layout.network.instance_of(block.tensor, first.elements[position]);
    let mut told = Told::new(case, witness, by_copies(case, spot));
    let weight = Fr::from(256).pow_vartime([(byte + usize::from(spot.lane)) as u64]);
    told.public[HEADER_INSTANCES + instance] += integer(more.into()) * weight;
    Some(told)
}

/// An idle lane of an operator claims one more than it should, alone or with a channel that claims one less.
fn claim(case: &Case, with_channel: bool) -> Option<Told> {
    let channel = |spot: &Spot| Spot { lane: Lane::default(), ..*spot };
    let mut spots = idle(case, BankKind::Linear, false).into_iter();
    let spot = spots.find(|spot| room(case, *spot, 1) && (!with_channel || room(case, channel(spot), -1)))?;
    let mut witness = case.honest();
    add_to_claim(case, &mut witness, spot, 1);
    if with_channel {
        add_to_claim(case, &mut witness, channel(&spot), -1);
    }
    Some(Told::new(case, witness, OPERATOR))
}

/// An idle lane of thresholds holds a byte.
fn threshold_byte(case: &Case) -> Option<Told> {
    let spot = idle(case, BankKind::Threshold, false).into_iter().next()?;
    let mut witness = case.honest();
    witness.columns[spot.columns(&case.layout).activation()][spot.row] = 1;
    Some(Told::new(case, witness, Caught::Tables(vec![Role::Activation])))
}

/// An idle lane of thresholds claims an accumulator, its distances adding up to 0.
fn threshold_claim(case: &Case) -> Option<Told> {
    let spot = idle(case, BankKind::Threshold, false).into_iter().next()?;
    let mut witness = case.honest();
    add_to_claim(case, &mut witness, spot, 1);
    Some(Told::new(case, witness, Caught::TablesAnd(vec![Role::Complement], "operator equation")))
}

pub(super) const LIES: &[Lie] = &[
    Lie {
        role: Role::Activation,
        what: "an idle lane of an input holds part of another byte",
        tell: borrowed_byte,
    },
    Lie {
        role: Role::Activation,
        what: "an idle lane of an input is part of the public input",
        tell: stated_byte,
    },
    Lie {
        role: Role::Remainder,
        what: "an idle lane of an operator claims one more",
        tell: |case| claim(case, false),
    },
    Lie {
        role: Role::Remainder,
        what: "an idle lane claims one more, a channel one less",
        tell: |case| claim(case, true),
    },
    Lie { role: Role::Activation, what: "an idle lane of thresholds holds a byte", tell: threshold_byte },
    Lie {
        role: Role::Distance,
        what: "an idle lane of thresholds claims an accumulator",
        tell: threshold_claim,
    },
];
