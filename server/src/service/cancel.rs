//! Cancelling jobs.

use super::{JobService, joined};
use crate::{
    store::records::{Applied, RecordsError, Results},
    work::{
        crash_points,
        jobs::{Event, Job, JobId},
    },
};

impl JobService {
    /// Ends a job that has not ended; `None` if there is no such job. A job that has ended comes back as it is. The
    /// answer is durable, and its worker process stops within two seconds.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn cancel(&self, job: JobId) -> Result<Option<Job>, RecordsError> {
        let inner = self.inner.clone();
        // A caller that goes away must not leave half of it undone.
        let cancel = async move {
            let now = inner.clock.now();
            let applied = inner.records.apply(job, &Event::Cancel, Results::default(), now).await?;
            crash_points::reach("after-cancel");
            match applied {
                Applied::Changed(job, event) => {
                    inner.dispatcher.cancel(job.id).await;
                    let _ = inner.events.send(event);
                    Ok(Some(*job))
                }
                Applied::Refused(job, _) => Ok(Some(*job)),
                Applied::Unknown => Ok(None),
            }
        };
        joined(tokio::spawn(cancel)).await
    }
}
