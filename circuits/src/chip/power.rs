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
use rayon::prelude::*;

use super::{Handles, gate};
use crate::{
    columns::{ByRow, PositionColumns},
    index::FixedColumn,
};

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

/// Rows whose powers follow from one exponentiation.
const CHUNK: usize = 1 << 11;

/// The column: `s^row`.
pub(crate) fn powers(space: Fr, rows: usize) -> ByRow<Fr> {
    let mut powers = vec![Fr::ZERO; rows];
    powers.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, powers)| {
        let mut power = space.pow_vartime([(chunk * CHUNK) as u64]);
        for cell in powers {
            *cell = power;
            power *= space;
        }
    });
    powers.into()
}
