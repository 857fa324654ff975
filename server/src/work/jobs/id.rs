//! Names of jobs.

use std::{
    fmt,
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// Names one job: a ULID, so names sort by the millisecond of their creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId(Ulid);

impl JobId {
    /// The name with these 80 random bits of a job created at this millisecond since 1970.
    pub fn from_parts(millisecond: u64, random: u128) -> Self {
        Self(Ulid::from_parts(millisecond, random))
    }
}

/// Makes names that sort in the order they were made, also within one millisecond and when the clock steps back.
#[derive(Debug, Default)]
pub struct JobIds(Mutex<Option<JobId>>);

impl JobIds {
    /// The name of a job created at this millisecond since 1970, with 80 random bits.
    pub fn next(&self, millisecond: u64, random: u128) -> JobId {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = JobId::from_parts(millisecond, random);
        let next = match *last {
            Some(last) if fresh <= last => JobId(Ulid(last.0.0.saturating_add(1))),
            _ => fresh,
        };
        *last = Some(next);
        next
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({})", self.0)
    }
}

/// A text that names no job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is not a job id; expected the 26 characters of a ULID as the service printed them")]
pub struct ParseJobIdError {
    /// The text, at most its first 64 characters.
    pub got: String,
}

impl FromStr for JobId {
    type Err = ParseJobIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ulid::from_string(text)
            .ok()
            .filter(|id| id.to_string() == text)
            .map(Self)
            .ok_or_else(|| ParseJobIdError { got: text.chars().take(64).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_in_the_order_of_their_making() {
        let ids = JobIds::default();
        let made = [(5, 9), (5, 3), (4, 8), (5, 9), (6, 0)]
            .map(|(millisecond, random)| ids.next(millisecond, random));
        assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
    }

    #[test]
    fn text_round_trip_is_strict() {
        let id = JobId::from_parts(1_700_000_000_000, 7);
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        for wrong in [text.to_lowercase(), text[1..].into(), format!("{text}0"), String::new()] {
            assert!(wrong.parse::<JobId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_sort_by_creation() {
        assert!(JobId::from_parts(1, u128::MAX) < JobId::from_parts(2, 0));
    }
}
