//! Lies about phase 1: the prover derives it by another layout than the verifier's.

use std::sync::Arc;

use super::{Lie, exchange};
use crate::{
    equations::{Factor, Operand, Region},
    layout::Layout,
    network::shared::by_position,
    place::{Arrangement, Block, Content},
    roles::Role,
    soundness::case::{Case, Caught, Told},
    witness::Witness,
};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{
    columns::{BankLane, RowWeights},
    index::{FixedColumn, Lane, RowId},
};

/// The honest witness, derived by a changed layout.
fn derived(case: &Case, caught: &'static [&'static str], change: impl FnOnce(&mut Layout)) -> Told {
    let mut layout = (*case.layout).clone();
    change(&mut layout);
    Told { derivation: Some(Arc::new(layout)), ..Told::new(case, case.honest(), Caught::By(caught)) }
}

/// The first row of the region that is none of the statement's.
pub(in crate::soundness) fn first_row(layout: &Layout) -> usize {
    match layout.columns.positions {
        Some(_) => layout.region.zeros[1] - Region::row(0),
        None => layout.network.instances,
    }
}

/// Indices of the region's rows after the statement's that move a slice into the window.
pub(in crate::soundness) fn slices(layout: &Layout) -> Vec<usize> {
    let is_slice = |index: &usize| {
        let row = &layout.region.rows[*index];
        row.sign != 0 && matches!(row.operands.first(), Some(Operand::Slice { .. }))
    };
    (first_row(layout)..layout.region.rows.len()).filter(is_slice).collect()
}

/// Another slice of the same lane in place of the one a tap reads, and the lane it is on. In a flat circuit slices are
/// single activations: one with another value.
pub(in crate::soundness) fn other_slice(layout: &mut Layout, honest: &Witness, index: usize) -> bool {
    let Some(Operand::Slice { lane, row }) = layout.region.rows[index].operands.first().copied() else {
        return false;
    };
    let slice = layout.columns.lanes().nth(usize::from(lane)).map(BankLane::slice);
    let cells = slice.and_then(|column| honest.columns.get(column));
    let differs = |other: RowId| other != row && cells.is_none_or(|cells| cells[other] != cells[row]);
    let other = layout.region.rows.iter().flat_map(|each| &each.operands).find_map(|each| match each {
        Operand::Slice { lane: of, row: end } if *of == lane && differs(*end) => Some(*end),
        _ => None,
    });
    if let Some(row) = other {
        layout.region.rows[index].operands[0] = Operand::Slice { lane, row };
    }
    other.is_some()
}

/// A slice end of a block that later rows follow: where the evaluation restarts.
pub(in crate::soundness) fn restart(layout: &Layout) -> Option<(FixedColumn, RowId)> {
    let mut inputs = layout.placement.blocks.iter().filter(|block| block.content == Content::Input);
    inputs.find_map(|block| {
        let Arrangement::Beside(order) = &block.arrangement else { return None };
        let keep_slice = layout.columns.banks[block.bank].powers()?.keep_slice;
        let end = order.slice_ends.iter().min()?;
        (order.slice_ends.len() > 1).then(|| (keep_slice, block.first_row + (end + 1)))
    })
}

/// A row of the region where a window starts anew although it held something.
pub(in crate::soundness) fn window_start(layout: &Layout) -> Option<RowId> {
    layout.columns.positions?;
    let rows = &layout.region.rows;
    let holds = |index: usize| rows[index].sign != 0 || rows[index].keep_window;
    let starts = |index: &usize| !rows[*index].keep_window && holds(*index - 1);
    slices(layout).into_iter().skip(1).rfind(starts).map(Region::row)
}

fn stale_slice(case: &Case) -> Option<Told> {
    let (column, row) = restart(&case.layout)?;
    Some(derived(case, &["operator equation", "slice evaluation"], |layout| {
        layout.fixed_mut()[column][row] = Fr::ONE
    }))
}

/// The column that says how a block's evaluation of claims goes on, and the first row of a block behind another's: 1 there
/// takes the evaluation over.
pub(in crate::soundness) fn claims_start(layout: &Layout) -> Option<(FixedColumn, RowId)> {
    let behind = |block: &&Block| block.content.node().is_some() && block.first_row > RowId::default();
    let block = layout.placement.blocks.iter().find(behind)?;
    let column = match &layout.columns.banks[block.bank].weights {
        RowWeights::Powers(powers) => powers.keep_claims,
        RowWeights::Steps(steps) => steps.step,
    };
    Some((column, block.first_row))
}

fn stale_claims(case: &Case) -> Option<Told> {
    let (column, row) = claims_start(&case.layout)?;
    Some(derived(case, &["claim evaluation", "operator equation"], |layout| {
        layout.fixed_mut()[column][row] = Fr::ONE
    }))
}

/// A row where a vector of weights starts anew, behind one that had weights, and is multiplied.
fn stale_weights(case: &Case) -> Option<Told> {
    let layout = &case.layout;
    let (keep, rows) = (layout.columns.keep_weight, &layout.region.rows);
    let starts = |index: &usize| {
        let row = Region::row(*index);
        layout.fixed()[keep][row] == Fr::ZERO && rows[*index].factor.is_some()
    };
    let index = (first_row(layout) + 1..rows.len()).rfind(starts)?;
    Some(derived(case, &["operator equation", "weight evaluation"], |layout| {
        layout.fixed_mut()[keep][Region::row(index)] = Fr::ONE
    }))
}

fn stale_window(case: &Case) -> Option<Told> {
    let row = window_start(&case.layout)?;
    Some(derived(case, &["operator equation", "window"], |layout| {
        // The derivation follows the region's rows.
        layout.region.rows[row - Region::row(0)].keep_window = true;
    }))
}

fn wrong_slice(case: &Case) -> Option<Told> {
    let honest = case.honest();
    let change = |layout: &mut Layout, index: usize| other_slice(layout, &honest, index);
    let mut candidates = slices(&case.layout).into_iter();
    let index = candidates.find(|index| change(&mut (*case.layout).clone(), *index))?;
    Some(derived(case, &["copy", "operator equation"], |layout| assert!(change(layout, index))))
}

fn wrong_power(case: &Case) -> Option<Told> {
    case.layout.columns.positions?;
    let rows = &case.layout.region.rows;
    let index = (first_row(&case.layout)..rows.len()).find(|index| rows[*index].factor.is_some())?;
    Some(derived(case, &["copy", "operator equation"], |layout| {
        layout.region.rows[index].factor = rows[index].factor.map(Factor::another);
    }))
}

/// Two positions of a block exchanged, and with them the powers their claims are weighted with: every equation holds.
fn exchanged_powers(case: &Case) -> Option<Told> {
    let (node, tensor) = case.stored()[0];
    let layout = &case.layout;
    layout.columns.positions?;
    let block = layout.placement.blocks.iter().find(|block| block.content == Content::Node(node))?;
    let bank = &layout.columns.banks[block.bank];
    let rows: Vec<RowId> = block.rows().collect();
    let alike = |one: RowId, other: RowId| {
        bank.constants.iter().all(|column| layout.fixed()[*column][one] == layout.fixed()[*column][other])
    };
    let other = (1..rows.len()).find(|other| alike(rows[0], rows[*other]))?;
    let [one, other] =
        [rows[0], rows[other]].map(|row| block.at(row, Lane::default()).map(|(_, position)| position));
    let (one, other) = (one?, other?);
    let witness = case.lying(Some(node), |columns, tensors| {
        for plane in &block.planes {
            let elements = &layout.network.homes.home(tensor).planes[*plane].elements;
            let (one, other) = (elements[one], elements[other]);
            exchange(case, columns, case.spot(tensor, one), case.spot(tensor, other));
            tensors[tensor.0].swap(one, other);
        }
    });
    let mut liar = (**layout).clone();
    let homes = Arc::make_mut(&mut liar.network.homes);
    let home = homes.stored[tensor.0].as_mut()?;
    let exponents = &mut home.planes[block.first_plane()].exponents;
    let mut exchanged = exponents.to_vec();
    exchanged.swap(one, other);
    *exponents = by_position(exchanged);
    let told = Told::new(case, witness, Caught::By(&["copy"]));
    Some(Told { derivation: Some(Arc::new(liar)), ..told })
}

pub(super) const LIES: &[Lie] = &[
    Lie { role: Role::SliceEvaluation, what: "a slice evaluation that is not restarted", tell: stale_slice },
    Lie {
        role: Role::ClaimEvaluation,
        what: "an evaluation of claims that is not restarted",
        tell: stale_claims,
    },
    Lie {
        role: Role::WeightEvaluation,
        what: "an evaluation of weights that is not restarted",
        tell: stale_weights,
    },
    Lie { role: Role::Window, what: "a window that is not restarted", tell: stale_window },
    Lie { role: Role::Operand, what: "another slice in a window", tell: wrong_slice },
    Lie { role: Role::PowerCopy, what: "another power of s for a product", tell: wrong_power },
    Lie {
        role: Role::PowerCopy,
        what: "two positions exchanged with their powers of s",
        tell: exchanged_powers,
    },
];
