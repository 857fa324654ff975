//! Jobs as the HTTP side sees them: accepted, watched, cancelled, finished.

mod advances;
mod attempt;
mod config;
mod models;
pub(crate) mod networks;
pub(crate) mod pool;
pub(crate) mod predictions;
mod reconcile;
mod submit;

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
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::Instant,
};
use tracing::{info, warn};

pub use config::ServiceConfig;
pub use submit::{SubmitError, Submitted};

pub use crate::store::records::NewJob;

pub use crate::service::advances::Advanced;

use crate::{
    service::{
        advances::Advances,
        attempt::{AttemptLane, LaneParts, tidy},
    },
    store::{
        blobs::{BlobError, BlobKind, Blobs, Sweep},
        model_files::ModelFiles,
        records::{Applied, OpenRecordsError, Records, RecordsError, Results},
        verifiers::Verifiers,
    },
    work::{
        crash_points,
        dispatch::{Dispatcher, InProcess, Limits, Load, available_memory},
        jobs::{Clock, Event, Job, JobEvent, JobId, JobIds, Outcome, SystemClock},
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

/// Longest time between two looks at a job that is waited for.
const WAIT_POLL: Duration = Duration::from_secs(1);

/// How long a write that was made to find out whether storage takes writes stands for others.
const WRITE_CHECK_HOLDS: Duration = Duration::from_secs(1);

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
    /// The records cannot be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The database refuses.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The blobs' directory refuses.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The prover's store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StorageError {
    /// Whether it can go away by itself: the system or the database refused, as with a full disk.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Blobs(error) => error.is_transient(),
            Self::Records(error) => error.is_transient(),
            Self::Store(error) => matches!(error, StoreError::Io { .. } | StoreError::NotWritable { .. }),
        }
    }
}

/// Why a bundle cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The job has no bundle: it is no proof job or has not succeeded.
    #[error("job {job} has no proof")]
    None {
        /// The job.
        job: JobId,
    },
    /// The bundle was there and is missing or damaged now, or cannot be read.
    #[error("the proof of job {job} cannot be read: {source}")]
    Blob {
        /// The job.
        job: JobId,
        /// What is wrong.
        #[source]
        source: BlobError,
    },
}

impl BundleError {
    /// Whether it can go away by itself: the system refused.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Blob { source, .. } if source.is_transient())
    }
}

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
    planner: Planner,
    dispatcher: Arc<dyn Dispatcher>,
    advances: Advances,
    events: broadcast::Sender<JobEvent>,
    clock: Arc<dyn Clock>,
    ids: JobIds,
    stopping: watch::Sender<bool>,
    caretaker: Mutex<Option<JoinHandle<()>>>,
    /// When storage last took a write that was made to find that out.
    written: tokio::sync::Mutex<Option<Instant>>,
    /// Held while a build is looked for and recorded.
    builds: tokio::sync::Mutex<()>,
    /// Held as long as the service uses its data directory.
    lock: Mutex<Option<File>>,
}

impl JobService {
    /// Opens the data directory, brings its jobs back to life and starts the lanes. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// When the data directory cannot be used, or another service uses it.
    pub async fn open(config: ServiceConfig) -> Result<Self, OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let lock = lock_directory(&config.data_dir).await?;
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
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        let advances = Advances::default();
        let limits = limits(&config);
        let parts = LaneParts {
            records: records.clone(),
            blobs: blobs.clone(),
            model_files: model_files.clone(),
            verifiers: verifiers.clone(),
            advances: advances.clone(),
            events: events.clone(),
            clock: clock.clone(),
            runtime: tokio::runtime::Handle::current(),
            command: config.child.clone(),
            store,
            threads: config.worker_threads,
            keep_bytes: limits.resident,
            insecure_local_srs: config.insecure_local_srs,
        };
        // A database that was not there knows no proofs; those on the disk are not its orphans.
        let sweep = if new { Sweep::default() } else { sweep(&records, &blobs).await? };
        let recovered = records.recover(clock.now()).await?;
        crash_points::reach("after-recover");
        info!(queued = recovered.len(), "jobs of the last run");
        if sweep != Sweep::default() {
            let Sweep { put_aside, taken_back, removed } = sweep;
            warn!(put_aside, taken_back, removed, "proofs that no job names are in blobs/orphans");
        }
        let dispatcher: Arc<dyn Dispatcher> = Arc::new(
            InProcess::start(limits, |_| Box::new(AttemptLane::new(parts.clone())))
                .map_err(io_error("start threads for", &config.data_dir))?,
        );
        for dispatchable in &recovered {
            if dispatchable.predicted_memory > limits.memory {
                warn!(
                    job = %dispatchable.job.id,
                    predicted = dispatchable.predicted_memory,
                    budget = limits.memory,
                    "a job needs more memory than jobs have in this run; it runs alone"
                );
            }
            dispatcher.dispatch(submit::ticket(dispatchable), None).await;
        }
        let (stopping, _) = watch::channel(false);
        let caretaker = Mutex::new(None);
        let inner = Inner {
            records,
            blobs,
            model_files,
            keyring,
            verifiers,
            planner: Planner::new(config.child, config.plan_memory, config.plan_timeout),
            dispatcher,
            advances,
            events,
            clock,
            ids: JobIds::default(),
            stopping,
            caretaker,
            written: tokio::sync::Mutex::default(),
            builds: tokio::sync::Mutex::default(),
            lock: Mutex::new(Some(lock)),
        };
        let service = Self { inner: Arc::new(inner) };
        let caretaker = reconcile::start(&service);
        *service.inner.caretaker.lock().unwrap_or_else(PoisonError::into_inner) = Some(caretaker);
        Ok(service)
    }

    /// Ends a job that has not ended; `None` if there is no such job. A job that has ended comes back as it is. The
    /// answer is durable, and its worker process stops within two seconds.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn cancel(&self, job: JobId) -> Result<Option<Job>, RecordsError> {
        let inner = self.inner.clone();
        // A caller that goes away must not leave half of it undone.
        let cancel = async move {
            let now = inner.clock.now();
            let applied = inner.records.apply(job, &Event::Cancel, Results::default(), now).await?;
            crash_points::reach("after-cancel");
            match applied {
                Applied::Changed(job, event) => {
                    inner.dispatcher.cancel(job.id).await;
                    let _ = inner.events.send(event);
                    Ok(Some(*job))
                }
                Applied::Refused(job, _) => Ok(Some(*job)),
                Applied::Unknown => Ok(None),
            }
        };
        joined(tokio::spawn(cancel)).await
    }

    /// One job; `None` if there is no such job.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn job(&self, job: JobId) -> Result<Option<Job>, RecordsError> {
        self.inner.records.job(job).await
    }

    /// How far the proof of a running job is; `None` before it has begun and behind its end.
    pub fn advanced(&self, job: &Job) -> Option<Advanced> {
        self.inner.advances.of(job)
    }

    /// The job as soon as it has ended, or as it is after this time.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn wait(&self, id: JobId, time: Duration) -> Result<Option<Job>, RecordsError> {
        let deadline = Instant::now() + time;
        // Listening begins before looking, so that nothing falls between.
        let mut events = self.subscribe();
        let mut stopping = self.inner.stopping.subscribe();
        loop {
            let job = self.job(id).await?;
            let over = job.as_ref().is_none_or(|job| job.state().is_terminal());
            if over || Instant::now() >= deadline || *stopping.borrow() {
                return Ok(job);
            }
            let look = deadline.min(Instant::now() + WAIT_POLL);
            let ended = async {
                loop {
                    match events.recv().await {
                        Ok(event) if event.job == id && event.kind.is_terminal() => break,
                        Ok(_) => {}
                        Err(_) => break tokio::time::sleep_until(look).await,
                    }
                }
            };
            tokio::select! {
                () = ended => {}
                () = tokio::time::sleep_until(look) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// The proof bundle of a job, its digest checked.
    ///
    /// # Errors
    /// When the job has none, or its bytes are not what they were.
    pub async fn bundle(&self, job: &Job) -> Result<Vec<u8>, BundleError> {
        let id = job.id;
        let Some(Outcome::Proof { bundle, .. }) = job.outcome else {
            return Err(BundleError::None { job: id });
        };
        let blobs = self.inner.blobs.clone();
        blocking(move || blobs.get(BlobKind::Bundle, bundle))
            .await
            .map_err(|source| BundleError::Blob { job: id, source })
    }

    /// Waits until the service takes no more jobs.
    pub async fn stopping(&self) {
        let mut stopping = self.inner.stopping.subscribe();
        // The sender lives in the service, so the channel cannot close.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Everything that happens to jobs from here on.
    pub fn subscribe(&self) -> broadcast::Receiver<JobEvent> {
        self.inner.events.subscribe()
    }

    /// The queue in numbers.
    pub fn load(&self) -> Load {
        self.inner.dispatcher.load()
    }

    /// Whether jobs can be taken: database, blobs and store take writes, every lane lives and nothing shuts down. Callers that
    /// come at the same time, or soon after a write that succeeded, share that write.
    ///
    /// # Errors
    /// When database, blobs or store refuse a write.
    pub async fn ready(&self) -> Result<bool, StorageError> {
        let mut written = self.inner.written.lock().await;
        if written.is_none_or(|written| written.elapsed() > WRITE_CHECK_HOLDS) {
            *written = None;
            self.inner.records.check_writable(self.inner.clock.now()).await?;
            let (blobs, keyring) = (self.inner.blobs.clone(), self.inner.keyring.clone());
            let check = move || {
                blobs.check_writable()?;
                Ok::<_, StorageError>(keyring.store().check_writable()?)
            };
            blocking(check).await?;
            *written = Some(Instant::now());
        }
        Ok(!*self.inner.stopping.borrow() && self.inner.dispatcher.is_whole())
    }

    /// Takes no more jobs, lets running ones finish for this long and gives the rest back to the queue. Jobs can still
    /// be looked at.
    pub async fn drain(&self, grace: Duration) {
        if self.inner.stopping.send_replace(true) {
            return;
        }
        let caretaker = self.inner.caretaker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(caretaker) = caretaker
            && caretaker.await.is_err()
        {
            warn!("the caretaker of the queue had ended");
        }
        self.inner.dispatcher.shutdown(grace).await;
    }

    /// Drains, and closes the database and the data directory. The next start goes on with what is queued.
    pub async fn shutdown(&self, grace: Duration) {
        self.drain(grace).await;
        self.inner.records.close().await;
        drop(self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The records.
    pub fn records(&self) -> &Records {
        &self.inner.records
    }

    /// The blobs.
    pub fn blobs(&self) -> &Blobs {
        &self.inner.blobs
    }

    /// The models' files.
    pub fn model_files(&self) -> &ModelFiles {
        &self.inner.model_files
    }

    /// What plans circuits.
    pub fn planner(&self) -> &Planner {
        &self.inner.planner
    }

    /// The keys.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.inner.keyring
    }

    /// The verifying keys in memory.
    pub fn verifiers(&self) -> &Arc<Verifiers> {
        &self.inner.verifiers
    }

    /// The time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
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

/// Puts proofs aside that no job names, unless it is not certain which those are.
async fn sweep(records: &Records, blobs: &Blobs) -> Result<Sweep, OpenError> {
    match records.bundles().await {
        Ok(bundles) => {
            let bundles: BTreeSet<_> = bundles.into_iter().collect();
            Ok(blobs.keep_only(BlobKind::Bundle, &bundles, SystemTime::now())?)
        }
        Err(error @ RecordsError::Damaged { .. }) => {
            warn!(%error, "all proofs stay where they are");
            Ok(Sweep::default())
        }
        Err(error) => Err(error.into()),
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
