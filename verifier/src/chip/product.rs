//! The product of two bytes.
//!
//! | column | phase | content |
//! |---|---|---|
//! | `y'` | 0 | `a' b'`, no byte but up to 255^2: what slices of a product sum up |
//! | `a'`, `b'` | 0 | copies of the factors |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | lookup (pair, second, `a'`), lookup (pair, second, `b'`) | in the table | | both are bytes |
//! | claim evaluation | `value = 2^16 a' + b'` | | the equation makes them the factors' bytes |
//! | product | `rows (y' - a' b') = 0` | 3 | y' is their product |
//!
//! # Soundness
//! Bytes have one encoding `2^16 a' + b'`, so the claim determines both, and the gate the product. On rows no block
//! uses the tag is 0, so all three are 0.

use halo2_proofs::{halo2curves::bn256::Fr, plonk::ConstraintSystem};

use super::{Handles, Slot, Terms, gate};
use crate::{
    columns::ProductCells,
    index::{AdviceColumn, FixedColumn},
    tags::{PAIR_BASE, SECOND_TAG_FACTOR},
};

/// The lookups of a product and what it claims.
pub fn product_cells(cells: &ProductCells) -> (Vec<Slot>, Terms) {
    let byte = |column: AdviceColumn| Slot {
        tag: cells.tag,
        factor: SECOND_TAG_FACTOR,
        values: [Terms::cell(column), Terms::default(), Terms::default()],
    };
    let [first, second] = cells.factors;
    let value = Terms::cell(first).times(PAIR_BASE.into()).plus(Terms::cell(second));
    (vec![byte(first), byte(second)], value)
}

/// Adds the gate.
pub(crate) fn configure(
    meta: &mut ConstraintSystem<Fr>,
    handles: &Handles,
    cells: &ProductCells,
    rows: FixedColumn,
) {
    gate(meta, handles, "product", rows, |query| {
        let [first, second] = cells.factors.map(|column| query.advice(column));
        query.advice(cells.activation) - first * second
    });
}
