//! What a receiver of a proof does, without the service.

use lemma_verifier::{
    circuit_id::CircuitId,
    digest::ParseDigestError,
    statement::{Context, Statement, StatementError},
    verify::{Expect, VerifierKey, VerifierKeyError, VerifyError, verify},
};

/// Why the downloaded files prove nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// The circuit's id is none.
    #[error("the circuit's id: {0}")]
    Id(#[from] ParseDigestError),
    /// The caller's context is none.
    #[error(transparent)]
    Context(#[from] StatementError),
    /// The key is unusable.
    #[error("the downloaded key: {0}")]
    Key(#[from] VerifierKeyError),
    /// The proof is not accepted.
    #[error("the downloaded proof: {0}")]
    Proof(#[from] VerifyError),
    /// A forged proof was accepted.
    #[error("a proof with a changed statement was accepted")]
    Forgery,
    /// The proof is about another answer than the one given.
    #[error("the proof states other outputs than the service answered")]
    OtherAnswer,
    /// A task of this program failed.
    #[error("verifying: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// A verifier: a key file and the id it must hash to.
#[derive(Debug)]
pub(super) struct Verifier {
    key: VerifierKey,
    expect: Expect,
}

impl Verifier {
    /// Reads a downloaded key. `circuit` is what the caller trusts; a key of another circuit is refused by
    /// [`Verifier::check`].
    pub(super) fn new(key: &[u8], circuit: &str, context: &[u8]) -> Result<Self, OfflineError> {
        let circuit = circuit.parse::<CircuitId>()?;
        let context = Some(Context::new(context.to_vec())?);
        let key = VerifierKey::read(key)?;
        Ok(Self { key, expect: Expect { circuit, context, allow_insecure_srs: false } })
    }

    /// Accepts a proof or says why not.
    pub(super) fn check(&self, bundle: &[u8]) -> Result<Statement, OfflineError> {
        Ok(verify(bundle, &self.key, &self.expect)?)
    }

    /// A proof with one changed output, in an otherwise flawless file, must not be accepted.
    pub(super) fn refuse_forgery(&self, bundle: &[u8]) -> Result<String, OfflineError> {
        let forged = forge(bundle)?;
        match verify(&forged, &self.key, &self.expect) {
            Ok(_) => Err(OfflineError::Forgery),
            Err(refusal) => Ok(refusal.to_string()),
        }
    }
}

/// The bundle with another last output, envelope and digest made anew.
fn forge(bundle: &[u8]) -> Result<Vec<u8>, OfflineError> {
    let mut parts = lemma_verifier::artifact::ProofBundle::decode(bundle).map_err(VerifyError::from)?;
    if let Some(last) = parts.statement.last_mut() {
        *last ^= 1;
    }
    Ok(parts.encode().map_err(VerifyError::from)?)
}
