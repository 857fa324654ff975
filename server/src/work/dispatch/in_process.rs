//! Dispatching to threads of this process.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::{
    After, Dispatcher, Lane, Load, Place, Refused, Ticket,
    queue::{Order, Queue},
};
use crate::work::jobs::JobId;

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

/// How long lanes may take to stop once they are told to. A lane that a disk keeps waiting for ever must not keep the process
/// from ending; its job is found by the next start.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// A bounded priority queue and one thread per lane.
#[derive(Debug)]
pub struct InProcess {
    shared: Arc<Shared>,
    stop_patience: Duration,
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

/// Runs a part of a lane; a panic in it ends the attempt and leaves the thread and the queue working. A job that is
/// then still running in the records is given back when they are compared with the dispatcher.
fn guarded<T>(otherwise: T, part: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(part)).unwrap_or_else(|_| {
        tracing::error!("a lane panicked");
        otherwise
    })
}

/// What a lane's thread does all its life. The thread must not end before the lane's worker process has: the
/// process is bound to the life of the thread that started it.
fn work(shared: &Shared, index: usize, mut lane: Box<dyn Lane>) {
    loop {
        match shared.next(index) {
            Order::Run(ticket, stop) => {
                let start = Instant::now();
                let after = guarded(After::Done, || lane.run(&ticket, &stop));
                let resident = guarded(0, || lane.resident_bytes());
                shared.change(|queue| {
                    queue.resident(index, resident);
                    let stopped = queue.finished(ticket.job, start.elapsed());
                    if let (After::Again(next, pause), false) = (after, stopped) {
                        queue.push(next, Instant::now() + pause);
                    }
                });
            }
            Order::Retire => {
                let resident = guarded(0, || {
                    lane.retire();
                    lane.resident_bytes()
                });
                shared.change(|queue| queue.resident(index, resident));
            }
            Order::End => break,
            Order::Wait(_) => {}
        }
    }
    guarded((), || lane.retire());
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
        Ok(Self { shared, stop_patience: STOP_PATIENCE, threads: Mutex::new(threads) })
    }

    /// Waits until no job runs or the moment comes; whether none runs.
    fn drain(shared: &Shared, until: Instant) -> bool {
        let mut queue = shared.lock();
        while !queue.idle() {
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

    fn is_whole(&self) -> bool {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        !threads.is_empty() && threads.iter().all(|thread| !thread.is_finished())
    }

    async fn shutdown(&self, grace: Duration) {
        self.shared.change(|queue| queue.closed = true);
        let shared = self.shared.clone();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let (until, patience) = (Instant::now() + grace, self.stop_patience);
        let wait = move || {
            if !Self::drain(&shared, until) {
                shared.lock().stop_running();
                if !Self::drain(&shared, Instant::now() + patience) {
                    tracing::error!("a lane does not stop; its job is found by the next start");
                    return;
                }
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
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;
    use crate::work::{
        dispatch::{StopSignal, conformance},
        jobs::Priority,
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn conforms() {
        conformance::check(&|limits, lane| {
            Arc::new(InProcess::start(limits, |index| lane(index)).expect("threads"))
        })
        .await;
    }

    /// Panics at every job but the last.
    struct Fragile {
        last: JobId,
        done: Arc<AtomicUsize>,
    }

    impl Lane for Fragile {
        fn run(&mut self, ticket: &Ticket, _: &StopSignal) -> After {
            assert_eq!(ticket.job, self.last, "a test panics");
            self.done.fetch_add(1, Ordering::SeqCst);
            After::Done
        }

        fn resident_bytes(&self) -> u64 {
            assert!(self.done.load(Ordering::SeqCst) > 0, "a test panics");
            0
        }

        fn retire(&mut self) {
            panic!("a test panics");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lane_that_panics_takes_the_next_job_and_ends_at_a_shutdown() {
        let ids = [1, 2, 3].map(|number| JobId::from_parts(1, number));
        let done = Arc::new(AtomicUsize::new(0));
        let limits = Limits { capacity: 9, parallel: 1, memory: 9, resident: 0 };
        let lane = || Box::new(Fragile { last: ids[2], done: done.clone() });
        let dispatcher = InProcess::start(limits, |_| lane()).expect("threads");
        for job in ids {
            let ticket = Ticket { job, attempt: 1, priority: Priority::Normal, memory: 1 };
            dispatcher.dispatch(ticket, None).await;
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while ids.iter().any(|job| dispatcher.holds(*job)) {
            assert!(Instant::now() < deadline, "the lane's thread is gone");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(done.load(Ordering::SeqCst), 1);
        assert!(dispatcher.is_whole());
        dispatcher.shutdown(Duration::from_secs(10)).await;
        assert!(!dispatcher.is_whole(), "nobody is left to make attempts");
    }

    /// Waits until the gate is gone, whoever tells it to stop.
    struct Hanging(mpsc::Receiver<()>);

    impl Lane for Hanging {
        fn run(&mut self, _: &Ticket, _: &StopSignal) -> After {
            let _ = self.0.recv();
            After::Done
        }

        fn resident_bytes(&self) -> u64 {
            0
        }

        fn retire(&mut self) {}
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lane_that_hangs_does_not_keep_the_service_from_ending() {
        let (gate, closed) = mpsc::channel();
        let limits = Limits { capacity: 9, parallel: 1, memory: 9, resident: 0 };
        let mut lane = Some(Hanging(closed));
        let mut dispatcher =
            InProcess::start(limits, |_| Box::new(lane.take().expect("one lane"))).expect("threads");
        dispatcher.stop_patience = Duration::from_millis(100);
        let ticket =
            Ticket { job: JobId::from_parts(1, 1), attempt: 1, priority: Priority::Normal, memory: 1 };
        dispatcher.dispatch(ticket, None).await;
        let begun = Instant::now();
        while dispatcher.load().running == 0 {
            assert!(begun.elapsed() < Duration::from_secs(10), "the lane does not begin");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let ended = tokio::time::timeout(Duration::from_secs(10), dispatcher.shutdown(Duration::ZERO)).await;
        assert!(ended.is_ok(), "the shutdown waits for the lane");
        drop(gate);
    }
}
