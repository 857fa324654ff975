//! A lane: one activation per row, and the running evaluation of what the rows claim.
//!
//! | column | phase | content |
//! |---|---|---|
//! | cells of the form | 0 | see [`super::linear`] and [`super::threshold`] |
//! | `A` | 1 | running evaluation |
//! | `step`, `step_rho`, `C` | fixed | how A enters the row; the constant of the row's channel |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | lane evaluation | `rows (A - (step + step_rho rho) A_prev - value + C) = 0` | 3 | A is `sum_n B^(n mod G) rho^(n div G) (value_n - C_n)` over a block of channels, `2^shift sum_j 256^j y_j` over a packed public input |
//!
//! A block starts with step 0, so nothing from the row before enters it.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::ConstraintSystem,
};

use super::{Handles, Slot, Terms, gate, hints::Hints};
use crate::plan::Columns;

/// A lane with its form's cells.
#[derive(Clone, Debug)]
pub(crate) struct LaneChip {
    pub(crate) slots: Vec<Slot>,
    /// What a row claims.
    pub(crate) value: Terms,
    /// A fixed column times further terms, for rows that hold something else.
    pub(crate) gated: Option<(usize, Terms)>,
    pub(crate) evaluation: usize,
    pub(crate) step: usize,
    pub(crate) step_rho: usize,
    pub(crate) constant: usize,
}

impl LaneChip {
    /// Adds the evaluation gate.
    pub(crate) fn configure(&self, meta: &mut ConstraintSystem<Fr>, handles: &Handles, columns: &Columns) {
        gate(meta, handles, "lane evaluation", columns.lookup.rows, |cells| {
            let step = cells.fixed(self.step) + cells.fixed(self.step_rho) * cells.rho();
            let mut value = self.value.expression(cells) - cells.fixed(self.constant);
            if let Some((selector, terms)) = &self.gated {
                value = value + cells.fixed(*selector) * terms.expression(cells);
            }
            cells.advice(self.evaluation) - step * cells.previous(self.evaluation) - value
        });
    }

    /// The evaluation column.
    pub(crate) fn evaluations(&self, fixed: &[Vec<Fr>], hints: &Hints<'_>, rho: Fr, rows: usize) -> Vec<Fr> {
        let mut running = Fr::ZERO;
        let evaluations = (0..rows).map(|row| {
            running = self.carried(fixed, running, rho, row) + self.value(fixed, hints, row);
            running
        });
        evaluations.collect()
    }

    /// The running evaluation times the step into a row; most steps have one part.
    fn carried(&self, fixed: &[Vec<Fr>], running: Fr, rho: Fr, row: usize) -> Fr {
        let [step, step_rho] = [self.step, self.step_rho].map(|column| fixed[column][row]);
        if step_rho == Fr::ZERO {
            return if step == Fr::ZERO { Fr::ZERO } else { running * step };
        }
        running * (step + step_rho * rho)
    }

    fn value(&self, fixed: &[Vec<Fr>], hints: &Hints<'_>, row: usize) -> Fr {
        let value = hints.evaluate(&self.value, row) - fixed[self.constant][row];
        match &self.gated {
            Some((selector, terms)) if fixed[*selector][row] != Fr::ZERO => {
                value + fixed[*selector][row] * hints.evaluate(terms, row)
            }
            _ => value,
        }
    }
}
