//! A bank: lanes that share their rows, the evaluations of their slices and of what they claim.
//!
//! | column | phase | content |
//! |---|---|---|
//! | cells of the forms | 0 | per lane, see [`super::linear`] and [`super::threshold`] |
//! | `X_l` | 1 | per lane, running evaluation of a slice |
//! | `K`, `H` | 1 | the row's powers of s for slices and for claims, copies of [`super::power`] |
//! | `V` | 1 | running evaluation of the claims of a block |
//! | `keep_x`, `keep_v` | fixed | whether the evaluations continue from the row before |
//! | `claim`, `byte`, `C_g` | fixed | whether claims count, what packed bytes count, constants per group |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | slice evaluation | `rows (X_l - keep_x X_l,prev - K y'_l) = 0` | 3 | at the end of a slice X is `sum y' s^exponent` |
//! | claim evaluation | `rows (V - keep_v V_prev - H (claim sum_l B^(l mod G) rho^(l div G) value_l + byte sum_l 256^l y'_l - sum_g rho^g C_g)) = 0` | 4 | at the end of a block V is `sum s^exponent (claims - constants)`, or the packed bytes of an input |
//!
//! # Soundness
//! Both are determined by phase-0 cells and challenges. A block starts with `keep = 0`, so nothing from the row
//! before enters it. On rows no block uses, tags are 0, so the cells are 0 by lookup.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::ConstraintSystem,
};
use rayon::prelude::*;

use super::{
    Handles, Slot, Terms, gate, hints::Hints, linear::linear_cells, maximum::maximum_cells, product,
    product::product_cells, sum, threshold::threshold_cells,
};
use crate::{
    banks::{BankColumns, LaneColumns, LaneWeights},
    plan::Shape,
};

/// Rows that are worth a task of their own.
const CHUNK: usize = 1 << 9;

/// A bank with the cells of its lanes' forms.
#[derive(Clone, Debug)]
pub(crate) struct BankChip {
    columns: BankColumns,
    weights: LaneWeights,
    /// Per lane, what it claims.
    values: Vec<Terms>,
    /// Per lane, its activation.
    bytes: Vec<Terms>,
    /// The lookups of all lanes.
    pub(crate) slots: Vec<Slot>,
}

/// `256^lane`.
fn byte_weight(lane: usize) -> Fr {
    Fr::from(256).pow_vartime([lane as u64])
}

impl BankChip {
    pub(crate) fn new(columns: &BankColumns, shape: &Shape) -> Self {
        let cells = columns.lanes.iter().map(|lane| match &lane.cells {
            LaneColumns::Linear(cells) => linear_cells(cells, shape),
            LaneColumns::Threshold(cells) => threshold_cells(cells, shape),
            LaneColumns::Maximum(cells) => maximum_cells(cells),
            LaneColumns::Product(cells) => product_cells(cells),
        });
        let (slots, values): (Vec<_>, Vec<_>) = cells.unzip();
        let weights = LaneWeights::of(shape);
        let bytes = columns.lanes.iter().map(|lane| Terms::cell(lane.cells.activation())).collect();
        Self { columns: columns.clone(), weights, values, bytes, slots: slots.concat() }
    }

    /// Adds the gates.
    pub(crate) fn configure(&self, meta: &mut ConstraintSystem<Fr>, handles: &Handles, rows: usize) {
        let columns = &self.columns;
        for lane in &columns.lanes {
            if let LaneColumns::Product(cells) = &lane.cells {
                product::configure(meta, handles, cells, rows);
            }
            gate(meta, handles, "slice evaluation", rows, |cells| {
                let carried = cells.fixed(columns.keep_slice) * cells.previous(lane.evaluation);
                let term = cells.advice(columns.slice_power) * cells.advice(lane.cells.activation());
                cells.advice(lane.evaluation) - carried - term
            });
        }
        gate(meta, handles, "claim evaluation", rows, |cells| {
            let mut groups = Vec::new();
            for (group, constant) in columns.constants.iter().enumerate() {
                let lanes =
                    self.values.iter().enumerate().map(|(lane, value)| (self.weights.lane(lane), value));
                let members = lanes.filter(|((of, _), _)| *of == group);
                let claims: Vec<_> =
                    members.map(|((_, weight), value)| value.expression(cells) * weight).collect();
                let claims = cells.fixed(columns.claim) * sum(claims.into_iter());
                groups.push(claims - cells.fixed(*constant));
            }
            let folded = groups.into_iter().rev().reduce(|folded, group| folded * cells.rho() + group);
            let mut value = folded.expect("a bank has at least one group");
            if let Some(byte) = columns.byte {
                let bytes: Vec<_> = columns
                    .lanes
                    .iter()
                    .enumerate()
                    .map(|(lane, cell)| cells.advice(cell.cells.activation()) * byte_weight(lane))
                    .collect();
                value = value + cells.fixed(byte) * sum(bytes.into_iter());
            }
            let carried = cells.fixed(columns.keep_claims) * cells.previous(columns.claims);
            cells.advice(columns.claims) - carried - cells.advice(columns.claim_power) * value
        });
    }

    /// The lanes' evaluation columns. `powers` are those of the rows' slices, 0 from row `used` on.
    pub(crate) fn slice_evaluations(
        &self,
        lane: usize,
        fixed: &[Vec<Fr>],
        hints: &Hints<'_>,
        powers: &[Fr],
        used: usize,
    ) -> Vec<Fr> {
        let activation = self.columns.lanes[lane].cells.activation();
        let keep = &fixed[self.columns.keep_slice];
        let mut evaluations = vec![Fr::ZERO; powers.len()];
        let mut running = Fr::ZERO;
        for row in 0..used {
            if keep[row] == Fr::ZERO {
                running = Fr::ZERO;
            }
            let cell = hints.cell(activation, row);
            if cell != Fr::ZERO {
                running += powers[row] * cell;
            }
            evaluations[row] = running;
        }
        evaluations
    }

    /// The column of the claims. `powers` are those of the rows' claims, 0 from row `used` on.
    pub(crate) fn claim_evaluations(
        &self,
        fixed: &[Vec<Fr>],
        hints: &Hints<'_>,
        powers: &[Fr],
        rho: Fr,
        used: usize,
    ) -> Vec<Fr> {
        let keep = &fixed[self.columns.keep_claims];
        let claim =
            |row: usize| if row < used { powers[row] * self.value(fixed, hints, rho, row) } else { Fr::ZERO };
        let claims = (0..powers.len()).into_par_iter().with_min_len(CHUNK).map(claim);
        let mut evaluations: Vec<Fr> = claims.collect();
        for row in 1..used {
            if keep[row] != Fr::ZERO {
                let carried = evaluations[row - 1];
                evaluations[row] += carried;
            }
        }
        evaluations
    }

    fn value(&self, fixed: &[Vec<Fr>], hints: &Hints<'_>, rho: Fr, row: usize) -> Fr {
        let columns = &self.columns;
        let mut value = Fr::ZERO;
        if fixed[columns.claim][row] != Fr::ZERO {
            let groups = self.values.chunks(self.weights.slots()).zip(&columns.constants);
            for (claims, constant) in groups.rev() {
                value =
                    value * rho + hints.pack(claims, self.weights.base_bits(), row) - fixed[*constant][row];
            }
        }
        if let Some(byte) = columns.byte.filter(|byte| fixed[*byte][row] != Fr::ZERO) {
            value += fixed[byte][row] * hints.pack(&self.bytes, 8, row);
        }
        value
    }
}
