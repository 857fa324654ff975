//! The beginning of the service.

use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use lemma_prover::{
    keys::Keyring,
    store::{Store, StoreError},
};
use rayon::ThreadPoolBuildError;
use tokio::{
    runtime::Handle,
    sync::{broadcast, watch},
    time::Instant,
};
use tracing::{info, warn};

use super::{
    Inner, JobService, ServiceConfig,
    admission::{Admission, ticket},
    advances::Advances,
    attempt::{AttemptLane, LaneParts, tidy},
    networks::Networks,
    pool::Pools,
    predictions::Predictions,
    reconcile,
};
use crate::{
    store::{
        blobs::{BlobError, BlobKind, Blobs, Sweep},
        model_files::ModelFiles,
        records::{Dispatchable, OpenRecordsError, Records, RecordsError},
        verifiers::Verifiers,
    },
    work::{
        crash_points,
        dispatch::{Dispatcher, InProcess, Limits, available_memory},
        jobs::{Clock, JobEvent, JobIds, SystemClock},
        planning::Planner,
    },
};

/// Events that a slow listener may be behind before it misses some.
const EVENT_BACKLOG: usize = 1024;

/// Part of the available memory that jobs may have by default, in percent.
const MEMORY_PERCENT: u64 = 80;

/// Memory assumed where the system does not tell, in bytes.
const MEMORY_UNKNOWN: u64 = 4 << 30;

/// Part of the memory budget that keys of idle circuits may have.
const RESIDENT_PART: u64 = 8;

/// How long the lock of the data directory is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Pause between two tries.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Why the service cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Another service uses the data directory.
    #[error("{} is used by another lemma-server; stop it or choose another directory", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The prover's store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blobs cannot be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The records cannot be opened.
    #[error(transparent)]
    OpenRecords(#[from] OpenRecordsError),
    /// The records cannot be read or written.
    #[error("cannot bring the jobs in {} back: {source}", path.display())]
    Records {
        /// The database's file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: RecordsError,
    },
    /// The system gives no threads.
    #[error("cannot start threads: {0}")]
    Threads(#[from] ThreadPoolBuildError),
}

impl JobService {
    /// Opens the data directory, brings its jobs back to life and starts the lanes. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// When the data directory cannot be used, or another service uses it.
    pub async fn open(config: ServiceConfig) -> Result<Self, OpenError> {
        let lock = lock_directory(&config.data_dir).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let kept = Kept::open(&config).await?;
        let recovered = kept.recover(&*clock).await?;
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        let advances = Advances::default();
        let limits = limits(&config);
        let parts = kept.lane_parts(&config, limits, &events, &advances, &clock);
        let lanes = InProcess::start(limits, |_| Box::new(AttemptLane::new(parts.clone())));
        let dispatcher: Arc<dyn Dispatcher> =
            Arc::new(lanes.map_err(io_error("start threads for", &config.data_dir))?);
        for dispatchable in &recovered {
            warn_beyond(limits.memory, dispatchable);
            dispatcher.dispatch(ticket(dispatchable), None).await;
        }
        let pools = Pools::new(config.threads)?;
        let planner = Planner::new(config.child, config.plan_memory, config.plan_timeout);
        let (stopping, _) = watch::channel(false);
        let Kept { records, blobs, model_files, keyring, verifiers, .. } = kept;
        let service = Self {
            inner: Arc::new(Inner {
                networks: Networks::new(records.clone(), model_files.clone(), pools.networks.clone()),
                predictions: Predictions::new(model_files.clone(), planner, pools.planning.clone()),
                records,
                blobs,
                model_files,
                keyring,
                verifiers,
                pools,
                dispatcher,
                advances,
                events,
                clock,
                ids: JobIds::default(),
                admission: Admission::default(),
                stopping,
                caretaker: Mutex::new(None),
                written: tokio::sync::Mutex::default(),
                lock: Mutex::new(Some(lock)),
            }),
        };
        let caretaker = reconcile::start(&service);
        *service.inner.caretaker.lock().unwrap_or_else(PoisonError::into_inner) = Some(caretaker);
        Ok(service)
    }
}

/// What the data directory holds.
struct Kept {
    /// Whether the records are: then they know no proofs, and those on the disk are not their orphans.
    new: bool,
    database: PathBuf,
    records: Records,
    blobs: Blobs,
    store: Store,
    keyring: Arc<Keyring>,
    model_files: ModelFiles,
    verifiers: Arc<Verifiers>,
}

impl Kept {
    async fn open(config: &ServiceConfig) -> Result<Self, OpenError> {
        let database = config.data_dir.join("records.sqlite");
        // An empty file is what a crash before the first write leaves.
        let new = fs::metadata(&database).map_or(true, |metadata| metadata.len() == 0);
        let records = Records::open(&database).await?;
        let blobs = Blobs::open(&config.data_dir.join("blobs"))?;
        let store = Store::open(&config.store_dir)?;
        tidy(&store);
        let keyring = Arc::new(Keyring::new(store.clone()));
        let model_files = ModelFiles::new(blobs.clone(), keyring.clone());
        let verifiers = Arc::new(Verifiers::new(keyring.clone()));
        Ok(Self { new, database, records, blobs, store, keyring, model_files, verifiers })
    }

    /// The jobs of the last run that go on.
    async fn recover(&self, clock: &dyn Clock) -> Result<Vec<Dispatchable>, OpenError> {
        let sweep = if self.new { Sweep::default() } else { self.sweep().await? };
        let recovered = self.records.recover(clock.now()).await.map_err(|error| self.failed(error))?;
        crash_points::reach("after-recover");
        info!(queued = recovered.len(), "jobs of the last run");
        if sweep != Sweep::default() {
            let Sweep { put_aside, taken_back, removed } = sweep;
            warn!(put_aside, taken_back, removed, "proofs that no job names are in blobs/orphans");
        }
        Ok(recovered)
    }

    /// Puts proofs aside that no job names, unless it is not certain which those are.
    async fn sweep(&self) -> Result<Sweep, OpenError> {
        match self.records.bundles().await {
            Ok(bundles) => {
                let bundles: BTreeSet<_> = bundles.into_iter().collect();
                Ok(self.blobs.keep_only(BlobKind::Bundle, &bundles, SystemTime::now())?)
            }
            Err(error @ RecordsError::Damaged { .. }) => {
                warn!(%error, "all proofs stay where they are");
                Ok(Sweep::default())
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, source: RecordsError) -> OpenError {
        OpenError::Records { path: self.database.clone(), source }
    }

    fn lane_parts(
        &self,
        config: &ServiceConfig,
        limits: Limits,
        events: &broadcast::Sender<JobEvent>,
        advances: &Advances,
        clock: &Arc<dyn Clock>,
    ) -> LaneParts {
        LaneParts {
            records: self.records.clone(),
            blobs: self.blobs.clone(),
            model_files: self.model_files.clone(),
            verifiers: self.verifiers.clone(),
            advances: advances.clone(),
            events: events.clone(),
            clock: clock.clone(),
            runtime: Handle::current(),
            command: config.child.clone(),
            store: self.store.clone(),
            threads: config.worker_threads,
            keep_bytes: limits.resident,
            silence: config.worker_silence,
            insecure_local_srs: config.insecure_local_srs,
        }
    }
}

/// A restart may find less memory than there was when the jobs were accepted.
fn warn_beyond(budget: u64, dispatchable: &Dispatchable) {
    let Dispatchable { job, predicted_memory: predicted } = dispatchable;
    if *predicted > budget {
        let job = job.id;
        warn!(%job, predicted, budget, "a job needs more memory than jobs have in this run; it runs alone");
    }
}

fn limits(config: &ServiceConfig) -> Limits {
    let memory = config
        .memory_budget
        .unwrap_or_else(|| available_memory().map_or(MEMORY_UNKNOWN, |bytes| bytes / 100 * MEMORY_PERCENT));
    Limits {
        capacity: config.queue_capacity,
        parallel: config.max_parallel,
        memory,
        resident: memory / RESIDENT_PART,
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_path_buf();
    move |source| OpenError::Io { action, path, source }
}

/// Makes the data directory and takes it for this process; the system gives it back when the process ends.
///
/// A process that has just been forked holds it too until it becomes its program, even after the one that took it has
/// ended; so a lock that is held is tried again for a moment.
async fn lock_directory(directory: &Path) -> Result<File, OpenError> {
    fs::create_dir_all(directory).map_err(io_error("create directory", directory))?;
    let path = directory.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io_error("open", &path))?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                tokio::time::sleep(LOCK_POLL).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: directory.to_path_buf() });
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
        }
    }
}
