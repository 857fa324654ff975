//! Lies about phase 1: the prover derives it by another plan than the verifier's.

use std::sync::Arc;

use super::{Lie, exchange};
use crate::{
    banks::{BankPlan, Factor, Operand, Region},
    soundness::banks::case::{Case, Caught, Told},
};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

/// The honest witness, derived by a changed plan.
fn derived(case: &Case, caught: &'static [&'static str], change: impl FnOnce(&mut BankPlan)) -> Told {
    let mut plan = (*case.plan).clone();
    change(&mut plan);
    Told { derivation: Some(Arc::new(plan)), ..Told::new(case, case.honest(), Caught::By(caught)) }
}

/// Indices of the region's rows after the statement's equation that move a slice into the window.
pub(in crate::soundness::banks) fn slices(plan: &BankPlan) -> Vec<usize> {
    let after = plan.region.zeros[1] - Region::FIRST_ROW;
    let is_slice = |index: &usize| {
        let row = &plan.region.rows[*index];
        row.sign != 0 && matches!(row.operands.first(), Some(Operand::Slice { .. }))
    };
    (after..plan.region.rows.len()).filter(is_slice).collect()
}

/// Another slice of the same lane in place of the one a tap reads, and the lane it is on.
pub(in crate::soundness::banks) fn other_slice(plan: &mut BankPlan, index: usize) -> bool {
    let Some(Operand::Slice { lane, row }) = plan.region.rows[index].operands.first().copied() else {
        return false;
    };
    let other = plan.region.rows.iter().flat_map(|each| &each.operands).find_map(|each| match each {
        Operand::Slice { lane: of, row: end } if *of == lane && *end != row => Some(*end),
        _ => None,
    });
    if let Some(row) = other {
        plan.region.rows[index].operands[0] = Operand::Slice { lane, row };
    }
    other.is_some()
}

/// A slice end of a block that later rows follow: where the evaluation restarts.
pub(in crate::soundness::banks) fn restart(plan: &BankPlan) -> Option<(usize, usize)> {
    plan.placement.blocks.iter().filter(|block| block.node.is_none()).find_map(|block| {
        let end = block.rows.slice_ends.iter().min()?;
        (block.num_slices() > 1)
            .then(|| (plan.columns.banks[block.bank].keep_slice, block.first_row + end + 1))
    })
}

/// A row of the region where a window starts anew although it held something.
pub(in crate::soundness::banks) fn window_start(plan: &BankPlan) -> Option<usize> {
    let mut rows = slices(plan).into_iter().skip(1);
    rows.rfind(|index| !plan.region.rows[*index].keep_window).map(|index| Region::FIRST_ROW + index)
}

fn stale_slice(case: &Case) -> Option<Told> {
    let (column, row) = restart(&case.plan)?;
    Some(derived(case, &["operator equation", "slice evaluation"], |plan| plan.fixed[column][row] = Fr::ONE))
}

fn stale_window(case: &Case) -> Option<Told> {
    let row = window_start(&case.plan)?;
    Some(derived(case, &["operator equation", "window"], |plan| {
        // The derivation follows the region's rows.
        plan.region.rows[row - Region::FIRST_ROW].keep_window = true;
    }))
}

fn wrong_slice(case: &Case) -> Option<Told> {
    let candidates = slices(&case.plan);
    let index = candidates.into_iter().find(|index| other_slice(&mut (*case.plan).clone(), *index))?;
    Some(derived(case, &["copy", "operator equation"], |plan| assert!(other_slice(plan, index))))
}

fn wrong_power(case: &Case) -> Option<Told> {
    let after = case.plan.region.zeros[1] - Region::FIRST_ROW;
    let rows = &case.plan.region.rows;
    let index = (after..rows.len()).find(|index| rows[*index].factor.is_some())?;
    Some(derived(case, &["copy", "operator equation"], |plan| {
        plan.region.rows[index].factor = rows[index].factor.map(Factor::another);
    }))
}

/// Two positions of a block exchanged, and with them the powers their claims are weighted with: every equation holds.
fn exchanged_powers(case: &Case) -> Option<Told> {
    let (node, tensor) = case.stored()[0];
    let plan = &case.plan;
    let block = plan.placement.blocks.iter().find(|block| block.node == Some(node))?;
    let bank = &plan.columns.banks[block.bank];
    let rows: Vec<usize> = block.rows().collect();
    let alike = |one: usize, other: usize| {
        bank.constants.iter().all(|column| plan.fixed[*column][one] == plan.fixed[*column][other])
    };
    let other = (1..rows.len()).find(|other| alike(rows[0], rows[*other]))?;
    let [one, other] = [block.positions()[0], block.positions()[other]];
    let witness = case.lying(Some(node), |columns, tensors| {
        for plane in &block.planes {
            let elements = &plan.network.homes.home(tensor).planes[*plane].elements;
            let (one, other) = (elements[one], elements[other]);
            exchange(case, columns, case.spot(tensor, one), case.spot(tensor, other));
            tensors[tensor.0].swap(one, other);
        }
    });
    let mut liar = (**plan).clone();
    let homes = Arc::make_mut(&mut liar.network.homes);
    let home = homes.stored[tensor.0].as_mut()?;
    home.planes[block.planes[0]].exponents.swap(one, other);
    let told = Told::new(case, witness, Caught::By(&["copy"]));
    Some(Told { derivation: Some(Arc::new(liar)), ..told })
}

pub(super) const LIES: &[Lie] = &[
    Lie { what: "a slice evaluation that is not restarted", tell: stale_slice },
    Lie { what: "a window that is not restarted", tell: stale_window },
    Lie { what: "another slice in a window", tell: wrong_slice },
    Lie { what: "another power of s for a product", tell: wrong_power },
    Lie { what: "two positions exchanged with their powers of s", tell: exchanged_powers },
];
