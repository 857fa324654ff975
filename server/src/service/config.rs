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
    /// Threads for requests that are answered at once.
    pub threads: Threads,
    /// Bytes that the process of one plan may have.
    pub plan_memory: u64,
    /// Longest time of one plan.
    pub plan_timeout: Duration,
    /// Longest time without a sign of life from a worker process that makes an attempt.
    pub worker_silence: Duration,
    /// Whether jobs may rest on parameters drawn here.
    pub insecure_local_srs: bool,
}

/// Longest time without a sign of life from a worker process, if nothing else is said.
pub(crate) const WORKER_SILENCE: Duration = Duration::from_secs(60);

/// Threads for requests that are answered at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads {
    /// That judge proofs.
    pub verify: usize,
    /// That run inferences.
    pub infer: usize,
    /// Of each pool that reads models: uploads, and networks for inferences. None waits behind another.
    pub read: usize,
    /// That wait for processes that plan, side by side, so that a slow plan does not hold back all others.
    pub plans: usize,
}

impl Threads {
    /// What suits a machine with this many cores, most of which prove. Plans have memory of their own, so there are few.
    pub fn for_cores(cores: usize) -> Self {
        let (quarter, half) = ((cores / 4).max(1), (cores / 2).max(1));
        Self { verify: quarter, infer: half, read: quarter, plans: quarter.clamp(2, 8) }
    }

    /// What suits this machine.
    pub fn here() -> Self {
        Self::for_cores(cores())
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl ServiceConfig {
    /// One proof at a time, on all cores but one if there are more than two.
    pub fn new(data_dir: PathBuf, child: ChildCommand) -> Self {
        let cores = cores();
        Self {
            store_dir: data_dir.join("store"),
            data_dir,
            child,
            queue_capacity: 64,
            max_parallel: 1,
            memory_budget: None,
            worker_threads: if cores > 2 { cores - 1 } else { cores },
            threads: Threads::for_cores(cores),
            plan_memory: 2 << 30,
            plan_timeout: Duration::from_secs(60),
            worker_silence: WORKER_SILENCE,
            insecure_local_srs: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_grow_with_the_machine() {
        assert_eq!(Threads::for_cores(1), Threads { verify: 1, infer: 1, read: 1, plans: 2 });
        assert_eq!(Threads::for_cores(2), Threads { verify: 1, infer: 1, read: 1, plans: 2 });
        assert_eq!(Threads::for_cores(16), Threads { verify: 4, infer: 8, read: 4, plans: 4 });
        assert_eq!(Threads::for_cores(128).plans, 8);
    }
}
