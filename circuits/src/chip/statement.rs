//! The public inputs: packed statement bytes.
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | public input | `statement (O - 2^shift instance) = 0` | 2 | the operand, a copy of the evaluation of a packed chunk of bytes, is the public input |
//!
//! The lane evaluation of a chunk is `2^shift sum_j 256^j y'_j` over at most 31 range-checked bytes, below the
//! modulus after division by `2^shift`. The header, circuit id and context, is constrained by no gate; the
//! transcript absorbs it.

use halo2_proofs::{halo2curves::bn256::Fr, plonk::ConstraintSystem};

use super::{Handles, gate};
use crate::plan::{Columns, Placement, Shape};
use crate::statement::HEADER_INSTANCES;

/// Adds the gate.
pub(crate) fn configure(
    meta: &mut ConstraintSystem<Fr>,
    handles: &Handles,
    columns: &Columns,
    shape: &Shape,
) {
    let scale = Fr::from(1u64 << shape.shift);
    gate(meta, handles, "public input", columns.statement, |cells| {
        cells.advice(columns.operand) - cells.instance() * scale
    });
}

/// Copies the evaluations of the packed chunks to the operands on the rows of their public inputs.
pub(crate) fn fill(placement: &Placement, columns: &Columns, advice: &mut [Vec<Fr>]) {
    for (row, spot) in (HEADER_INSTANCES..).zip(&placement.instances) {
        advice[columns.operand][row] = advice[columns.evaluation(spot.lane)][spot.row];
    }
}
