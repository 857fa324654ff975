//! What a worker process tells its parent while it works.

use std::{
    io::{self, BufWriter, Stdout},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lemma_prover::progress::{Advance, Phase, Progress};

use crate::work::{
    crash_points,
    protocol::{Report, write_message},
};

/// The way back to the parent.
pub(super) struct Reports {
    out: Mutex<BufWriter<Stdout>>,
    phase: Mutex<Option<&'static str>>,
}

impl Default for Reports {
    fn default() -> Self {
        Self { out: Mutex::new(BufWriter::new(io::stdout())), phase: Mutex::default() }
    }
}

impl Reports {
    /// Sends one report.
    pub(super) fn send(&self, report: &Report, payload: &[u8]) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        write_message(&mut *out, report, payload)
    }

    /// A parent that does not read any more kills this process anyway.
    fn tell(&self, report: &Report) {
        let _ = self.send(report, &[]);
    }

    /// The step that began last.
    pub(super) fn last_phase(&self) -> Option<String> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner).map(Into::into)
    }
}

impl Progress for Reports {
    fn begin(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = Some(phase.as_str());
        self.tell(&Report::Began { phase: phase.as_str().into() });
        crash_points::disturb(phase.as_str());
    }

    fn end(&self, phase: Phase, elapsed: Duration) {
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.tell(&Report::Ended { phase: phase.as_str().into(), milliseconds });
    }

    fn advance(&self, advance: Advance) {
        self.tell(&Report::Advanced { stage: advance.stage.as_str().into(), share: advance.share });
    }
}
