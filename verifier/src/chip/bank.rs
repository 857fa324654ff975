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
use typed_index_collections::TiVec;

use super::{
    Cells, Handles, Slot, Terms, gate, linear::linear_cells, maximum::maximum_cells, product,
    product::product_cells, sum, threshold::threshold_cells,
};
use crate::{
    columns::{BankColumns, LaneColumns, LaneWeights, RowWeights, StepColumns},
    index::{FixedColumn, Lane},
    integers::natural,
    shape::Shape,
};

/// A bank with the cells of its lanes' forms.
#[derive(Clone, Debug)]
pub struct BankChip {
    /// Its columns.
    pub columns: BankColumns,
    /// What its lanes' claims are weighted with.
    pub weights: LaneWeights,
    /// Per lane, what it claims.
    pub values: TiVec<Lane, Terms>,
    /// The lookups of all lanes.
    pub slots: Vec<Slot>,
}

/// `256^lane`.
fn byte_weight(lane: Lane) -> Fr {
    (0..usize::from(lane)).fold(Fr::ONE, |weight, _| weight * natural(256))
}

fn weighted(expression: Expression<Fr>, weight: Fr) -> Expression<Fr> {
    if weight == Fr::ONE { expression } else { expression * weight }
}

impl BankChip {
    /// The cells of a bank with these columns.
    pub fn new(columns: &BankColumns, shape: &Shape) -> Self {
        let cells = columns.lanes.iter().map(|lane| match &lane.cells {
            LaneColumns::Linear(cells) => linear_cells(cells, shape),
            LaneColumns::Threshold(cells) => threshold_cells(cells, shape),
            LaneColumns::Maximum(cells) => maximum_cells(cells),
            LaneColumns::Product(cells) => product_cells(cells),
        });
        let (slots, values): (Vec<_>, TiVec<_, _>) = cells.unzip();
        let weights = LaneWeights::of(shape);
        Self { columns: columns.clone(), weights, values, slots: slots.concat() }
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
        let Some(value) = folded else { unreachable!("a bank has a group") };
        let Some(byte) = columns.byte else { return value };
        let bytes = columns.lanes.iter_enumerated();
        let bytes: Vec<_> = bytes
            .map(|(lane, cell)| weighted(cells.advice(cell.cells.activation()), byte_weight(lane)))
            .collect();
        value + cells.fixed(byte) * sum(bytes.into_iter())
    }
}
