//! Reading jobs and their events.

use std::collections::BTreeMap;

use lemma_circuits::statement::CircuitId;
use lemma_prover::digest::Digest;
use sqlx::{QueryBuilder, Row, Sqlite};
use tracing::warn;

use super::{
    Records, RecordsError,
    row::{RawJob, digest, job_id, json, number, unsigned},
};
use crate::jobs::{Job, JobEvent, JobId, JobState, Timestamp, WorkKind};

/// Which jobs are listed: those for which every given condition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Whose.
    pub owner: Option<String>,
    /// In one of these states; in any if empty.
    pub states: Vec<JobState>,
    /// Of this kind.
    pub kind: Option<WorkKind>,
    /// Proofs of this circuit.
    pub circuit: Option<CircuitId>,
}

/// A part of a listing, newest job first.
#[derive(Clone, Debug, PartialEq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Where the next part begins; absent after the last one.
    pub next: Option<JobId>,
}

impl Records {
    /// One job.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, RecordsError> {
        let raw: Option<RawJob> = sqlx::query_as("SELECT * FROM jobs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        raw.map(RawJob::job).transpose()
    }

    /// At most `limit` jobs older than `after`. A damaged row is left out, and named in the log.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<JobPage, RecordsError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM jobs WHERE 1 = 1");
        if let Some(owner) = &filter.owner {
            query.push(" AND owner = ").push_bind(owner.clone());
        }
        if let Some(kind) = filter.kind {
            query.push(" AND kind = ").push_bind(kind.as_str());
        }
        if let Some(circuit) = filter.circuit {
            query.push(" AND circuit = ").push_bind(circuit.to_string());
        }
        if !filter.states.is_empty() {
            query.push(" AND state IN (");
            let mut states = query.separated(", ");
            filter.states.iter().for_each(|state| {
                states.push_bind(state.as_str());
            });
            query.push(")");
        }
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        // One more than asked for tells whether another part follows.
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit).saturating_add(1));
        let rows: Vec<RawJob> = query.build_query_as().fetch_all(&self.readers).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let last = rows.get(limit).and_then(|_| rows.get(limit.checked_sub(1)?));
        let next = last.map(|last| job_id(&last.id)).transpose()?;
        let undamaged =
            |row: RawJob| row.job().inspect_err(|error| warn!(%error, "a job is not listed")).ok();
        Ok(JobPage { jobs: rows.into_iter().take(limit).filter_map(undamaged).collect(), next })
    }

    /// At most `limit` events of a job after the one numbered `after`, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn events(&self, job: JobId, after: u64, limit: u32) -> Result<Vec<JobEvent>, RecordsError> {
        let rows = sqlx::query(
            "SELECT sequence, at, body FROM job_events WHERE job = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
        )
        .bind(job.to_string())
        .bind(number(after))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let event = |row: sqlx::sqlite::SqliteRow| {
            let body: String = row.try_get("body")?;
            Ok(JobEvent {
                job,
                sequence: unsigned(row.try_get("sequence")?),
                at: Timestamp(row.try_get("at")?),
                kind: json(&format!("an event of job {job}"), "body", &body)?,
            })
        };
        rows.into_iter().map(event).collect()
    }

    /// How many jobs are in each state; every state is there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn counts(&self) -> Result<BTreeMap<JobState, u64>, RecordsError> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT state, COUNT(*) FROM jobs GROUP BY state")
            .fetch_all(&self.readers)
            .await?;
        let mut counts: BTreeMap<_, _> = JobState::ALL.into_iter().map(|state| (state, 0)).collect();
        for (name, count) in rows {
            let damaged = || RecordsError::Damaged { what: "a job".into(), column: "state" };
            counts.insert(JobState::of_name(&name).ok_or_else(damaged)?, unsigned(count));
        }
        Ok(counts)
    }

    /// The jobs that have not ended, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn unfinished(&self) -> Result<Vec<JobId>, RecordsError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT id FROM jobs WHERE state IN ('queued', 'running') ORDER BY id")
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(|(id,)| job_id(id)).collect()
    }

    /// The bundles of all succeeded proof jobs, sorted.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn bundles(&self) -> Result<Vec<Digest>, RecordsError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT bundle FROM jobs WHERE bundle IS NOT NULL ORDER BY bundle")
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(|(text,)| digest("a job", "bundle", text)).collect()
    }
}
