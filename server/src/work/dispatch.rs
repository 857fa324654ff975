//! Getting queued jobs to workers.
//!
//! A [`Dispatcher`] knows only tickets: which job, which attempt, how urgent, how much memory. What a job is and
//! what became of it is in the records; a ticket that is delivered twice or late does no harm, because the records
//! refuse its start. [`InProcess`] dispatches to threads of this process; the module `conformance` tests what every
//! dispatcher must do.

#[cfg(test)]
pub(crate) mod conformance;
mod in_process;
mod queue;

use std::{fmt, sync::atomic::AtomicU8, sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;

pub use in_process::{InProcess, Limits};
pub use lemma_prover::memory::available_memory;

use crate::work::jobs::{JobId, Priority};

/// What is dispatched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The job.
    pub job: JobId,
    /// The attempt to make.
    pub attempt: u32,
    /// Which tickets go first.
    pub priority: Priority,
    /// Predicted peak memory in bytes.
    pub memory: u64,
}

/// A place in the queue that is held for a job while it is being recorded; given back when dropped.
pub struct Place(Option<Box<dyn FnOnce() + Send>>);

impl Place {
    /// A place that is given back like this.
    pub fn new(give_back: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(give_back)))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(give_back) = self.0.take() {
            give_back();
        }
    }
}

/// Why no place is given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The queue is full.
    #[error(
        "{queued} jobs are queued, the limit is {capacity}; try again in {} seconds",
        retry_after.as_secs()
    )]
    Full {
        /// Queued jobs.
        queued: usize,
        /// Most queued jobs.
        capacity: usize,
        /// When a place is likely to be free, in whole seconds.
        retry_after: Duration,
    },
    /// No machine here can do it.
    #[error(
        "the job needs about {} MiB of memory, {} MiB are available to jobs; prove a smaller model or raise memory_mib",
        predicted.div_ceil(1 << 20),
        budget >> 20
    )]
    TooMuchMemory {
        /// Predicted peak in bytes.
        predicted: u64,
        /// Bytes for all jobs together.
        budget: u64,
    },
    /// The service is shutting down.
    #[error("the service is shutting down; try again when it is back")]
    ShuttingDown,
}

/// A dispatcher's state in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Jobs that wait.
    pub queued: usize,
    /// Jobs that run.
    pub running: usize,
    /// Most jobs that may wait.
    pub capacity: usize,
    /// Most jobs that run at once.
    pub parallel: usize,
    /// Bytes for all jobs together.
    pub memory_budget: u64,
    /// Bytes taken by running jobs and resident keys.
    pub memory_in_use: u64,
}

/// Brings tickets to workers, each to one worker at a time.
#[async_trait]
pub trait Dispatcher: Send + Sync + fmt::Debug {
    /// Holds a place for a job with this predicted peak memory.
    ///
    /// # Errors
    /// [`Refused`] when the job cannot be taken now.
    fn reserve(&self, memory: u64) -> Result<Place, Refused>;

    /// Queues a ticket. A job accepted before, after a restart or for another attempt, comes without a place and
    /// is never refused. A ticket of a job that is held already is dropped.
    async fn dispatch(&self, ticket: Ticket, place: Option<Place>);

    /// Takes a job out of the queue, or tells its worker to stop at once. The records already say that the job has
    /// ended.
    async fn cancel(&self, job: JobId);

    /// Whether the job is queued or running here.
    fn holds(&self, job: JobId) -> bool;

    /// Its state in numbers.
    fn load(&self) -> Load;

    /// Whether all its workers' places can make attempts.
    fn is_whole(&self) -> bool;

    /// Starts no more jobs, waits this long for running ones, then tells their workers to give them back.
    async fn shutdown(&self, grace: Duration);
}

/// Why a worker must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The job was cancelled.
    Cancelled,
    /// The service shuts down.
    Shutdown,
}

/// Tells one worker to stop.
#[derive(Debug, Default)]
pub struct StopSignal(AtomicU8);

impl StopSignal {
    /// Stops the worker; the first reason counts.
    pub fn set(&self, stop: Stop) {
        let code = match stop {
            Stop::Cancelled => 1,
            Stop::Shutdown => 2,
        };
        // A reason that is already set stays.
        let _ = self.0.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Why to stop, if at all.
    pub fn get(&self) -> Option<Stop> {
        match self.0.load(Ordering::Acquire) {
            1 => Some(Stop::Cancelled),
            2 => Some(Stop::Shutdown),
            _ => None,
        }
    }
}

/// What a lane leaves to its dispatcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Done,
    /// Another attempt, after a pause.
    Again(Ticket, Duration),
}

/// One worker's place: makes attempts one after the other, on a thread of its own that lives as long as the lane.
pub trait Lane: Send {
    /// Makes one attempt at a job and records what became of it. Returns soon after the signal is set.
    fn run(&mut self, ticket: &Ticket, stop: &StopSignal) -> After;

    /// Memory it holds between attempts, in bytes.
    fn resident_bytes(&self) -> u64;

    /// Lets go of that memory.
    fn retire(&mut self);
}
