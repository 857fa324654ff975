//! Jobs: what is asked for, and the pure state machine every job obeys.
//!
//! Nothing here reads a clock, a file or a database: time is passed in, and [`Life::apply`] is the only place
//! where a job changes its state. Storage keeps lives and applies events to them; dispatchers and workers cause
//! events.
//!
//! ```text
//! queued --start--> running --succeed--> succeeded
//!    ^                 |----fail-------> failed        (not retryable, or the attempts are used up)
//!    |---requeue-------|                               (crash, retryable failure, shutdown or death of the service)
//! queued or running ----cancel---------> cancelled
//! queued ---------------expire---------> expired       (waited longer than its queue timeout)
//! ```
//!
//! Terminal states are final. `attempt` grows with every requeue and fences: whoever works on an earlier attempt
//! can no longer change the job.

mod event;
mod failure;
mod id;
mod life;
#[cfg(test)]
mod model_check;
mod time;
mod work;
pub(crate) mod written;

pub use event::{EventKind, JobEvent, PhaseTiming};
pub use failure::{Failure, FailureClass};
pub use id::{JobId, JobIds, ParseJobIdError};
pub use life::{Event, JobState, Life, MAX_FAILED_ATTEMPTS, MAX_SERVICE_DEATHS, Refusal};
pub use time::{Clock, SystemClock, Timestamp};
pub use work::{CircuitFacts, CircuitWork, Outcome, Priority, ProofWork, Setup, Work, WorkKind};

use lemma_prover::progress::Phase;
use serde::{Deserialize, Serialize};

/// A job as it is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Whose job it is; empty while the service knows no callers.
    pub owner: String,
    /// What is to be done, without the input.
    pub work: Work,
    /// Which queued jobs go first.
    pub priority: Priority,
    /// Text of the caller's, returned as it came.
    pub meta: Option<serde_json::Value>,
    /// When it was accepted.
    pub created: Timestamp,
    /// Where it is in its life.
    pub life: Life,
    /// The step a running job was last seen in.
    pub phase: Option<Phase>,
    /// Wall-clock time of the finished steps of the last attempt.
    pub timings: Vec<PhaseTiming>,
    /// What came of it; present exactly in the state succeeded.
    pub outcome: Option<Outcome>,
}

impl Job {
    /// Its state.
    pub fn state(&self) -> JobState {
        self.life.state
    }
}
