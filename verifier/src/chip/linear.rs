//! Requantization in the linear form: `acc m + c = 2^shift q + r`, `0 <= r < 2^shift`, `y = clamp(q)`.
//!
//! | column | phase | content |
//! |---|---|---|
//! | `y'` | 0 | the output byte: y minus the type minimum |
//! | `E`, or `E_0` and `E_1` | 0 | excess `y' - q'`: 0 unless saturated; `E = E_0 + 2^split E_1` |
//! | `r_0, r_1, ...` | 0 | limbs of the remainder |
//!
//! | constraint | equation | why |
//! |---|---|---|
//! | lookup (clamp class, `y'`, `E_0`) | in the table | `E_0 = 0` strictly inside the clamp, `>= 0` at its low end, `<= 0` at its high end |
//! | lookup (clamp class, second, `y'`, `E_1`) | in the table | the same for the high part |
//! | lookup (range, `r_i`) | in the table | the limbs are digits, so `0 <= r < 2^shift` |
//! | claim evaluation | `value = 2^shift (y' - E) + r` | enters the operator's equation in place of `acc m + c - 2^shift min` |
//!
//! # Soundness
//! Given the accumulator the cells are unique: `2^shift q' + r` has one quotient and remainder; `q' = y' - E` with
//! the sign of E fixed by the end of the clamp y' lies at has one solution y' = clamp(q'); E has one pair of
//! parts of equal sign with `|E_0| < 2^split`.

use super::{Slot, Terms};
use crate::{
    columns::LinearCells,
    shape::Shape,
    tags::{SECOND_TAG_FACTOR, range_tag},
};

/// The lookups of a channel and what it claims.
pub fn linear_cells(cells: &LinearCells, shape: &Shape) -> (Vec<Slot>, Terms) {
    let activation = || Terms::cell(cells.activation);
    let mut slots = Vec::new();
    for (&part, factor) in cells.excess.iter().zip([1, SECOND_TAG_FACTOR]) {
        let values = [activation(), Terms::cell(part), Terms::default()];
        slots.push(Slot { tag: cells.tag, factor, values });
    }
    for (&limb, width) in cells.limbs.iter().zip(shape.remainder_widths()) {
        slots.push(Slot::one(cells.channel, range_tag(width), Terms::cell(limb)));
    }
    let quotient = activation().plus(Terms::limbs(&cells.excess, shape.excess_bits.unwrap_or(0)).times(-1));
    let remainder = Terms::limbs(&cells.limbs, shape.limb_bits);
    (slots, quotient.times(1 << shape.shift).plus(remainder))
}
