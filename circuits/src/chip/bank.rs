//! A bank: lanes that share their rows, the evaluations of their slices and of what they claim.
//!
//! | column | phase | content |
//! |---|---|---|
//! | cells of the forms | 0 | per lane, see [`super::linear`], [`super::threshold`], [`super::maximum`], [`super::product`] |
//! | `X_l` | 1 | per lane, running evaluation of a slice |
//! | `K`, `H` | 1 | the row's powers of s for slices and for claims, copies of [`super::power`] |
//! | `V` | 1 | running evaluation of the claims of a block |
//! | `keep_x`, `keep_v` | fixed | whether the evaluations continue from the row before |
//! | `center` | fixed | what a row's activations are read less: the zero point of their readers, as a byte |
//! | `claim`, `byte`, `C_g` | fixed | whether claims count, what packed bytes count, constants per group |
//! | `step`, `step_rho` | fixed | in flat banks, what V is multiplied with on its way into the row |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | slice evaluation | `rows (X_l - keep_x X_l,prev - K (y'_l - center)) = 0` | 3 | at the end of a slice X is `sum (y' - center) s^exponent` |
//! | claim evaluation | `rows (V - keep_v V_prev - H (claim sum_l B^(l mod G) rho^(l div G) value_l + byte sum_l 256^l y'_l - sum_g rho^g C_g)) = 0` | 4 | at the end of a block V is `sum s^exponent (claims - constants)`, or the packed bytes of an input |
//! | claim evaluation, flat | `rows (V - (step + step_rho rho) V_prev - value - byte y' + C) = 0` | 3 | at the end of a block of channels V is `sum_n B^(n mod G) rho^(n div G) (value_n - C_n)`, of bytes `2^shift sum_j 256^j y'_j` |
//!
//! A flat bank has one lane and no `X`, `K`, `H`: every plane has one position, so the exponent of s is 0 and a slice is an
//! activation; channels follow each other in rows instead of lanes.
//!
//! # Soundness
//! V and X are determined by phase-0 cells and challenges. A block starts with `keep = 0`, or step 0, so nothing from the
//! row before enters it. On rows no block uses, tags are 0, so the cells are 0 by lookup.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{ConstraintSystem, Expression},
};
use rayon::prelude::*;
use typed_index_collections::{TiSlice, TiVec, ti_vec};

use super::{
    Cells, Handles, Slot, Terms, gate, hints::Hints, linear::linear_cells, maximum::maximum_cells, product,
    product::product_cells, sum, threshold::threshold_cells,
};
use crate::{
    columns::{BankColumns, ByRow, FixedCells, LaneColumns, LaneWeights, RowWeights, StepColumns},
    index::{FixedColumn, Lane, RowId, first},
    shape::Shape,
};

/// Rows that are worth a task of their own.
const CHUNK: usize = 1 << 9;

/// A bank with the cells of its lanes' forms.
#[derive(Clone, Debug)]
pub(crate) struct BankChip {
    columns: BankColumns,
    weights: LaneWeights,
    /// Per lane, what it claims.
    values: TiVec<Lane, Terms>,
    /// Per lane, its activation.
    bytes: TiVec<Lane, Terms>,
    /// The lookups of all lanes.
    pub(crate) slots: Vec<Slot>,
}

/// `256^lane`.
fn byte_weight(lane: Lane) -> Fr {
    Fr::from(256).pow_vartime([usize::from(lane) as u64])
}

fn weighted(expression: Expression<Fr>, weight: Fr) -> Expression<Fr> {
    if weight == Fr::ONE { expression } else { expression * weight }
}

impl BankChip {
    pub(crate) fn new(columns: &BankColumns, shape: &Shape) -> Self {
        let cells = columns.lanes.iter().map(|lane| match &lane.cells {
            LaneColumns::Linear(cells) => linear_cells(cells, shape),
            LaneColumns::Threshold(cells) => threshold_cells(cells, shape),
            LaneColumns::Maximum(cells) => maximum_cells(cells),
            LaneColumns::Product(cells) => product_cells(cells),
        });
        let (slots, values): (Vec<_>, TiVec<_, _>) = cells.unzip();
        let weights = LaneWeights::of(shape);
        let bytes = columns.lanes.iter().map(|lane| Terms::cell(lane.cells.activation())).collect();
        Self { columns: columns.clone(), weights, values, bytes, slots: slots.concat() }
    }

    /// Adds the gates.
    pub(crate) fn configure(&self, meta: &mut ConstraintSystem<Fr>, handles: &Handles, rows: FixedColumn) {
        let columns = &self.columns;
        for lane in &columns.lanes {
            if let LaneColumns::Product(cells) = &lane.cells {
                product::configure(meta, handles, cells, rows);
            }
            if let (Some(evaluation), Some(powers)) = (lane.evaluation, columns.powers()) {
                gate(meta, handles, "slice evaluation", rows, |cells| {
                    let carried = cells.fixed(powers.keep_slice) * cells.previous(evaluation);
                    let centered = cells.advice(lane.cells.activation()) - cells.fixed(powers.center);
                    cells.advice(evaluation) - carried - cells.advice(powers.slice) * centered
                });
            }
        }
        gate(meta, handles, "claim evaluation", rows, |cells| match &columns.weights {
            RowWeights::Powers(powers) => {
                let value = self.claims(cells, Some(powers.counts));
                let carried = cells.fixed(powers.keep_claims) * cells.previous(columns.claims);
                cells.advice(columns.claims) - carried - cells.advice(powers.claim) * value
            }
            RowWeights::Steps(StepColumns { step, step_rho }) => {
                let value = self.claims(cells, None);
                let step = cells.fixed(*step) + cells.fixed(*step_rho) * cells.rho();
                cells.advice(columns.claims) - step * cells.previous(columns.claims) - value
            }
        });
    }

    /// `claim sum_l B^(l mod G) rho^(l div G) value_l - sum_g rho^g C_g + byte sum_l 256^l y'_l`.
    fn claims(&self, cells: &mut Cells<'_, '_>, counts: Option<FixedColumn>) -> Expression<Fr> {
        let columns = &self.columns;
        let mut groups = Vec::new();
        for (group, constant) in columns.constants.iter_enumerated() {
            let lanes = self.values.iter_enumerated().map(|(lane, value)| (self.weights.lane(lane), value));
            let members = lanes.filter(|((of, _), _)| *of == group);
            let claims: Vec<_> =
                members.map(|((_, weight), value)| weighted(value.expression(cells), weight)).collect();
            let claims = sum(claims.into_iter());
            let claims = match counts {
                Some(counts) => cells.fixed(counts) * claims,
                None => claims,
            };
            groups.push(claims - cells.fixed(*constant));
        }
        let folded = groups.into_iter().rev().reduce(|folded, group| folded * cells.rho() + group);
        let value = folded.expect("a bank has at least one group");
        let Some(byte) = columns.byte else { return value };
        let bytes = columns.lanes.iter_enumerated();
        let bytes: Vec<_> = bytes
            .map(|(lane, cell)| weighted(cells.advice(cell.cells.activation()), byte_weight(lane)))
            .collect();
        value + cells.fixed(byte) * sum(bytes.into_iter())
    }

    /// The evaluation column of a lane's slices. `powers` are those of the rows, 0 from row `used` on.
    ///
    /// # Panics
    /// If the bank is flat.
    pub(crate) fn slice_evaluations(
        &self,
        lane: Lane,
        fixed: &FixedCells,
        hints: &Hints<'_>,
        powers: &TiSlice<RowId, Fr>,
        used: usize,
    ) -> ByRow<Fr> {
        let activation = self.columns.lanes[lane].cells.activation();
        let columns = self.columns.powers().expect("the rows of the bank have powers");
        let (keep, center) = (&fixed[columns.keep_slice], &fixed[columns.center]);
        let mut evaluations = ti_vec![Fr::ZERO; powers.len()];
        let mut running = Fr::ZERO;
        for row in first::<RowId>(used) {
            if keep[row] == Fr::ZERO {
                running = Fr::ZERO;
            }
            let centered = hints.cell(activation, row) - center[row];
            if centered != Fr::ZERO {
                running += powers[row] * centered;
            }
            evaluations[row] = running;
        }
        evaluations
    }

    /// The column of the claims, nonzero on `used` of its rows. `powers` are those of the rows' claims, of a flat bank
    /// none.
    pub(crate) fn claim_evaluations(
        &self,
        fixed: &FixedCells,
        hints: &Hints<'_>,
        powers: Option<&TiSlice<RowId, Fr>>,
        rho: Fr,
        [used, rows]: [usize; 2],
    ) -> ByRow<Fr> {
        let claim = |row: usize| {
            if row >= used {
                return Fr::ZERO;
            }
            let row = RowId::from(row);
            let value = self.value(fixed, hints, rho, row);
            powers.map_or(value, |powers| powers[row] * value)
        };
        let evaluations: Vec<Fr> = (0..rows).into_par_iter().with_min_len(CHUNK).map(claim).collect();
        let mut evaluations = ByRow::from(evaluations);
        for row in first::<RowId>(used).skip(1) {
            let carried = self.carried(fixed, evaluations[row - 1], rho, row);
            evaluations[row] += carried;
        }
        evaluations
    }

    /// What the evaluation of the claims brings into a row.
    fn carried(&self, fixed: &FixedCells, evaluation: Fr, rho: Fr, row: RowId) -> Fr {
        let times = |by: Fr| if by == Fr::ZERO { Fr::ZERO } else { evaluation * by };
        match &self.columns.weights {
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

    fn value(&self, fixed: &FixedCells, hints: &Hints<'_>, rho: Fr, row: RowId) -> Fr {
        let columns = &self.columns;
        let counts = columns.powers().is_none_or(|powers| fixed[powers.counts][row] != Fr::ZERO);
        let groups = self.values.raw.chunks(self.weights.slots()).zip(&columns.constants.raw);
        let mut value = groups.rev().fold(Fr::ZERO, |value, (claims, constant)| {
            let claims = if counts { hints.pack(claims, self.weights.base_bits(), row) } else { Fr::ZERO };
            value * rho + claims - fixed[*constant][row]
        });
        if let Some(byte) = columns.byte.filter(|byte| fixed[*byte][row] != Fr::ZERO) {
            value += fixed[byte][row] * hints.pack(&self.bytes.raw, 8, row);
        }
        value
    }
}
