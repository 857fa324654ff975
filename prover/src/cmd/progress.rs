//! Progress of long steps on standard error, when that is a terminal.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use lemma_prover::measure::{Elapsed, Stopwatch};
use lemma_prover::progress::{Phase, Progress};

/// A running step; cleared from the screen when dropped.
#[derive(Debug)]
pub(crate) struct Step {
    bar: ProgressBar,
    watch: Stopwatch,
}

const BAR_CELLS: usize = 24;

impl Step {
    /// Shows that `what` is running. With a predicted duration the bar fills by it and stops short of full.
    pub(crate) fn start(what: impl Into<String>, predicted: Option<Duration>) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = style(predicted) {
            bar.set_style(style);
        }
        bar.set_message(what.into());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, watch: Stopwatch::start() }
    }

    /// Ends the step.
    pub(crate) fn finish(self) -> Elapsed {
        self.watch.read()
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(predicted: Option<Duration>) -> Result<ProgressStyle, indicatif::style::TemplateError> {
    let Some(predicted) = predicted else {
        return ProgressStyle::with_template("{spinner} {msg} [{elapsed_precise}]");
    };
    let style =
        ProgressStyle::with_template("{spinner} {msg} {share} [{elapsed_precise}, about {predicted}]")?;
    let share = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let share = (state.elapsed().as_secs_f64() / predicted.as_secs_f64().max(0.001)).min(0.97);
        let filled = (share * BAR_CELLS as f64) as usize;
        // Writing to the bar's own buffer does not fail.
        let _ = write!(out, "{}{}", "#".repeat(filled), "-".repeat(BAR_CELLS - filled));
    };
    let about = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{}", super::text::seconds(predicted.as_secs_f64()));
    };
    Ok(style.with_key("share", share).with_key("predicted", about))
}

/// Shows the library's steps as they run and keeps what each of them took.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    proving: Option<Duration>,
    steps: Mutex<Steps>,
}

#[derive(Debug, Default)]
struct Steps {
    running: Vec<Step>,
    finished: Vec<(Phase, Elapsed)>,
}

impl Screen {
    /// A screen that knows how long proving will take.
    pub(crate) fn predicting(proving: Duration) -> Self {
        Self { proving: Some(proving), ..Self::default() }
    }

    /// Time of all finished steps of one kind.
    pub(crate) fn total(&self, phase: Phase) -> Elapsed {
        let steps = self.steps();
        let of_phase = steps.finished.iter().filter(|step| step.0 == phase);
        of_phase.fold(Elapsed::default(), |sum, (_, step)| Elapsed {
            wall: sum.wall + step.wall,
            cpu: sum.cpu + step.cpu,
        })
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Screen {
    fn begin(&self, phase: Phase) {
        let predicted = self.proving.filter(|_| phase == Phase::Prove);
        self.steps().running.push(Step::start(message(phase), predicted));
    }

    fn end(&self, phase: Phase, _: Duration) {
        let mut steps = self.steps();
        if let Some(step) = steps.running.pop() {
            let elapsed = step.finish();
            steps.finished.push((phase, elapsed));
        }
    }
}

fn message(phase: Phase) -> &'static str {
    match phase {
        Phase::Parameters => "commitment parameters",
        Phase::VerifyingKey => "making the verifying key",
        Phase::ProvingKey => "making the proving key",
        Phase::LoadKeys => "reading keys",
        Phase::Tables => "making tables of the parameters",
        Phase::PrepareKey => "preparing the key",
        Phase::Witness => "computing the witness",
        Phase::Prove => "proving",
        Phase::Verify => "verifying",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_steps_are_kept_apart() {
        let screen = Screen::default();
        screen.begin(Phase::Prove);
        screen.begin(Phase::Verify);
        std::thread::sleep(Duration::from_millis(5));
        screen.end(Phase::Verify, Duration::ZERO);
        screen.end(Phase::Prove, Duration::ZERO);
        assert!(screen.total(Phase::Verify).wall >= Duration::from_millis(5));
        assert!(screen.total(Phase::Prove).wall >= screen.total(Phase::Verify).wall);
        assert_eq!(screen.total(Phase::Witness), Elapsed::default());
    }
}
