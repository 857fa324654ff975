//! Verdicts.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Scheme, Srs, Tensor};

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

/// What a verdict rests on, in the words of `lemma verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trusted {
    /// The id of a circuit.
    Circuit,
}

/// The verdict on a proof.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct VerifyResponse {
    /// Whether the proof is valid for the circuit, in the context that was asked for.
    pub valid: bool,
    /// What the verdict rests on.
    pub trusted: Trusted,
    /// Id of the circuit that the verdict is about: the one the request names, never one that a proof names. It stands for a
    /// model only for those who know that it does: `lemma compile MODEL` derives it.
    pub circuit: String,
    /// Commitment scheme of the circuit.
    pub scheme: Scheme,
    /// Model id of the model that this service built the circuit of: the sha256 of its ONNX file. Absent if it has not built it
    /// itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Network id of that model: the sha256 of the canonical form of what it computes, which the circuit's id covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// What is left to compare before a valid proof says anything about a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "for the circuit you named: compare its id with what `lemma compile MODEL` derives")]
    pub note: Option<String>,
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
