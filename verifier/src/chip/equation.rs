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

use halo2_proofs::{halo2curves::bn256::Fr, plonk::ConstraintSystem};

use super::{Handles, gate, sum};
use crate::{columns::Columns, integers::natural, shape::Shape};

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
    let scale = natural(1u64 << shape.shift);
    let Some(first) = columns.ways.first() else { unreachable!("a valid shape has a way") };
    gate(meta, handles, "public input", columns.statement, |cells| {
        cells.advice(first.operand) - cells.instance() * scale
    });
}
