//! The proof library behind one small interface: keys and proofs, for both schemes.
//!
//! Everything is generic over the circuit, and bound to the BN254 scalar field and a Blake2b transcript.

mod proving;

use halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::{self, Circuit, ProvingKey, VerifyingKey, keygen_pk, keygen_vk},
};
use lemma_verifier::proof_system::Commitment;

pub use proving::ProverChoice;
pub(crate) use proving::{CircuitProver, ProvingError};

/// Commits to the fixed columns.
pub(crate) fn verifying_key<C: Circuit<Fr>>(
    params: &Commitment,
    circuit: &C,
) -> Result<VerifyingKey<G1Affine>, plonk::Error> {
    match params {
        Commitment::Ipa(params) => keygen_vk(&**params, circuit),
        Commitment::Kzg(params) => keygen_vk(&**params, circuit),
    }
}

/// Computes the prover's polynomials. The key must have a [`Domain::Prover`](lemma_verifier::proof_system::Domain::Prover).
pub(crate) fn proving_key<C: Circuit<Fr>>(
    params: &Commitment,
    key: VerifyingKey<G1Affine>,
    circuit: &C,
) -> Result<ProvingKey<G1Affine>, plonk::Error> {
    match params {
        Commitment::Ipa(params) => keygen_pk(&**params, key, circuit),
        Commitment::Kzg(params) => keygen_pk(&**params, key, circuit),
    }
}

#[cfg(test)]
mod tests;
