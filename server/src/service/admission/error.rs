//! Why a job is not accepted.

use std::sync::Arc;

use lemma_verifier::{circuit_id::CircuitId, digest::Digest};

use crate::{
    store::records::RecordsError,
    work::{
        dispatch::Refused,
        jobs::{Job, JobId},
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

/// Why a job is not accepted. Requests that share a refusal have clones of it.
#[derive(Clone, Debug, thiserror::Error)]
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
        source: Arc<RecordsError>,
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
    Records(Arc<RecordsError>),
}

impl From<RecordsError> for SubmitError {
    fn from(error: RecordsError) -> Self {
        Self::Records(Arc::new(error))
    }
}

impl SubmitError {
    /// Whether it can go away by itself because the database refused, as with a full disk.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Records(error) if error.is_transient())
    }
}
