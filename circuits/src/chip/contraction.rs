//! Layer equations: sums of weight evaluations times operands.
//!
//! | column | phase | content |
//! |---|---|---|
//! | `w_0 .. w_{J-1}` | fixed | packed weights of J consecutive groups |
//! | `U` | 1 | running evaluation of a slice of weights at rho |
//! | `X` | 1 | on the last row of a slice its operand: a copy of an activation or of a lane evaluation |
//! | `P` | 1 | running sum of products |
//! | `keep`, `end`, `zero` | fixed | slice continues, slice ends, sum must be 0 |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | weight evaluation | `rows (U - keep rho^J U_prev - sum_j rho^j w_j) = 0` | 3 | U is the slice at rho |
//! | product sum | `rows (P_next - P - end U X) = 0` | 4 | P collects the products |
//! | layer equation | `zero P = 0` | 2 | per layer, `sum_j u_j x'_j - sum_blocks A = 0` |
//!
//! # Soundness
//! The equation of a layer is a polynomial in rho whose coefficients are, per group of channels,
//! `sum_b B^b (true_b - claimed_b)` of cells committed in phase 0, before rho. See `plan::packing` for why a coefficient that is 0 modulo p makes every slot equal.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::ConstraintSystem,
};

use super::{Handles, gate};
use crate::plan::{Columns, Contraction, Operand};

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

/// Fills the weight evaluations, operands and product sums.
pub(crate) fn fill(
    region: &Contraction,
    columns: &Columns,
    fixed: &[Vec<Fr>],
    advice: &mut [Vec<Fr>],
    rho: Fr,
    rows: usize,
) {
    let mut running = Fr::ZERO;
    let evaluations = (0..rows).map(|row| {
        let carried = if fixed[columns.keep][row] == Fr::ZERO { Fr::ZERO } else { running };
        running = columns.weights.iter().rev().fold(carried, |sum, &weight| sum * rho + fixed[weight][row]);
        running
    });
    advice[columns.weight_evaluation] = evaluations.collect();
    for (row, operand) in (region.first_row..).zip(&region.operands) {
        if let Some(operand) = operand {
            let (column, source) = match operand {
                Operand::Activation(spot) => (columns.activation(spot.lane), spot.row),
                Operand::Evaluation(spot) => (columns.evaluation(spot.lane), spot.row),
            };
            advice[columns.operand][row] = advice[column][source];
        }
    }
    let mut product = Fr::ZERO;
    let products = (0..rows).map(|row| {
        let term =
            fixed[columns.end][row] * advice[columns.weight_evaluation][row] * advice[columns.operand][row];
        product += term;
        product
    });
    advice[columns.product] = [Fr::ZERO].into_iter().chain(products).collect();
}
