//! Errors of the service's parts as problems.

use std::{fmt::Display, sync::Arc, time::Duration};

use lemma_prover::{keys::KeysError, store::StoreError};
use lemma_verifier::digest::Digest;
use tracing::{error, warn};

use super::{Problem, ProblemType};
use crate::{
    service::{
        BundleError, JudgeError, NetworkError, PoolError, PredictionError, ReadyError, StorageError,
        SubmitError,
    },
    store::{blobs::BlobError, model_files::ModelFileError, records::RecordsError},
    work::{dispatch::Refused, planning::PlanningError},
};

/// When a service that is being restarted is likely to be back.
const RESTART: Duration = Duration::from_secs(10);

/// When a system that starts no process is worth asking again.
const NEXT_PROCESS: Duration = Duration::from_secs(10);

impl From<&RecordsError> for Problem {
    fn from(error: &RecordsError) -> Self {
        of_storage(error, error.is_transient())
    }
}

impl From<RecordsError> for Problem {
    fn from(error: RecordsError) -> Self {
        (&error).into()
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        of_storage(&error, error.is_transient())
    }
}

impl From<&ModelFileError> for Problem {
    fn from(error: &ModelFileError) -> Self {
        match error {
            ModelFileError::Lost { model } => lost_model(*model),
            error => of_storage(error, error.is_transient()),
        }
    }
}

impl From<ModelFileError> for Problem {
    fn from(error: ModelFileError) -> Self {
        (&error).into()
    }
}

impl From<ReadyError> for Problem {
    fn from(error: ReadyError) -> Self {
        match error {
            ReadyError::Records(error) => error.into(),
            ReadyError::Model(error) => error.into(),
            ReadyError::Keys(error) => error.into(),
        }
    }
}

impl From<&PoolError> for Problem {
    fn from(error: &PoolError) -> Self {
        match error {
            PoolError::Full { retry_after, .. } => {
                Self::new(ProblemType::Busy, error.to_string()).retry_after(*retry_after)
            }
            error => Self::internal(error),
        }
    }
}

impl From<PoolError> for Problem {
    fn from(error: PoolError) -> Self {
        (&error).into()
    }
}

impl From<Arc<NetworkError>> for Problem {
    fn from(error: Arc<NetworkError>) -> Self {
        match &*error {
            NetworkError::UnknownCircuit { circuit } => unknown_circuit(circuit),
            NetworkError::Records(error @ RecordsError::Damaged { .. }) => damaged_circuit(error),
            NetworkError::Records(error) => error.into(),
            NetworkError::Model(error) => error.into(),
            NetworkError::Pool(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

impl From<Arc<PredictionError>> for Problem {
    fn from(error: Arc<PredictionError>) -> Self {
        match &*error {
            PredictionError::Planning(error) => error.into(),
            PredictionError::Pool(error) => error.into(),
            PredictionError::Model(error) => error.into(),
            PredictionError::ShuttingDown => Refused::ShuttingDown.into(),
        }
    }
}

impl From<&PlanningError> for Problem {
    fn from(error: &PlanningError) -> Self {
        match error {
            PlanningError::Refused { too_large: false, .. } => {
                Self::new(ProblemType::InvalidModel, error.to_string())
            }
            PlanningError::Refused { .. } | PlanningError::Timeout { .. } | PlanningError::Memory { .. } => {
                Self::new(ProblemType::CircuitTooLarge, error.to_string())
            }
            PlanningError::Start(_) => {
                warn!(%error, "no plan");
                let detail = "the system starts no process to plan the circuit in; nothing was accepted";
                Self::new(ProblemType::Unavailable, detail).retry_after(NEXT_PROCESS)
            }
            PlanningError::Died { .. } => {
                error!(%error, "no plan");
                let detail = "the process that planned the circuit ended; nothing was accepted, another try may succeed";
                Self::new(ProblemType::Unavailable, detail).retry_after(NEXT_PROCESS)
            }
            PlanningError::Abandoned => Self::internal(error),
        }
    }
}

impl From<JudgeError> for Problem {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Pool(error) => error.into(),
            JudgeError::Key(error) => (&*error).into(),
        }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        of_storage(&error, error.is_transient())
    }
}

impl From<BundleError> for Problem {
    fn from(error: BundleError) -> Self {
        match &error {
            BundleError::Blob { job, source } if source.is_damage() => lost_proof(&error).job(job),
            _ => of_storage(&error, error.is_transient()),
        }
    }
}

impl From<&KeysError> for Problem {
    fn from(error: &KeysError) -> Self {
        match error {
            KeysError::UnknownCircuit { circuit } => unknown_circuit(circuit),
            error if error.is_damage() => damaged_circuit(error),
            KeysError::Store(StoreError::Io { .. } | StoreError::NotWritable { .. }) => {
                of_storage(error, true)
            }
            error => Self::internal(error),
        }
    }
}

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        (&error).into()
    }
}

/// The answer for a circuit that is not there.
pub(crate) fn unknown_circuit(circuit: &impl Display) -> Problem {
    Problem::new(
        ProblemType::UnknownCircuit,
        format!("no circuit has the id {circuit}; POST /v1/circuits builds one, GET /v1/circuits lists them"),
    )
}

/// The answer for a model whose record or file is not what it was.
pub(crate) fn lost_model(model: Digest) -> Problem {
    let detail = format!(
        "the service's file or record of model {model} is missing or damaged; upload the same file again with \
         POST /v1/models"
    );
    Problem::new(ProblemType::ModelLost, detail)
}

/// The answer for a proof whose record or file is not what it was.
pub(crate) fn lost_proof(error: &dyn std::error::Error) -> Problem {
    error!(%error, "a proof is lost");
    let detail = "the service's file or record of the proof is missing or damaged; ask for a new one, without the \
                  Idempotency-Key of this one";
    Problem::new(ProblemType::ProofLost, detail)
}

/// The answer for a circuit whose record or stored files are not what they were.
pub(crate) fn damaged_circuit(error: &dyn std::error::Error) -> Problem {
    error!(%error, "a circuit is damaged");
    let detail =
        "what the service keeps of the circuit is missing or damaged; POST /v1/circuits builds it again";
    Problem::new(ProblemType::Unavailable, detail)
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
            SubmitError::UnknownCircuit { circuit } => unknown_circuit(&circuit),
            SubmitError::DamagedCircuit { .. } => damaged_circuit(&error),
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
