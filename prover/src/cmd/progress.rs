//! Progress of long steps on standard error, when that is a terminal.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use lemma_prover::{
    measure::{Elapsed, Stopwatch},
    progress::{Advance, Phase, Progress, Stage, rest},
};

/// A running step; cleared from the screen when dropped.
#[derive(Debug)]
pub(crate) struct Step {
    bar: ProgressBar,
    watch: Stopwatch,
}

/// With the longest message a line of 80 columns.
const BAR_CELLS: usize = 12;

/// Parts of a whole in which the bar counts.
const WHOLE: u64 = 1000;

impl Step {
    /// Shows that `what` is running. With a predicted duration there is a bar, filled by [`Step::advance`].
    pub(crate) fn start(what: impl Into<String>, predicted: Option<Duration>) -> Self {
        let bar = if predicted.is_some() { ProgressBar::new(WHOLE) } else { ProgressBar::new_spinner() };
        if let Ok(style) = style(predicted) {
            bar.set_style(style);
        }
        bar.set_message(what.into());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, watch: Stopwatch::start() }
    }

    /// Shows that `what` is running now, and this share of the step done.
    pub(crate) fn advance(&self, what: impl Into<String>, share: f32) {
        self.bar.set_message(what.into());
        self.bar.set_position((f64::from(share) * WHOLE as f64) as u64);
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
        ProgressStyle::with_template("{spinner} {share} {msg} [{elapsed_precise}, about {rest} left]")?;
    // Writing to the bar's own buffer does not fail.
    let share = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = out.write_str(&cells(state.fraction()));
    };
    let rest = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let rest = left(state.fraction(), state.elapsed(), predicted);
        let _ = out.write_str(&super::text::seconds(rest.as_secs_f64()));
    };
    Ok(style.with_key("share", share).with_key("rest", rest))
}

/// A bar with this share filled.
fn cells(share: f32) -> String {
    let filled = ((share * BAR_CELLS as f32) as usize).min(BAR_CELLS);
    "#".repeat(filled) + &"-".repeat(BAR_CELLS - filled)
}

/// What is left to wait for, by what was predicted before anything is done.
fn left(share: f32, elapsed: Duration, predicted: Duration) -> Duration {
    rest(share, elapsed).unwrap_or_else(|| predicted.saturating_sub(elapsed))
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

    fn advance(&self, advance: Advance) {
        if let Some(step) = self.steps().running.last() {
            step.advance(format!("{}: {}", message(Phase::Prove), doing(advance.stage)), advance.share);
        }
    }
}

fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Assign => "filling cells",
        Stage::Commit => "committing to columns",
        Stage::Permutation => "permutation products",
        Stage::Interpolate => "interpolating columns",
        Stage::Quotient => "the quotient of all constraints",
        Stage::Open => "opening commitments",
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
    fn the_bar_fills_and_the_rest_shrinks() {
        assert_eq!(cells(0.0), "-".repeat(BAR_CELLS));
        assert_eq!(cells(0.5), "#".repeat(BAR_CELLS / 2) + &"-".repeat(BAR_CELLS / 2));
        assert_eq!(cells(1.5), "#".repeat(BAR_CELLS));
        let [second, predicted] = [1, 10].map(Duration::from_secs);
        assert_eq!(left(0.0, second, predicted), Duration::from_secs(9));
        assert_eq!(left(0.0, 2 * predicted, predicted), Duration::ZERO);
        assert_eq!(left(0.5, second, predicted), second);
    }

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
