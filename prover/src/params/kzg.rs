//! Powers of a secret in the exponent, for the KZG commitment scheme.
//!
//! A string is the sequence `G, sG, s^2 G, ...` with `H, sH` in the second group. It is named by [`SrsId`](lemma_verifier::setup::SrsId), the
//! digest of `sH`: that point determines the secret and with it the whole sequence, so files of one ceremony have
//! one id whatever their format and length.

use std::sync::Arc;

use ff::Field;
use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        bn256::{Bn256, Fr, G1Affine, G2Affine, pairing},
        group::Curve,
        serde::SerdeObject,
    },
    poly::kzg::commitment::ParamsKZG,
};
use lemma_verifier::setup::{check_secret_image, kzg_parameters};
use rand::rngs::OsRng;
use rayon::prelude::*;

use super::{ParamsError, srs_file::SrsFileError};

/// Bytes of an uncompressed point of the first group, coordinates in Montgomery form, little-endian.
pub(crate) const G1_LEN: usize = 64;

/// Bytes of an uncompressed point of the second group.
pub(crate) const G2_LEN: usize = 128;

/// The powers of a string that are used, checked.
#[derive(Debug)]
pub(super) struct Powers {
    /// `G, sG, ...`, a power of two of them, or one more.
    pub(super) g1: Vec<G1Affine>,
    /// `sH`.
    pub(super) s_g2: G2Affine,
}

impl Powers {
    /// Accepts the points only as powers of one secret over the standard generators.
    ///
    /// `r` random: `e(sum_i r^i g_(i+1), H) = e(sum_i r^i g_i, sH)` holds for another sequence with probability
    /// below n/|F|.
    pub(super) fn check(g1: Vec<G1Affine>, g2: G2Affine, s_g2: G2Affine) -> Result<Self, SrsFileError> {
        if g1.first() != Some(&G1Affine::generator()) {
            return Err(SrsFileError::Generator { group: 1 });
        }
        if g2 != G2Affine::generator() {
            return Err(SrsFileError::Generator { group: 2 });
        }
        check_secret_image(&s_g2)?;
        let mut scalars = vec![Fr::ONE; g1.len() - 1];
        let challenge = Fr::random(OsRng);
        for i in 1..scalars.len() {
            scalars[i] = scalars[i - 1] * challenge;
        }
        let shifted = best_multiexp(&scalars, &g1[1..]).to_affine();
        let straight = best_multiexp(&scalars, &g1[..scalars.len()]).to_affine();
        if pairing(&shifted, &g2) != pairing(&straight, &s_g2) {
            return Err(SrsFileError::Powers);
        }
        Ok(Self { g1, s_g2 })
    }
}

/// Reads consecutive uncompressed points; the index of the first that is none.
pub(super) fn read_points(bytes: &[u8]) -> Result<Vec<G1Affine>, usize> {
    let mut points = vec![G1Affine::default(); bytes.len() / G1_LEN];
    points
        .par_iter_mut()
        .zip(bytes.par_chunks_exact(G1_LEN))
        .enumerate()
        .try_for_each(|(index, (point, bytes))| {
            *point = G1Affine::from_raw_bytes(bytes).ok_or(index)?;
            Ok(())
        })
        .map(|()| points)
}

/// Writes points as [`read_points`] reads them.
pub(super) fn write_points(points: &[G1Affine]) -> Vec<u8> {
    let mut bytes = vec![0; points.len() * G1_LEN];
    points
        .par_iter()
        .zip(bytes.par_chunks_exact_mut(G1_LEN))
        .for_each(|(point, bytes)| bytes.copy_from_slice(&point.to_raw_bytes()));
    bytes
}

/// Points for parameters of size `2^k`, as many as one of `counts` says.
pub(super) fn parse_points(k: u32, bytes: &[u8], counts: &[usize]) -> Result<Vec<G1Affine>, ParamsError> {
    let malformed = |reason| ParamsError::Malformed { k, reason };
    if !counts.iter().any(|count| bytes.len() == count * G1_LEN) {
        let lengths: Vec<String> = counts.iter().map(|count| (count * G1_LEN).to_string()).collect();
        return Err(malformed(format!("{} bytes, expected {}", bytes.len(), lengths.join(" or "))));
    }
    read_points(bytes).map_err(|index| malformed(format!("element {index} is no point of the curve")))
}

/// A string of one size in both bases.
#[derive(Debug)]
pub(super) struct Bases {
    /// `2^k` powers, and one more where the string has it.
    pub(super) powers: Vec<G1Affine>,
    pub(super) lagrange: Vec<G1Affine>,
}

impl Bases {
    /// Of what [`Bases::write`] wrote, or an earlier version, which knew no power beyond `2^k`.
    pub(super) fn read(k: u32, bytes: &[u8]) -> Result<Self, ParamsError> {
        let mut powers = parse_points(k, bytes, &[2 << k, (2 << k) + 1])?;
        let lagrange = powers.split_off(powers.len() - (1 << k));
        Ok(Self { powers, lagrange })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        [write_points(&self.powers), write_points(&self.lagrange)].concat()
    }

    /// Whether the powers are those of the secret in `sH`: `e([s] G, H) = e(G, sH)`. That they are powers at all was checked
    /// when they were imported.
    pub(super) fn are_of(&self, s_g2: &G2Affine) -> bool {
        let [g, s_g, ..] = self.powers.as_slice() else { return false };
        pairing(s_g, &G2Affine::generator()) == pairing(g, s_g2)
    }

    /// Parameters of size `2^k` for the prover.
    pub(super) fn parameters(mut self, k: u32, s_g2: &G2Affine) -> Option<KzgParameters> {
        let next_power = self.powers.get(1 << k).copied();
        self.powers.truncate(1 << k);
        let library = kzg_parameters(k, self.powers, self.lagrange, s_g2)?;
        Some(KzgParameters { library: Arc::new(library), next_power })
    }
}

/// KZG parameters of one size.
#[derive(Clone, Debug)]
pub(super) struct KzgParameters {
    /// What the library needs of them.
    pub(super) library: Arc<ParamsKZG<Bn256>>,
    /// The power that hides, `[s^(2^k)] G`.
    pub(super) next_power: Option<G1Affine>,
}

#[cfg(test)]
mod tests {
    use halo2_proofs::poly::commitment::ParamsProver;

    use super::{super::insecure::InsecureString, *};

    #[test]
    fn bases_are_read_with_and_without_the_power_that_hides() {
        let k = 3;
        let drawn = InsecureString::draw(k);
        let with = Bases::read(k, &drawn.bases.write()).unwrap();
        assert_eq!((&with.powers, &with.lagrange), (&drawn.bases.powers, &drawn.bases.lagrange));
        let mut old = drawn.bases;
        old.powers.pop();
        let without = Bases::read(k, &old.write()).unwrap();
        assert_eq!((&without.powers, &without.lagrange), (&old.powers, &with.lagrange));
        for (bases, hides) in [(with, true), (without, false)] {
            let parameters = bases.parameters(k, &drawn.s_g2).unwrap();
            assert_eq!(parameters.library.get_g().len(), 1 << k);
            assert_eq!(parameters.next_power.is_some(), hides);
        }
        let bytes = old.write();
        for wrong in
            [&bytes[..bytes.len() - G1_LEN], &bytes[1..], &[&bytes[..], &bytes[..2 * G1_LEN]].concat()]
        {
            assert!(matches!(Bases::read(k, wrong), Err(ParamsError::Malformed { .. })));
        }
    }
}
