//! The powers of the challenge s.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use rayon::prelude::*;

use crate::cells::ByRow;

/// Rows whose powers follow from one exponentiation.
const CHUNK: usize = 1 << 11;

/// The column: `s^row`.
pub(super) fn powers(space: Fr, rows: usize) -> ByRow<Fr> {
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
