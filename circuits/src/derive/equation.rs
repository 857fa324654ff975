//! What the columns of the equations' region hold.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{
    columns::{BankLane, Columns, PositionColumns, Way},
    index::{AdviceColumn, FixedColumn, LaneId, RowId, first},
};
use rayon::prelude::*;
use typed_index_collections::{TiSlice, TiVec, ti_vec};

use crate::{
    cells::{AdviceCells, ByRow, FixedCells},
    equations::{Factor, Operand, Region},
};

/// Rows that are worth a task of their own.
const CHUNK: usize = 1 << 6;

/// `sum_j rho^j w_j` over the columns of `weights` in a row, by Horner's rule.
///
/// Weights are sparse: nothing is multiplied before the first that is not 0.
pub(super) fn at_rho(weights: &[FixedColumn], fixed: &FixedCells, row: RowId, rho: Fr) -> Fr {
    weights.iter().rev().fold(Fr::ZERO, |sum, &weight| {
        let weight = fixed[weight][row];
        if sum == Fr::ZERO { weight } else { sum * rho + weight }
    })
}

/// What the columns of the region are derived from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a> {
    pub(super) region: &'a Region,
    pub(super) columns: &'a Columns,
    pub(super) fixed: &'a FixedCells,
    /// Claims, powers, and per lane the column of its slices ([`BankLane::slice`]).
    pub(super) advice: &'a AdviceCells,
    /// The public inputs after the header.
    pub(super) instances: &'a [Fr],
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
    pub(super) fn derive(&self, rho: Fr, rows: usize) -> Vec<(AdviceColumn, ByRow<Fr>)> {
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
