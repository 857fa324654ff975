//! Proofs, and what is asked for with them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Progress, Tensor};
use crate::{
    service::Advanced,
    work::jobs::{self, Job, Outcome, Work},
};

/// Which queued jobs go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// After all others.
    Low,
    /// What is not said otherwise.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl From<Priority> for jobs::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Low => Self::Low,
            Priority::Normal => Self::Normal,
            Priority::High => Self::High,
        }
    }
}

impl From<jobs::Priority> for Priority {
    fn from(priority: jobs::Priority) -> Self {
        match priority {
            jobs::Priority::Low => Self::Low,
            jobs::Priority::Normal => Self::Normal,
            jobs::Priority::High => Self::High,
        }
    }
}

/// Asks for an inference, for its proof, or for both.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InferenceRequest {
    /// Id of the circuit.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        example = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )]
    pub circuit: String,
    /// The inputs: nested lists of numbers by the names of the model's inputs.
    #[schema(value_type = Object, example = json!({"pixels": [vec![0.0; 64]]}))]
    pub inputs: Box<RawValue>,
    /// Whether it is proven. Only `POST /v1/infer` takes false.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub prove: bool,
    /// Up to 32 bytes in hexadecimal digits that the proof is bound to: a nonce, an audience.
    #[serde(default)]
    #[schema(pattern = "^([0-9a-fA-F]{2}){0,32}$")]
    pub context: Option<String>,
    /// Which queued jobs go first.
    #[serde(default)]
    #[schema(inline, default = "normal")]
    pub priority: Priority,
    /// Longest time in the queue; then the proof expires.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604800)]
    pub queue_timeout_seconds: Option<u32>,
    /// Longest time of one attempt.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86400)]
    pub prove_timeout_seconds: Option<u32>,
    /// An object of the caller's, at most 4096 bytes of JSON, returned with the proof.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub meta: Option<serde_json::Map<String, serde_json::Value>>,
}

fn yes() -> bool {
    true
}

/// A finished proof bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Bundle {
    /// sha256 of the file.
    pub sha256: String,
    /// Length of the file.
    pub bytes: u64,
    /// Where to download it.
    pub href: String,
}

/// A proof: its job, and its result once there is one.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Proof {
    /// How far it is.
    #[serde(flatten)]
    pub progress: Progress,
    /// Id of the circuit.
    pub circuit: String,
    /// The context it is bound to, in hexadecimal digits.
    pub context: String,
    /// Which queued jobs go first.
    pub priority: Priority,
    /// How far the proof itself is, in the step `prove`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proving: Option<Proving>,
    /// The proof bundle, once the job has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// What the caller sent along.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub meta: Option<serde_json::Value>,
}

/// How far a proof that is being made is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Proving {
    /// The part that is being made: `assign`, `commit`, `permutation`, `interpolate`, `quotient`, `open`.
    #[schema(example = "quotient")]
    pub stage: String,
    /// Share of it that is done, by what its parts are known to cost.
    #[schema(minimum = 0, maximum = 1)]
    pub share: f64,
    /// Estimate of the seconds that are left; absent at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub rest_seconds: Option<f64>,
}

impl From<Advanced> for Proving {
    fn from(advanced: Advanced) -> Self {
        // As exact as an estimate is.
        let rounded = |value: f64, digits: f64| (value * digits).round() / digits;
        Self {
            stage: advanced.stage,
            share: rounded(advanced.share.into(), 1000.0),
            rest_seconds: advanced.rest.map(|rest| rounded(rest.as_secs_f64(), 10.0)),
        }
    }
}

impl Proof {
    /// The job as a proof, and how far that is; `None` when it builds a circuit.
    pub(crate) fn new(job: &Job, advanced: Option<Advanced>) -> Option<Self> {
        let Work::Proof(work) = &job.work else { return None };
        let progress = Progress::new(job, "/v1/proofs");
        let bundle = match &job.outcome {
            Some(Outcome::Proof { bundle, bytes }) => Some(Bundle {
                sha256: bundle.to_string(),
                bytes: *bytes,
                href: format!("{}/bundle", progress.href),
            }),
            _ => None,
        };
        Some(Self {
            progress,
            circuit: work.circuit.to_string(),
            context: hex::encode(&work.context),
            priority: job.priority.into(),
            proving: advanced.map(Proving::from),
            bundle,
            meta: job.meta.clone(),
        })
    }
}

/// A part of the list of proofs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ProofList {
    /// The proofs.
    pub proofs: Vec<Proof>,
    /// Where the next part begins; absent in the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The answer, and the proof that follows.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct InferResponse {
    /// Id of the circuit.
    pub circuit: String,
    /// The outputs, which are exactly what the proof will state.
    pub outputs: Vec<Tensor>,
    /// The proof job; absent when none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}
