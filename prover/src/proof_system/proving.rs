//! Who makes the proofs of a circuit: the prover of this project, or the library's.

use std::sync::Arc;

use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{self, Circuit, ProvingKey, create_proof},
    poly::{
        ipa::{commitment::IPACommitmentScheme, multiopen::ProverIPA},
        kzg::{commitment::KZGCommitmentScheme, multiopen::ProverSHPLONK},
    },
    transcript::{Blake2bWrite, Challenge255, TranscriptWriterBuffer},
};
use lemma_plonk::watch::Watch;
use rand::RngCore;

use super::Commitment;

/// Who makes proofs. Verifiers cannot tell, but for the time it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProverChoice {
    /// `lemma-plonk`.
    #[default]
    Own,
    /// The proof library, as a measure. It can neither be watched nor stopped.
    Stock,
}

impl ProverChoice {
    /// The choice as a stable lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Stock => "stock",
        }
    }
}

/// Why a prover gave up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProvingError {
    #[error(transparent)]
    Own(#[from] lemma_plonk::ProveError),
    #[error(transparent)]
    Stock(#[from] plonk::Error),
}

/// A prover with a circuit's key.
pub(crate) enum CircuitProver {
    /// Needs neither the library's key nor its parameters.
    Own {
        /// Of the circuit.
        prover: Box<lemma_plonk::Prover>,
        /// Keeps them for other circuits of the setup and size.
        _tables: Arc<lemma_plonk::Tables>,
    },
    Stock {
        key: Box<ProvingKey<G1Affine>>,
        params: Commitment,
    },
}

impl CircuitProver {
    /// Whether its proofs hide their witness. The library blinds no quotient with KZG.
    pub(crate) fn hides(&self) -> bool {
        match self {
            Self::Own { prover, .. } => prover.hides(),
            Self::Stock { params, .. } => matches!(params, Commitment::Ipa(_)),
        }
    }

    /// Proves that the circuit holds for these public inputs.
    pub(crate) fn prove<C: Circuit<Fr>>(
        &self,
        circuit: C,
        public_inputs: &[Fr],
        rng: &mut dyn RngCore,
        watch: &dyn Watch,
    ) -> Result<Vec<u8>, ProvingError> {
        match self {
            Self::Own { prover, .. } => Ok(prover.prove(&circuit, &[public_inputs], rng, watch)?),
            Self::Stock { key, params } => Ok(prove_stock(params, key, circuit, public_inputs, rng)?),
        }
    }
}

/// The library's proof.
fn prove_stock<C: Circuit<Fr>>(
    params: &Commitment,
    key: &ProvingKey<G1Affine>,
    circuit: C,
    public_inputs: &[Fr],
    rng: &mut dyn RngCore,
) -> Result<Vec<u8>, plonk::Error> {
    let mut transcript = Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new());
    let instances: &[&[&[Fr]]] = &[&[public_inputs]];
    match params {
        Commitment::Ipa(params) => create_proof::<
            IPACommitmentScheme<G1Affine>,
            ProverIPA<'_, G1Affine>,
            _,
            _,
            _,
            _,
        >(params, key, &[circuit], instances, rng, &mut transcript)?,
        Commitment::Kzg(params) => create_proof::<
            KZGCommitmentScheme<Bn256>,
            ProverSHPLONK<'_, Bn256>,
            _,
            _,
            _,
            _,
        >(params, key, &[circuit], instances, rng, &mut transcript)?,
    }
    Ok(transcript.finalize())
}
