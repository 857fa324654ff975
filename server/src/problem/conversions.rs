//! Errors of the service's parts as problems.

use crate::{
    blobs::BlobError,
    dispatch::Refused,
    problem::{Problem, ProblemType},
    records::RecordsError,
    service::{BundleError, PutModelError, SubmitError},
};
use lemma_prover::keys::KeysError;
use std::time::Duration;

/// When a service that is being restarted is likely to be back.
const RESTART: Duration = Duration::from_secs(10);

impl From<RecordsError> for Problem {
    fn from(error: RecordsError) -> Self {
        Self::internal(&error)
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        Self::internal(&error)
    }
}

impl From<PutModelError> for Problem {
    fn from(error: PutModelError) -> Self {
        Self::internal(&error)
    }
}

impl From<BundleError> for Problem {
    fn from(error: BundleError) -> Self {
        Self::internal(&error)
    }
}

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::UnknownCircuit { circuit } => crate::networks::unknown(&circuit),
            error => Self::internal(&error),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::Full { retry_after, .. } => {
                Self::new(ProblemType::QueueFull, detail).retry_after(retry_after)
            }
            Refused::TooMuchMemory { .. } => Self::new(ProblemType::CircuitTooLarge, detail),
            Refused::ShuttingDown => Self::new(ProblemType::Unavailable, detail).retry_after(RESTART),
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Refused(refused) => refused.into(),
            SubmitError::IdempotencyConflict { job, .. } => {
                Self::new(ProblemType::IdempotencyConflict, error.to_string()).job(job)
            }
            SubmitError::UnknownCircuit { circuit } => crate::networks::unknown(&circuit),
            SubmitError::UnknownModel { .. } => Self::new(ProblemType::UnknownModel, error.to_string()),
            SubmitError::NoInput | SubmitError::Records(_) => Self::internal(&error),
        }
    }
}
