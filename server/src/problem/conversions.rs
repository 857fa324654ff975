//! Errors of the service's parts as problems.

use crate::{
    blobs::BlobError,
    dispatch::Refused,
    problem::{COME_BACK, Problem, ProblemType},
    records::RecordsError,
    service::{BundleError, StorageError, SubmitError},
};
use lemma_prover::keys::KeysError;

impl Problem {
    /// A fault of the storage: the system's, which can pass, or what was found there.
    fn storage(error: &dyn std::error::Error, transient: bool) -> Self {
        if transient { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<RecordsError> for Problem {
    fn from(error: RecordsError) -> Self {
        Self::storage(&error, error.is_transient())
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        Self::storage(&error, error.is_transient())
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Blob(error) => error.into(),
            StorageError::Records(error) => error.into(),
        }
    }
}

impl From<BundleError> for Problem {
    fn from(error: BundleError) -> Self {
        let transient = matches!(&error, BundleError::Blob { source, .. } if source.is_transient());
        Self::storage(&error, transient)
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
            Refused::ShuttingDown => Self::new(ProblemType::Unavailable, detail).retry_after(COME_BACK),
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
            SubmitError::Records(error) => error.into(),
            SubmitError::NoInput => Self::internal(&error),
        }
    }
}
