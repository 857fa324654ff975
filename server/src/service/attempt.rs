//! One attempt after the other, each in the lane's worker process.

mod watch;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lemma_circuits::statement::Context;
use lemma_prover::{
    digest::Digest,
    store::{GcReport, Store},
    verify::{Expect, VerifyError, verify},
};
use tokio::{runtime::Handle, sync::broadcast};
use tracing::{Span, error, field, info, info_span, warn};

use watch::{Ended, Watch};

use crate::{
    service::advances::Advances,
    store::{
        blobs::{BlobKind, Blobs},
        model_files::ModelFiles,
        records::{Applied, CircuitEntry, Records, RecordsError, Results},
        verifiers::Verifiers,
    },
    work::{
        crash_points,
        dispatch::{After, Lane, Stop, StopSignal, Ticket},
        jobs::{
            CircuitWork, Clock, Event, Failure, FailureClass, Job, JobEvent, JobState, PhaseTiming,
            ProofWork, Setup, Work,
        },
        protocol::{Origin, Report, Request},
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

/// Writable memory of a worker process besides its columns. The system's limit counts what is mapped, not what is used:
/// stacks of 2 MiB per thread and the allocator's arenas, of which there may be eight per core and which keep what was
/// freed. It is to stop a process that runs away; how many run at once is decided by the predictions.
const MEMORY_BASE: u64 = 512 << 20;

/// Times the predicted peak that a worker process may map: freed columns stay mapped until the allocator returns them.
const MEMORY_SLACK: u64 = 2;

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

    /// What the worker process is asked for; `None` when the job's input is gone, as that of one that has ended.
    fn request(&self, job: &Job, ticket: &Ticket) -> Result<Option<(Request, Vec<u8>)>, Attempted> {
        let memory_limit =
            ticket.memory.saturating_mul(MEMORY_SLACK).saturating_add(MEMORY_BASE + self.parts.keep_bytes);
        // What the system refuses is nobody's failed attempt; what is damaged stays so.
        let unread = |reason: String, transient| match transient {
            true => Attempted::Shortage(reason),
            false => failure(FailureClass::Storage, reason, false).into(),
        };
        match &job.work {
            Work::Proof(ProofWork { circuit, context }) => {
                let input = self.parts.runtime.block_on(self.parts.records.input(job.id));
                let input = input.map_err(|error| unread(error.to_string(), error.is_transient()))?;
                let entry = self.parts.runtime.block_on(self.parts.records.circuit(*circuit));
                let entry = entry.map_err(|error| unread(error.to_string(), error.is_transient()))?;
                if entry.as_ref().is_some_and(|entry| entry.facts.insecure_srs) {
                    self.check_insecure_srs()?;
                }
                let origin = entry.map(|CircuitEntry { model, setup, .. }| Origin {
                    onnx: self.parts.blobs.path(BlobKind::Model, model),
                    work: CircuitWork { model, setup },
                });
                Ok(input.map(|inputs| {
                    let (circuit, context) = (*circuit, context.clone());
                    (Request::Prove { circuit, context, inputs, origin, memory_limit }, Vec::new())
                }))
            }
            Work::Circuit(work) => {
                if work.setup == Setup::KzgInsecureLocal {
                    self.check_insecure_srs()?;
                }
                let onnx = self.parts.model_files.get(work.model);
                let onnx = onnx.map_err(|error| unread(error.to_string(), error.is_transient()))?;
                Ok(Some((Request::MakeKeys { setup: work.setup.clone(), memory_limit }, onnx)))
            }
        }
    }

    /// A job that was accepted while local parameters were allowed is not carried out once they are not.
    fn check_insecure_srs(&self) -> Result<(), Failure> {
        if self.parts.insecure_local_srs { Ok(()) } else { Err(unsupported_setup()) }
    }

    /// Believes a report only after checking it, and keeps what it brought.
    fn check(
        &self,
        job: &Job,
        report: Report,
        payload: &[u8],
        stop: &StopSignal,
    ) -> Result<Results, Failure> {
        match (report, &job.work) {
            (Report::Proven { .. }, Work::Proof(work)) => {
                self.verify(job, work, payload)?;
                crash_points::reach("result-verified");
                let bundle = self.keep(payload, stop)?;
                Ok(Results { bundle: Some((bundle, payload.len() as u64)), ..Results::default() })
            }
            (Report::KeysMade { facts, .. }, Work::Circuit(_)) => {
                let key = self.parts.verifiers.get(facts.circuit);
                let key = key.map_err(|error| failure(FailureClass::SelfCheck, error, true))?;
                let same = key
                    .file()
                    .encode()
                    .is_ok_and(|vk| Digest::of(&vk) == facts.vk && vk.len() as u64 == facts.vk_bytes);
                if !same {
                    let reason = "the stored verifying key is not the one the worker reported";
                    return Err(failure(FailureClass::SelfCheck, reason, true));
                }
                Ok(Results { circuit: Some(*facts), ..Results::default() })
            }
            _ => Err(failure(FailureClass::SelfCheck, "the worker answered another request", true)),
        }
    }

    /// Keeps a bundle, however long the system refuses, as with a full disk; a proof is not made again for that.
    fn keep(&self, bundle: &[u8], stop: &StopSignal) -> Result<Digest, Failure> {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.parts.blobs.put(BlobKind::Bundle, bundle) {
                Err(error) if error.is_transient() && stop.get().is_none() => {
                    warn!(%error, "a finished proof cannot be kept; trying again");
                }
                kept => {
                    return kept
                        .map_err(|error| failure(FailureClass::Storage, &error, error.is_transient()));
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Verifies a bundle as its receivers do, and that it proves what was asked for.
    fn verify(&self, job: &Job, work: &ProofWork, bundle: &[u8]) -> Result<(), Failure> {
        let wrong = |reason: String| failure(FailureClass::SelfCheck, reason, true);
        let context =
            Context::new(work.context.clone()).map_err(|error| failure(FailureClass::Input, error, false))?;
        let key = self
            .parts
            .verifiers
            .get(work.circuit)
            .map_err(|error| failure(FailureClass::Keys, error, true))?;
        let expect = Expect {
            circuit: work.circuit,
            context: Some(context),
            allow_insecure_srs: self.parts.insecure_local_srs,
        };
        let statement = verify(bundle, &key, &expect).map_err(|error| match error {
            VerifyError::InsecureSrs => unsupported_setup(),
            error => wrong(format!("the finished proof does not verify: {error}")),
        })?;
        let input = self.parts.runtime.block_on(self.parts.records.input(job.id));
        match input {
            Ok(Some(input)) if input != statement.inputs => {
                Err(wrong("the finished proof is about another input".into()))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(failure(FailureClass::Storage, error, true)),
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

    /// Removes the bundle of an attempt that did not count; each proof is unlike any other, so nothing else names it.
    fn forget(&self, results: &Results) {
        if let Some((bundle, _)) = results.bundle
            && let Err(error) = self.parts.blobs.remove(BlobKind::Bundle, bundle)
        {
            warn!(%error, "an unused bundle stays until the next start");
        }
    }
}

/// Why nothing is proven that rests on parameters drawn on a server.
fn unsupported_setup() -> Failure {
    let reason = "the circuit rests on parameters drawn on a server, which the service does not allow; start it with \
                  --insecure-local-srs, or use the ipa scheme or an imported ceremony";
    failure(FailureClass::UnsupportedSetup, reason, false)
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
