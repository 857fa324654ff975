//! What requests that become jobs have in common.

use utoipa::{IntoParams, IntoResponses};

/// Headers of a request that becomes a job.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only described; the extractors read the headers")]
pub(crate) struct JobHeaders {
    /// Makes repeating the request harmless.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: Option<String>,
}

/// The header of a request whose answer can be held back.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only described; the extractor reads the header")]
pub(crate) struct WaitHeader {
    /// `wait=N`: hold the answer back until the job has ended, at most 60 s.
    #[param(rename = "Prefer", example = "wait=30")]
    prefer: Option<String>,
}

/// Refusals of a JSON request that becomes a job.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "it is only described; problems are the answers")]
pub(crate) enum JobRefusals {
    /// The body is not JSON
    #[response(status = 400)]
    Malformed,
    /// There is no such circuit or model
    #[response(status = 404)]
    Unknown,
    /// The body or the circuit is too large
    #[response(status = 413)]
    TooLarge,
    /// The body is no JSON, or is compressed
    #[response(status = 415)]
    MediaType,
    /// The request makes no sense or is not allowed here, or the key was used for another request
    #[response(status = 422)]
    Invalid,
    /// The queue is full, or too many requests are read at once
    #[response(status = 429)]
    Full,
    /// The service is stopping, or its storage refuses
    #[response(status = 503)]
    Unavailable,
}
