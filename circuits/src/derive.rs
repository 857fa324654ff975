//! What the columns of phase 1 hold, which gates determine: computed as the gates say, without a choice.

mod bank;
mod equation;
pub(crate) mod hints;
pub(crate) mod lookup;
pub(crate) mod overrides;
mod power;
mod statement;

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::Error,
};
use lemma_verifier::{
    columns::{BankColumns, PositionColumns, PowerColumns},
    index::{AdviceColumn, RowId},
    system::Chips,
};
use rayon::prelude::*;
use typed_index_collections::{TiVec, ti_vec};

use crate::{
    cells::{AdviceCells, ByRow},
    layout::Layout,
};

use bank::Bank;
use lookup::LookupWitness;

/// Puts derived columns where they belong.
fn place(advice: &mut AdviceCells, columns: Vec<(AdviceColumn, ByRow<Fr>)>) {
    for (column, values) in columns {
        advice[column] = values;
    }
}

/// What phase 1 is derived from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Derivation<'a> {
    /// The chips of the layout's shape.
    pub(crate) chips: &'a Chips,
    /// Where everything is.
    pub(crate) layout: &'a Layout,
    /// The cells of phase 0, and where the tables hold what they look up.
    pub(crate) lookups: &'a LookupWitness<'a>,
    /// The challenge that tells channels apart.
    pub(crate) rho: Fr,
}

impl Derivation<'_> {
    /// The columns of phase 1, and those of phase 0 that operands copy; others stay empty. `space` is the challenge s.
    ///
    /// # Errors
    /// If the layout has positions and there is no challenge for them.
    pub(crate) fn run(&self, space: Option<Fr>) -> Result<TiVec<AdviceColumn, ByRow<Fr>>, Error> {
        let Self { chips, layout, lookups, rho } = *self;
        let (columns, fixed, hints) = (&chips.columns, layout.fixed(), lookups.hints);
        let mut advice: TiVec<AdviceColumn, _> = ti_vec![ByRow::new(); columns.phases.len()];
        place(&mut advice, lookup::derive(&chips.slots, &columns.lookup, fixed, lookups, layout.rows));
        match &columns.positions {
            Some(positions) => {
                advice[positions.powers] = power::powers(space.ok_or(Error::Synthesis)?, layout.rows);
                self.copy_powers(positions, &mut advice);
            }
            None => columns.lanes().for_each(|lane| advice[lane.slice()] = hints.column(lane.slice())),
        }
        let evaluations = self.evaluations(&advice);
        place(&mut advice, evaluations);
        let instances = statement::packed_statement(layout, hints);
        let region = &layout.region;
        let sources = equation::Sources { region, columns, fixed, advice: &advice, instances: &instances };
        let region = sources.derive(rho, layout.rows);
        place(&mut advice, region);
        Ok(advice)
    }

    /// The powers of the rows of all banks.
    fn copy_powers(&self, positions: &PositionColumns, advice: &mut AdviceCells) {
        let Self { chips: Chips { columns, .. }, layout, .. } = *self;
        for powers in columns.banks.iter().filter_map(BankColumns::powers) {
            advice[powers.slice] = ti_vec![Fr::ZERO; layout.rows];
            advice[powers.claim] = ti_vec![Fr::ZERO; layout.rows];
        }
        layout.for_each_power(|bank, row, slice, claim| {
            let Some(powers) = columns.banks[bank].powers() else { return };
            advice[powers.slice][row] = advice[positions.powers][RowId::from(slice as usize)];
            advice[powers.claim][row] = advice[positions.powers][RowId::from(claim as usize)];
        });
    }

    /// The running columns of all banks by index, computed in parallel.
    fn evaluations(&self, advice: &AdviceCells) -> Vec<(AdviceColumn, ByRow<Fr>)> {
        let Self { chips, layout, lookups, rho } = *self;
        let hints = lookups.hints;
        let banks: Vec<Bank<'_>> =
            chips.banks.iter().map(|chip| Bank::new(chip, layout.fixed(), hints)).collect();
        let tasks = banks.iter().zip(&layout.placement.bank_rows).flat_map(|(bank, used)| {
            let columns = &bank.chip.columns;
            // Where rows have no powers, nothing keeps the cells of an unused one out of the claims.
            let used = if columns.powers().is_some() { *used } else { layout.rows };
            let lanes = columns
                .lanes
                .iter_enumerated()
                .filter_map(|(lane, columns)| columns.evaluation.map(|evaluation| Some((lane, evaluation))));
            [None].into_iter().chain(lanes).map(move |lane| (bank, used, lane))
        });
        let evaluation = |(bank, used, lane): (&Bank<'_>, usize, Option<_>)| {
            let columns = &bank.chip.columns;
            let power = |of: fn(&PowerColumns) -> AdviceColumn| {
                columns.powers().map(|powers| advice[of(powers)].as_slice())
            };
            match lane {
                None => {
                    let powers = power(|powers| powers.claim);
                    let rows = [used, layout.rows];
                    (columns.claims, bank.claim_evaluations(powers, rho, rows))
                }
                Some((lane, evaluation)) => {
                    let powers = power(|powers| powers.slice).unwrap_or_default();
                    (evaluation, bank.slice_evaluations(lane, powers, used))
                }
            }
        };
        tasks.collect::<Vec<_>>().into_par_iter().map(evaluation).collect()
    }
}
