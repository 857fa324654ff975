//! Errors of the service's parts as problems.

use crate::{
    blobs::BlobError,
    dispatch::Refused,
    problem::{Problem, ProblemType},
    records::RecordsError,
    service::{BundleError, StorageError, SubmitError},
};
use lemma_prover::keys::KeysError;
use std::time::Duration;

/// When a service that is being restarted is likely to be back.
const RESTART: Duration = Duration::from_secs(10);

impl From<RecordsError> for Problem {
    fn from(error: RecordsError) -> Self {
        of_storage(&error, error.is_transient())
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        of_storage(&error, error.is_transient())
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        of_storage(&error, error.is_transient())
    }
}

impl From<BundleError> for Problem {
    fn from(error: BundleError) -> Self {
        of_storage(&error, error.is_transient())
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
            SubmitError::NoInput | SubmitError::Records(_) => of_storage(&error, error.is_transient()),
        }
    }
}

/// A full disk or a locked database goes away by itself; anything else is the service's fault.
fn of_storage(error: &dyn std::error::Error, is_transient: bool) -> Problem {
    let problem = Problem::internal(error);
    if !is_transient {
        return problem;
    }
    let detail = "the service cannot write its records or files at the moment; nothing was accepted";
    Problem::new(ProblemType::Unavailable, detail).retry_after(RESTART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_unavailable_and_says_when_to_come_back() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = BlobError::Io { action: "write", path: "blobs".into(), source: full };
        assert!(error.is_transient());
        let problem = Problem::from(error);
        assert_eq!(problem.kind(), ProblemType::Unavailable);
    }
}
