//! What every dispatcher must do, tested against the pure state machine and scripted lanes.
//!
//! A dispatcher's own tests call [`check`] with a way to make one. Records are a ledger in memory here, so a
//! failure is the dispatcher's.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{After, Dispatcher, Lane, Limits, Refused, Stop, StopSignal, Ticket};
use crate::work::jobs::{
    Clock, Event, Failure, FailureClass, JobId, JobState, Life, MAX_FAILED_ATTEMPTS, Priority, SystemClock,
};

/// Makes the lane of a number.
pub(crate) type MakeLane = Arc<dyn Fn(usize) -> Box<dyn Lane> + Send + Sync>;

/// How an attempt at a job goes.
#[derive(Clone, Copy, Debug)]
enum Script {
    /// It takes this long and succeeds.
    Succeed(Duration),
    /// The worker dies at once.
    Die,
    /// The worker dies in the first attempt.
    DieOnce,
    /// It goes on until it is told to stop.
    Hang,
}

#[derive(Debug)]
struct Entry {
    life: Life,
    script: Script,
    starts: Vec<u32>,
    started: Option<Instant>,
    stopped: Option<Instant>,
}

/// Stands for the records.
#[derive(Clone, Debug, Default)]
struct Ledger(Arc<Mutex<BTreeMap<JobId, Entry>>>);

impl Ledger {
    fn with<T>(&self, job: JobId, work: impl FnOnce(&mut Entry) -> T) -> T {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(entries.get_mut(&job).expect("the job was submitted"))
    }

    fn apply(&self, job: JobId, event: &Event) -> Option<Life> {
        self.with(job, |entry| {
            let (life, _) = entry.life.apply(event, SystemClock.now()).ok()?;
            entry.life = life.clone();
            Some(life)
        })
    }

    fn submit(&self, job: u128, script: Script) -> Ticket {
        let id = JobId::from_parts(1, job);
        let minute = Duration::from_secs(60);
        let life = Life::new(SystemClock.now(), minute, minute);
        let entry = Entry { life, script, starts: Vec::new(), started: None, stopped: None };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, entry);
        Ticket { job: id, attempt: 1, priority: Priority::Normal, memory: 1 }
    }

    fn state(&self, job: JobId) -> JobState {
        self.with(job, |entry| entry.life.state)
    }

    async fn until(&self, job: JobId, state: JobState) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.state(job) != state {
            assert!(Instant::now() < deadline, "{:?} never came, it is {:?}", state, self.state(job));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Jobs in the order of their first starts.
    fn started(&self) -> Vec<JobId> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut started: Vec<_> =
            entries.iter().filter_map(|(job, entry)| Some((entry.started?, *job))).collect();
        started.sort();
        started.into_iter().map(|(_, job)| job).collect()
    }
}

struct ScriptedLane(Ledger);

impl Lane for ScriptedLane {
    fn run(&mut self, ticket: &Ticket, stop: &StopSignal) -> After {
        let Ticket { job, attempt, .. } = *ticket;
        if self.0.apply(job, &Event::Start { attempt }).is_none() {
            return After::Done;
        }
        let script = self.0.with(job, |entry| {
            entry.starts.push(attempt);
            entry.started.get_or_insert_with(Instant::now);
            entry.script
        });
        let end = match script {
            Script::Succeed(time) => wait(stop, Some(time)),
            Script::Hang => wait(stop, None),
            Script::DieOnce if attempt > 1 => None,
            Script::Die | Script::DieOnce => {
                let (class, reason) = (FailureClass::Crash, "died".into());
                let failure = Failure { class, phase: None, reason, retryable: true };
                return self.again(ticket, &Event::Fail { attempt, failure });
            }
        };
        self.0.with(job, |entry| entry.stopped = Some(Instant::now()));
        match end {
            None => self.again(ticket, &Event::Succeed { attempt }),
            Some(Stop::Cancelled) => After::Done,
            Some(Stop::Shutdown) => self.again(ticket, &Event::Release { attempt }),
        }
    }

    fn resident_bytes(&self) -> u64 {
        0
    }

    fn retire(&mut self) {}
}

impl ScriptedLane {
    fn again(&self, ticket: &Ticket, event: &Event) -> After {
        match self.0.apply(ticket.job, event) {
            Some(life) if life.state == JobState::Queued => {
                After::Again(Ticket { attempt: life.attempt, ..ticket.clone() }, Duration::from_millis(1))
            }
            _ => After::Done,
        }
    }
}

fn wait(stop: &StopSignal, time: Option<Duration>) -> Option<Stop> {
    let end = time.map(|time| Instant::now() + time);
    loop {
        if let Some(stop) = stop.get() {
            return Some(stop);
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

struct Bench<'a> {
    make: &'a dyn Fn(Limits, MakeLane) -> Arc<dyn Dispatcher>,
}

impl Bench<'_> {
    fn start(&self, limits: Limits) -> (Ledger, Arc<dyn Dispatcher>) {
        let ledger = Ledger::default();
        let lanes = ledger.clone();
        let dispatcher = (self.make)(limits, Arc::new(move |_| Box::new(ScriptedLane(lanes.clone()))));
        (ledger, dispatcher)
    }

    /// A dispatcher of one lane with a job that runs until it is stopped, and one that waits behind it.
    async fn occupied(&self, limits: Limits) -> (Ledger, Arc<dyn Dispatcher>, [Ticket; 2]) {
        let (ledger, dispatcher) = self.start(limits);
        let tickets = [ledger.submit(0, Script::Hang), ledger.submit(1, QUICK)];
        dispatcher.dispatch(tickets[0].clone(), None).await;
        ledger.until(tickets[0].job, JobState::Running).await;
        let place = dispatcher.reserve(1).expect("a place");
        dispatcher.dispatch(tickets[1].clone(), Some(place)).await;
        (ledger, dispatcher, tickets)
    }
}

const LIMITS: Limits = Limits { capacity: 8, parallel: 2, memory: 100, resident: 0 };

const QUICK: Script = Script::Succeed(Duration::from_millis(10));

/// Everything a dispatcher must do.
///
/// # Panics
/// When it does not.
pub(crate) async fn check(make: &dyn Fn(Limits, MakeLane) -> Arc<dyn Dispatcher>) {
    let bench = Bench { make };
    every_job_runs_once(&bench).await;
    urgent_jobs_go_first(&bench).await;
    duplicate_tickets_do_no_harm(&bench).await;
    a_poison_job_stops_and_others_go_on(&bench).await;
    a_crash_costs_one_attempt(&bench).await;
    cancel_in_each_state(&bench).await;
    a_full_queue_refuses(&bench).await;
    memory_decides_how_many_run(&bench).await;
    shutdown_gives_back_what_runs(&bench).await;
}

async fn every_job_runs_once(bench: &Bench<'_>) {
    let (ledger, dispatcher) = bench.start(LIMITS);
    for job in 0..20 {
        // Jobs of an earlier run are never refused.
        dispatcher.dispatch(ledger.submit(job, QUICK), None).await;
    }
    for job in 0..20 {
        let job = JobId::from_parts(1, job);
        ledger.until(job, JobState::Succeeded).await;
        assert_eq!(ledger.with(job, |entry| entry.starts.clone()), [1]);
    }
    dispatcher.shutdown(Duration::from_secs(5)).await;
    assert_eq!((dispatcher.load().queued, dispatcher.load().running), (0, 0));
}

async fn urgent_jobs_go_first(bench: &Bench<'_>) {
    let (ledger, dispatcher) = bench.start(Limits { parallel: 1, ..LIMITS });
    let first = ledger.submit(0, Script::Succeed(Duration::from_millis(200)));
    dispatcher.dispatch(first.clone(), None).await;
    ledger.until(first.job, JobState::Running).await;
    for (job, priority) in [(1, Priority::Low), (2, Priority::Normal), (3, Priority::High)] {
        let ticket = Ticket { priority, ..ledger.submit(job, QUICK) };
        dispatcher.dispatch(ticket, None).await;
    }
    ledger.until(JobId::from_parts(1, 1), JobState::Succeeded).await;
    assert_eq!(ledger.started(), [0, 3, 2, 1].map(|job| JobId::from_parts(1, job)));
    dispatcher.shutdown(Duration::from_secs(5)).await;
}

async fn duplicate_tickets_do_no_harm(bench: &Bench<'_>) {
    let (ledger, dispatcher) = bench.start(LIMITS);
    let ticket = ledger.submit(0, Script::Succeed(Duration::from_millis(50)));
    for _ in 0..3 {
        dispatcher.dispatch(ticket.clone(), None).await;
    }
    ledger.until(ticket.job, JobState::Succeeded).await;
    dispatcher.dispatch(ticket.clone(), None).await;
    dispatcher.shutdown(Duration::from_secs(5)).await;
    assert_eq!(ledger.with(ticket.job, |entry| entry.starts.clone()), [1]);
}

async fn a_poison_job_stops_and_others_go_on(bench: &Bench<'_>) {
    let (ledger, dispatcher) = bench.start(Limits { parallel: 1, ..LIMITS });
    let poison = ledger.submit(0, Script::Die);
    let other = ledger.submit(1, QUICK);
    dispatcher.dispatch(poison.clone(), None).await;
    dispatcher.dispatch(other.clone(), None).await;
    ledger.until(poison.job, JobState::Failed).await;
    ledger.until(other.job, JobState::Succeeded).await;
    dispatcher.shutdown(Duration::from_secs(5)).await;
    let starts = ledger.with(poison.job, |entry| entry.starts.clone());
    assert_eq!(starts, (1..=MAX_FAILED_ATTEMPTS).collect::<Vec<_>>());
}

async fn a_crash_costs_one_attempt(bench: &Bench<'_>) {
    let (ledger, dispatcher) = bench.start(LIMITS);
    let ticket = ledger.submit(0, Script::DieOnce);
    dispatcher.dispatch(ticket.clone(), None).await;
    ledger.until(ticket.job, JobState::Succeeded).await;
    assert_eq!(ledger.with(ticket.job, |entry| entry.starts.clone()), [1, 2]);
    dispatcher.shutdown(Duration::from_secs(5)).await;
}

async fn cancel_in_each_state(bench: &Bench<'_>) {
    let (ledger, dispatcher, [running, queued]) = bench.occupied(Limits { parallel: 1, ..LIMITS }).await;
    for job in [queued.job, running.job] {
        ledger.apply(job, &Event::Cancel).expect("not ended yet");
        dispatcher.cancel(job).await;
    }
    let cancelled = Instant::now();
    let after = ledger.submit(2, QUICK);
    dispatcher.dispatch(after.clone(), None).await;
    ledger.until(after.job, JobState::Succeeded).await;
    let stopped = ledger.with(running.job, |entry| entry.stopped).expect("the lane was told to stop");
    assert!(stopped.saturating_duration_since(cancelled) < Duration::from_secs(2));
    assert!(ledger.with(queued.job, |entry| entry.starts.is_empty()), "a cancelled job must not start");
    dispatcher.cancel(after.job).await;
    assert_eq!(ledger.state(after.job), JobState::Succeeded);
    assert!(!dispatcher.holds(running.job) && !dispatcher.holds(queued.job));
    dispatcher.shutdown(Duration::from_secs(5)).await;
}

async fn a_full_queue_refuses(bench: &Bench<'_>) {
    let limits = Limits { parallel: 1, capacity: 2, ..LIMITS };
    let (ledger, dispatcher, [running, queued]) = bench.occupied(limits).await;
    let place = dispatcher.reserve(1).expect("the last place");
    match dispatcher.reserve(1) {
        Err(Refused::Full { queued: 2, capacity: 2, retry_after }) => {
            assert!(retry_after >= Duration::from_secs(1));
        }
        other => panic!("{other:?}"),
    }
    drop(place);
    drop(dispatcher.reserve(1).expect("a place that was given back"));
    ledger.apply(running.job, &Event::Cancel).expect("it runs");
    dispatcher.cancel(running.job).await;
    ledger.until(queued.job, JobState::Succeeded).await;
    assert_eq!(dispatcher.load().queued, 0);
    dispatcher.shutdown(Duration::from_secs(5)).await;
}

async fn memory_decides_how_many_run(bench: &Bench<'_>) {
    let (ledger, dispatcher) = bench.start(LIMITS);
    assert!(matches!(
        dispatcher.reserve(LIMITS.memory + 1),
        Err(Refused::TooMuchMemory { predicted: 101, budget: 100 })
    ));
    let pause = Script::Succeed(Duration::from_millis(100));
    for job in 0..2 {
        dispatcher.dispatch(Ticket { memory: 60, ..ledger.submit(job, pause) }, None).await;
    }
    let [first, second] = [0, 1].map(|job| JobId::from_parts(1, job));
    ledger.until(second, JobState::Succeeded).await;
    let ended = ledger.with(first, |entry| entry.stopped).expect("it ended");
    let began = ledger.with(second, |entry| entry.started).expect("it began");
    assert!(ended <= began, "two jobs of 60 of 100 bytes ran at once");
    dispatcher.shutdown(Duration::from_secs(5)).await;
}

async fn shutdown_gives_back_what_runs(bench: &Bench<'_>) {
    let (ledger, dispatcher, [running, queued]) = bench.occupied(Limits { parallel: 1, ..LIMITS }).await;
    let start = Instant::now();
    dispatcher.shutdown(Duration::from_millis(100)).await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(matches!(dispatcher.reserve(1), Err(Refused::ShuttingDown)));
    let life = ledger.with(running.job, |entry| entry.life.clone());
    assert_eq!((life.state, life.attempt, life.failed_attempts), (JobState::Queued, 2, 0));
    assert_eq!(ledger.state(queued.job), JobState::Queued);
    assert!(ledger.with(queued.job, |entry| entry.starts.is_empty()));
}
