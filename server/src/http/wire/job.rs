//! Jobs of either kind.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moment;
use crate::work::jobs::{self, Job, JobState, PhaseTiming};

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

/// Time of one finished step.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct PhaseTime {
    /// Name of the step.
    #[schema(example = "prove")]
    pub phase: String,
    /// Wall-clock seconds.
    pub seconds: f64,
}

impl From<&PhaseTiming> for PhaseTime {
    fn from(timing: &PhaseTiming) -> Self {
        Self { phase: timing.phase.to_string(), seconds: timing.milliseconds as f64 / 1e3 }
    }
}

/// Why a job or an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Failure {
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
            phase: failure.phase.map(|phase| phase.to_string()),
            reason: failure.reason.clone(),
            retryable: failure.retryable,
        }
    }
}

/// How far a job is: what builds and proofs have in common.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// The job's id.
    #[schema(example = "01KAHX9D8CSV5M2J0R3K6ZB3QW")]
    pub id: String,
    /// Where to follow it.
    pub href: String,
    /// Where it is.
    pub status: Status,
    /// Counts attempts from 1, those that a stop of the service interrupted among them.
    pub attempt: u32,
    /// How many attempts failed; the third ends the job.
    pub failed_attempts: u32,
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
    /// Why it failed; present exactly when it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why an earlier attempt of a job failed that has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

impl Progress {
    /// The progress of a job that is followed below `route`.
    pub(crate) fn new(job: &Job, route: &str) -> Self {
        let told = job.life.failure.as_ref().map(Failure::from);
        let (failure, last_failure) =
            if job.state() == JobState::Failed { (told, None) } else { (None, told) };
        Self {
            id: job.id.to_string(),
            href: format!("{route}/{}", job.id),
            status: job.state().into(),
            attempt: job.life.attempt,
            failed_attempts: job.life.failed_attempts,
            created: moment(job.created),
            started: job.life.started.map(moment),
            finished: job.life.finished.map(moment),
            phase: job.phase.map(|phase| phase.to_string()),
            phases: job.timings.iter().map(PhaseTime::from).collect(),
            failure,
            last_failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lemma_verifier::circuit_id::CircuitId;

    use super::*;
    use crate::work::jobs::{Event, FailureClass, JobId, Life, ProofWork, Timestamp, Work};

    #[test]
    fn only_a_failed_job_has_a_failure() {
        let crash =
            jobs::Failure { class: FailureClass::Crash, phase: None, reason: "died".into(), retryable: true };
        let mut job = Job {
            id: JobId::from_parts(1, 1),
            owner: String::new(),
            work: Work::Proof(ProofWork { circuit: CircuitId([0; 32]), context: Vec::new() }),
            priority: jobs::Priority::Normal,
            meta: None,
            created: Timestamp(0),
            life: Life::new(Timestamp(0), Duration::from_secs(9), Duration::from_secs(9)),
            phase: None,
            timings: Vec::new(),
            outcome: None,
        };
        for attempt in 1..=3 {
            for event in [Event::Start { attempt }, Event::Fail { attempt, failure: crash.clone() }] {
                job.life = job.life.apply(&event, Timestamp(1)).unwrap().0;
                let shown = Progress::new(&job, "/v1/proofs");
                assert_eq!(shown.failure.is_some(), shown.status == Status::Failed);
                let more = shown.failed_attempts > 0 && shown.status != Status::Failed;
                assert_eq!(shown.last_failure.is_some(), more);
            }
        }
        assert_eq!(job.state(), JobState::Failed);
    }
}
