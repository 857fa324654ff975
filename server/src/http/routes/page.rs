//! Listing in parts.

use serde::Deserialize;
use tracing::warn;
use utoipa::IntoParams;

use crate::http::problem::{Problem, ProblemType};

/// Entries of a part if the request does not say.
const DEFAULT_LIMIT: u32 = 20;

/// Most entries of a part.
pub(super) const MAX_LIMIT: u32 = 100;

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// Most entries, 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the part before.
    #[param(pattern = "^[0-9a-f]{64}$")]
    cursor: Option<String>,
}

/// The limit of a part.
///
/// # Errors
/// A problem outside 1 to 100.
pub(super) fn limit(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        got => Err(Problem::new(
            ProblemType::InvalidParameter,
            format!("limit is {got}, expected 1 to {MAX_LIMIT}"),
        )),
    }
}

/// The id a cursor stands for.
///
/// # Errors
/// A problem when it is none this service gave.
pub(super) fn cursor<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let refuse = |_| {
        Problem::new(
            ProblemType::InvalidParameter,
            "cursor is not one this service gave; take next_cursor of the part before, or none",
        )
    };
    cursor.map(|text| text.parse().map_err(refuse)).transpose()
}

impl Page {
    /// The limit.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        limit(self.limit)
    }

    /// Where the part begins.
    pub(super) fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        cursor(self.cursor.as_deref())
    }
}

/// An entry of a list; `None` if what is known of it is damaged: one bad record does not withhold the others.
///
/// # Errors
/// When the storage refuses.
pub(super) fn shown<T>(id: impl std::fmt::Display, entry: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match entry {
        Err(problem) if problem.kind() != ProblemType::Unavailable => {
            warn!(%id, "an entry is not listed: its records are damaged");
            Ok(None)
        }
        entry => entry.map(Some),
    }
}

/// The first `limit` of one entry more, and whether there was one more.
pub(super) fn split<T>(mut entries: Vec<T>, limit: u32) -> (Vec<T>, bool) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = entries.len() > limit;
    entries.truncate(limit);
    (entries, more)
}
