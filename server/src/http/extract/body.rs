//! Bodies.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{FromRef, FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::wording::plain;
use crate::http::problem::{Problem, ProblemType};

/// Unit of the budget: permits of a semaphore are few, bytes are many.
const GRAIN: u64 = 1 << 10;

/// Longest encoding that is repeated in an answer, in characters.
const MAX_SHOWN: usize = 64;

/// How large bodies may be, how long they may take, and how much of them may be in memory at once.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget {
    memory: Arc<Semaphore>,
    json_limit: u64,
    file_limit: u64,
    timeout: Duration,
}

impl BodyBudget {
    /// JSON bodies of at most `json_limit` bytes and files of at most `file_limit`, `memory` bytes of all of them
    /// together, each of them arriving within `timeout`. One body of either kind always fits an idle budget.
    pub(crate) fn new(json_limit: u64, file_limit: u64, memory: u64, timeout: Duration) -> Self {
        let grains = memory.max(json_limit).max(file_limit).div_ceil(GRAIN);
        let permits = usize::try_from(grains).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { memory: Arc::new(Semaphore::new(permits)), json_limit, file_limit, timeout }
    }

    async fn read(&self, headers: &HeaderMap, body: Body, limit: u64) -> Result<Held, Problem> {
        if let Some(encoding) = encoding(headers) {
            return Err(encoded(encoding));
        }
        let announced = content_length(headers);
        if announced.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let permit = self.reserve(announced.unwrap_or(limit))?;
        let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
        let collected = tokio::time::timeout(self.timeout, limited.collect()).await.map_err(|_| {
            Problem::new(
                ProblemType::BodyTimeout,
                format!("the body did not arrive within {} s; send it faster", self.timeout.as_secs()),
            )
        })?;
        match collected {
            Ok(collected) => Ok(Held { bytes: collected.to_bytes(), _permit: permit }),
            Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large(limit)),
            Err(_) => Err(Problem::new(ProblemType::InvalidRequest, "the body ended before it was complete")),
        }
    }

    fn reserve(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Problem> {
        let grains = u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX);
        self.memory.clone().try_acquire_many_owned(grains).map_err(|_| {
            Problem::new(
                ProblemType::Busy,
                "other requests' bodies fill the memory set aside for them; try again",
            )
            .retry_after(Duration::from_secs(1))
        })
    }
}

/// A body with its place in the budget.
#[derive(Debug)]
struct Held {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: u64) -> Problem {
    Problem::new(ProblemType::BodyTooLarge, format!("the route takes bodies of at most {limit} bytes"))
}

/// The name of an encoding other than none; empty if it is no text.
fn encoding(headers: &HeaderMap) -> Option<&str> {
    let mut encodings =
        headers.get_all(header::CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or_default());
    encodings.find(|encoding| !encoding.eq_ignore_ascii_case("identity"))
}

fn encoded(encoding: &str) -> Problem {
    let encoding: String = encoding.chars().take(MAX_SHOWN).collect();
    Problem::new(
        ProblemType::UnsupportedMediaType,
        format!("the body's encoding is {encoding:?}; send it without `Content-Encoding`"),
    )
}

fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

fn wrong_media_type(got: &str, expected: &str) -> Problem {
    let got = if got.is_empty() { "none".to_owned() } else { format!("{got:?}") };
    Problem::new(
        ProblemType::UnsupportedMediaType,
        format!("the body's media type is {got}; send it with `Content-Type: {expected}`"),
    )
}

/// A JSON body.
#[derive(Debug)]
pub(crate) struct JsonBody<T> {
    /// What it says.
    pub(crate) value: T,
    /// Its bytes, which are what an idempotency key stands for.
    pub(crate) bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl<S, T> FromRequest<S> for JsonBody<T>
where
    S: Send + Sync,
    BodyBudget: FromRef<S>,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let budget = BodyBudget::from_ref(state);
        let (head, body) = request.into_parts();
        let media_type = media_type(&head.headers);
        let json = media_type.eq_ignore_ascii_case("application/json")
            || media_type.to_ascii_lowercase().ends_with("+json");
        if !json {
            return Err(wrong_media_type(media_type, "application/json"));
        }
        let Held { bytes, _permit } = budget.read(&head.headers, body, budget.json_limit).await?;
        Ok(Self { value: object_of(&bytes)?, bytes, _permit })
    }
}

/// Reads an object. Lists, which would be taken for the members of an object in their order, are refused.
fn object_of<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = str::from_utf8(bytes)
        .map_err(|error| Problem::new(ProblemType::MalformedJson, format!("the body: {error}")))?;
    let read = match text.trim_ascii_start().starts_with('{') {
        true => members_of(text),
        false => Err("the body is not an object".to_owned()),
    };
    read.map_err(|why| match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Problem::new(ProblemType::InvalidRequest, why),
        Err(error) => Problem::new(ProblemType::MalformedJson, format!("the body is not JSON: {error}")),
    })
}

fn members_of<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| plain(&error.path().to_string(), &error.inner().to_string()))?;
    json.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// A body of plain bytes.
#[derive(Debug)]
pub(crate) struct BytesBody {
    /// The bytes.
    pub(crate) bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl<S> FromRequest<S> for BytesBody
where
    S: Send + Sync,
    BodyBudget: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let budget = BodyBudget::from_ref(state);
        let (head, body) = request.into_parts();
        let media_type = media_type(&head.headers);
        if !media_type.eq_ignore_ascii_case("application/octet-stream") {
            return Err(wrong_media_type(media_type, "application/octet-stream"));
        }
        let Held { bytes, _permit } = budget.read(&head.headers, body, budget.file_limit).await?;
        if bytes.is_empty() {
            return Err(Problem::new(
                ProblemType::InvalidRequest,
                "the body is empty; send the file's bytes",
            ));
        }
        Ok(Self { bytes, _permit })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        name: String,
    }

    #[test]
    fn only_objects_with_the_right_members_are_read() {
        assert_eq!(object_of::<Named>(b" {\"name\": \"x\"} ").unwrap(), Named { name: "x".into() });
        for (text, kind) in [
            ("[\"x\"]", ProblemType::InvalidRequest),
            ("\"x\"", ProblemType::InvalidRequest),
            ("{}", ProblemType::InvalidRequest),
            ("{\"name\": 1}", ProblemType::InvalidRequest),
            ("{\"name\": 1", ProblemType::MalformedJson),
            ("{\"name\": \"x\"} x", ProblemType::MalformedJson),
            ("[1,]", ProblemType::MalformedJson),
            ("", ProblemType::MalformedJson),
        ] {
            assert_eq!(object_of::<Named>(text.as_bytes()).unwrap_err().kind(), kind, "{text}");
        }
        let not_utf8 = object_of::<Named>(b"{\"name\": \"\xff\"}").unwrap_err();
        assert_eq!(not_utf8.kind(), ProblemType::MalformedJson);
    }
}
