//! Rows and what they mean.
//!
//! A row may hold something this program did not write: [`Columns`] reads every one, so that any damage is the same error,
//! and [`undamaged`] reads many, so that one bad row does not withhold the others.

use std::{str::FromStr, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Decode, Row, Sqlite, Type, sqlite::SqliteRow};
use tracing::warn;

use super::RecordsError;
use crate::work::jobs::{Job, JobId, JobState, Life, Priority, Timestamp};

/// The columns of one row.
pub(super) struct Columns<'a> {
    row: &'a SqliteRow,
    /// Whose row it is, for errors.
    what: String,
}

impl<'a> Columns<'a> {
    /// A row of something that `key` names.
    pub(super) fn named(
        row: &'a SqliteRow,
        kind: &'static str,
        key: &'static str,
    ) -> Result<Self, RecordsError> {
        let unnamed = Self::of(row, kind);
        let name: String = unnamed.get(key)?;
        Ok(Self { row, what: format!("{kind} {name}") })
    }

    /// A row of something.
    pub(super) fn of(row: &'a SqliteRow, what: impl Into<String>) -> Self {
        Self { row, what: what.into() }
    }

    pub(super) fn damaged(&self, column: &str) -> RecordsError {
        RecordsError::Damaged { what: self.what.clone(), column: column.into() }
    }

    pub(super) fn get<T>(&self, column: &'static str) -> Result<T, RecordsError>
    where
        T: Decode<'a, Sqlite> + Type<Sqlite>,
    {
        self.row.try_get(column).map_err(|error| match error {
            sqlx::Error::ColumnDecode { .. } => self.damaged(column),
            error => error.into(),
        })
    }

    pub(super) fn parsed<T: FromStr>(&self, column: &'static str) -> Result<T, RecordsError> {
        self.get::<&str>(column)?.parse().map_err(|_| self.damaged(column))
    }

    fn optional_parsed<T: FromStr>(&self, column: &'static str) -> Result<Option<T>, RecordsError> {
        let text: Option<&str> = self.get(column)?;
        text.map(|text| text.parse().map_err(|_| self.damaged(column))).transpose()
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, RecordsError> {
        self.optional_json(column)?.ok_or_else(|| self.damaged(column))
    }

    fn optional_json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, RecordsError> {
        let text: Option<&str> = self.get(column)?;
        text.map(|text| serde_json::from_str(text).map_err(|_| self.damaged(column))).transpose()
    }

    pub(super) fn time(&self, column: &'static str) -> Result<Timestamp, RecordsError> {
        self.get(column).map(Timestamp)
    }

    fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, RecordsError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp))
    }

    fn duration(&self, column: &'static str) -> Result<Duration, RecordsError> {
        let milliseconds: i64 = self.get(column)?;
        u64::try_from(milliseconds).map(Duration::from_millis).map_err(|_| self.damaged(column))
    }

    fn count(&self, column: &'static str) -> Result<u32, RecordsError> {
        u32::try_from(self.get::<i64>(column)?).map_err(|_| self.damaged(column))
    }
}

/// What those rows mean that are not damaged; the others are named in the log.
pub(super) fn undamaged<T>(
    rows: &[SqliteRow],
    meaning: impl Fn(&SqliteRow) -> Result<T, RecordsError>,
) -> Result<Vec<T>, RecordsError> {
    let known = |read: Result<T, RecordsError>| match read {
        Err(error @ RecordsError::Damaged { .. }) => {
            warn!(%error, "a row is left out");
            None
        }
        read => Some(read),
    };
    rows.iter().map(meaning).filter_map(known).collect()
}

/// A row of `jobs`.
pub(super) fn job(row: &SqliteRow) -> Result<Job, RecordsError> {
    let columns = Columns::named(row, "job", "id")?;
    Ok(Job {
        id: columns.parsed("id")?,
        owner: columns.get("owner")?,
        work: columns.json("work")?,
        priority: priority_of(columns.get("priority")?).ok_or_else(|| columns.damaged("priority"))?,
        meta: columns.optional_json("meta")?,
        created: columns.time("created")?,
        life: Life {
            state: state(&columns)?,
            attempt: columns.count("attempt")?,
            failed_attempts: columns.count("failed_attempts")?,
            service_deaths: columns.count("service_deaths")?,
            queued: columns.time("queued")?,
            started: columns.optional_time("started")?,
            finished: columns.optional_time("finished")?,
            queue_timeout: columns.duration("queue_timeout")?,
            prove_timeout: columns.duration("prove_timeout")?,
            failure: columns.optional_json("failure")?,
        },
        phase: columns.optional_parsed("phase")?,
        timings: columns.json("timings")?,
        outcome: columns.optional_json("outcome")?,
    })
}

/// The state in a row of `jobs`.
pub(super) fn state(columns: &Columns<'_>) -> Result<JobState, RecordsError> {
    JobState::of_name(columns.get("state")?).ok_or_else(|| columns.damaged("state"))
}

/// The id in a row of `jobs` that may have nothing else.
pub(super) fn id(row: &SqliteRow) -> Result<JobId, RecordsError> {
    Columns::named(row, "job", "id")?.parsed("id")
}

pub(super) fn job_id(text: &str) -> Result<JobId, RecordsError> {
    text.parse().map_err(|_| RecordsError::Damaged { what: "a job".into(), column: "id".into() })
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

/// A length or a size as a column holds it.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The inverse of [`number`] for what it wrote.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// # Panics
/// For maps with keys that are no text, which no record has.
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("records have no maps with keys that are no text")
}
