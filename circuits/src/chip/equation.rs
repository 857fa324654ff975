//! Equations of operators: windows of slices times weights times powers of s.
//!
//! | column | phase | content |
//! |---|---|---|
//! | `w_0 .. w_{J-1}` | fixed | per way, packed weights of J consecutive groups |
//! | `U` | 1 | per way, running evaluation of a vector of weights at rho |
//! | `O` | 1 | per way, the operand: a copy of a slice evaluation or of claims, or a public input |
//! | `M` | 1 | per way, the window: running sum of operands |
//! | `F` | 1 | the factor of a product, a copy: a power of s, or of a matrix product a slice evaluation |
//! | `P` | 1 | running sum of products |
//! | `keep_u`, `keep_m`, `sign`, `end`, `zero`, `statement` | fixed | control |
//! | `center` | fixed | without positions, what an operand is read less: the zero point of its reader, as a byte |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | weight evaluation | `rows (U - keep_u rho^J U_prev - sum_j rho^j w_j) = 0` | 3 | U is the vector at rho |
//! | window | `rows (M - keep_m M_prev - sign O) = 0` | 3 | M is the sum of the slices a tap reads |
//! | product sum | `rows (P_next - P - end F sum_ways U M) = 0` | 5 | P collects the products |
//! | operator equation | `zero P = 0` | 2 | per operator: weights times inputs minus claims is 0 |
//! | public input | `statement (O_0 - 2^shift instance) = 0` | 2 | the statement's equation reads the public inputs |
//!
//! Circuits without positions have no `M`, `F`, `keep_m` and `sign`: the only power of s is 1 and a window is one operand,
//! so a product is `end U (O - center)`. They have no equation for the statement either: the operands on its rows are the evaluations
//! of the packed bytes themselves, at most 31 of them, so `2^shift sum_j 256^j y'_j` has one solution. The statement's
//! header, circuit id and context, is constrained by no gate; the transcript absorbs it.
//!
//! # Soundness
//! An equation is a polynomial in s and rho whose coefficients are polynomials in phase-0 cells: at
//! `rho^g s^exponent`, for the outputs of group g at the position with that exponent, `sum_i B^i (true_i - claimed_i)`.
//! Different positions of a block have different exponents and different groups different powers of rho, so at
//! random s and rho all coefficients are 0 but with probability (degree)/p. Then every slot of a group is equal if the
//! bytes its operators read are right (`forms::packing`): groups are gone through in an order in which those of the
//! operators that define these bytes come first, and `equations::groups` asserts that there is one.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::ConstraintSystem,
};
use rayon::prelude::*;
use typed_index_collections::{TiSlice, TiVec, ti_vec};

use super::{Handles, at_rho, gate, sum};
use crate::{
    columns::{AdviceCells, BankLane, ByRow, Columns, FixedCells, PositionColumns, Way},
    equations::{Factor, Operand, Region},
    index::{AdviceColumn, LaneId, RowId, first},
    shape::Shape,
};

/// Rows that are worth a task of their own.
const CHUNK: usize = 1 << 6;

/// Adds the gates.
pub(crate) fn configure(
    meta: &mut ConstraintSystem<Fr>,
    handles: &Handles,
    columns: &Columns,
    shape: &Shape,
) {
    let rows = columns.lookup.rows;
    for way in &columns.ways {
        gate(meta, handles, "weight evaluation", rows, |cells| {
            let carried = cells.fixed(columns.keep_weight) * cells.previous(way.weight_evaluation);
            let evaluation = way
                .weights
                .iter()
                .rev()
                .fold(carried, |sum, &weight| sum * cells.rho() + cells.fixed(weight));
            cells.advice(way.weight_evaluation) - evaluation
        });
        if let (Some(positions), Some(window)) = (&columns.positions, way.window) {
            gate(meta, handles, "window", rows, |cells| {
                let carried = cells.fixed(positions.keep_window) * cells.previous(window);
                cells.advice(window) - carried - cells.fixed(positions.sign) * cells.advice(way.operand)
            });
        }
    }
    gate(meta, handles, "product sum", rows, |cells| {
        let products: Vec<_> = columns
            .ways
            .iter()
            .map(|way| {
                let window = cells.advice(way.window());
                let centered = match columns.center {
                    Some(center) => window - cells.fixed(center),
                    None => window,
                };
                cells.advice(way.weight_evaluation) * centered
            })
            .collect();
        let end = cells.fixed(columns.end);
        let scale = match &columns.positions {
            Some(positions) => end * cells.advice(positions.factor),
            None => end,
        };
        let term = scale * sum(products.into_iter());
        cells.next(columns.product) - cells.advice(columns.product) - term
    });
    gate(meta, handles, "operator equation", columns.zero, |cells| cells.advice(columns.product));
    let scale = Fr::from(1u64 << shape.shift);
    gate(meta, handles, "public input", columns.statement, |cells| {
        cells.advice(columns.ways[0].operand) - cells.instance() * scale
    });
}

/// What the columns of the region are derived from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) region: &'a Region,
    pub(crate) columns: &'a Columns,
    pub(crate) fixed: &'a FixedCells,
    /// Claims, powers, and per lane the column of its slices ([`BankLane::slice`]).
    pub(crate) advice: &'a AdviceCells,
    /// The public inputs after the header.
    pub(crate) instances: &'a [Fr],
}

/// The derived cells of a way.
struct WayCells {
    operands: ByRow<Fr>,
    weights: ByRow<Fr>,
    windows: Option<ByRow<Fr>>,
}

impl WayCells {
    /// What the weights of a row are multiplied with.
    fn window(&self, row: RowId) -> Fr {
        self.windows.as_ref().unwrap_or(&self.operands)[row]
    }
}

impl Sources<'_> {
    /// The columns of the region by index, the product sums one longer than `rows`.
    pub(crate) fn derive(&self, rho: Fr, rows: usize) -> Vec<(AdviceColumn, ByRow<Fr>)> {
        let columns = self.columns;
        let lanes: TiVec<LaneId, AdviceColumn> = columns.lanes().map(BankLane::slice).collect();
        let factors =
            columns.positions.map(|positions| (positions.factor, self.factors(&positions, &lanes, rows)));
        let ways = columns.ways.par_iter().enumerate().map(|(index, way)| {
            let operands = self.operands(&lanes, index, rows);
            let windows = way.window.map(|_| self.windows(&operands));
            WayCells { operands, weights: self.weight_evaluations(way, rho, rows), windows }
        });
        let ways: Vec<WayCells> = ways.collect();
        let product = |row: RowId| {
            let center = columns.center.map_or(Fr::ZERO, |center| self.fixed[center][row]);
            let sum = ways.iter().map(|way| way.weights[row] * (way.window(row) - center)).sum::<Fr>();
            factors.as_ref().map_or(sum, |(_, factors)| sum * factors[row])
        };
        let mut sum = Fr::ZERO;
        let sums = first(rows).map(|row: RowId| {
            if self.fixed[columns.end][row] != Fr::ZERO {
                sum += product(row);
            }
            sum
        });
        let sums = [Fr::ZERO].into_iter().chain(sums).collect();
        let ways = columns.ways.iter().zip(ways).flat_map(|(columns, way)| {
            let cells = [(columns.operand, way.operands), (columns.weight_evaluation, way.weights)];
            cells.into_iter().chain(columns.window.zip(way.windows))
        });
        ways.chain([(columns.product, sums)]).chain(factors).collect()
    }

    fn factors(
        &self,
        positions: &PositionColumns,
        lanes: &TiSlice<LaneId, AdviceColumn>,
        rows: usize,
    ) -> ByRow<Fr> {
        let mut factors = ti_vec![Fr::ZERO; rows];
        for (row, content) in self.region.iter() {
            factors[row] = match content.factor {
                Some(Factor::Power(exponent)) => {
                    self.advice[positions.powers][RowId::from(exponent as usize)]
                }
                Some(Factor::Slice { lane, row: end }) => self.advice[lanes[lane]][end],
                None => continue,
            };
        }
        factors
    }

    fn operands(&self, lanes: &TiSlice<LaneId, AdviceColumn>, way: usize, rows: usize) -> ByRow<Fr> {
        let mut operands = ti_vec![Fr::ZERO; rows];
        for (row, content) in self.region.iter() {
            let operand = match content.operands.get(way) {
                Some(Operand::First) => &content.operands[0],
                Some(operand) => operand,
                None => continue,
            };
            operands[row] = match operand {
                Operand::Slice { lane, row } => self.advice[lanes[*lane]][*row],
                Operand::Claims { bank, row } => self.advice[self.columns.banks[*bank].claims][*row],
                Operand::Instance => self.instances[row - Region::row(0)],
                Operand::First => unreachable!("the first way has operands of its own"),
            };
        }
        operands
    }

    /// What a row adds to its vector depends on no other row, so only what a vector carries on is computed in sequence.
    fn weight_evaluations(&self, way: &Way, rho: Fr, rows: usize) -> ByRow<Fr> {
        let of_row = |row| at_rho(&way.weights, self.fixed, RowId::from(row), rho);
        let evaluations: Vec<Fr> = (0..rows).into_par_iter().with_min_len(CHUNK).map(of_row).collect();
        let step = rho.pow_vartime([way.weights.len() as u64]);
        let mut evaluations = ByRow::from(evaluations);
        for row in first::<RowId>(rows).skip(1) {
            if self.fixed[self.columns.keep_weight][row] != Fr::ZERO {
                let carried = evaluations[row - 1] * step;
                evaluations[row] += carried;
            }
        }
        evaluations
    }

    fn windows(&self, operands: &TiSlice<RowId, Fr>) -> ByRow<Fr> {
        let mut windows = ti_vec![Fr::ZERO; operands.len()];
        let mut window = Fr::ZERO;
        for (row, content) in self.region.iter() {
            window = if content.keep_window { window } else { Fr::ZERO };
            match content.sign {
                0 => {}
                1 => window += operands[row],
                _ => window -= operands[row],
            }
            windows[row] = window;
        }
        windows
    }
}
