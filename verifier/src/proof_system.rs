//! The proof library's verifier behind one small interface, for both schemes, bound to the BN254 scalar field and a Blake2b
//! transcript.

mod layout;
mod transcript;

use std::{collections::HashMap, sync::Arc};

use ff::{Field, PrimeField, WithSmallOrderMulGroup};
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{VerifyingKey, verify_proof},
    poly::{
        EvaluationDomain, VerificationStrategy,
        ipa::{
            commitment::{IPACommitmentScheme, ParamsIPA},
            multiopen::VerifierIPA,
            strategy::SingleStrategy as SingleIpa,
        },
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::VerifierSHPLONK,
            strategy::SingleStrategy as SingleKzg,
        },
    },
};

pub use layout::proof_len;
use transcript::CanonicalRead;

/// Commitment parameters of either scheme.
#[derive(Clone, Debug)]
pub enum Commitment {
    /// Inner product argument.
    Ipa(Arc<ParamsIPA<G1Affine>>),
    /// KZG with SHPLONK.
    Kzg(Arc<ParamsKZG<Bn256>>),
}

/// Why a proof is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes from `offset` on are no canonically encoded point or scalar.
    Encoding {
        /// Where in the proof.
        offset: usize,
    },
    /// Bytes are left over.
    Trailing,
    /// The equations do not hold.
    Equations,
}

/// Accepts a proof only if every byte of it is read, canonical, and the equations hold.
pub fn check(
    params: &Commitment,
    key: &VerifyingKey<G1Affine>,
    public_inputs: &[Fr],
    proof: &[u8],
) -> Result<(), Refusal> {
    let mut transcript = CanonicalRead::new(proof);
    let instances: &[&[&[Fr]]] = &[&[public_inputs]];
    let answer = match params {
        Commitment::Ipa(params) => verify_proof::<
            IPACommitmentScheme<G1Affine>,
            VerifierIPA<'_, G1Affine>,
            _,
            _,
            _,
        >(params, key, SingleIpa::new(params), instances, &mut transcript),
        Commitment::Kzg(params) => verify_proof::<
            KZGCommitmentScheme<Bn256>,
            VerifierSHPLONK<'_, Bn256>,
            _,
            _,
            _,
        >(params, key, SingleKzg::new(params), instances, &mut transcript),
    };
    match (transcript.refused_at(), answer) {
        (Some(offset), _) => Err(Refusal::Encoding { offset }),
        (None, Err(_)) => Err(Refusal::Equations),
        (None, Ok(())) if transcript.left() > 0 => Err(Refusal::Trailing),
        (None, Ok(())) => Ok(()),
    }
}

/// What an evaluation domain is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// With tables for Fourier transforms, about 450 bytes per row.
    Prover,
    /// Constants only: verification transforms nothing, and its cost must not depend on the rows.
    Verifier,
}

/// The evaluation domain of a constraint system of this degree over `2^k` rows.
pub fn domain(use_of: Domain, degree: usize, k: u32) -> EvaluationDomain<Fr> {
    let degree = u32::try_from(degree).unwrap_or(u32::MAX);
    match use_of {
        Domain::Prover => EvaluationDomain::new(degree, k),
        Domain::Verifier => verifier_domain(u64::from(degree.saturating_sub(1)), k),
    }
}

fn verifier_domain(quotient_degree: u64, k: u32) -> EvaluationDomain<Fr> {
    let n = 1u64 << k.min(63);
    let extended_k = k.saturating_add(quotient_degree.next_power_of_two().ilog2());
    let root = |k| (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
    let root_inverse = |k| (k..Fr::S).fold(Fr::ROOT_OF_UNITY_INV, |root, _| root.square());
    let half_to = |k: u32| Fr::TWO_INV.pow_vartime([u64::from(k)]);
    EvaluationDomain {
        n,
        k,
        extended_k,
        omega: root(k),
        omega_inv: root_inverse(k),
        extended_omega: root(extended_k),
        extended_omega_inv: root_inverse(extended_k),
        g_coset: Fr::ZETA,
        g_coset_inv: Fr::ZETA.square(),
        quotient_poly_degree: quotient_degree,
        ifft_divisor: half_to(k),
        extended_ifft_divisor: half_to(extended_k),
        // Only the quotient's computation divides by these.
        t_evaluations: Vec::new(),
        barycentric_weight: half_to(k),
        fft_data: HashMap::new(),
    }
}
