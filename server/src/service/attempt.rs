//! One attempt after the other, each in the lane's worker process.

mod request;
mod result;
mod watch;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lemma_prover::store::{GcReport, Store};
use tokio::{runtime::Handle, sync::broadcast};
use tracing::{Span, error, field, info, info_span, warn};
use watch::{Ended, Watch};

use crate::{
    service::advances::Advances,
    store::{
        blobs::Blobs,
        model_files::ModelFiles,
        records::{Applied, Records, RecordsError, Results},
        verifiers::Verifiers,
    },
    work::{
        crash_points,
        dispatch::{After, Lane, Stop, StopSignal, Ticket},
        jobs::{Clock, Event, Failure, FailureClass, Job, JobEvent, JobState, PhaseTiming},
        protocol::Report,
        worker::{
            ChildCommand,
            failures::failure,
            process::{ChildSettings, Worker},
        },
    },
};

/// First pause between two tries of a failing database.
const SHORTEST_PAUSE: Duration = Duration::from_millis(25);

/// Pause before the second attempt; four times as long before each further one, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Longest pause between two tries of a failing database or disk, and between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Tries of a failing database once the service shuts down; the next start finds the job again.
const TRIES_AT_SHUTDOWN: u32 = 3;

/// What a lane works with.
#[derive(Clone, Debug)]
pub(crate) struct LaneParts {
    /// The records.
    pub records: Records,
    /// The blobs.
    pub blobs: Blobs,
    /// The models.
    pub model_files: ModelFiles,
    /// Keys that results are checked with.
    pub verifiers: Arc<Verifiers>,
    /// Where it is told how far proofs are.
    pub advances: Advances,
    /// Where changes of jobs are told.
    pub events: broadcast::Sender<JobEvent>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Runtime of the records.
    pub runtime: Handle,
    /// How worker processes are started.
    pub command: ChildCommand,
    /// The prover's store.
    pub store: Store,
    /// Threads per worker process.
    pub threads: usize,
    /// Bytes of proving keys a worker process keeps for circuits other than the one in use.
    pub keep_bytes: u64,
    /// Longest time without a sign of life from a worker process.
    pub silence: Duration,
    /// Whether jobs may rest on parameters drawn here.
    pub insecure_local_srs: bool,
}

/// A lane that makes attempts in a worker process.
#[derive(Debug)]
pub(crate) struct AttemptLane {
    parts: LaneParts,
    settings: ChildSettings,
    worker: Option<Worker>,
    resident: u64,
    /// Attempts in a row that could not begin for want of something that is not the job's.
    shortages: u32,
    /// A worker process was killed and may have left half-written files in the store.
    litter: bool,
}

/// How an attempt ended.
enum Attempted {
    Succeeded(Box<Results>),
    Failed(Failure, Vec<PhaseTiming>),
    /// It could not begin because the service lacks something: file descriptors, processes, a readable disk.
    Shortage(String),
    Stopped(Stop),
}

impl From<Failure> for Attempted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure, Vec::new())
    }
}

impl AttemptLane {
    /// A lane without a worker process; it starts one when it needs one.
    pub(crate) fn new(parts: LaneParts) -> Self {
        let settings = ChildSettings {
            command: parts.command.clone(),
            store: Some(parts.store.root().to_owned()),
            threads: parts.threads,
            keep_bytes: parts.keep_bytes,
        };
        Self { parts, settings, worker: None, resident: 0, shortages: 0, litter: false }
    }

    /// Applies an event, however long the database refuses; `None` when it must be given up at a shutdown.
    fn apply(&self, ticket: &Ticket, event: &Event, results: &Results, stop: &StopSignal) -> Option<Applied> {
        let LaneParts { records, runtime, clock, events, .. } = &self.parts;
        let mut pause = SHORTEST_PAUSE;
        let mut tries = 0;
        loop {
            let applied = runtime.block_on(records.apply(ticket.job, event, results.clone(), clock.now()));
            match applied {
                Ok(applied) => {
                    if let Applied::Changed(_, event) = &applied {
                        // Nobody has to be listening.
                        let _ = events.send(event.clone());
                    }
                    return Some(applied);
                }
                Err(error @ RecordsError::Damaged { .. }) => {
                    error!(%error, "the job is left as it is");
                    return None;
                }
                Err(error) => warn!(%error, "the records refuse a change; trying again"),
            }
            tries += 1;
            if stop.get() == Some(Stop::Shutdown) && tries >= TRIES_AT_SHUTDOWN {
                return None;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Makes the attempt of a job that has been started.
    fn attempt(&mut self, job: &Job, ticket: &Ticket, stop: &StopSignal) -> Attempted {
        let deadline = Instant::now() + job.life.prove_timeout;
        let (request, payload) = match self.request(job, ticket) {
            Ok(Some(request)) => request,
            // If the job has ended meanwhile, its records refuse the failure.
            Ok(None) => return failure(FailureClass::Storage, "the job's input is gone", false).into(),
            Err(attempted) => return attempted,
        };
        // A process that died while it was idle is nobody's failed attempt.
        let idle = self.worker.take().and_then(|mut worker| worker.alive().then_some(worker));
        let worker = match idle.map_or_else(|| Worker::start(&self.settings), Ok) {
            Ok(worker) => worker,
            Err(error) => return Attempted::Shortage(format!("cannot start a worker process: {error}")),
        };
        Span::current().record("worker", worker.id());
        worker.request(request, payload);
        let mut watch = Watch::new(&self.parts, ticket);
        let (end, survivor) = watch.until_end(worker, stop, deadline);
        let timings = std::mem::take(&mut watch.timings);
        drop(watch);
        self.litter |= survivor.is_none();
        let (worker, resident) = survivor.unzip();
        self.worker = worker;
        self.resident = resident.unwrap_or(0);
        match end {
            Ok((Report::Failed { failure, .. }, _)) => Attempted::Failed(failure, timings),
            Ok((report, payload)) => match self.check(job, report, &payload, stop) {
                Ok(results) => Attempted::Succeeded(Box::new(Results { timings, ..results })),
                Err(failure) => Attempted::Failed(failure, timings),
            },
            Err(Ended::Stopped(stop)) => Attempted::Stopped(stop),
            Err(Ended::Failed(failure)) => Attempted::Failed(failure, timings),
        }
    }

    /// Records how an attempt ended; the next ticket if there is another attempt.
    fn conclude(&mut self, ticket: &Ticket, attempted: Attempted, stop: &StopSignal) -> After {
        let attempt = ticket.attempt;
        let shortage = matches!(attempted, Attempted::Shortage(_));
        self.shortages = if shortage { self.shortages.saturating_add(1) } else { 0 };
        let (event, results) = match attempted {
            Attempted::Stopped(Stop::Cancelled) => {
                info!("the job has ended meanwhile; the attempt is given up");
                return After::Done;
            }
            Attempted::Stopped(Stop::Shutdown) => (Event::Release { attempt }, Results::default()),
            Attempted::Succeeded(results) => (Event::Succeed { attempt }, *results),
            Attempted::Shortage(reason) => {
                warn!(reason, "the attempt could not begin; the job waits");
                (Event::Release { attempt }, Results::default())
            }
            Attempted::Failed(failure, timings) => {
                warn!(class = failure.class.as_str(), reason = %failure.reason, "attempt failed");
                (Event::Fail { attempt, failure }, Results { timings, ..Results::default() })
            }
        };
        crash_points::reach("before-publish");
        let applied = self.apply(ticket, &event, &results, stop);
        crash_points::reach("after-publish");
        match applied {
            Some(Applied::Changed(job, _)) => {
                match job.state() {
                    JobState::Queued => info!(next = job.life.attempt, "the job goes back to the queue"),
                    state => info!(state = state.as_str(), "the job has ended"),
                }
                next_ticket(&job, ticket, self.shortages)
            }
            Some(Applied::Refused(_, refusal)) => {
                info!(%refusal, "the result comes too late and is thrown away");
                self.forget(&results);
                After::Done
            }
            Some(Applied::Unknown) | None => After::Done,
        }
    }
}

/// Removes what killed worker processes left in the store; whether that is settled.
pub(crate) fn tidy(store: &Store) -> bool {
    match store.tidy() {
        Ok(Some(GcReport { files, bytes, .. })) => {
            if files > 0 {
                info!(files, bytes, "files that were being written by killed processes are removed");
            }
            true
        }
        Ok(None) => false,
        Err(error) => {
            warn!(%error, "files that were being written by killed processes stay");
            true
        }
    }
}

/// The ticket of the next attempt of a job that was requeued, after a pause that grows with its failed attempts and with
/// the lane's shortages in a row.
fn next_ticket(job: &Job, ticket: &Ticket, shortages: u32) -> After {
    if job.state() != JobState::Queued {
        return After::Done;
    }
    let failures = job.life.failed_attempts.max(shortages).saturating_sub(1);
    let pause = FIRST_PAUSE.saturating_mul(4u32.saturating_pow(failures)).min(LONGEST_PAUSE);
    After::Again(Ticket { attempt: job.life.attempt, ..ticket.clone() }, pause)
}

impl Lane for AttemptLane {
    fn run(&mut self, ticket: &Ticket, stop: &StopSignal) -> After {
        let span = info_span!("attempt", job = %ticket.job, attempt = ticket.attempt, worker = field::Empty);
        let _entered = span.enter();
        let start = Event::Start { attempt: ticket.attempt };
        let job = match self.apply(ticket, &start, &Results::default(), stop) {
            Some(Applied::Changed(job, _)) if job.state() == JobState::Running => job,
            // Cancelled, expired, or another attempt is on its way.
            _ => return After::Done,
        };
        crash_points::reach("after-start");
        let attempted = self.attempt(&job, ticket, stop);
        if self.litter {
            // While another lane's process writes, it is put off to the end of the next attempt.
            self.litter = !tidy(&self.parts.store);
        }
        self.conclude(ticket, attempted, stop)
    }

    fn resident_bytes(&self) -> u64 {
        self.resident
    }

    fn retire(&mut self) {
        self.resident = 0;
        if let Some(worker) = self.worker.take() {
            worker.kill();
        }
    }
}
