//! Setups of both schemes, keys, and the stock prover and verifier.

use ff::Field;
use halo2_proofs::{
    halo2curves::{
        bn256::{Bn256, Fr, G1Affine},
        group::Curve,
    },
    plonk::{Circuit, ProvingKey, create_proof, keygen_pk, keygen_vk, verify_proof},
    poly::{
        VerificationStrategy,
        commitment::{Params, ParamsProver},
        ipa::{
            commitment::{IPACommitmentScheme, ParamsIPA},
            multiopen::{ProverIPA, VerifierIPA},
            strategy::SingleStrategy as SingleIpa,
        },
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy as SingleKzg,
        },
    },
    transcript::{Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer},
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use crate::{
    Points,
    fft::{powers, root_of_unity},
    msm::{Comb, normalized},
};

/// A setup of either scheme.
pub(super) enum Setup {
    Kzg { params: ParamsKZG<Bn256>, powers: Vec<G1Affine>, lagrange: Vec<G1Affine>, secret: Fr },
    Ipa { params: ParamsIPA<G1Affine>, lagrange: Vec<G1Affine>, w: G1Affine, u: G1Affine },
}

impl Setup {
    /// A KZG string whose secret is known, with one power more than rows.
    pub(super) fn kzg(k: u32) -> Self {
        let n = 1usize << k;
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let secret = Fr::random(&mut rng);
        let g = G1Affine::generator();
        let comb = Comb::new(&g);
        let times =
            |scalars: &[Fr]| normalized(&scalars.par_iter().map(|s| comb.multiply(s)).collect::<Vec<_>>());
        let of_secret = powers(secret, n + 1);
        // L_i(s) = omega^i (s^n - 1) / (n (s - omega^i))
        let vanishing = (of_secret[n] - Fr::ONE) * Fr::from(n as u64).invert().unwrap();
        let lagrange: Vec<Fr> = powers(root_of_unity(k), n)
            .into_par_iter()
            .map(|row| row * vanishing * (secret - row).invert().unwrap())
            .collect();
        let (powers, lagrange) = (times(&of_secret), times(&lagrange));
        let g2 = halo2_proofs::halo2curves::bn256::G2Affine::generator();
        let empty = ParamsKZG::<Bn256>::setup(1, ChaCha20Rng::seed_from_u64(2));
        let params =
            empty.from_parts(k, powers[..n].to_vec(), Some(lagrange.clone()), g2, (g2 * secret).to_affine());
        Self::Kzg { params, powers, lagrange, secret }
    }

    pub(super) fn ipa(k: u32) -> Self {
        let params = ParamsIPA::<G1Affine>::new(k);
        let mut bytes = Vec::new();
        params.write(&mut bytes).unwrap();
        let point = |i: usize| {
            let mut repr = <G1Affine as halo2_proofs::halo2curves::group::GroupEncoding>::Repr::default();
            let at = 4 + 32 * i;
            repr.as_mut().copy_from_slice(&bytes[at..at + 32]);
            <G1Affine as halo2_proofs::halo2curves::group::GroupEncoding>::from_bytes(&repr).unwrap()
        };
        let n = 1usize << k;
        Self::Ipa { lagrange: (n..2 * n).map(point).collect(), w: point(2 * n), u: point(2 * n + 1), params }
    }

    pub(super) fn points(&self) -> Points<'_> {
        match self {
            Self::Kzg { powers, lagrange, .. } => Points::Kzg { powers, lagrange },
            Self::Ipa { params, lagrange, w, u } => {
                Points::Ipa { generators: params.get_g(), lagrange, w: *w, u: *u }
            }
        }
    }

    pub(super) fn key<C: Circuit<Fr>>(&self, circuit: &C) -> ProvingKey<G1Affine> {
        match self {
            Self::Kzg { params, .. } => {
                keygen_pk(params, keygen_vk(params, circuit).unwrap(), circuit).unwrap()
            }
            Self::Ipa { params, .. } => {
                keygen_pk(params, keygen_vk(params, circuit).unwrap(), circuit).unwrap()
            }
        }
    }

    /// The library's proof.
    pub(super) fn stock<C: Circuit<Fr>>(
        &self,
        key: &ProvingKey<G1Affine>,
        circuit: C,
        public: &[Fr],
        seed: u64,
    ) -> Vec<u8> {
        let mut transcript = Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new());
        let rng = ChaCha20Rng::seed_from_u64(seed);
        match self {
            Self::Kzg { params, .. } => {
                create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
                    params,
                    key,
                    &[circuit],
                    &[&[public]],
                    rng,
                    &mut transcript,
                )
                .unwrap();
            }
            Self::Ipa { params, .. } => {
                create_proof::<IPACommitmentScheme<G1Affine>, ProverIPA<'_, G1Affine>, _, _, _, _>(
                    params,
                    key,
                    &[circuit],
                    &[&[public]],
                    rng,
                    &mut transcript,
                )
                .unwrap();
            }
        }
        transcript.finalize()
    }

    /// The library's verdict, for whole proofs only.
    pub(super) fn accepts(&self, key: &ProvingKey<G1Affine>, public: &[Fr], proof: &[u8]) -> bool {
        let mut rest = proof;
        let mut transcript = Blake2bRead::<_, _, Challenge255<_>>::init(&mut rest);
        let accepted = match self {
            Self::Kzg { params, .. } => {
                verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
                    params,
                    key.get_vk(),
                    SingleKzg::new(params),
                    &[&[public]],
                    &mut transcript,
                )
                .is_ok()
            }
            Self::Ipa { params, .. } => {
                verify_proof::<IPACommitmentScheme<G1Affine>, VerifierIPA<'_, G1Affine>, _, _, _>(
                    params,
                    key.get_vk(),
                    SingleIpa::new(params),
                    &[&[public]],
                    &mut transcript,
                )
                .is_ok()
            }
        };
        accepted && rest.is_empty()
    }
}
