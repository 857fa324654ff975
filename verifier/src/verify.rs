//! Deciding about a proof, offline.
//!
//! [`verify`] takes bytes from anywhere, a key from the caller's own file or store, and what the caller expects. It
//! reads nothing else but the environment variable named in [`crate::env`], takes time and memory bounded by the
//! key and the length of the bytes, and answers with the statement or a typed refusal.
//!
//! # Panics
//! None that bytes can reach. The library unwraps inverses of differences of challenges: they are 0 with
//! probability below 2^-230, and challenges are outputs of a hash.

mod key;

pub use key::{BareKey, VerifierKey, VerifierKeyError};

use crate::{
    artifact::{ArtifactError, ProofBundle},
    circuit_id::CircuitId,
    env::{self, EnvError},
    proof_system::{self, Refusal},
    scheme::Scheme,
    statement::{Context, Statement, StatementError},
};

/// What the caller demands of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The circuit it must be for. This comes from the caller's own knowledge, never from the proof.
    pub circuit: CircuitId,
    /// The context it must be made in; `None` accepts any and leaves judging it to the caller.
    pub context: Option<Context>,
    /// Whether a KZG string drawn on somebody's machine is good enough. Whoever drew it can prove anything.
    pub allow_insecure_srs: bool,
}

/// Why a proof is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The environment is unusable; this says nothing about the proof.
    #[error(transparent)]
    Environment(#[from] EnvError),
    /// Not a proof bundle.
    #[error(transparent)]
    Bundle(#[from] ArtifactError),
    /// A proof of another circuit.
    #[error("the proof is for circuit {got}, expected {expected}")]
    Circuit {
        /// The circuit demanded.
        expected: CircuitId,
        /// The circuit the bundle names.
        got: CircuitId,
    },
    /// The caller's key is of another circuit; this says nothing about the proof.
    #[error("the verifying key is of circuit {got}, expected {expected}")]
    Key {
        /// The circuit demanded.
        expected: CircuitId,
        /// The circuit of the key.
        got: CircuitId,
    },
    /// The bundle names another scheme than its circuit has.
    #[error("the proof says it uses the scheme {got:?}, its circuit uses {expected:?}")]
    Scheme {
        /// Scheme of the key.
        expected: Scheme,
        /// Scheme the bundle names.
        got: Scheme,
    },
    /// The bundle's mark of an insecure string is not the key's.
    #[error("the proof's mark of an insecure string is {got}, its circuit's is {expected}")]
    InsecureMark {
        /// Mark of the key.
        expected: bool,
        /// Mark of the bundle.
        got: bool,
    },
    /// A string drawn on somebody's machine, and the caller did not allow that.
    #[error(
        "the key rests on a KZG string drawn on somebody's machine, who can forge proofs; make keys with a ceremony file \
         or the ipa scheme, or allow insecure strings (--allow-insecure-srs) if this is a test"
    )]
    InsecureSrs,
    /// The proof is truncated or padded.
    #[error("the proof has {got} bytes, proofs of this circuit have {expected}")]
    ProofLength {
        /// Length by the key.
        expected: usize,
        /// Length found.
        got: usize,
    },
    /// The statement is not of the circuit's form.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The statement is about another circuit than the bundle.
    #[error("the statement is about circuit {got}, the bundle about {expected}")]
    StatementCircuit {
        /// The circuit the bundle names.
        expected: CircuitId,
        /// The circuit the statement names.
        got: CircuitId,
    },
    /// Made for another occasion.
    #[error("the proof was made in context {}, expected {}", shown(got), shown(expected))]
    Context {
        /// The context demanded.
        expected: Context,
        /// The context of the statement.
        got: Context,
    },
    /// A part of the proof is no canonically encoded point or scalar, or the identity.
    #[error(
        "the proof's bytes from {offset} on are not a canonically encoded scalar or point, or are the identity"
    )]
    Encoding {
        /// Where in the proof.
        offset: usize,
    },
    /// Bytes nobody read.
    #[error("the proof has bytes that no equation reads")]
    Trailing,
    /// The statement is not proven.
    #[error("the proof does not prove its statement")]
    Invalid,
}

fn shown(context: &Context) -> String {
    if context.bytes().is_empty() { "none".to_owned() } else { hex::encode(context.bytes()) }
}

/// Accepts a proof bundle or says why not.
///
/// # Errors
/// Every variant of [`VerifyError`] is a refusal; [`VerifyError::Environment`], [`VerifyError::Key`] and
/// [`VerifyError::InsecureSrs`] are about the caller's side, all others about the bundle.
pub fn verify(bundle: &[u8], key: &VerifierKey, expect: &Expect) -> Result<Statement, VerifyError> {
    let (bundle, statement) = read_bundle(bundle, key.bare(), expect)?;
    let public_inputs = statement.public_inputs(key.interface())?;
    match proof_system::check(key.commitment(), key.library_key(), &public_inputs, &bundle.proof) {
        Ok(()) => Ok(statement),
        Err(Refusal::Encoding { offset }) => Err(VerifyError::Encoding { offset }),
        Err(Refusal::Trailing) => Err(VerifyError::Trailing),
        Err(Refusal::Equations) => Err(VerifyError::Invalid),
    }
}

impl BareKey {
    /// Refuses a key of another circuit than the one the caller trusts.
    ///
    /// # Errors
    /// [`VerifyError::Key`].
    pub fn expect_circuit(&self, expected: CircuitId) -> Result<(), VerifyError> {
        let got = self.circuit_id();
        if got == expected { Ok(()) } else { Err(VerifyError::Key { expected, got }) }
    }

    /// Refuses a bundle for what it says about itself, before any parameters are derived or loaded. A bundle that
    /// passes is not proven: [`verify`] decides.
    ///
    /// # Errors
    /// Those of [`verify`] that need no parameters.
    pub fn check_bundle(&self, bundle: &[u8], expect: &Expect) -> Result<(), VerifyError> {
        read_bundle(bundle, self, expect).map(|_| ())
    }
}

/// A bundle and its statement, of the key's circuit and what the caller expects, but not proven.
fn read_bundle(
    bundle: &[u8],
    key: &BareKey,
    expect: &Expect,
) -> Result<(ProofBundle, Statement), VerifyError> {
    env::check()?;
    key.expect_circuit(expect.circuit)?;
    let bundle = ProofBundle::decode(bundle)?;
    check_claims(&bundle, key, expect)?;
    let statement = Statement::decode(&bundle.statement, key.file().interface())?;
    check_statement(&statement, expect)?;
    Ok((bundle, statement))
}

/// What the bundle says about itself against the key.
fn check_claims(bundle: &ProofBundle, key: &BareKey, expect: &Expect) -> Result<(), VerifyError> {
    let setup = key.file().setup();
    if bundle.circuit != expect.circuit {
        return Err(VerifyError::Circuit { expected: expect.circuit, got: bundle.circuit });
    }
    if bundle.scheme != setup.scheme() {
        return Err(VerifyError::Scheme { expected: setup.scheme(), got: bundle.scheme });
    }
    if bundle.insecure_srs != setup.insecure() {
        return Err(VerifyError::InsecureMark { expected: setup.insecure(), got: bundle.insecure_srs });
    }
    if setup.insecure() && !expect.allow_insecure_srs {
        return Err(VerifyError::InsecureSrs);
    }
    if bundle.proof.len() != key.proof_len() {
        return Err(VerifyError::ProofLength { expected: key.proof_len(), got: bundle.proof.len() });
    }
    Ok(())
}

fn check_statement(statement: &Statement, expect: &Expect) -> Result<(), VerifyError> {
    if statement.circuit != expect.circuit {
        return Err(VerifyError::StatementCircuit { expected: expect.circuit, got: statement.circuit });
    }
    match &expect.context {
        Some(expected) if *expected != statement.context => {
            Err(VerifyError::Context { expected: expected.clone(), got: statement.context.clone() })
        }
        _ => Ok(()),
    }
}
