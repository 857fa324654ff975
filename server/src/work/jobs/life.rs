//! The state machine.

use std::time::Duration;

use lemma_prover::progress::Phase;
use serde::{Deserialize, Serialize};

use super::{EventKind, Failure, FailureClass, Timestamp};

/// A job fails for good when this many of its attempts failed.
pub const MAX_FAILED_ATTEMPTS: u32 = 3;

/// A job fails for good when the service died this many times while it was running: then it may be the job that kills
/// the service.
pub const MAX_SERVICE_DEATHS: u32 = 30;

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
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

impl JobState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Expired];

    /// Whether the state is final.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The state as a stable lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The state of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// The part of a job that changes by events.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Life {
    /// Its state.
    pub state: JobState,
    /// The attempt it waits for, is in, or ended in; counts from 1 and fences off the workers of earlier ones.
    pub attempt: u32,
    /// How many attempts failed or crashed; those that the service interrupted do not count.
    pub failed_attempts: u32,
    /// How many attempts the death of the service interrupted; an orderly shutdown does not count.
    pub service_deaths: u32,
    /// When it was queued last.
    pub queued: Timestamp,
    /// When its last attempt started.
    pub started: Option<Timestamp>,
    /// When it reached its terminal state.
    pub finished: Option<Timestamp>,
    /// How long it may wait each time it is queued.
    pub queue_timeout: Duration,
    /// How long each attempt may take.
    pub prove_timeout: Duration,
    /// Why it failed for good or why its last attempt failed.
    pub failure: Option<Failure>,
}

/// Something that wants to change a job. `attempt` is the attempt the sender believes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A worker takes it.
    Start {
        /// The attempt that was dispatched.
        attempt: u32,
    },
    /// The worker has a result.
    Succeed {
        /// The worker's attempt.
        attempt: u32,
    },
    /// The attempt failed, crashed or ran out of time.
    Fail {
        /// The worker's attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
    },
    /// The service shuts down and gives the job back.
    Release {
        /// The worker's attempt.
        attempt: u32,
    },
    /// Nobody can be working on it any more: the service starts and finds it running.
    Recover,
    /// The caller does not want it any more.
    Cancel,
    /// Somebody looks at the clock.
    Tick,
}

/// Why an event does not change a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It has ended.
    #[error("the job has ended in the state {}", state.as_str())]
    Ended {
        /// How.
        state: JobState,
    },
    /// The sender works on another attempt than the job is in.
    #[error("attempt {got} is over, the job is at attempt {expected}")]
    Fenced {
        /// The job's attempt.
        expected: u32,
        /// The sender's attempt.
        got: u32,
    },
    /// The event does not concern a job in this state.
    #[error("the job is {}", state.as_str())]
    WrongState {
        /// The job's state.
        state: JobState,
    },
    /// No time limit has been reached.
    #[error("the job has time left")]
    NotDue,
}

impl Life {
    /// A job that is queued now.
    pub fn new(now: Timestamp, queue_timeout: Duration, prove_timeout: Duration) -> Self {
        Self {
            state: JobState::Queued,
            attempt: 1,
            failed_attempts: 0,
            service_deaths: 0,
            queued: now,
            started: None,
            finished: None,
            queue_timeout,
            prove_timeout,
            failure: None,
        }
    }

    /// When it expires if no worker has taken it.
    pub fn queue_deadline(&self) -> Timestamp {
        self.queued.after(self.queue_timeout)
    }

    /// The life after an event, and what there is to tell about it.
    ///
    /// # Errors
    /// [`Refusal`] when the event changes nothing: the job has ended, is at another attempt, or is in a state the
    /// event does not concern.
    pub fn apply(&self, event: &Event, now: Timestamp) -> Result<(Self, EventKind), Refusal> {
        if self.state.is_terminal() {
            return Err(Refusal::Ended { state: self.state });
        }
        match event {
            Event::Start { attempt } => {
                self.must_be(JobState::Queued, *attempt)?;
                if now >= self.queue_deadline() {
                    return Ok((self.ended(JobState::Expired, now), EventKind::Expired));
                }
                let life = Self { state: JobState::Running, started: Some(now), ..self.clone() };
                Ok((life, EventKind::Started { attempt: *attempt }))
            }
            Event::Succeed { attempt } => {
                self.must_be(JobState::Running, *attempt)?;
                Ok((self.ended(JobState::Succeeded, now), EventKind::Succeeded))
            }
            Event::Fail { attempt, failure } => {
                self.must_be(JobState::Running, *attempt)?;
                Ok(self.failed(failure.clone(), now))
            }
            Event::Release { attempt } => {
                self.must_be(JobState::Running, *attempt)?;
                Ok(self.requeued(None, now))
            }
            Event::Recover => {
                self.must_be(JobState::Running, self.attempt)?;
                Ok(self.orphaned(now))
            }
            Event::Cancel => Ok((self.ended(JobState::Cancelled, now), EventKind::Cancelled)),
            Event::Tick => self.tick(now),
        }
    }

    fn must_be(&self, state: JobState, attempt: u32) -> Result<(), Refusal> {
        if self.attempt != attempt {
            return Err(Refusal::Fenced { expected: self.attempt, got: attempt });
        }
        if self.state == state { Ok(()) } else { Err(Refusal::WrongState { state: self.state }) }
    }

    fn tick(&self, now: Timestamp) -> Result<(Self, EventKind), Refusal> {
        if self.state == JobState::Queued && now >= self.queue_deadline() {
            Ok((self.ended(JobState::Expired, now), EventKind::Expired))
        } else {
            Err(Refusal::NotDue)
        }
    }

    fn ended(&self, state: JobState, now: Timestamp) -> Self {
        Self { state, finished: Some(now), ..self.clone() }
    }

    /// An attempt failed: another follows, if that can help and there is one left.
    fn failed(&self, failure: Failure, now: Timestamp) -> (Self, EventKind) {
        let counted = Self { failed_attempts: self.failed_attempts.saturating_add(1), ..self.clone() };
        let exhausted = counted.failed_attempts >= MAX_FAILED_ATTEMPTS;
        if failure.retryable && !exhausted {
            return counted.requeued(Some(failure), now);
        }
        let failure = if exhausted && failure.class.killed_worker() {
            let last = &failure.reason;
            poisoned(
                failure.phase,
                format!("all {MAX_FAILED_ATTEMPTS} attempts failed, the last because {last}"),
            )
        } else {
            failure
        };
        counted.failed_for_good(failure, now)
    }

    /// The service died during the attempt, most likely not because of it.
    fn orphaned(&self, now: Timestamp) -> (Self, EventKind) {
        let counted = Self { service_deaths: self.service_deaths.saturating_add(1), ..self.clone() };
        if counted.service_deaths < MAX_SERVICE_DEATHS {
            return counted.requeued(None, now);
        }
        let reason = format!("the service died {MAX_SERVICE_DEATHS} times while the job was running");
        counted.failed_for_good(poisoned(None, reason), now)
    }

    fn failed_for_good(&self, failure: Failure, now: Timestamp) -> (Self, EventKind) {
        let life = Self { failure: Some(failure.clone()), ..self.ended(JobState::Failed, now) };
        (life, EventKind::Failed { failure })
    }

    fn requeued(&self, failure: Option<Failure>, now: Timestamp) -> (Self, EventKind) {
        let attempt = self.attempt.saturating_add(1);
        let life = Self {
            state: JobState::Queued,
            attempt,
            queued: now,
            started: None,
            failure: failure.clone().or_else(|| self.failure.clone()),
            ..self.clone()
        };
        (life, EventKind::Requeued { attempt, failure })
    }
}

fn poisoned(phase: Option<Phase>, reason: String) -> Failure {
    Failure { class: FailureClass::Poisoned, phase, reason, retryable: false }
}

#[cfg(test)]
mod tests;
