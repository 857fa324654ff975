//! What is told about a job while it lives.

use lemma_prover::progress::Phase;
use serde::{Deserialize, Serialize};

use super::{Failure, JobId, Timestamp};

/// Wall-clock time of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTiming {
    /// The step.
    pub phase: Phase,
    /// Milliseconds.
    pub milliseconds: u64,
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEvent {
    /// The job.
    pub job: JobId,
    /// Counts the job's events from 1 without gaps.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// It was accepted.
    Queued,
    /// A worker began this attempt.
    Started {
        /// Counts attempts from 1.
        attempt: u32,
    },
    /// A running job entered a step.
    Phase {
        /// The step.
        phase: Phase,
    },
    /// The attempt ended without a result and the job waits for another.
    Requeued {
        /// The attempt it waits for.
        attempt: u32,
        /// Why the last attempt failed; absent when the service stopped.
        failure: Option<Failure>,
    },
    /// It succeeded.
    Succeeded,
    /// It failed for good.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It was cancelled.
    Cancelled,
    /// It waited too long in the queue.
    Expired,
}

impl EventKind {
    /// Whether nothing can follow.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed { .. } | Self::Cancelled | Self::Expired)
    }

    /// The event as a stable lower-case name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Started { .. } => "started",
            Self::Phase { .. } => "phase",
            Self::Requeued { .. } => "requeued",
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}
