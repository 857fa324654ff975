//! Small pools of threads for requests that are answered at once.
//!
//! Verifying, inferring and reading models each have their own, so that none waits behind another, and none of them
//! behind a proof. A pool takes a bounded number of tasks and refuses the rest.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::{Semaphore, oneshot};

use super::Threads;

/// Tasks a pool takes for every thread, the running one included.
const TASKS_PER_THREAD: usize = 32;

/// Longest time after which trying again is proposed: tasks that were waited for in vain leave the pool at once.
const LONGEST_BACKLOG: Duration = Duration::from_secs(600);

/// Why a task has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// All places are taken.
    #[error("all places for requests of the kind '{pool}' are taken; try again")]
    Full {
        /// The pool.
        pool: &'static str,
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The task panicked.
    #[error("a task of the pool '{pool}' panicked")]
    Panicked {
        /// The pool.
        pool: &'static str,
    },
}

/// The pools of a service.
#[derive(Debug)]
pub(super) struct Pools {
    /// Judges proofs.
    pub(super) verify: Pool,
    /// Runs inferences.
    pub(super) infer: Pool,
    /// Reads uploaded models.
    pub(super) intake: Pool,
    /// Reads networks for inferences.
    pub(super) networks: Pool,
    /// Waits for the processes that plan.
    pub(super) planning: Pool,
}

impl Pools {
    pub(super) fn new(threads: Threads) -> Result<Self, ThreadPoolBuildError> {
        Ok(Self {
            verify: Pool::new("verify", threads.verify)?,
            infer: Pool::new("infer", threads.infer)?,
            intake: Pool::new("intake", threads.read)?,
            networks: Pool::new("networks", threads.read)?,
            planning: Pool::new("planning", threads.plans)?,
        })
    }
}

/// Threads for one kind of work.
#[derive(Clone)]
pub(crate) struct Pool {
    name: &'static str,
    threads: Arc<ThreadPool>,
    places: Arc<Semaphore>,
    pace: Arc<Mutex<Pace>>,
}

/// How long tasks take.
#[derive(Debug, Default)]
struct Pace {
    /// Of late.
    average: Duration,
    /// When those that run began.
    running: Vec<Instant>,
}

impl Pace {
    fn begin(&mut self) -> Instant {
        let now = Instant::now();
        self.running.push(now);
        now
    }

    fn end(&mut self, begun: Instant) {
        if let Some(index) = self.running.iter().position(|running| *running == begun) {
            self.running.swap_remove(index);
        }
        self.average =
            if self.average.is_zero() { begun.elapsed() } else { (self.average * 7 + begun.elapsed()) / 8 };
    }

    /// Time in which the threads of a pool work off this many tasks, if they are like the last ones and no faster than
    /// those that run.
    fn time_of(&self, tasks: usize, threads: usize) -> Duration {
        let oldest = self.running.iter().map(Instant::elapsed).max().unwrap_or_default();
        let rounds = u32::try_from(tasks.div_ceil(threads.max(1))).unwrap_or(u32::MAX);
        self.average.max(oldest).saturating_mul(rounds)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool with this many threads.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn new(name: &'static str, threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |index| format!("{name}-{index}"))
            .build()?;
        let places = Arc::new(Semaphore::new(threads.max(1) * TASKS_PER_THREAD));
        Ok(Self { name, threads: Arc::new(pool), places, pace: Arc::default() })
    }

    /// When a pool without a free place will have worked off its tasks, at most [`LONGEST_BACKLOG`].
    fn backlog(&self) -> Duration {
        let threads = self.threads.current_num_threads();
        lock(&self.pace).time_of(threads * TASKS_PER_THREAD, threads).min(LONGEST_BACKLOG)
    }

    /// Runs a task on the pool's threads; its parallel parts stay on them too.
    ///
    /// # Errors
    /// [`PoolError`] when all places are taken or the task panics.
    pub(crate) async fn run<T, F>(&self, task: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let full = |_| PoolError::Full { pool: self.name, retry_after: self.backlog() };
        let place = self.places.clone().try_acquire_owned().map_err(full)?;
        let pace = self.pace.clone();
        let (answer, answered) = oneshot::channel();
        self.threads.spawn(move || {
            // A caller that has gone away does not wait for the work either.
            if answer.is_closed() {
                return;
            }
            let begun = lock(&pace).begin();
            let result = catch_unwind(AssertUnwindSafe(task));
            lock(&pace).end(begun);
            // Whoever has the answer may come back at once, and finds the place free.
            drop(place);
            // The receiver is gone only when its request was dropped.
            let _ = answer.send(result);
        });
        match answered.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) | Err(_) => Err(PoolError::Panicked { pool: self.name }),
        }
    }
}

fn lock(pace: &Mutex<Pace>) -> MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_full_pool_refuses_and_recovers() {
        let pool = Pool::new("test", 1).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let mut waiting = Vec::new();
        let blocked = pool.clone();
        waiting.push(tokio::spawn(async move { blocked.run(move || gate.recv().is_ok()).await }));
        for _ in 1..TASKS_PER_THREAD {
            let pool = pool.clone();
            waiting.push(tokio::spawn(async move { pool.run(|| true).await }));
        }
        while pool.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pool.run(|| true).await, Err(PoolError::Full { pool: "test", .. })));
        open.send(()).unwrap();
        for task in waiting {
            assert!(task.await.unwrap().unwrap());
        }
        assert!(pool.run(|| true).await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn as_many_callers_as_there_are_places_are_never_refused() {
        let pool = Pool::new("test", 1).unwrap();
        let caller = |pool: Pool| async move {
            for _ in 0..500 {
                pool.run(|| ()).await.unwrap();
            }
        };
        let callers: Vec<_> = (0..TASKS_PER_THREAD).map(|_| tokio::spawn(caller(pool.clone()))).collect();
        for caller in callers {
            caller.await.unwrap();
        }
    }

    #[test]
    fn the_backlog_is_as_long_as_tasks_take() {
        let mut pace = Pace::default();
        assert_eq!(pace.time_of(64, 2), Duration::ZERO);
        let second = Duration::from_secs(1);
        let ago = |seconds| Instant::now().checked_sub(second * seconds).unwrap();
        pace.running.push(ago(2));
        pace.end(pace.running[0]);
        let about = |found: Duration, seconds| found >= second * seconds && found < second * (seconds + 1);
        assert!(about(pace.time_of(64, 2), 64), "{pace:?}");
        pace.running.push(ago(4));
        assert!(about(pace.time_of(3, 2), 8), "one that runs long is a sign: {pace:?}");
        for _ in 0..64 {
            let begun = pace.begin();
            pace.end(begun);
        }
        pace.running.clear();
        assert!(pace.time_of(64, 2) < second, "{pace:?}");
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_the_pool_goes_on() {
        let pool = Pool::new("test", 1).unwrap();
        let refused = pool.run(|| assert_eq!(1, 2, "a test panics")).await.unwrap_err();
        assert_eq!(refused, PoolError::Panicked { pool: "test" });
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    }
}
