//! Progress of long steps on standard error, when that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// A running step; cleared from the screen when dropped.
#[derive(Debug)]
pub(crate) struct Step {
    bar: ProgressBar,
    started: Instant,
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
        Self { bar, started: Instant::now() }
    }

    /// Seconds since the start.
    pub(crate) fn finish(self) -> f64 {
        self.started.elapsed().as_secs_f64()
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
    let style = ProgressStyle::with_template("{spinner} {msg} {share} [{elapsed_precise}, about {predicted}]")?;
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
