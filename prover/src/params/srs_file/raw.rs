//! The halo2 raw format: `k`, `2^k` powers, the Lagrange basis of that size, `H`, `sH`.

use std::io::Read;

use ff::Field;
use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        bn256::{Fr, G1Affine, G2Affine},
        serde::SerdeObject,
    },
    poly::EvaluationDomain,
};
use rand::rngs::OsRng;

use super::{SrsFileError, read_array, read_bytes};
use crate::params::{
    MIN_K,
    kzg::{G1_LEN, G2_LEN, Powers, read_points},
};

/// Reads after the size.
pub(super) fn read(k: u32, file: &mut impl Read, length: u64, max_k: u32) -> Result<Powers, SrsFileError> {
    // Another program's file shows as an absurd size.
    if k > 28 {
        return Err(SrsFileError::Unrecognized);
    }
    if !(MIN_K..=max_k).contains(&k) {
        return Err(SrsFileError::Power { min: MIN_K, max: max_k, got: k });
    }
    let expected = 4 + 2 * ((G1_LEN as u64) << k) + 2 * G2_LEN as u64;
    if length != expected {
        return Err(SrsFileError::Length { part: "the file", expected, got: length });
    }
    let mut points = |list| {
        let bytes = read_bytes(file, G1_LEN << k)?;
        read_points(&bytes).map_err(|index| SrsFileError::Point { list, index })
    };
    let g1 = points("powers")?;
    let lagrange = points("Lagrange basis")?;
    let mut g2 = [G2Affine::default(); 2];
    for (index, point) in g2.iter_mut().enumerate() {
        *point = G2Affine::from_raw_bytes(&read_array::<G2_LEN>(file)?)
            .ok_or(SrsFileError::Point { list: "second group", index })?;
    }
    let powers = Powers::check(g1, g2[0], g2[1])?;
    check_lagrange(k, &powers.g1, &lagrange)?;
    Ok(powers)
}

/// A random polynomial has the same commitment from its values and from its coefficients; for another basis
/// that happens with probability 1/|F|.
fn check_lagrange(k: u32, g1: &[G1Affine], lagrange: &[G1Affine]) -> Result<(), SrsFileError> {
    let domain = EvaluationDomain::<Fr>::new(1, k);
    let values: Vec<Fr> = (0..1usize << k).map(|_| Fr::random(OsRng)).collect();
    let from_values = best_multiexp(&values, lagrange);
    let coefficients = domain.lagrange_to_coeff(domain.lagrange_from_vec(values));
    if from_values == best_multiexp(&coefficients, g1) { Ok(()) } else { Err(SrsFileError::LagrangeBasis) }
}
