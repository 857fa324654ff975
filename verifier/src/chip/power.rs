//! Powers of the challenge s.
//!
//! | column | phase | content |
//! |---|---|---|
//! | `Q` | 1 | `s^row` |
//! | `first` | fixed | 1 on row 0 |
//!
//! | constraint | equation | degree | why |
//! |---|---|---|---|
//! | power | `rows (Q - first - (1 - first) s Q_prev) = 0` | 3 | every other column of powers copies its cells |

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{ConstraintSystem, Expression},
};

use super::{Handles, gate};
use crate::{columns::PositionColumns, index::FixedColumn};

/// Adds the gate.
pub(crate) fn configure(
    meta: &mut ConstraintSystem<Fr>,
    handles: &Handles,
    columns: &PositionColumns,
    rows: FixedColumn,
) {
    gate(meta, handles, "power", rows, |cells| {
        let first = cells.fixed(columns.first);
        let later = Expression::Constant(Fr::ONE) - first.clone();
        cells.advice(columns.powers) - first - later * cells.previous(columns.powers) * cells.space()
    });
}
