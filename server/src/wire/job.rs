//! Proof jobs.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::moment;
use crate::jobs::{self, Job, JobState, Outcome, PhaseTiming, Work};

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It waits for a worker.
    Queued,
    /// A worker is at it.
    Running,
    /// Its result is there.
    Succeeded,
    /// It will never have a result.
    Failed,
    /// Its caller did not want it any more.
    Cancelled,
    /// It waited longer than its caller allowed.
    Expired,
}

impl From<JobState> for Status {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Queued => Self::Queued,
            JobState::Running => Self::Running,
            JobState::Succeeded => Self::Succeeded,
            JobState::Failed => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
            JobState::Expired => Self::Expired,
        }
    }
}

impl From<Status> for JobState {
    fn from(status: Status) -> Self {
        match status {
            Status::Queued => Self::Queued,
            Status::Running => Self::Running,
            Status::Succeeded => Self::Succeeded,
            Status::Failed => Self::Failed,
            Status::Cancelled => Self::Cancelled,
            Status::Expired => Self::Expired,
        }
    }
}

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

/// Time of one finished step.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PhaseTime {
    /// Name of the step.
    #[schema(example = "prove")]
    pub phase: String,
    /// Wall-clock seconds.
    pub seconds: f64,
}

impl From<&PhaseTiming> for PhaseTime {
    fn from(timing: &PhaseTiming) -> Self {
        Self { phase: timing.phase.clone(), seconds: timing.milliseconds as f64 / 1e3 }
    }
}

/// Why a job, or its last attempt, failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Failure {
    /// Kind of failure.
    #[schema(example = "out_of_memory")]
    pub class: String,
    /// The step it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What happened.
    pub reason: String,
    /// Whether the same request can succeed later.
    pub retryable: bool,
}

impl From<&jobs::Failure> for Failure {
    fn from(failure: &jobs::Failure) -> Self {
        Self {
            class: failure.class.as_str().to_owned(),
            phase: failure.phase.clone(),
            reason: failure.reason.clone(),
            retryable: failure.retryable,
        }
    }
}

/// Asks for a proof of one inference.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofRequest {
    /// Id of the circuit.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        example = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )]
    pub circuit: String,
    /// The inputs: nested lists of numbers by the names of the model's inputs.
    #[schema(value_type = Object, example = json!({"pixels": [vec![0.0; 64]]}))]
    pub inputs: Box<RawValue>,
    /// Up to 32 bytes in hexadecimal digits that the proof is bound to: a nonce, an audience.
    #[serde(default)]
    #[schema(pattern = "^([0-9a-fA-F]{2}){0,32}$")]
    pub context: Option<String>,
    /// Which queued jobs go first.
    #[serde(default)]
    #[schema(inline, default = "normal")]
    pub priority: Priority,
    /// Longest time in the queue; then the job expires.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604800)]
    pub queue_timeout_seconds: Option<u32>,
    /// Longest time of one attempt.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86400)]
    pub prove_timeout_seconds: Option<u32>,
    /// Anything of the caller's, at most 4096 bytes of JSON, returned with the proof.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub meta: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A finished proof bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bundle {
    /// sha256 of the file.
    pub sha256: String,
    /// Length of the file.
    pub bytes: u64,
    /// Where to download it.
    pub href: String,
}

/// A proof: its job, and its result once there is one.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Proof {
    /// The proof's id.
    #[schema(example = "01KAHX9D8CSV5M2J0R3K6ZB3QW")]
    pub id: String,
    /// Where to follow it.
    pub href: String,
    /// Where it is.
    pub status: Status,
    /// Id of the circuit.
    pub circuit: String,
    /// The context it is bound to, in hexadecimal digits.
    pub context: String,
    /// Which queued jobs go first.
    pub priority: Priority,
    /// Counts attempts from 1.
    pub attempt: u32,
    /// When it was accepted.
    #[schema(format = DateTime)]
    pub created: String,
    /// When its last attempt started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub started: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub finished: Option<String>,
    /// The step it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Time per finished step.
    pub phases: Vec<PhaseTime>,
    /// Why it failed, or why its last attempt did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The proof bundle, once the job has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// What the caller sent along.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub meta: Option<serde_json::Value>,
}

impl Proof {
    /// The job as a proof; `None` when it builds a circuit.
    pub fn new(job: &Job) -> Option<Self> {
        let Work::Proof(work) = &job.work else { return None };
        let href = format!("/v1/proofs/{}", job.id);
        let bundle = match &job.outcome {
            Some(Outcome::Proof { bundle, bytes }) => {
                Some(Bundle { sha256: bundle.to_string(), bytes: *bytes, href: format!("{href}/bundle") })
            }
            _ => None,
        };
        Some(Self {
            id: job.id.to_string(),
            href,
            status: job.state().into(),
            circuit: work.circuit.to_string(),
            context: hex::encode(&work.context),
            priority: job.priority.into(),
            attempt: job.life.attempt,
            created: moment(job.created),
            started: job.life.started.map(moment),
            finished: job.life.finished.map(moment),
            phase: job.phase.clone(),
            phases: job.timings.iter().map(PhaseTime::from).collect(),
            failure: job.life.failure.as_ref().map(Failure::from),
            bundle,
            meta: job.meta.clone(),
        })
    }
}

/// A part of the list of proofs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ProofList {
    /// The proofs.
    pub proofs: Vec<Proof>,
    /// Where the next part begins; absent in the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
