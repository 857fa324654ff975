//! Answers with a proof to follow.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Priority, Proof, Tensor};

/// Asks for an inference, and by default for its proof.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InferRequest {
    /// Id of the circuit.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        example = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )]
    pub circuit: String,
    /// The inputs: nested lists of numbers by the names of the model's inputs.
    #[schema(value_type = Object, example = json!({"pixels": [vec![0.0; 64]]}))]
    pub inputs: Box<RawValue>,
    /// Whether a proof follows.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub prove: bool,
    /// Up to 32 bytes in hexadecimal digits that the proof is bound to.
    #[serde(default)]
    #[schema(pattern = "^([0-9a-fA-F]{2}){0,32}$")]
    pub context: Option<String>,
    /// Which queued jobs go first.
    #[serde(default)]
    #[schema(inline, default = "normal")]
    pub priority: Priority,
    /// Anything of the caller's, at most 4096 bytes of JSON, returned with the proof.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub meta: Option<serde_json::Map<String, serde_json::Value>>,
}

fn yes() -> bool {
    true
}

/// The answer, and the proof that follows.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct InferResponse {
    /// Id of the circuit.
    pub circuit: String,
    /// The outputs, which are exactly what the proof will state.
    pub outputs: Vec<Tensor>,
    /// The proof job; absent when none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}
