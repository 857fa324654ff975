//! Accepting jobs.

use std::time::Duration;

use lemma_circuits::statement::CircuitId;
use lemma_prover::digest::Digest;

use super::{Inner, JobService, joined};
use crate::{
    crash_points,
    dispatch::{Refused, Ticket},
    jobs::{Job, JobId, Priority, Work},
    records::{Dispatchable, Idempotency, JobRow, RecordsError, Stored},
};

/// A job somebody asks for.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Whose it is; empty while the service knows no callers.
    pub owner: String,
    /// What is to be done.
    pub work: Work,
    /// Per model input its integers in row-major order; for proofs.
    pub inputs: Option<Vec<Vec<i32>>>,
    /// Predicted peak memory in bytes, for circuits; that of a proof is known from its circuit.
    pub predicted_memory: Option<u64>,
    /// Which queued jobs go first.
    pub priority: Priority,
    /// How long it may wait.
    pub queue_timeout: Duration,
    /// How long an attempt may take.
    pub prove_timeout: Duration,
    /// The caller's text.
    pub meta: Option<serde_json::Value>,
    /// The caller's key.
    pub idempotency: Option<Idempotency>,
}

/// A job that is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Submitted {
    /// It is new and queued.
    New(Job),
    /// An earlier request became it: one with the same key, or for the same circuit's build.
    Replayed(Job),
}

impl Submitted {
    /// The job.
    pub fn into_job(self) -> Job {
        match self {
            Self::New(job) | Self::Replayed(job) => job,
        }
    }
}

/// Why a job is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The queue does not take it now.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The key was used for another request.
    #[error(
        "the idempotency key {key:?} was used for another request, which became job {job}; use a new key"
    )]
    IdempotencyConflict {
        /// The key.
        key: String,
        /// The job of the other request.
        job: JobId,
    },
    /// There is no such circuit.
    #[error("circuit {circuit} is not known; create it first")]
    UnknownCircuit {
        /// The id asked for.
        circuit: CircuitId,
    },
    /// There is no such model.
    #[error("model {model} is not known; upload it first")]
    UnknownModel {
        /// The digest asked for.
        model: Digest,
    },
    /// A proof without an input.
    #[error("a proof needs an input")]
    NoInput,
    /// The database refused.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl SubmitError {
    /// Whether it can go away by itself because the database refused, as with a full disk.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Records(error) if error.is_transient())
    }
}

impl JobService {
    /// Accepts a job; it is durable when this returns.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn submit(&self, new: NewJob) -> Result<Submitted, SubmitError> {
        let service = self.clone();
        // A caller that goes away must not leave a job that is recorded but not dispatched.
        joined(tokio::spawn(async move { service.inner.submit(new).await })).await
    }
}

impl Inner {
    async fn submit(&self, new: NewJob) -> Result<Submitted, SubmitError> {
        // A repeated request is answered even when the queue is full.
        if let Some(stored) = self.records.same(&new.owner, &new.work, new.idempotency.as_ref()).await? {
            return replayed(stored, new.idempotency);
        }
        let predicted_memory = self.predicted_memory(&new).await?;
        let place = self.dispatcher.reserve(predicted_memory)?;
        let (now, idempotency) = (self.clock.now(), new.idempotency.clone());
        let row = JobRow {
            id: self.ids.next(u64::try_from(now.0).unwrap_or_default(), rand::random()),
            owner: new.owner,
            work: new.work,
            inputs: new.inputs,
            predicted_memory,
            priority: new.priority,
            queue_timeout: new.queue_timeout,
            prove_timeout: new.prove_timeout,
            meta: new.meta,
            idempotency: new.idempotency,
        };
        crash_points::reach("before-submit");
        match self.records.submit(row, now).await? {
            Stored::New(job, event) => {
                crash_points::reach("after-submit");
                let dispatchable = Dispatchable { job: job.clone(), predicted_memory };
                self.dispatcher.dispatch(ticket(&dispatchable), Some(place)).await;
                let _ = self.events.send(event);
                Ok(Submitted::New(job))
            }
            stored => replayed(stored, idempotency),
        }
    }

    /// Predicted peak memory of a job whose circuit or model is there.
    async fn predicted_memory(&self, new: &NewJob) -> Result<u64, SubmitError> {
        match &new.work {
            Work::Proof(_) if new.inputs.is_none() => Err(SubmitError::NoInput),
            Work::Proof(work) => match self.records.circuit(work.circuit).await? {
                Some(entry) => Ok(entry.facts.predicted_memory_bytes),
                None => Err(SubmitError::UnknownCircuit { circuit: work.circuit }),
            },
            Work::Circuit(work) => match self.records.model(work.model).await? {
                Some(_) => Ok(new.predicted_memory.unwrap_or_default()),
                None => Err(SubmitError::UnknownModel { model: work.model }),
            },
        }
    }
}

/// The answer to a request that made no job.
fn replayed(stored: Stored, idempotency: Option<Idempotency>) -> Result<Submitted, SubmitError> {
    match stored {
        Stored::New(job, _) | Stored::Replayed(job) => Ok(Submitted::Replayed(job)),
        Stored::Conflict(job) => {
            let key = idempotency.map(|idempotency| idempotency.key).unwrap_or_default();
            Err(SubmitError::IdempotencyConflict { key, job })
        }
    }
}

/// The ticket of a queued job.
pub(super) fn ticket(dispatchable: &Dispatchable) -> Ticket {
    let Dispatchable { job, predicted_memory } = dispatchable;
    Ticket { job: job.id, attempt: job.life.attempt, priority: job.priority, memory: *predicted_memory }
}
