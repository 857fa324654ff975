//! How many steps planning takes, for tests of how they grow; in other builds nothing is counted.

#[cfg(test)]
use std::cell::Cell;

/// Steps, those within attempts, and attempts.
#[cfg(test)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Steps {
    all: usize,
    attempted: usize,
    pub(crate) attempts: usize,
}

#[cfg(test)]
impl Steps {
    /// The steps outside of attempts, and those of an attempt.
    pub(crate) fn of_one_attempt(self) -> usize {
        self.all - self.attempted + self.attempted / self.attempts.max(1)
    }
}

#[cfg(test)]
thread_local! {
    static STEPS: Cell<Steps> = Cell::default();
}

/// Counts steps.
pub(crate) fn count(steps: usize) {
    #[cfg(test)]
    STEPS.set(Steps { all: STEPS.get().all + steps, ..STEPS.get() });
    #[cfg(not(test))]
    let _ = steps;
}

/// Tries a shape. How many are tried differs from network to network.
pub(crate) fn attempt<T>(attempt: impl FnOnce() -> T) -> T {
    #[cfg(test)]
    let before = STEPS.get().all;
    let tried = attempt();
    #[cfg(test)]
    {
        let Steps { all, attempted, attempts } = STEPS.get();
        STEPS.set(Steps { all, attempted: attempted + all - before, attempts: attempts + 1 });
    }
    tried
}

/// What this thread took since it was asked last.
#[cfg(test)]
pub(crate) fn taken() -> Steps {
    STEPS.take()
}
