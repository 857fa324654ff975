//! Accepting jobs.

use lemma_circuits::statement::CircuitId;
use lemma_prover::digest::Digest;

use super::{Inner, JobService, joined};
use crate::{
    store::records::{Dispatchable, Idempotency, JobRow, NewJob, RecordsError, Stored},
    work::{
        crash_points,
        dispatch::{Refused, Ticket},
        jobs::{Job, JobId, ProofWork, Work},
    },
};

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
    /// The record of the circuit is not what it was.
    #[error("the record of circuit {circuit} is damaged: {source}")]
    DamagedCircuit {
        /// The id asked for.
        circuit: CircuitId,
        /// What is wrong.
        #[source]
        source: RecordsError,
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

    /// The job that an earlier request with this key became.
    ///
    /// # Errors
    /// [`SubmitError::IdempotencyConflict`] when that was another request; also when the database refuses.
    pub async fn replay(&self, owner: &str, idempotency: &Idempotency) -> Result<Option<Job>, SubmitError> {
        let found = self.inner.records.replay(owner, idempotency).await?;
        found.map(|stored| replayed(stored, idempotency)).transpose()
    }

    /// Lets a request become a job that is there, so that its key stands for that job from now on.
    ///
    /// # Errors
    /// [`SubmitError::IdempotencyConflict`] when the key stands for another request; also when the database refuses.
    pub async fn join(
        &self,
        owner: &str,
        idempotency: Option<&Idempotency>,
        job: Job,
    ) -> Result<Job, SubmitError> {
        self.inner.join(owner, idempotency, job).await
    }
}

impl Inner {
    async fn submit(&self, new: NewJob) -> Result<Submitted, SubmitError> {
        // A repeated request is answered even when the queue is full, and so is one for a build under way.
        if let Some(idempotency) = &new.idempotency
            && let Some(stored) = self.records.replay(&new.owner, idempotency).await?
        {
            return replayed(stored, idempotency).map(Submitted::Replayed);
        }
        // Of requests for one build that come together, the later ones find what the first has recorded.
        let _turn = match new.work {
            Work::Circuit(_) => Some(self.builds.lock().await),
            Work::Proof(_) => None,
        };
        if let Some(build) = self.records.build_under_way(&new.owner, &new.work).await? {
            return self.join(&new.owner, new.idempotency.as_ref(), build).await.map(Submitted::Replayed);
        }
        let predicted_memory = self.predicted_memory(&new).await?;
        let place = self.dispatcher.reserve(predicted_memory)?;
        let (now, idempotency) = (self.clock.now(), new.idempotency.clone());
        let id = self.ids.next(u64::try_from(now.0).unwrap_or_default(), rand::random());
        let row = JobRow { id, predicted_memory, new };
        crash_points::reach("before-submit");
        match self.records.submit(row, now).await? {
            Stored::New(job, event) => {
                crash_points::reach("after-submit");
                let dispatchable = Dispatchable { job: job.clone(), predicted_memory };
                self.dispatcher.dispatch(ticket(&dispatchable), Some(place)).await;
                let _ = self.events.send(event);
                Ok(Submitted::New(job))
            }
            Stored::Replayed(job) => Ok(Submitted::Replayed(job)),
            Stored::Conflict(job) => Err(conflict(idempotency.as_ref(), job)),
        }
    }

    /// Lets a request become a job that is there.
    async fn join(
        &self,
        owner: &str,
        idempotency: Option<&Idempotency>,
        job: Job,
    ) -> Result<Job, SubmitError> {
        match idempotency {
            Some(idempotency) => replayed(self.records.join(owner, idempotency, job).await?, idempotency),
            None => Ok(job),
        }
    }

    /// Predicted peak memory of a job whose circuit or model is there.
    async fn predicted_memory(&self, new: &NewJob) -> Result<u64, SubmitError> {
        match &new.work {
            Work::Proof(_) if new.inputs.is_none() => Err(SubmitError::NoInput),
            Work::Proof(ProofWork { circuit, .. }) => match self.records.circuit(*circuit).await {
                Ok(Some(entry)) => Ok(entry.facts.predicted_memory_bytes),
                Ok(None) => Err(SubmitError::UnknownCircuit { circuit: *circuit }),
                Err(source @ RecordsError::Damaged { .. }) => {
                    Err(SubmitError::DamagedCircuit { circuit: *circuit, source })
                }
                Err(error) => Err(error.into()),
            },
            Work::Circuit(work) => match self.records.model(work.model).await? {
                Some(_) => Ok(new.predicted_memory.unwrap_or_default()),
                None => Err(SubmitError::UnknownModel { model: work.model }),
            },
        }
    }
}

/// The answer to a request that made no job.
fn replayed(stored: Stored, idempotency: &Idempotency) -> Result<Job, SubmitError> {
    match stored {
        Stored::New(job, _) | Stored::Replayed(job) => Ok(job),
        Stored::Conflict(job) => Err(conflict(Some(idempotency), job)),
    }
}

fn conflict(idempotency: Option<&Idempotency>, job: JobId) -> SubmitError {
    let key = idempotency.map(|idempotency| idempotency.key.clone()).unwrap_or_default();
    SubmitError::IdempotencyConflict { key, job }
}

/// The ticket of a queued job.
pub(super) fn ticket(dispatchable: &Dispatchable) -> Ticket {
    let Dispatchable { job, predicted_memory } = dispatchable;
    Ticket { job: job.id, attempt: job.life.attempt, priority: job.priority, memory: *predicted_memory }
}
