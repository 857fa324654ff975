//! Changing jobs by events.

use lemma_prover::progress::Phase;
use lemma_verifier::digest::Digest;
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use tracing::debug;

use super::{
    Durability, Records, RecordsError, Write,
    circuits::insert_circuit,
    row::{self, Columns, number, to_json, undamaged, unsigned},
};
use crate::work::jobs::{
    CircuitFacts, Event, EventKind, Job, JobEvent, JobId, JobState, Outcome, PhaseTiming, Refusal, Timestamp,
    Work,
};

/// What became of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// The job changed to this.
    Changed(Box<Job>, JobEvent),
    /// The job is this and did not change.
    Refused(Box<Job>, Refusal),
    /// There is no such job.
    Unknown,
}

/// What an attempt produced besides its event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// Time per step.
    pub timings: Vec<PhaseTiming>,
    /// sha256 and length of the proof bundle among the blobs.
    pub bundle: Option<(Digest, u64)>,
    /// The circuit whose keys were made.
    pub circuit: Option<CircuitFacts>,
}

/// A queued job as a dispatcher needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatchable {
    /// The job.
    pub job: Job,
    /// Predicted peak memory of an attempt in bytes.
    pub predicted_memory: u64,
}

impl Records {
    /// Applies an event to a job in one transaction; durable when it returns, except for a start.
    ///
    /// # Errors
    /// When the database refuses; the job is then unchanged.
    pub async fn apply(
        &self,
        id: JobId,
        event: &Event,
        results: Results,
        now: Timestamp,
    ) -> Result<Applied, RecordsError> {
        let durability =
            if matches!(event, Event::Start { .. }) { Durability::Relaxed } else { Durability::Durable };
        let mut write = self.begin(durability).await?;
        let Some(job) = load(&mut write, id).await? else {
            write.rollback().await?;
            return Ok(Applied::Unknown);
        };
        let applied = change(&mut write, job, event, results, now).await?;
        write.commit().await?;
        Ok(applied)
    }

    /// Gives back every job that a dead process left running, and returns all queued jobs in the order in which
    /// they are to go. Damaged rows are left as they are, and named in the log.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn recover(&self, now: Timestamp) -> Result<Vec<Dispatchable>, RecordsError> {
        let mut write = self.begin(Durability::Durable).await?;
        let running = sqlx::query("SELECT * FROM jobs WHERE state = 'running' ORDER BY id")
            .fetch_all(&mut *write)
            .await?;
        for job in undamaged(&running, row::job)? {
            change(&mut write, job, &Event::Recover, Results::default(), now).await?;
        }
        let queued =
            sqlx::query("SELECT * FROM jobs WHERE state = 'queued' ORDER BY priority DESC, created, id")
                .fetch_all(&mut *write)
                .await?;
        write.commit().await?;
        let dispatchable = |queued: &SqliteRow| {
            let job = row::job(queued)?;
            let columns = Columns::of(queued, format!("job {}", job.id));
            Ok(Dispatchable { job, predicted_memory: unsigned(columns.get("predicted_memory")?) })
        };
        undamaged(&queued, dispatchable)
    }

    /// Ends the queued jobs whose queue timeout is over.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn expire_due(&self, now: Timestamp) -> Result<Vec<(Job, JobEvent)>, RecordsError> {
        let due =
            sqlx::query("SELECT id FROM jobs WHERE state = 'queued' AND queue_deadline <= $1 ORDER BY id")
                .bind(now.0)
                .fetch_all(&self.readers)
                .await?;
        let mut expired = Vec::new();
        for id in due.iter().filter_map(|due| row::id(due).ok()) {
            match self.apply(id, &Event::Tick, Results::default(), now).await {
                Ok(Applied::Changed(job, event)) => expired.push((*job, event)),
                Ok(Applied::Refused(..) | Applied::Unknown) => {}
                // Every look finds it again, and listings have named it.
                Err(error @ RecordsError::Damaged { .. }) => debug!(%error, "a job does not expire"),
                Err(error) => return Err(error),
            }
        }
        Ok(expired)
    }

    /// Predicted peak memory of a job's attempts in bytes; 0 if there is no such job.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn predicted_memory(&self, id: JobId) -> Result<u64, RecordsError> {
        let found: Option<(i64,)> = sqlx::query_as("SELECT predicted_memory FROM jobs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.map_or(0, |(bytes,)| unsigned(bytes)))
    }
}

pub(super) async fn load(connection: &mut SqliteConnection, id: JobId) -> Result<Option<Job>, RecordsError> {
    let found = sqlx::query("SELECT * FROM jobs WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(row::job).transpose()
}

async fn change(
    write: &mut Write,
    job: Job,
    event: &Event,
    results: Results,
    now: Timestamp,
) -> Result<Applied, RecordsError> {
    let (life, kind) = match job.life.apply(event, now) {
        Ok(changed) => changed,
        Err(refusal) => return Ok(Applied::Refused(Box::new(job), refusal)),
    };
    let (state, attempt) = (job.life.state, job.life.attempt);
    let mut job = Job { life, phase: None, ..job };
    if !matches!(event, Event::Start { .. } | Event::Cancel) {
        job.timings = results.timings;
    }
    if job.state() == JobState::Succeeded {
        job.outcome = outcome(&job, results.bundle, results.circuit.as_ref());
        if let (Some(facts), Work::Circuit(work)) = (results.circuit, &job.work) {
            insert_circuit(write, &facts, work, job.id, now).await?;
        }
    }
    update(write, &job, state, attempt).await?;
    if job.state().is_terminal() {
        sqlx::query("DELETE FROM job_inputs WHERE job = $1")
            .bind(job.id.to_string())
            .execute(&mut **write)
            .await?;
    }
    let event = insert_event(write, job.id, now, kind).await?;
    Ok(Applied::Changed(Box::new(job), event))
}

fn outcome(job: &Job, bundle: Option<(Digest, u64)>, circuit: Option<&CircuitFacts>) -> Option<Outcome> {
    match &job.work {
        Work::Proof(_) => bundle.map(|(bundle, bytes)| Outcome::Proof { bundle, bytes }),
        Work::Circuit(_) => circuit.map(|facts| Outcome::Circuit { circuit: facts.circuit }),
    }
}

/// Writes a job back where it still is in the state and the attempt it was loaded in.
async fn update(
    write: &mut Write,
    job: &Job,
    from_state: JobState,
    from_attempt: u32,
) -> Result<(), RecordsError> {
    let life = &job.life;
    let bundle = match &job.outcome {
        Some(Outcome::Proof { bundle, .. }) => Some(bundle.to_string()),
        _ => None,
    };
    let result = sqlx::query(
        "UPDATE jobs SET state = $1, attempt = $2, failed_attempts = $3, queued = $4, queue_deadline = $5, \
         started = $6, finished = $7, failure = $8, phase = $9, timings = $10, outcome = $11, bundle = $12, \
         service_deaths = $13 WHERE id = $14 AND state = $15 AND attempt = $16",
    )
    .bind(life.state.as_str())
    .bind(i64::from(life.attempt))
    .bind(i64::from(life.failed_attempts))
    .bind(life.queued.0)
    .bind(life.queue_deadline().0)
    .bind(life.started.map(|at| at.0))
    .bind(life.finished.map(|at| at.0))
    .bind(life.failure.as_ref().map(to_json))
    .bind(job.phase.map(Phase::as_str))
    .bind(to_json(&job.timings))
    .bind(job.outcome.as_ref().map(to_json))
    .bind(bundle)
    .bind(i64::from(life.service_deaths))
    .bind(job.id.to_string())
    .bind(from_state.as_str())
    .bind(i64::from(from_attempt))
    .execute(&mut **write)
    .await?;
    if result.rows_affected() == 1 {
        Ok(())
    } else {
        // The write lock was held since before the row was read.
        Err(RecordsError::Damaged { what: format!("job {}", job.id), column: "state".into() })
    }
}

/// Appends an event to a job's history.
pub(super) async fn insert_event(
    write: &mut Write,
    job: JobId,
    at: Timestamp,
    kind: EventKind,
) -> Result<JobEvent, RecordsError> {
    let (last,): (i64,) = sqlx::query_as("SELECT COALESCE(MAX(sequence), 0) FROM job_events WHERE job = $1")
        .bind(job.to_string())
        .fetch_one(&mut **write)
        .await?;
    let sequence = unsigned(last).saturating_add(1);
    sqlx::query("INSERT INTO job_events (job, sequence, at, body) VALUES ($1, $2, $3, $4)")
        .bind(job.to_string())
        .bind(number(sequence))
        .bind(at.0)
        .bind(to_json(&kind))
        .execute(&mut **write)
        .await?;
    Ok(JobEvent { job, sequence, at, kind })
}
