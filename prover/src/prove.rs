//! Proving one inference.

mod options;

use halo2_proofs::plonk;
use lemma_circuits::{CompiledCircuit, witness::WitnessError};
use lemma_verifier::{
    artifact::{ArtifactError, ProofBundle},
    env::{self, EnvError},
    statement::{Context, Statement, StatementError},
    verify::{Expect, VerifyError, verify},
};

use crate::{
    keys::ProvingKeys,
    progress::Phase,
    proof_system::ProvingError,
    randomness::{ProofRandomness, RandomnessError},
};

pub use options::ProveOptions;
use options::Watched;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The environment is unusable.
    #[error(transparent)]
    Environment(#[from] EnvError),
    /// The inputs are not the model's.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The keys are of another circuit than the compiled one.
    #[error("the keys are not of this compiled circuit; make keys for it again")]
    OtherCircuit,
    /// The statement cannot be encoded.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The operating system has no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The caller has stopped it.
    #[error("the proof was cancelled")]
    Cancelled,
    /// The prover gave up.
    #[error("cannot prove: {0}")]
    Prover(#[source] lemma_plonk::ProveError),
    /// The proof library gave up.
    #[error("cannot prove: {0}")]
    Library(#[source] plonk::Error),
    /// The bundle is too large.
    #[error(transparent)]
    Bundle(#[from] ArtifactError),
    /// The finished proof does not verify, so it was thrown away: a fault of this machine or of Lemma.
    #[error("the finished proof failed its own check and was thrown away: {0}")]
    SelfCheck(#[source] VerifyError),
}

impl From<ProvingError> for ProveError {
    fn from(error: ProvingError) -> Self {
        match error {
            ProvingError::Own(lemma_plonk::ProveError::Stopped(_)) => Self::Cancelled,
            ProvingError::Own(error) => Self::Prover(error),
            ProvingError::Stock(error) => Self::Library(error),
        }
    }
}

/// A proof that has passed its own check.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The bytes of the `.proof` file.
    pub bundle: Vec<u8>,
    /// What it proves, as decoded from those bytes.
    pub statement: Statement,
}

/// Proves that the model of `circuit` maps `inputs` (one vector of integers per model input) to its outputs.
///
/// The proof is verified from its own bytes, by the function its receivers use, before it is returned. A reference to
/// a [`Progress`](crate::progress::Progress) does as options.
///
/// # Errors
/// When the inputs do not fit the model, the keys do not fit the circuit, the caller stops it, or the self-check fails.
pub fn prove<'a>(
    keys: &ProvingKeys,
    circuit: &CompiledCircuit,
    inputs: &[Vec<i32>],
    context: Context,
    options: impl Into<ProveOptions<'a>>,
) -> Result<Proven, ProveError> {
    let options = options.into();
    env::check()?;
    let verifier = keys.verifier();
    let same = circuit.model_id() == verifier.model_id()
        && circuit.shape() == verifier.shape()
        && circuit.interface() == verifier.interface()
        && circuit.scheme() == verifier.scheme();
    if !same {
        return Err(ProveError::OtherCircuit);
    }
    let assignment = options.step(Phase::Witness, || circuit.assign(inputs))??;
    let statement = Statement {
        circuit: keys.circuit_id(),
        context,
        inputs: inputs.to_vec(),
        outputs: assignment.outputs,
    };
    let public_inputs = statement.public_inputs(verifier.interface())?;
    let encoded = statement.encode(verifier.interface())?;
    let mut randomness = ProofRandomness::draw(&encoded, inputs)?;
    let proof = options.step(Phase::Prove, || {
        keys.prover().prove(assignment.circuit, &public_inputs, &mut randomness, &Watched(&options))
    })??;
    let bundle = ProofBundle {
        circuit: keys.circuit_id(),
        scheme: verifier.scheme(),
        insecure_srs: verifier.insecure_srs(),
        statement: encoded,
        proof,
    }
    .encode()?;
    options.step(Phase::Verify, || release(keys, bundle, statement))?
}

/// Lets a bundle out only if its bytes prove the statement.
fn release(keys: &ProvingKeys, bundle: Vec<u8>, statement: Statement) -> Result<Proven, ProveError> {
    let expect = Expect {
        circuit: keys.circuit_id(),
        context: Some(statement.context.clone()),
        // The caller chose the setup when it made the keys.
        allow_insecure_srs: true,
    };
    match verify(&bundle, keys.verifier(), &expect) {
        Ok(decoded) if decoded == statement => Ok(Proven { bundle, statement: decoded }),
        Ok(_) => Err(ProveError::SelfCheck(VerifyError::Invalid)),
        Err(error) => Err(ProveError::SelfCheck(error)),
    }
}

#[cfg(test)]
mod tests;
