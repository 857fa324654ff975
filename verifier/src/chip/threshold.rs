//! Requantization by thresholds: `t_y <= acc < t_{y+1}`.
//!
//! | column | phase | content |
//! |---|---|---|
//! | `y'` | 0 | the output byte: y minus the type minimum |
//! | `t` | 0 | threshold of y minus the smallest accumulator of the class |
//! | `d_0, d_1, ...` | 0 | limbs of `acc - t_y` |
//! | `u_0, u_1, ...` | 0 | limbs of the complement `t_{y+1} - 1 - acc` |
//!
//! | constraint | equation | why |
//! |---|---|---|
//! | lookup (step class, `y'`, `t`, `d + u`) | in the table `(y', t_y, t_{y+1} - 1 - t_y)` | t is the threshold of y, and the two distances fill its interval |
//! | lookup (range, `d_i`), lookup (range, `u_i`) | in the table | `d >= 0` and `u >= 0` |
//! | claim evaluation | `value = t + d` | enters the operator's equation in place of `acc - lo` |
//!
//! # Soundness
//! The intervals of a class partition the reachable accumulators, so the accumulator lies in one of them:
//! y', t, d and u are unique.

use super::{Slot, Terms};
use crate::{columns::ThresholdCells, shape::Shape, tags::range_tag};

/// The lookups of a channel and what it claims.
pub fn threshold_cells(cells: &ThresholdCells, shape: &Shape) -> (Vec<Slot>, Terms) {
    let distance = || Terms::limbs(&cells.distance, shape.limb_bits);
    let width = distance().plus(Terms::limbs(&cells.complement, shape.limb_bits));
    let values = [Terms::cell(cells.activation), Terms::cell(cells.threshold), width];
    let mut slots = vec![Slot { tag: cells.tag, factor: 1, values }];
    for &limb in cells.distance.iter().chain(&cells.complement) {
        slots.push(Slot::one(cells.channel, range_tag(shape.limb_bits), Terms::cell(limb)));
    }
    (slots, Terms::cell(cells.threshold).plus(distance()))
}
