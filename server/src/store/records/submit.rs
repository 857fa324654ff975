//! Accepting jobs.

use std::time::Duration;

use lemma_verifier::digest::Digest;
use sqlx::Row;

use super::{
    Durability, Records, RecordsError, Write,
    row::{self, job_id, milliseconds, number, priority_number, to_json, undamaged},
    transition::{insert_event, load},
};
use crate::work::jobs::{EventKind, Job, JobEvent, JobId, Life, Priority, Timestamp, Work};

/// What makes a repeated request the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key, unique per owner.
    pub key: String,
    /// sha256 of the request, so that another request under the same key is noticed.
    pub request: Digest,
}

/// A job somebody asks for.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What is to be done.
    pub work: Work,
    /// Per model input its integers in row-major order; for proofs.
    pub inputs: Option<Vec<Vec<i32>>>,
    /// Predicted peak memory in bytes, for circuits; that of a proof is known from its circuit.
    pub predicted_memory: Option<u64>,
    /// Which queued jobs go first.
    pub priority: Priority,
    /// How long it may wait.
    pub queue_timeout: Duration,
    /// How long an attempt may take.
    pub prove_timeout: Duration,
    /// The caller's text.
    pub meta: Option<serde_json::Value>,
}

/// A job about to be accepted.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Its name.
    pub id: JobId,
    /// Predicted peak memory of an attempt in bytes.
    pub predicted_memory: u64,
    /// Whose it is; empty while the service knows no callers.
    pub owner: String,
    /// The caller's key.
    pub idempotency: Option<Idempotency>,
    /// What is asked for.
    pub new: NewJob,
}

/// What the key of a request stands for already.
#[derive(Clone, Debug, PartialEq)]
pub enum Repeat {
    /// The job that the same request became.
    Same(Box<Job>),
    /// The job that another request became.
    Other(JobId),
}

impl Records {
    /// Records a job. Durable when it returns. Whether its key stands for a job already is known by [`Records::repeat`]; a
    /// second job with one key is an error.
    ///
    /// # Errors
    /// When the database refuses; the job is then not accepted.
    pub async fn submit(&self, row: JobRow, now: Timestamp) -> Result<(Job, JobEvent), RecordsError> {
        let mut write = self.begin(Durability::Durable).await?;
        insert_job(&mut write, &row, now).await?;
        let JobRow { id, owner, new, .. } = row;
        if let Some(inputs) = &new.inputs {
            insert_input(&mut write, id, inputs).await?;
        }
        let event = insert_event(&mut write, id, now, EventKind::Queued).await?;
        write.commit().await?;
        let job = Job {
            id,
            owner,
            work: new.work,
            priority: new.priority,
            meta: new.meta,
            created: now,
            life: Life::new(now, new.queue_timeout, new.prove_timeout),
            phase: None,
            timings: Vec::new(),
            outcome: None,
        };
        Ok((job, event))
    }

    /// What an earlier request with this key became.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn repeat(
        &self,
        owner: &str,
        idempotency: &Idempotency,
    ) -> Result<Option<Repeat>, RecordsError> {
        let mut connection = self.readers.acquire().await?;
        let used: Option<(String, Option<String>)> = sqlx::query_as(
            "SELECT id, request_digest FROM jobs WHERE owner = $1 AND idempotency_key = $2 UNION ALL \
             SELECT job, request_digest FROM joined_keys WHERE owner = $1 AND idempotency_key = $2",
        )
        .bind(owner)
        .bind(&idempotency.key)
        .fetch_optional(&mut *connection)
        .await?;
        let Some((id, request)) = used else { return Ok(None) };
        let job = job_id(&id)?;
        if request != Some(idempotency.request.to_string()) {
            return Ok(Some(Repeat::Other(job)));
        }
        Ok(load(&mut connection, job).await?.map(|job| Repeat::Same(Box::new(job))))
    }

    /// The build of the same circuit that has not ended: a second one would make the same keys.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn build_under_way(&self, owner: &str, work: &Work) -> Result<Option<Job>, RecordsError> {
        if matches!(work, Work::Proof(_)) {
            return Ok(None);
        }
        let found = sqlx::query(
            "SELECT * FROM jobs WHERE state IN ('queued', 'running') AND owner = $1 AND work = $2 ORDER BY id",
        )
        .bind(owner)
        .bind(to_json(work))
        .fetch_all(&self.readers)
        .await?;
        Ok(undamaged(&found, row::job)?.into_iter().next())
    }

    /// Lets a key stand for a job that is there. Durable when it returns.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn join(&self, owner: &str, idempotency: &Idempotency, job: JobId) -> Result<(), RecordsError> {
        let mut write = self.begin(Durability::Durable).await?;
        sqlx::query(
            "INSERT INTO joined_keys (owner, idempotency_key, request_digest, job) VALUES ($1, $2, $3, $4)",
        )
        .bind(owner)
        .bind(&idempotency.key)
        .bind(idempotency.request.to_string())
        .bind(job.to_string())
        .execute(&mut *write)
        .await?;
        write.commit().await
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
        let damaged =
            || RecordsError::Damaged { what: format!("the input of job {job}"), column: "input".into() };
        if Digest::of(input.as_bytes()).to_string() != sha256 {
            return Err(damaged());
        }
        serde_json::from_str(&input).map(Some).map_err(|_| damaged())
    }
}

async fn insert_job(write: &mut Write, row: &JobRow, now: Timestamp) -> Result<(), RecordsError> {
    let JobRow { id, predicted_memory, owner, idempotency, new } = row;
    let life = Life::new(now, new.queue_timeout, new.prove_timeout);
    let circuit = match &new.work {
        Work::Proof(work) => Some(work.circuit.to_string()),
        Work::Circuit(_) => None,
    };
    sqlx::query(
        "INSERT INTO jobs (id, owner, kind, circuit, work, priority, meta, predicted_memory, created, state, \
         attempt, failed_attempts, queued, queue_timeout, queue_deadline, prove_timeout, timings, \
         idempotency_key, request_digest) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    )
    .bind(id.to_string())
    .bind(owner)
    .bind(new.work.kind().as_str())
    .bind(circuit)
    .bind(to_json(&new.work))
    .bind(priority_number(new.priority))
    .bind(new.meta.as_ref().map(to_json))
    .bind(number(*predicted_memory))
    .bind(now.0)
    .bind(life.state.as_str())
    .bind(i64::from(life.attempt))
    .bind(i64::from(life.failed_attempts))
    .bind(life.queued.0)
    .bind(milliseconds(life.queue_timeout))
    .bind(life.queue_deadline().0)
    .bind(milliseconds(life.prove_timeout))
    .bind("[]")
    .bind(idempotency.as_ref().map(|idempotency| idempotency.key.clone()))
    .bind(idempotency.as_ref().map(|idempotency| idempotency.request.to_string()))
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
