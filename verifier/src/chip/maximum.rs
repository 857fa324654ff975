//! The larger of two bytes.
//!
//! | column | phase | content |
//! |---|---|---|
//! | `y'` | 0 | the maximum: y minus the type minimum |
//! | `d_1`, `d_2` | 0 | `y' - a'` and `y' - b'` |
//!
//! | constraint | equation | why |
//! |---|---|---|
//! | lookup (pair, `d_1`, `d_2`) | in the table | both are bytes and one of them is 0 |
//! | lookup (pair, second, `y'`) | in the table | the maximum is a byte, which bounds the claim |
//! | claim evaluation | `value = 2^16 (y' - d_1) + (y' - d_2)` | enters the equation in place of `2^16 a' + b'` |
//!
//! # Soundness
//! Claimed and true operands differ by less than 2^15, so the claim determines both: `y' - d_1 = a'`,
//! `y' - d_2 = b'`. With `d_1, d_2 >= 0` and one of them 0, y' is the larger.

use super::{Slot, Terms};
use crate::{
    columns::MaximumCells,
    tags::{PAIR_BASE, SECOND_TAG_FACTOR},
};

/// The lookups of a maximum and what it claims.
pub fn maximum_cells(cells: &MaximumCells) -> (Vec<Slot>, Terms) {
    let activation = || Terms::cell(cells.activation);
    let [first, second] = cells.distances.map(Terms::cell);
    let pair = Slot { tag: cells.tag, factor: 1, values: [first.clone(), second.clone(), Terms::default()] };
    let byte = Slot {
        tag: cells.tag,
        factor: SECOND_TAG_FACTOR,
        values: [activation(), Terms::default(), Terms::default()],
    };
    let base = i128::from(PAIR_BASE);
    let value = activation()
        .times(base.saturating_add(1))
        .plus(first.times(base.saturating_neg()))
        .plus(second.times(-1));
    (vec![pair, byte], value)
}
