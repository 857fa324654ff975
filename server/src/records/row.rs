//! Rows and what they mean.

use std::time::Duration;

use lemma_prover::digest::Digest;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::FromRow;

use super::RecordsError;
use crate::jobs::{Job, JobId, JobState, Life, Priority, Timestamp};

/// A row of `jobs` as it is read.
#[derive(FromRow)]
pub(super) struct RawJob {
    pub(super) id: String,
    owner: String,
    work: String,
    priority: i64,
    meta: Option<String>,
    pub(super) predicted_memory: i64,
    created: i64,
    state: String,
    attempt: i64,
    failed_attempts: i64,
    service_deaths: i64,
    queued: i64,
    queue_timeout: i64,
    prove_timeout: i64,
    started: Option<i64>,
    finished: Option<i64>,
    failure: Option<String>,
    phase: Option<String>,
    timings: String,
    outcome: Option<String>,
}

impl RawJob {
    pub(super) fn job(self) -> Result<Job, RecordsError> {
        let what = format!("job {}", self.id);
        let damaged = |column| RecordsError::Damaged { what: what.clone(), column };
        let count = |column, value| u32::try_from(value).map_err(|_| damaged(column));
        Ok(Job {
            id: job_id(&self.id)?,
            owner: self.owner,
            work: json(&what, "work", &self.work)?,
            priority: priority_of(self.priority).ok_or_else(|| damaged("priority"))?,
            meta: optional_json(&what, "meta", self.meta.as_deref())?,
            created: Timestamp(self.created),
            life: Life {
                state: JobState::of_name(&self.state).ok_or_else(|| damaged("state"))?,
                attempt: count("attempt", self.attempt)?,
                failed_attempts: count("failed_attempts", self.failed_attempts)?,
                service_deaths: count("service_deaths", self.service_deaths)?,
                queued: Timestamp(self.queued),
                started: self.started.map(Timestamp),
                finished: self.finished.map(Timestamp),
                queue_timeout: duration(self.queue_timeout).ok_or_else(|| damaged("queue_timeout"))?,
                prove_timeout: duration(self.prove_timeout).ok_or_else(|| damaged("prove_timeout"))?,
                failure: optional_json(&what, "failure", self.failure.as_deref())?,
            },
            phase: self.phase,
            timings: json(&what, "timings", &self.timings)?,
            outcome: optional_json(&what, "outcome", self.outcome.as_deref())?,
        })
    }
}

pub(super) fn job_id(text: &str) -> Result<JobId, RecordsError> {
    text.parse().map_err(|_| RecordsError::Damaged { what: "a job".into(), column: "id" })
}

pub(super) fn digest(what: &str, column: &'static str, text: &str) -> Result<Digest, RecordsError> {
    text.parse().map_err(|_| RecordsError::Damaged { what: what.into(), column })
}

pub(super) const fn priority_number(priority: Priority) -> i64 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
    }
}

fn priority_of(number: i64) -> Option<Priority> {
    match number {
        0 => Some(Priority::Low),
        1 => Some(Priority::Normal),
        2 => Some(Priority::High),
        _ => None,
    }
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn duration(milliseconds: i64) -> Option<Duration> {
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

/// A length or a size as a column holds it.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The inverse of [`number`] for what it wrote.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

pub(super) fn json<T: DeserializeOwned>(
    what: &str,
    column: &'static str,
    text: &str,
) -> Result<T, RecordsError> {
    serde_json::from_str(text).map_err(|_| RecordsError::Damaged { what: what.into(), column })
}

fn optional_json<T: DeserializeOwned>(
    what: &str,
    column: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, RecordsError> {
    text.map(|text| json(what, column, text)).transpose()
}

/// # Panics
/// For maps with keys that are no text, which no record has.
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("records have no maps with keys that are no text")
}
