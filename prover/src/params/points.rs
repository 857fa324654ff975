//! The points inside the library's parameters, most of which it shows in writing only, for the prover's tables.

use halo2_proofs::{
    SerdeFormat,
    halo2curves::{bn256::G1Affine, group::GroupEncoding},
    poly::{
        commitment::{Params as _, ParamsProver as _},
        ipa::commitment::ParamsIPA,
    },
};
use lemma_plonk::Points;
use lemma_verifier::transparent::POINT_LEN;
use rayon::prelude::*;

use super::kzg::{G1_LEN, KzgParameters, read_points};

/// Bytes of the size in front of written points.
const SIZE_LEN: usize = 4;

/// Hands over the points of KZG parameters; proofs made with them hide their witness if there is a next power.
pub(super) fn with_kzg<T>(params: &KzgParameters, then: impl FnOnce(&Points<'_>) -> T) -> T {
    let KzgParameters { library: params, next_power } = params;
    let powers: Vec<G1Affine> = params.get_g().iter().copied().chain(*next_power).collect();
    let mut bytes = Vec::new();
    params.write_custom(&mut bytes, SerdeFormat::RawBytes).expect("writing to memory does not fail");
    let lagrange = &bytes[SIZE_LEN + (G1_LEN << params.k())..][..G1_LEN << params.k()];
    let lagrange = read_points(lagrange).expect("the library writes points");
    drop(bytes);
    then(&Points::Kzg { powers: &powers, lagrange: &lagrange })
}

/// Hands over the points of transparent parameters.
pub(super) fn with_ipa<T>(params: &ParamsIPA<G1Affine>, then: impl FnOnce(&Points<'_>) -> T) -> T {
    let generators = params.get_g();
    let mut bytes = Vec::new();
    params.write(&mut bytes).expect("writing to memory does not fail");
    // A square root per point.
    let mut points: Vec<G1Affine> = bytes[SIZE_LEN + POINT_LEN * generators.len()..]
        .par_chunks_exact(POINT_LEN)
        .map(|bytes| {
            let mut encoding = <G1Affine as GroupEncoding>::Repr::default();
            encoding.as_mut().copy_from_slice(bytes);
            G1Affine::from_bytes(&encoding).expect("the library writes points")
        })
        .collect();
    drop(bytes);
    let u = points.pop().expect("two generators come last");
    let w = points.pop().expect("two generators come last");
    then(&Points::Ipa { generators, lagrange: &points, w, u })
}
