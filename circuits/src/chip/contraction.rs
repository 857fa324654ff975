//! Layer equations: sums of weight evaluations times operands.
//!
//! | column | phase | content |
//! |---|---|---|
//! | `w_0 .. w_{J-1}` | fixed | packed weights of J consecutive groups |
//! | `U` | 1 | running evaluation of a slice of weights at rho |
//! | `O` | 1 | on the last row of a slice its operand: a copy of an activation or of a lane evaluation |
//! | `P` | 1 | running sum of products |
//! | `keep`, `end`, `zero` | fixed | slice continues, slice ends, sum must be 0 |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | weight evaluation | `rows (U - keep rho^J U_prev - sum_j rho^j w_j) = 0` | 3 | U is the slice at rho |
//! | product sum | `rows (P_next - P - end U O) = 0` | 4 | P collects the products |
//! | layer equation | `zero P = 0` | 2 | per layer, `sum_j U_j x'_j - sum_blocks rho^g A = 0`, U_j that of input j, g the first group of a block |
//!
//! # Soundness
//! The equation of a layer is a polynomial in rho whose coefficients are, per group of channels,
//! `sum_i B^i (true_i - claimed_i)` of cells committed in phase 0, before rho. A coefficient that is 0 modulo p makes
//! every slot equal if the bytes the layer reads are right (`plan::packing`): by the equations of the layers before it.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::ConstraintSystem,
};
use rayon::prelude::*;

use super::{Handles, at_rho, gate, hints::Hints};
use crate::plan::{Columns, Contraction, Operand};

/// Rows that are worth a task of their own.
const CHUNK: usize = 1 << 6;

/// Adds the gates.
pub(crate) fn configure(meta: &mut ConstraintSystem<Fr>, handles: &Handles, columns: &Columns) {
    gate(meta, handles, "weight evaluation", columns.lookup.rows, |cells| {
        let carried = cells.fixed(columns.keep) * cells.previous(columns.weight_evaluation);
        let evaluation = columns
            .weights
            .iter()
            .rev()
            .fold(carried, |sum, &weight| sum * cells.rho() + cells.fixed(weight));
        cells.advice(columns.weight_evaluation) - evaluation
    });
    gate(meta, handles, "product sum", columns.lookup.rows, |cells| {
        let term = cells.fixed(columns.end)
            * cells.advice(columns.weight_evaluation)
            * cells.advice(columns.operand);
        cells.next(columns.product) - cells.advice(columns.product) - term
    });
    gate(meta, handles, "layer equation", columns.zero, |cells| cells.advice(columns.product));
}

/// Fills the operands of the region. Its sources are the lanes' activations, in `hints`, and evaluations, in `advice`.
pub(crate) fn fill_operands(
    region: &Contraction,
    columns: &Columns,
    hints: &Hints<'_>,
    advice: &mut [Vec<Fr>],
) {
    for (row, operand) in (region.first_row..).zip(&region.operands) {
        advice[columns.operand][row] = match operand {
            Some(Operand::Activation(spot)) => hints.cell(columns.activation(spot.lane), spot.row),
            Some(Operand::Evaluation(spot)) => advice[columns.evaluation(spot.lane)][spot.row],
            None => continue,
        };
    }
}

/// The weight evaluations.
///
/// What a row adds to its slice depends on no other row, so only what a slice carries on is computed in sequence.
pub(crate) fn weight_evaluations(columns: &Columns, fixed: &[Vec<Fr>], rho: Fr, rows: usize) -> Vec<Fr> {
    let of_row = |row| at_rho(&columns.weights, fixed, row, Fr::ZERO, rho);
    let mut evaluations: Vec<Fr> = (0..rows).into_par_iter().with_min_len(CHUNK).map(of_row).collect();
    let step = rho.pow_vartime([columns.weights.len() as u64]);
    for row in 1..rows {
        if fixed[columns.keep][row] != Fr::ZERO {
            let carried = evaluations[row - 1] * step;
            evaluations[row] += carried;
        }
    }
    evaluations
}

/// The product sums, one more than rows.
pub(crate) fn product_sums(ends: &[Fr], evaluations: &[Fr], operands: &[Fr], rows: usize) -> Vec<Fr> {
    let mut sum = Fr::ZERO;
    let sums = (0..rows).map(|row| {
        if ends[row] != Fr::ZERO {
            sum += ends[row] * evaluations[row] * operands[row];
        }
        sum
    });
    [Fr::ZERO].into_iter().chain(sums).collect()
}
