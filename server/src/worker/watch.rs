//! Following an attempt in its worker process.

use std::{
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use tracing::warn;

use super::{lane::LaneParts, process::Worker, protocol::Report};
use crate::{
    dispatch::{Stop, StopSignal, Ticket},
    jobs::{Failure, FailureClass, PhaseTiming},
};

/// How often a waiting lane looks whether it must stop.
const POLL: Duration = Duration::from_millis(25);

/// Least time between two recorded steps of a job.
const PHASE_INTERVAL: Duration = Duration::from_millis(500);

/// How the wait for a worker process ended without a report.
pub(super) enum Ended {
    Stopped(Stop),
    Failed(Failure),
}

/// Follows one attempt in the worker process.
pub(super) struct Watch<'a> {
    parts: &'a LaneParts,
    ticket: &'a Ticket,
    /// Time per finished step.
    pub(super) timings: Vec<PhaseTiming>,
    /// The step the process is in, until it has been recorded.
    phase: Option<String>,
    /// When a step was recorded last.
    told: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// An attempt that is about to begin.
    pub(super) fn new(parts: &'a LaneParts, ticket: &'a Ticket) -> Self {
        Self { parts, ticket, timings: Vec::new(), phase: None, told: None }
    }

    /// Waits for the final report. A process that did not come to it is gone afterwards.
    #[expect(clippy::type_complexity, reason = "the report with its payload and the resident bytes it tells")]
    pub(super) fn until_end(
        &mut self,
        worker: Worker,
        stop: &StopSignal,
        deadline: Instant,
    ) -> (Result<(Report, Vec<u8>, u64), Ended>, Option<Worker>) {
        let mut last_phase = None;
        loop {
            // A report that is there counts, whatever the clock says.
            match worker.report(POLL) {
                Ok((Report::Began { phase }, _)) => {
                    last_phase = Some(phase.clone());
                    self.phase = Some(phase);
                }
                Ok((Report::Ended { phase, milliseconds }, _)) => {
                    self.timings.push(PhaseTiming { phase, milliseconds });
                }
                Ok((report, payload)) => {
                    let resident = match &report {
                        Report::Proven { resident_bytes }
                        | Report::KeysMade { resident_bytes, .. }
                        | Report::Failed { resident_bytes, .. } => *resident_bytes,
                        Report::Began { .. }
                        | Report::Ended { .. }
                        | Report::Planned { .. }
                        | Report::Unplannable { .. } => 0,
                    };
                    return (Ok((report, payload, resident)), Some(worker));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let failure = Failure { phase: last_phase, ..worker.autopsy() };
                    return (Err(Ended::Failed(failure)), None);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if Instant::now() >= deadline {
                        worker.kill();
                        return (Err(Ended::Failed(timed_out(last_phase))), None);
                    }
                }
            }
            if let Some(stop) = stop.get() {
                worker.kill();
                return (Err(Ended::Stopped(stop)), None);
            }
            self.tell();
        }
    }

    /// Records the step, not too often.
    fn tell(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < PHASE_INTERVAL) {
            return;
        }
        let Some(phase) = self.phase.take() else { return };
        let LaneParts { records, runtime, clock, events, .. } = self.parts;
        let noted =
            runtime.block_on(records.note_phase(self.ticket.job, self.ticket.attempt, &phase, clock.now()));
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

fn timed_out(phase: Option<String>) -> Failure {
    Failure {
        class: FailureClass::ProveTimeout,
        phase,
        reason: "the attempt took longer than the prove timeout; ask for more time or prove a smaller model"
            .into(),
        retryable: false,
    }
}
