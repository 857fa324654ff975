//! Reading jobs and their events.

use std::collections::BTreeMap;

use lemma_verifier::{circuit_id::CircuitId, digest::Digest};
use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};

use super::{
    Records, RecordsError,
    row::{self, Columns, number, undamaged, unsigned},
};
use crate::work::jobs::{Job, JobEvent, JobId, JobState, WorkKind};

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
        let found = sqlx::query("SELECT * FROM jobs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        found.as_ref().map(row::job).transpose()
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
        // One more than asked for tells whether another part follows.
        let mut jobs = self.page(|| wanted(filter, after), limit.saturating_add(1), row::job).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = jobs.len() > limit;
        jobs.truncate(limit);
        Ok(JobPage { next: jobs.last().filter(|_| more).map(|job| job.id), jobs })
    }

    /// The first `limit` undamaged rows of a query that says their order.
    pub(super) async fn page<T>(
        &self,
        query: impl Fn() -> QueryBuilder<Sqlite>,
        limit: u32,
        meaning: impl Fn(&SqliteRow) -> Result<T, RecordsError>,
    ) -> Result<Vec<T>, RecordsError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut found, mut offset) = (Vec::new(), 0i64);
        loop {
            let mut part = query();
            part.push(" LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ").push_bind(offset);
            let rows = part.build().fetch_all(&self.readers).await?;
            found.extend(undamaged(&rows, &meaning)?);
            found.truncate(most);
            if rows.len() < most || found.len() == most {
                return Ok(found);
            }
            // Rows that were left out make room for as many after them.
            offset = offset.saturating_add(limit.into());
        }
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
        let event = |row: &SqliteRow| {
            let columns = Columns::of(row, format!("an event of job {job}"));
            Ok(JobEvent {
                job,
                sequence: unsigned(columns.get("sequence")?),
                at: columns.time("at")?,
                kind: columns.json("body")?,
            })
        };
        undamaged(&rows, event)
    }

    /// How many jobs are in each state; every state is there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn counts(&self) -> Result<BTreeMap<JobState, u64>, RecordsError> {
        let rows = sqlx::query("SELECT state, COUNT(*) AS jobs FROM jobs GROUP BY state")
            .fetch_all(&self.readers)
            .await?;
        let count = |found: &SqliteRow| {
            let columns = Columns::of(found, "a job");
            Ok((row::state(&columns)?, unsigned(columns.get("jobs")?)))
        };
        let mut counts: BTreeMap<_, _> = JobState::ALL.into_iter().map(|state| (state, 0)).collect();
        counts.extend(undamaged(&rows, count)?);
        Ok(counts)
    }

    /// The jobs that have not ended, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn unfinished(&self) -> Result<Vec<JobId>, RecordsError> {
        let rows = sqlx::query("SELECT id FROM jobs WHERE state IN ('queued', 'running') ORDER BY id")
            .fetch_all(&self.readers)
            .await?;
        undamaged(&rows, row::id)
    }

    /// The bundles of all succeeded proof jobs, sorted.
    ///
    /// # Errors
    /// When the database refuses, and when a row is damaged: what is left out may be taken for nobody's.
    pub async fn bundles(&self) -> Result<Vec<Digest>, RecordsError> {
        let rows = sqlx::query("SELECT bundle FROM jobs WHERE bundle IS NOT NULL ORDER BY bundle")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Columns::of(row, "a job").parsed("bundle")).collect()
    }
}

/// The jobs that a listing is about, newest first.
fn wanted(filter: &JobFilter, after: Option<JobId>) -> QueryBuilder<Sqlite> {
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
    query.push(" ORDER BY id DESC");
    query
}
