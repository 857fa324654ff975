//! Work that requests wait for, on threads kept for it.

use super::{JobService, PoolError};

/// What a task is for. None waits behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// An inference.
    Infer,
    /// Reading an uploaded model.
    Intake,
}

impl JobService {
    /// Runs a task on the threads of its kind.
    ///
    /// # Errors
    /// When all their places are taken, or the task panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        duty: Duty,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let pool = match duty {
            Duty::Infer => &self.inner.pools.infer,
            Duty::Intake => &self.inner.pools.intake,
        };
        pool.run(task).await
    }
}
