//! Accepting jobs.

use std::time::Duration;

use lemma_prover::digest::Digest;
use sqlx::Row;

use super::{
    Durability, Records, RecordsError, Write,
    row::{RawJob, milliseconds, number, priority_number, to_json},
    transition::insert_event,
};
use crate::jobs::{EventKind, Job, JobEvent, JobId, Life, Priority, Timestamp, Work};

/// What makes a repeated request the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key, unique per owner.
    pub key: String,
    /// sha256 of the request, so that another request under the same key is noticed.
    pub request: Digest,
}

/// A job about to be accepted.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Its name.
    pub id: JobId,
    /// Whose it is.
    pub owner: String,
    /// What is to be done.
    pub work: Work,
    /// Per model input its integers, for a proof.
    pub inputs: Option<Vec<Vec<i32>>>,
    /// Predicted peak memory of an attempt in bytes.
    pub predicted_memory: u64,
    /// Which queued jobs go first.
    pub priority: Priority,
    /// How long it may wait.
    pub queue_timeout: Duration,
    /// How long an attempt may take.
    pub prove_timeout: Duration,
    /// The caller's text.
    pub meta: Option<serde_json::Value>,
    /// The caller's key.
    pub idempotency: Option<Idempotency>,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// It is durable and queued.
    New(Job, JobEvent),
    /// It is the same request as an earlier one, which became this job.
    Replayed(Job),
    /// The key was used before for another request, which became this job.
    Conflict(JobId),
}

impl Records {
    /// Accepts a job, or finds the one that it is already. Durable when it returns.
    ///
    /// # Errors
    /// When the database refuses; the job is then not accepted.
    pub async fn submit(&self, row: JobRow, now: Timestamp) -> Result<Stored, RecordsError> {
        let mut write = self.begin(Durability::Durable).await?;
        if let Some(found) = find_same(&mut write, &row.owner, &row.work, row.idempotency.as_ref()).await? {
            write.rollback().await?;
            return Ok(found);
        }
        insert_job(&mut write, &row, now).await?;
        if let Some(inputs) = &row.inputs {
            insert_input(&mut write, row.id, inputs).await?;
        }
        let event = insert_event(&mut write, row.id, now, EventKind::Queued).await?;
        write.commit().await?;
        let job = Job {
            id: row.id,
            owner: row.owner,
            work: row.work,
            priority: row.priority,
            meta: row.meta,
            created: now,
            life: Life::new(now, row.queue_timeout, row.prove_timeout),
            phase: None,
            timings: Vec::new(),
            outcome: None,
        };
        Ok(Stored::New(job, event))
    }

    /// The job that this request is already: what an earlier request with its key became, or the same circuit's build
    /// that has not ended.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn same(
        &self,
        owner: &str,
        work: &Work,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Stored>, RecordsError> {
        let mut connection = self.readers.acquire().await?;
        find_same(&mut connection, owner, work, idempotency).await
    }

    /// The input of a job that has not ended, its digest checked.
    ///
    /// # Errors
    /// When the database refuses or the input is not what was accepted.
    pub async fn input(&self, job: JobId) -> Result<Option<Vec<Vec<i32>>>, RecordsError> {
        let row = sqlx::query("SELECT sha256, input FROM job_inputs WHERE job = $1")
            .bind(job.to_string())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (sha256, input): (String, String) = (row.try_get("sha256")?, row.try_get("input")?);
        let damaged = || RecordsError::Damaged { what: format!("the input of job {job}"), column: "input" };
        if Digest::of(input.as_bytes()).to_string() != sha256 {
            return Err(damaged());
        }
        serde_json::from_str(&input).map(Some).map_err(|_| damaged())
    }
}

async fn find_same(
    connection: &mut sqlx::SqliteConnection,
    owner: &str,
    work: &Work,
    idempotency: Option<&Idempotency>,
) -> Result<Option<Stored>, RecordsError> {
    if let Some(idempotency) = idempotency {
        let found = find_replay(connection, owner, idempotency).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    match work {
        Work::Circuit(_) => find_build(connection, owner, work).await,
        Work::Proof(_) => Ok(None),
    }
}

async fn find_replay(
    connection: &mut sqlx::SqliteConnection,
    owner: &str,
    idempotency: &Idempotency,
) -> Result<Option<Stored>, RecordsError> {
    let found: Option<RawJob> =
        sqlx::query_as("SELECT * FROM jobs WHERE owner = $1 AND idempotency_key = $2")
            .bind(owner)
            .bind(&idempotency.key)
            .fetch_optional(connection)
            .await?;
    let Some(found) = found else { return Ok(None) };
    let same = found.request_digest.as_deref() == Some(&idempotency.request.to_string());
    let job = found.job()?;
    Ok(Some(if same { Stored::Replayed(job) } else { Stored::Conflict(job.id) }))
}

/// The build of a circuit that has not ended: a second one would make the same keys.
async fn find_build(
    connection: &mut sqlx::SqliteConnection,
    owner: &str,
    work: &Work,
) -> Result<Option<Stored>, RecordsError> {
    let found: Option<RawJob> = sqlx::query_as(
        "SELECT * FROM jobs WHERE state IN ('queued', 'running') AND owner = $1 AND work = $2 ORDER BY id LIMIT 1",
    )
    .bind(owner)
    .bind(to_json(work))
    .fetch_optional(connection)
    .await?;
    found.map(|found| Ok(Stored::Replayed(found.job()?))).transpose()
}

async fn insert_job(write: &mut Write, row: &JobRow, now: Timestamp) -> Result<(), RecordsError> {
    let life = Life::new(now, row.queue_timeout, row.prove_timeout);
    let circuit = match &row.work {
        Work::Proof(work) => Some(work.circuit.to_string()),
        Work::Circuit(_) => None,
    };
    sqlx::query(
        "INSERT INTO jobs (id, owner, kind, circuit, work, priority, meta, predicted_memory, created, state, \
         attempt, failed_attempts, queued, queue_timeout, queue_deadline, prove_timeout, timings, \
         idempotency_key, request_digest) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    )
    .bind(row.id.to_string())
    .bind(&row.owner)
    .bind(row.work.kind().as_str())
    .bind(circuit)
    .bind(to_json(&row.work))
    .bind(priority_number(row.priority))
    .bind(row.meta.as_ref().map(to_json))
    .bind(number(row.predicted_memory))
    .bind(now.0)
    .bind(life.state.as_str())
    .bind(i64::from(life.attempt))
    .bind(i64::from(life.failed_attempts))
    .bind(life.queued.0)
    .bind(milliseconds(life.queue_timeout))
    .bind(life.queue_deadline().0)
    .bind(milliseconds(life.prove_timeout))
    .bind("[]")
    .bind(row.idempotency.as_ref().map(|idempotency| idempotency.key.clone()))
    .bind(row.idempotency.as_ref().map(|idempotency| idempotency.request.to_string()))
    .execute(&mut **write)
    .await?;
    Ok(())
}

async fn insert_input(write: &mut Write, job: JobId, inputs: &[Vec<i32>]) -> Result<(), RecordsError> {
    let input = to_json(&inputs);
    sqlx::query("INSERT INTO job_inputs (job, sha256, input) VALUES ($1, $2, $3)")
        .bind(job.to_string())
        .bind(Digest::of(input.as_bytes()).to_string())
        .bind(input)
        .execute(&mut **write)
        .await?;
    Ok(())
}
