//! Jobs, models and circuits as callers think of them: what can be asked of a service, and what it answers.
//!
//! Its parts are its own: a caller gets answers and typed errors, never the records or the blobs.

mod admission;
mod advances;
mod attempt;
mod cancel;
mod circuits;
mod config;
mod models;
mod networks;
mod open;
mod pool;
mod predictions;
mod proofs;
mod reconcile;
mod stop;
mod storage;
mod tasks;
mod wait;

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{Arc, Mutex},
};

use lemma_prover::keys::Keyring;
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::Instant,
};

pub use admission::{Claim, SubmitError, Submitted};
pub use advances::Advanced;
pub use circuits::ReadyError;
pub(crate) use config::WORKER_SILENCE;
pub use config::{ServiceConfig, Threads};
pub(crate) use networks::Network;
pub use networks::NetworkError;
pub use open::OpenError;
pub use pool::PoolError;
pub use predictions::PredictionError;
pub use proofs::{BundleError, JudgeError, Judgement};
pub use storage::StorageError;
pub(crate) use tasks::Duty;

use admission::Admission;
use advances::Advances;
use networks::Networks;
use pool::Pools;
use predictions::Predictions;

use crate::{
    store::{
        blobs::Blobs,
        model_files::ModelFiles,
        records::{Records, RecordsError},
        verifiers::Verifiers,
    },
    work::{
        dispatch::{Dispatcher, Load},
        jobs::{Clock, Job, JobEvent, JobId, JobIds, JobState},
    },
};

/// The part of a server that knows nothing of HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JobService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    records: Records,
    blobs: Blobs,
    model_files: ModelFiles,
    keyring: Arc<Keyring>,
    verifiers: Arc<Verifiers>,
    networks: Networks,
    predictions: Predictions,
    pools: Pools,
    dispatcher: Arc<dyn Dispatcher>,
    advances: Advances,
    events: broadcast::Sender<JobEvent>,
    clock: Arc<dyn Clock>,
    ids: JobIds,
    admission: Admission,
    stopping: watch::Sender<bool>,
    caretaker: Mutex<Option<JoinHandle<()>>>,
    /// When storage last took a write that was made to find that out.
    written: tokio::sync::Mutex<Option<Instant>>,
    /// Held as long as the service uses its data directory.
    lock: Mutex<Option<File>>,
}

impl JobService {
    /// One job; `None` if there is no such job.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn job(&self, job: JobId) -> Result<Option<Job>, RecordsError> {
        self.inner.records.job(job).await
    }

    /// How many jobs are in each state.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn counts(&self) -> Result<BTreeMap<JobState, u64>, RecordsError> {
        self.inner.records.counts().await
    }

    /// How far the proof of a running job is; `None` before it has begun and behind its end.
    pub fn advanced(&self, job: &Job) -> Option<Advanced> {
        self.inner.advances.of(job)
    }

    /// The queue in numbers.
    pub fn load(&self) -> Load {
        self.inner.dispatcher.load()
    }
}

/// The result of a task; its panic goes on in the caller.
async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Tasks here are never aborted; only a runtime that is being dropped ends one.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Runs work that blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    joined(tokio::task::spawn_blocking(work)).await
}
