//! Following an attempt in its worker process.

use std::{
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use lemma_prover::progress::{Phase, rest};
use tracing::warn;

use super::LaneParts;
use crate::{
    service::advances::Advanced,
    work::{
        dispatch::{Stop, StopSignal, Ticket},
        jobs::{Failure, FailureClass, PhaseTiming},
        protocol::Report,
        worker::process::Worker,
    },
};

/// How often a waiting lane looks whether it must stop.
const POLL: Duration = Duration::from_millis(25);

/// Least time between two recorded steps of a job.
const PHASE_INTERVAL: Duration = Duration::from_millis(500);

/// Steps that end soon when a proof is cancelled.
const STEPS_OF_A_PROOF: [Phase; 3] = [Phase::Witness, Phase::Prove, Phase::Verify];

/// How long a process may take to give up a proof.
const CANCEL_PATIENCE: Duration = Duration::from_millis(500);

/// How the wait for a worker process ended without a report.
pub(super) enum Ended {
    Stopped(Stop),
    Failed(Failure),
}

/// The process after an attempt that did not cost it, and the bytes it holds.
pub(super) type Survivor = Option<(Worker, u64)>;

/// Follows one attempt in the worker process.
pub(super) struct Watch<'a> {
    parts: &'a LaneParts,
    ticket: &'a Ticket,
    /// Time per finished step.
    pub(super) timings: Vec<PhaseTiming>,
    /// The step the process was last in.
    last_phase: Option<Phase>,
    /// The step the process is in, until it has been recorded.
    phase: Option<Phase>,
    /// When a step was recorded last.
    told: Option<Instant>,
    /// When the last step began.
    began: Instant,
}

impl<'a> Watch<'a> {
    /// An attempt that is about to begin.
    pub(super) fn new(parts: &'a LaneParts, ticket: &'a Ticket) -> Self {
        let began = Instant::now();
        Self { parts, ticket, timings: Vec::new(), last_phase: None, phase: None, told: None, began }
    }

    /// Waits for the final report.
    pub(super) fn until_end(
        &mut self,
        worker: Worker,
        stop: &StopSignal,
        deadline: Instant,
    ) -> (Result<(Report, Vec<u8>), Ended>, Survivor) {
        // Counted in looks, so that a time in which this process did not run itself is nobody's silence.
        let (mut silence, mut heard) = (Duration::ZERO, worker.heard());
        loop {
            // A report that is there counts, whatever the clock says.
            match worker.report(POLL) {
                Ok((report, payload)) => {
                    if let Some(resident) = self.note(&report) {
                        return (Ok((report, payload)), Some((worker, resident)));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let failure = Failure { phase: self.last_phase.take(), ..worker.autopsy() };
                    return (Err(Ended::Failed(failure)), None);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let before = std::mem::replace(&mut heard, worker.heard());
                    silence = if heard == before { silence + POLL } else { Duration::ZERO };
                    let late = Instant::now() >= deadline;
                    if late || silence >= self.parts.silence {
                        worker.kill();
                        let phase = self.last_phase.take();
                        let failure = if late { timed_out(phase) } else { silent(phase, silence) };
                        return (Err(Ended::Failed(failure)), None);
                    }
                }
            }
            if let Some(stop) = stop.get() {
                return (Err(Ended::Stopped(stop)), self.stopped(worker, stop));
            }
            self.tell();
        }
    }

    /// Takes note of a report; the bytes that the process holds, if it is the final one.
    fn note(&mut self, report: &Report) -> Option<u64> {
        match report {
            Report::Began { phase } => {
                self.last_phase = Some(*phase);
                self.phase = Some(*phase);
                self.began = Instant::now();
            }
            Report::Ended { phase, milliseconds } => {
                self.timings.push(PhaseTiming { phase: *phase, milliseconds: *milliseconds });
            }
            Report::Advanced { stage, share } => {
                let rest = rest(*share, self.began.elapsed());
                let advanced = Advanced { stage: stage.clone(), share: *share, rest };
                self.parts.advances.tell(self.ticket.job, self.ticket.attempt, advanced);
            }
            // None of an attempt.
            Report::Planned { .. } | Report::Unplannable { .. } => return Some(0),
            Report::Proven { .. } | Report::KeysMade { .. } | Report::Failed { .. } => {}
        }
        report.resident_bytes()
    }

    /// Ends an attempt that must stop. A process whose proof was cancelled keeps its keys if it gives up at once; any
    /// other is killed.
    fn stopped(&self, worker: Worker, stop: Stop) -> Survivor {
        let soon = self.last_phase.is_some_and(|phase| STEPS_OF_A_PROOF.contains(&phase));
        if stop == Stop::Cancelled && soon {
            worker.cancel();
            let deadline = Instant::now() + CANCEL_PATIENCE;
            while let Ok((report, _)) = worker.report(deadline.saturating_duration_since(Instant::now())) {
                if let Some(resident) = report.resident_bytes() {
                    return Some((worker, resident));
                }
            }
        }
        worker.kill();
        None
    }

    /// Records the step, not too often.
    fn tell(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < PHASE_INTERVAL) {
            return;
        }
        let Some(phase) = self.phase.take() else { return };
        let LaneParts { records, runtime, clock, events, .. } = self.parts;
        let noted =
            runtime.block_on(records.note_phase(self.ticket.job, self.ticket.attempt, phase, clock.now()));
        match noted {
            Ok(Some(event)) => {
                let _ = events.send(event);
            }
            Ok(None) => {}
            Err(error) => warn!(%error, "a step is not recorded"),
        }
        self.told = Some(Instant::now());
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.parts.advances.forget(self.ticket.job);
    }
}

fn timed_out(phase: Option<Phase>) -> Failure {
    Failure {
        class: FailureClass::ProveTimeout,
        phase,
        reason: "the attempt took longer than the prove timeout; ask for more time or prove a smaller model"
            .into(),
        retryable: false,
    }
}

fn silent(phase: Option<Phase>, silence: Duration) -> Failure {
    let reason = format!(
        "the worker process gave no sign of life for {} s: it was stopped, or the system did not let it run",
        silence.as_secs()
    );
    Failure { class: FailureClass::Crash, phase, reason, retryable: true }
}
