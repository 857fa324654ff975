//! Dispatching to threads of this process.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::{
    After, Dispatcher, Lane, Load, Place, Refused, Ticket,
    queue::{Order, Queue},
};
use crate::jobs::JobId;

/// What bounds an in-process dispatcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most jobs that may wait.
    pub capacity: usize,
    /// Most jobs that run at once; at least 1.
    pub parallel: usize,
    /// Bytes for all jobs together.
    pub memory: u64,
    /// Bytes a lane may keep for circuits other than the one it works on.
    pub resident: u64,
}

/// A bounded priority queue and one thread per lane.
#[derive(Debug)]
pub struct InProcess {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    /// A panic while holding the lock leaves the queue between two complete changes.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits for what a lane is to do.
    fn next(&self, lane: usize) -> Order {
        let mut queue = self.lock();
        loop {
            match queue.next(lane, Instant::now()) {
                Order::Wait(None) => {
                    queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                Order::Wait(Some(moment)) => {
                    let pause = moment.saturating_duration_since(Instant::now());
                    queue = self.changed.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0;
                }
                order => return order,
            }
        }
    }
}

/// What a lane's thread does all its life. The thread must not end before the lane's worker process has: the
/// process is bound to the life of the thread that started it.
fn work(shared: &Shared, index: usize, mut lane: Box<dyn Lane>) {
    loop {
        match shared.next(index) {
            Order::Run(ticket, stop) => {
                let start = Instant::now();
                let after = lane.run(&ticket, &stop);
                shared.change(|queue| {
                    queue.resident(index, lane.resident_bytes());
                    let stopped = queue.finished(ticket.job, start.elapsed());
                    if let (After::Again(next, pause), false) = (after, stopped) {
                        queue.push(next, Instant::now() + pause);
                    }
                });
            }
            Order::Retire => {
                lane.retire();
                shared.change(|queue| queue.resident(index, lane.resident_bytes()));
            }
            Order::End => break,
            Order::Wait(_) => {}
        }
    }
    lane.retire();
}

impl InProcess {
    /// Starts a thread for each lane that `lane` makes.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(limits: Limits, mut lane: impl FnMut(usize) -> Box<dyn Lane>) -> std::io::Result<Self> {
        let limits = Limits { parallel: limits.parallel.max(1), ..limits };
        let shared = Arc::new(Shared { queue: Mutex::new(Queue::new(limits)), changed: Condvar::new() });
        let threads = (0..limits.parallel)
            .map(|index| {
                let (shared, lane) = (shared.clone(), lane(index));
                thread::Builder::new().name(format!("lane-{index}")).spawn(move || work(&shared, index, lane))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Waits until no job runs or the moment comes; whether none runs.
    fn drain(shared: &Shared, until: Option<Instant>) -> bool {
        let mut queue = shared.lock();
        while !queue.idle() {
            let Some(until) = until else {
                queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let pause = until.saturating_duration_since(Instant::now());
            if pause.is_zero() {
                return false;
            }
            queue = shared.changed.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[async_trait]
impl Dispatcher for InProcess {
    fn reserve(&self, memory: u64) -> Result<Place, Refused> {
        self.shared.lock().reserve(memory)?;
        let shared = self.shared.clone();
        Ok(Place::new(move || shared.lock().give_back()))
    }

    async fn dispatch(&self, ticket: Ticket, place: Option<Place>) {
        self.shared.change(|queue| queue.push(ticket, Instant::now()));
        drop(place);
    }

    async fn cancel(&self, job: JobId) {
        self.shared.change(|queue| queue.cancel(job));
    }

    fn holds(&self, job: JobId) -> bool {
        self.shared.lock().holds(job)
    }

    fn load(&self) -> Load {
        self.shared.lock().load()
    }

    async fn shutdown(&self, grace: Duration) {
        self.shared.change(|queue| queue.closed = true);
        let shared = self.shared.clone();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let until = Instant::now() + grace;
        let wait = move || {
            if !Self::drain(&shared, Some(until)) {
                shared.lock().stop_running();
                Self::drain(&shared, None);
            }
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a lane's thread panicked");
                }
            }
        };
        if tokio::task::spawn_blocking(wait).await.is_err() {
            tracing::error!("waiting for the lanes failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::conformance;

    #[tokio::test(flavor = "multi_thread")]
    async fn conforms() {
        conformance::check(&|limits, lane| {
            Arc::new(InProcess::start(limits, |index| lane(index)).expect("threads"))
        })
        .await;
    }
}
