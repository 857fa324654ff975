//! What the service is told at its start.

use std::{path::PathBuf, thread, time::Duration};

use crate::work::worker::ChildCommand;

/// Settings of a [`super::JobService`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Directory of the records and the blobs.
    pub data_dir: PathBuf,
    /// Directory of the prover's store.
    pub store_dir: PathBuf,
    /// How worker processes are started.
    pub child: ChildCommand,
    /// Most jobs that may wait.
    pub queue_capacity: usize,
    /// Most jobs that run at once, if their memory allows.
    pub max_parallel: usize,
    /// Bytes for all jobs together; four fifths of what the system has available if absent.
    pub memory_budget: Option<u64>,
    /// Threads per worker process.
    pub worker_threads: usize,
    /// Threads that judge proofs.
    pub verify_threads: usize,
    /// Threads that run inferences.
    pub infer_threads: usize,
    /// Threads of each pool that reads models: uploads, and networks for inferences. None waits behind another.
    pub read_threads: usize,
    /// Plans that are made side by side, so that a slow one does not hold back all others.
    pub plans: usize,
    /// Bytes that the process of one plan may have.
    pub plan_memory: u64,
    /// Longest time of one plan.
    pub plan_timeout: Duration,
    /// Whether jobs may rest on parameters drawn here.
    pub insecure_local_srs: bool,
}

impl ServiceConfig {
    /// One proof at a time, on all cores but one if there are more than two.
    pub fn new(data_dir: PathBuf, child: ChildCommand) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            store_dir: data_dir.join("store"),
            data_dir,
            child,
            queue_capacity: 64,
            max_parallel: 1,
            memory_budget: None,
            worker_threads: if cores > 2 { cores - 1 } else { cores },
            verify_threads: 1,
            infer_threads: 1,
            read_threads: 1,
            plans: 2,
            plan_memory: 2 << 30,
            plan_timeout: Duration::from_secs(60),
            insecure_local_srs: false,
        }
    }
}
