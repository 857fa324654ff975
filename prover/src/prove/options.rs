//! Who follows a proof, and who may stop it.

use std::fmt;

use lemma_plonk::watch::{Advance, Watch};

use super::ProveError;
use crate::{
    cancellation::Cancellation,
    progress::{Phase, Progress, step},
};

/// Who follows a proof, and who may stop it.
#[derive(Clone)]
pub struct ProveOptions<'a> {
    progress: &'a dyn Progress,
    cancellation: Cancellation,
}

impl fmt::Debug for ProveOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProveOptions").field("cancellation", &self.cancellation).finish_non_exhaustive()
    }
}

impl<'a> ProveOptions<'a> {
    /// Tells this how far the proof is; nobody stops it.
    pub fn telling(progress: &'a dyn Progress) -> Self {
        Self { progress, cancellation: Cancellation::new() }
    }

    /// The proof ends with [`ProveError::Cancelled`](super::ProveError::Cancelled) when the flag is set: within some milliseconds of work while it is
    /// made, and before or behind every other step.
    #[must_use]
    pub fn until(self, cancellation: &Cancellation) -> Self {
        Self { cancellation: cancellation.clone(), ..self }
    }

    /// A step, unless the proof has been stopped.
    pub(super) fn step<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> Result<T, ProveError> {
        if self.cancellation.is_cancelled() {
            return Err(ProveError::Cancelled);
        }
        Ok(step(self.progress, phase, work))
    }
}

impl<'a, P: Progress> From<&'a P> for ProveOptions<'a> {
    fn from(progress: &'a P) -> Self {
        Self::telling(progress)
    }
}

/// The options as the prover sees them.
pub(super) struct Watched<'a>(pub(super) &'a ProveOptions<'a>);

impl Watch for Watched<'_> {
    fn advanced(&self, advance: Advance) {
        self.0.progress.advance(advance);
    }

    fn cancelled(&self) -> bool {
        self.0.cancellation.is_cancelled()
    }
}
