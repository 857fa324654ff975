//! Every error a caller can meet, as problem details of RFC 9457.
//!
//! [`ProblemType`] is the table: one row per kind of problem with its status and title. A [`Problem`] is one
//! occurrence. Nothing else makes error responses, whether the error is an unknown route, a malformed body, a
//! refused input or a fault of the service itself.

mod conversions;
mod table;

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use conversions::{damaged_circuit, lost_model, lost_proof, unknown_circuit};
pub use table::ProblemType;

use super::{request_id, wire::TensorSpec};

/// Media type of all error responses.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Problem details as sent: RFC 9457 with this service's extensions.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDetails {
    /// Which kind of problem, as a URN; programs decide by it.
    #[serde(rename = "type")]
    #[schema(example = "urn:lemma:problem:queue-full")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened here and what to do about it.
    detail: String,
    /// The request, as a URN; the service's log has the same id.
    instance: String,
    /// Seconds after which trying again makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    /// The inputs the circuit wants, when the given ones do not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Vec<TensorSpec>>,
    /// The job the problem is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
}

/// One occurrence of a problem.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: ProblemType,
    detail: String,
    retry_after: Option<Duration>,
    expected: Option<Vec<TensorSpec>>,
    job: Option<String>,
}

impl Problem {
    /// A problem of this kind; `detail` says what happened and what the caller can do.
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None, expected: None, job: None }
    }

    /// A fault of the service: logged in full, told to the caller only by the id of the request.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(error = %Chain(cause), "internal error");
        Self::new(
            ProblemType::Internal,
            "the service failed; its log has the cause under the id of this request",
        )
    }

    /// Which kind of problem it is.
    pub fn kind(&self) -> ProblemType {
        self.kind
    }

    /// When trying again makes sense.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// The inputs that would fit.
    #[must_use]
    pub fn expected(self, inputs: Vec<TensorSpec>) -> Self {
        Self { expected: Some(inputs), ..self }
    }

    /// The job it is about.
    #[must_use]
    pub fn job(self, job: impl ToString) -> Self {
        Self { job: Some(job.to_string()), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A fraction of a second is no less than the next whole one.
        let seconds = self.retry_after.map(|after| after.as_secs_f64().ceil().max(1.0) as u64);
        let status = self.kind.status();
        let details = ProblemDetails {
            kind: self.kind.urn(),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: self.detail,
            instance: request_id::urn(),
            retry_after_seconds: seconds,
            expected: self.expected,
            job: self.job,
        };
        let mut response = (status, Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // What is left of a body that was refused is not read; the connection cannot carry another request.
        if matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self.kind);
        response
    }
}

/// An error with those of its causes that its own text does not repeat.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let inner = error.to_string();
            if !text.contains(&inner) {
                text = format!("{text}: {inner}");
            }
            cause = error.source();
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests;
