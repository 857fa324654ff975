//! Verdicts.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Srs, Tensor};

/// Why a proof is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Refusal {
    /// The reason as a stable name.
    #[schema(example = "not-proven")]
    pub code: String,
    /// The reason in words.
    pub detail: String,
}

/// What an accepted proof says.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Statement {
    /// Id of the circuit.
    pub circuit: String,
    /// The context it was made in, in hexadecimal digits.
    pub context: String,
    /// The inputs.
    pub inputs: Vec<Tensor>,
    /// The outputs.
    pub outputs: Vec<Tensor>,
}

/// The verdict on a proof.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct VerifyResponse {
    /// Whether the proof is valid for the circuit, in the context that was asked for.
    pub valid: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Refusal>,
    /// Whether the circuit rests on parameters drawn on a server, whose owner can forge proofs.
    pub insecure_srs: bool,
    /// The KZG string the circuit rests on; absent with `ipa`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srs: Option<Srs>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Statement>,
    /// Wall-clock time of the check, in seconds.
    pub verify_seconds: f64,
}
