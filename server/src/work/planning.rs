//! Plans of circuits, each made in a process of its own.
//!
//! How long planning takes and how much memory it needs follows from a file that somebody uploaded. A process has limits and
//! can be killed; a thread of the service has neither and cannot.

use std::{
    io,
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::RecvTimeoutError,
    },
    time::{Duration, Instant},
};

use lemma_verifier::scheme::Scheme;

use crate::work::{
    jobs::{Failure, FailureClass},
    prediction::Prediction,
    protocol::{Report, Request},
    worker::{
        ChildCommand,
        process::{ChildSettings, Worker},
    },
};

/// How often somebody who waits for a plan looks whether it is still wanted.
const POLL: Duration = Duration::from_millis(25);

/// Threads of a process that plans, which is sequential.
const THREADS: usize = 1;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanningError {
    /// The model cannot be planned, here or elsewhere.
    #[error("{reason}")]
    Refused {
        /// Whether it is too large, rather than not provable at all.
        too_large: bool,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// It takes too long.
    #[error("planning the circuit took longer than the {} s this service gives it; prove a smaller model", limit.as_secs())]
    Timeout {
        /// Longest time.
        limit: Duration,
    },
    /// It takes too much memory.
    #[error(
        "planning the circuit needs more than the {} MiB this service gives it; prove a smaller model",
        limit >> 20
    )]
    Memory {
        /// Most bytes.
        limit: u64,
    },
    /// The system starts no process.
    #[error("cannot start a process that plans: {0}")]
    Start(#[source] io::Error),
    /// The process ended without an answer.
    #[error("the process that planned the circuit ended: {reason}")]
    Died {
        /// How it ended.
        reason: String,
    },
    /// Nobody wants the plan any more.
    #[error("the plan was abandoned")]
    Abandoned,
}

/// Makes plans within limits.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    settings: ChildSettings,
    memory: u64,
    timeout: Duration,
}

impl Planner {
    /// Plans in processes of this command, each with at most `memory` bytes and `timeout` of time.
    pub(crate) fn new(command: ChildCommand, memory: u64, timeout: Duration) -> Self {
        let store: Option<PathBuf> = None;
        Self { settings: ChildSettings { command, store, threads: THREADS, keep_bytes: 0 }, memory, timeout }
    }

    /// What the circuit of an ONNX file will look like and cost. Blocks; once `abandoned` is set, the process is killed
    /// within a moment. The calling thread must outlive it.
    ///
    /// # Errors
    /// When there is no plan, or the process that makes it meets a limit or its end.
    pub(crate) fn plan(
        &self,
        onnx: Vec<u8>,
        scheme: Scheme,
        abandoned: &AtomicBool,
    ) -> Result<Prediction, PlanningError> {
        let deadline = Instant::now() + self.timeout;
        let worker = Worker::start(&self.settings).map_err(PlanningError::Start)?;
        let (memory_limit, seconds) = (self.memory, self.timeout.as_secs());
        worker.request(Request::Plan { scheme, memory_limit, seconds }, onnx);
        loop {
            match worker.report(POLL) {
                Ok((Report::Planned { prediction }, _)) => return Ok(prediction),
                Ok((Report::Unplannable { too_large, reason }, _)) => {
                    return Err(PlanningError::Refused { too_large, reason });
                }
                Ok((Report::Failed { failure, .. }, _)) => return Err(self.died(failure)),
                Ok(_) => return Err(PlanningError::Died { reason: "it answered another request".into() }),
                Err(RecvTimeoutError::Disconnected) => return Err(self.died(worker.autopsy())),
                Err(RecvTimeoutError::Timeout) if abandoned.load(Ordering::Relaxed) => {
                    return Err(PlanningError::Abandoned);
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                    return Err(PlanningError::Timeout { limit: self.timeout });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn died(&self, failure: Failure) -> PlanningError {
        match failure.class {
            FailureClass::OutOfMemory => PlanningError::Memory { limit: self.memory },
            _ => PlanningError::Died { reason: failure.reason },
        }
    }
}
