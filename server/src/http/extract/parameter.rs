//! Path and query parameters.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Path, Query as AxumQuery},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::wording::plain;
use crate::http::problem::{Problem, ProblemType};

/// The id in a path; `None` when it cannot be the id of anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathId<T>(pub(crate) Option<T>);

impl<S, T> FromRequestParts<S> for PathId<T>
where
    S: Send + Sync,
    T: FromStr,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text.parse().ok())),
            // Not UTF-8.
            Err(_) => Ok(Self(None)),
        }
    }
}

/// The query, every parameter of which must be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match AxumQuery::<T>::from_request_parts(parts, state).await {
            Ok(AxumQuery(query)) => Ok(Self(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                let why = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                let (path, why) =
                    why.split_once(": ").filter(|(path, _)| !path.contains(' ')).unwrap_or(("", why));
                let why = plain(path, why);
                Err(Problem::new(ProblemType::InvalidParameter, format!("the query: {why}")))
            }
        }
    }
}
