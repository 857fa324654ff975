//! The step a running job is in.

use lemma_prover::progress::Phase;

use super::{Durability, Records, RecordsError, transition::insert_event};
use crate::work::jobs::{EventKind, JobEvent, JobId, Timestamp};

impl Records {
    /// Notes that an attempt has entered a step; `None` when the attempt is over.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn note_phase(
        &self,
        job: JobId,
        attempt: u32,
        phase: Phase,
        now: Timestamp,
    ) -> Result<Option<JobEvent>, RecordsError> {
        let mut write = self.begin(Durability::Relaxed).await?;
        let updated =
            sqlx::query("UPDATE jobs SET phase = $1 WHERE id = $2 AND state = 'running' AND attempt = $3")
                .bind(phase.as_str())
                .bind(job.to_string())
                .bind(i64::from(attempt))
                .execute(&mut *write)
                .await?;
        if updated.rows_affected() == 0 {
            write.rollback().await?;
            return Ok(None);
        }
        let event = insert_event(&mut write, job, now, EventKind::Phase { phase }).await?;
        write.commit().await?;
        Ok(Some(event))
    }
}
