//! The caretaker: ends jobs that waited too long, and finds jobs that fell between records and dispatcher.

use std::time::Duration;

use tokio::{task::JoinHandle, time::MissedTickBehavior};
use tracing::{debug, info, warn};

use super::{Inner, JobService, admission::ticket};
use crate::{
    store::records::{Applied, Dispatchable, RecordsError, Results},
    work::jobs::{Event, JobId, JobState},
};

/// Time between two looks for jobs that waited too long.
const EXPIRE_EVERY: Duration = Duration::from_millis(500);

/// Looks of the first kind between two comparisons of records and dispatcher.
const COMPARE_EVERY: u32 = 10;

/// Looks of the first kind between two times the write-ahead log is emptied.
const CHECKPOINT_EVERY: u32 = 60;

/// How long a job must be in its state before its absence from the dispatcher means anything.
const SETTLED: Duration = Duration::from_secs(3);

/// Runs until the service stops.
pub(super) fn start(service: &JobService) -> JoinHandle<()> {
    let inner = service.inner.clone();
    tokio::spawn(async move {
        let mut stopping = inner.stopping.subscribe();
        let mut ticks = tokio::time::interval(EXPIRE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0u32;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
            count = count.wrapping_add(1);
            if let Err(error) = inner.expire().await {
                warn!(%error, "cannot look for jobs that waited too long");
            }
            if count.is_multiple_of(COMPARE_EVERY)
                && let Err(error) = inner.compare().await
            {
                warn!(%error, "cannot compare the records with the dispatcher");
            }
            if count.is_multiple_of(CHECKPOINT_EVERY)
                && let Err(error) = inner.records.checkpoint().await
            {
                warn!(%error, "cannot empty the write-ahead log");
            }
        }
    })
}

impl Inner {
    async fn expire(&self) -> Result<(), RecordsError> {
        for (job, event) in self.records.expire_due(self.clock.now()).await? {
            self.dispatcher.cancel(job.id).await;
            let _ = self.events.send(event);
        }
        Ok(())
    }

    /// A commit whose answer was lost, or a lane whose thread died, leaves a job that nobody holds.
    async fn compare(&self) -> Result<(), RecordsError> {
        for id in self.records.unfinished().await? {
            match self.adopt(id).await {
                Err(error @ RecordsError::Damaged { .. }) => debug!(%error, "a job is left as it is"),
                adopted => adopted?,
            }
        }
        Ok(())
    }

    async fn adopt(&self, id: JobId) -> Result<(), RecordsError> {
        let Some(job) = self.records.job(id).await? else { return Ok(()) };
        let since = job.life.started.unwrap_or(job.life.queued);
        if self.dispatcher.holds(id) || self.clock.now().since(since) < SETTLED {
            return Ok(());
        }
        let job = match job.state() {
            JobState::Queued => job,
            JobState::Running => {
                let applied =
                    self.records.apply(id, &Event::Recover, Results::default(), self.clock.now()).await?;
                let Applied::Changed(job, event) = applied else { return Ok(()) };
                let _ = self.events.send(event);
                *job
            }
            _ => return Ok(()),
        };
        if job.state() == JobState::Queued {
            info!(job = %id, "nobody holds the job; dispatching it again");
            let predicted_memory = self.records.predicted_memory(id).await?;
            let dispatchable = Dispatchable { job, predicted_memory };
            self.dispatcher.dispatch(ticket(&dispatchable), None).await;
        }
        Ok(())
    }
}
