//! Waiting for the end of a job.

use tokio::time::{Duration, Instant};

use super::JobService;
use crate::{
    store::records::RecordsError,
    work::jobs::{Job, JobId},
};

/// Longest time between two looks at a job that is waited for.
const WAIT_POLL: Duration = Duration::from_secs(1);

impl JobService {
    /// The job as soon as it has ended, or as it is after this time.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn wait(&self, id: JobId, time: Duration) -> Result<Option<Job>, RecordsError> {
        let deadline = Instant::now() + time;
        // Listening begins before looking, so that nothing falls between.
        let mut events = self.inner.events.subscribe();
        let mut stopping = self.inner.stopping.subscribe();
        loop {
            let job = self.job(id).await?;
            let over = job.as_ref().is_none_or(|job| job.state().is_terminal());
            if over || Instant::now() >= deadline || *stopping.borrow() {
                return Ok(job);
            }
            let look = deadline.min(Instant::now() + WAIT_POLL);
            let ended = async {
                loop {
                    match events.recv().await {
                        Ok(event) if event.job == id && event.kind.is_terminal() => break,
                        Ok(_) => {}
                        Err(_) => break tokio::time::sleep_until(look).await,
                    }
                }
            };
            tokio::select! {
                () = ended => {}
                () = tokio::time::sleep_until(look) => {}
                _ = stopping.changed() => {}
            }
        }
    }
}
