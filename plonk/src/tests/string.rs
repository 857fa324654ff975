//! A KZG string of the library, and its points.

use halo2_proofs::{
    SerdeFormat,
    halo2curves::{
        bn256::{Bn256, G1Affine},
        serde::SerdeObject,
    },
    poly::kzg::commitment::ParamsKZG,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// The string for 2^k rows, its powers and the points of its Lagrange polynomials.
pub(crate) fn string(k: u32) -> (ParamsKZG<Bn256>, Vec<G1Affine>, Vec<G1Affine>) {
    let params = ParamsKZG::<Bn256>::setup(k, ChaCha20Rng::seed_from_u64(1));
    let mut bytes = Vec::new();
    params.write_custom(&mut bytes, SerdeFormat::RawBytesUnchecked).unwrap();
    let point = |i: usize| G1Affine::from_raw_bytes_unchecked(&bytes[4 + 64 * i..68 + 64 * i]);
    let n = 1 << k;
    (params, (0..n).map(point).collect(), (n..2 * n).map(point).collect())
}
