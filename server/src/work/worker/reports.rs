//! What a worker process tells its parent while it works.

use std::{
    io::{self, BufWriter, Stdout},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use lemma_prover::progress::{Advance, Phase, Progress};

use crate::work::{
    crash_points,
    protocol::{Report, Told, write_message},
};

/// The way back to the parent.
pub(super) struct Reports {
    out: Mutex<BufWriter<Stdout>>,
    phase: Mutex<Option<Phase>>,
}

impl Default for Reports {
    fn default() -> Self {
        Self { out: Mutex::new(BufWriter::new(io::stdout())), phase: Mutex::default() }
    }
}

impl Reports {
    /// Sends one report.
    pub(super) fn send(&self, report: Report, payload: &[u8]) -> io::Result<()> {
        self.say(&Told::Report(report), payload)
    }

    fn say(&self, told: &Told, payload: &[u8]) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        write_message(&mut *out, told, payload)
    }

    /// A parent that does not read any more kills this process anyway.
    fn tell(&self, report: Report) {
        let _ = self.send(report, &[]);
    }

    /// The step that began last.
    pub(super) fn last_phase(&self) -> Option<Phase> {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time between two signs of life.
const BEAT: Duration = Duration::from_secs(1);

/// Tells the parent again and again that this process lives, from a thread of its own: a process that is stopped, or that the
/// system does not let run, is silent.
pub(super) fn beat(reports: Arc<Reports>) -> io::Result<()> {
    let beat = move || {
        loop {
            thread::sleep(BEAT);
            // A parent that does not read any more kills this process anyway.
            let _ = reports.say(&Told::Alive, &[]);
        }
    };
    thread::Builder::new().name("beat".into()).spawn(beat).map(drop)
}

impl Progress for Reports {
    fn begin(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = Some(phase);
        self.tell(Report::Began { phase });
        crash_points::disturb(phase.as_str());
    }

    fn end(&self, phase: Phase, elapsed: Duration) {
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.tell(Report::Ended { phase, milliseconds });
    }

    fn advance(&self, advance: Advance) {
        self.tell(Report::Advanced { stage: advance.stage.as_str().into(), share: advance.share });
    }
}
