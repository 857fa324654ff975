//! What the evaluations of a bank hold.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{
    chip::{Terms, bank::BankChip},
    columns::{RowWeights, StepColumns},
    index::{Lane, RowId, first},
};
use rayon::prelude::*;
use typed_index_collections::{TiSlice, ti_vec};

use super::hints::Hints;
use crate::cells::{ByRow, FixedCells};

/// Rows that are worth a task of their own.
const CHUNK: usize = 1 << 9;

/// A bank with the cells its evaluations are computed from.
#[derive(Debug)]
pub(super) struct Bank<'a> {
    pub(super) chip: &'a BankChip,
    /// Per lane, its activation.
    bytes: Vec<Terms>,
    fixed: &'a FixedCells,
    hints: &'a Hints<'a>,
}

impl<'a> Bank<'a> {
    pub(super) fn new(chip: &'a BankChip, fixed: &'a FixedCells, hints: &'a Hints<'a>) -> Self {
        let bytes = chip.columns.lanes.iter().map(|lane| Terms::cell(lane.cells.activation())).collect();
        Self { chip, bytes, fixed, hints }
    }

    /// The evaluation column of a lane's slices. `powers` are those of the rows, 0 from row `used` on.
    ///
    /// # Panics
    /// If the bank is flat.
    pub(super) fn slice_evaluations(
        &self,
        lane: Lane,
        powers: &TiSlice<RowId, Fr>,
        used: usize,
    ) -> ByRow<Fr> {
        let activation = self.chip.columns.lanes[lane].cells.activation();
        let columns = self.chip.columns.powers().expect("the rows of the bank have powers");
        let (keep, center) = (&self.fixed[columns.keep_slice], &self.fixed[columns.center]);
        let mut evaluations = ti_vec![Fr::ZERO; powers.len()];
        let mut running = Fr::ZERO;
        for row in first::<RowId>(used) {
            if keep[row] == Fr::ZERO {
                running = Fr::ZERO;
            }
            let centered = self.hints.cell(activation, row) - center[row];
            if centered != Fr::ZERO {
                running += powers[row] * centered;
            }
            evaluations[row] = running;
        }
        evaluations
    }

    /// The column of the claims, nonzero on `used` of its rows. `powers` are those of the rows' claims, of a flat bank
    /// none.
    pub(super) fn claim_evaluations(
        &self,
        powers: Option<&TiSlice<RowId, Fr>>,
        rho: Fr,
        [used, rows]: [usize; 2],
    ) -> ByRow<Fr> {
        let claim = |row: usize| {
            if row >= used {
                return Fr::ZERO;
            }
            let row = RowId::from(row);
            let value = self.value(rho, row);
            powers.map_or(value, |powers| powers[row] * value)
        };
        let evaluations: Vec<Fr> = (0..rows).into_par_iter().with_min_len(CHUNK).map(claim).collect();
        let mut evaluations = ByRow::from(evaluations);
        for row in first::<RowId>(used).skip(1) {
            let carried = self.carried(evaluations[row - 1], rho, row);
            evaluations[row] += carried;
        }
        evaluations
    }

    /// What the evaluation of the claims brings into a row.
    fn carried(&self, evaluation: Fr, rho: Fr, row: RowId) -> Fr {
        let fixed = self.fixed;
        let times = |by: Fr| if by == Fr::ZERO { Fr::ZERO } else { evaluation * by };
        match &self.chip.columns.weights {
            RowWeights::Powers(powers) if fixed[powers.keep_claims][row] == Fr::ZERO => Fr::ZERO,
            RowWeights::Powers(_) => evaluation,
            // Most steps have one part.
            RowWeights::Steps(StepColumns { step, step_rho }) if fixed[*step_rho][row] == Fr::ZERO => {
                times(fixed[*step][row])
            }
            RowWeights::Steps(StepColumns { step, step_rho }) => {
                times(fixed[*step][row] + fixed[*step_rho][row] * rho)
            }
        }
    }

    fn value(&self, rho: Fr, row: RowId) -> Fr {
        let Self { chip, bytes, fixed, hints } = self;
        let columns = &chip.columns;
        let counts = columns.powers().is_none_or(|powers| fixed[powers.counts][row] != Fr::ZERO);
        let groups = chip.values.raw.chunks(chip.weights.slots()).zip(&columns.constants.raw);
        let mut value = groups.rev().fold(Fr::ZERO, |value, (claims, constant)| {
            let claims = if counts { hints.pack(claims, chip.weights.base_bits(), row) } else { Fr::ZERO };
            value * rho + claims - fixed[*constant][row]
        });
        if let Some(byte) = columns.byte.filter(|byte| fixed[*byte][row] != Fr::ZERO) {
            value += fixed[byte][row] * hints.pack(bytes, 8, row);
        }
        value
    }
}
