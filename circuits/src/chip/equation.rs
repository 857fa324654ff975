//! Equations of operators: windows of slices times weights times powers of s.
//!
//! | column | phase | content |
//! |---|---|---|
//! | `w_0 .. w_{J-1}` | fixed | per way, packed weights of J consecutive groups |
//! | `U` | 1 | per way, running evaluation of a vector of weights at rho |
//! | `O` | 1 | per way, the operand: a copy of a slice evaluation or of claims, or a public input |
//! | `M` | 1 | per way, the window: running sum of operands |
//! | `T` | 1 | the factor of a product, a copy: a power of s, or of a matrix product a slice evaluation |
//! | `P` | 1 | running sum of products |
//! | `keep_u`, `keep_m`, `sign`, `end`, `zero`, `statement` | fixed | control |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | weight evaluation | `rows (U - keep_u rho^J U_prev - sum_j rho^j w_j) = 0` | 3 | U is the vector at rho |
//! | window | `rows (M - keep_m M_prev - sign O) = 0` | 3 | M is the sum of the slices a tap reads |
//! | product sum | `rows (P_next - P - end T sum_ways U M) = 0` | 5 | P collects the products |
//! | operator equation | `zero P = 0` | 2 | per operator: weights times inputs minus claims is 0 |
//! | public input | `statement (O_0 - 2^s instance) = 0` | 2 | the statement's equation reads the public inputs |
//!
//! # Soundness
//! An equation is a polynomial in s and rho whose coefficients are polynomials in phase-0 cells: at
//! `rho^g s^e`, for the outputs of group g at the position with exponent e, `sum_b B^b (true_b - claimed_b)`.
//! Different positions of a block have different exponents and different groups different powers of rho, so at
//! random s and rho all coefficients are 0 but with probability (degree)/p; see `plan::packing` for why then
//! every slot is equal.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::ConstraintSystem,
};

use super::{Handles, gate, sum};
use crate::{
    banks::{Columns, Factor, Operand, Region},
    plan::Shape,
};

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
        gate(meta, handles, "window", rows, |cells| {
            let carried = cells.fixed(columns.keep_window) * cells.previous(way.window);
            cells.advice(way.window) - carried - cells.fixed(columns.sign) * cells.advice(way.operand)
        });
    }
    gate(meta, handles, "product sum", rows, |cells| {
        let products: Vec<_> = columns
            .ways
            .iter()
            .map(|way| cells.advice(way.weight_evaluation) * cells.advice(way.window))
            .collect();
        let term = cells.fixed(columns.end) * cells.advice(columns.factor) * sum(products.into_iter());
        cells.next(columns.product) - cells.advice(columns.product) - term
    });
    gate(meta, handles, "operator equation", columns.zero, |cells| cells.advice(columns.product));
    let scale = Fr::from(1u64 << shape.shift);
    gate(meta, handles, "public input", columns.statement, |cells| {
        cells.advice(columns.ways[0].operand) - cells.instance() * scale
    });
}

/// Fills the region's columns. Slice evaluations, claims and powers are known; `instances` are the public inputs
/// after the header.
pub(crate) fn fill(
    region: &Region,
    columns: &Columns,
    fixed: &[Vec<Fr>],
    advice: &mut [Vec<Fr>],
    instances: &[Fr],
    rho: Fr,
    rows: usize,
) {
    let first_row = Region::FIRST_ROW;
    advice[columns.factor] = vec![Fr::ZERO; rows];
    for (row, content) in (first_row..).zip(&region.rows) {
        match content.factor {
            Some(Factor::Power(exponent)) => {
                advice[columns.factor][row] = advice[columns.powers][exponent as usize];
            }
            Some(Factor::Slice { lane, row: end }) => {
                advice[columns.factor][row] = advice[columns.lane(lane).evaluation][end];
            }
            None => {}
        }
    }
    let mut products = vec![Fr::ZERO; rows];
    for (index, way) in columns.ways.iter().enumerate() {
        let mut operands = vec![Fr::ZERO; rows];
        for (row, content) in (first_row..).zip(&region.rows) {
            let Some(operand) = content.operands.get(index) else { continue };
            operands[row] = match operand {
                Operand::Slice { lane, row } => advice[columns.lane(*lane).evaluation][*row],
                Operand::Claims { bank, row } => advice[columns.banks[*bank].claims][*row],
                Operand::Instance => instances[row - first_row],
                Operand::First => advice[columns.ways[0].operand][row],
            };
        }
        let (mut weight, mut window) = (Fr::ZERO, Fr::ZERO);
        let (mut weights, mut windows) = (vec![Fr::ZERO; rows], vec![Fr::ZERO; rows]);
        for (row, content) in (first_row..).zip(&region.rows) {
            let carried = if content.keep_weight { weight } else { Fr::ZERO };
            weight = way.weights.iter().rev().fold(carried, |sum, &column| sum * rho + fixed[column][row]);
            window = if content.keep_window { window } else { Fr::ZERO };
            match content.sign {
                0 => {}
                1 => window += operands[row],
                _ => window -= operands[row],
            }
            (weights[row], windows[row]) = (weight, window);
            products[row] += weight * window;
        }
        advice[way.operand] = operands;
        advice[way.weight_evaluation] = weights;
        advice[way.window] = windows;
    }
    let mut running = Fr::ZERO;
    let sums = (0..rows).map(|row| {
        if fixed[columns.end][row] != Fr::ZERO {
            running += products[row] * advice[columns.factor][row];
        }
        running
    });
    advice[columns.product] = [Fr::ZERO].into_iter().chain(sums).collect();
}
