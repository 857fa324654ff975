//! What requests and responses look like: the only JSON of the service.
//!
//! Types here are plain data with their documentation for the OpenAPI document. Requests refuse members they do
//! not know. Moments are RFC 3339 in UTC, ids are the hexadecimal digits or the ULIDs the service prints.

mod build_request;
mod circuit;
mod info;
mod job;
mod model;
mod proof;
mod tensor;
mod verify;

pub(super) use build_request::BuildRequest;
pub(super) use circuit::{Build, Circuit, CircuitList, Prediction, Scheme, Srs};
pub(super) use info::{Info, Limits, Operator, QueueLoad, Readiness};
pub(super) use job::{Progress, Status};
pub(super) use model::{Model, ModelDetails, ModelList};
pub(super) use proof::{InferResponse, InferenceRequest, Proof, ProofList};
pub(super) use tensor::{Tensor, TensorSpec};
pub(super) use verify::{Refusal, Statement, Trusted, VerifyResponse};

use std::time::{Duration, SystemTime};

use crate::work::jobs::Timestamp;

/// RFC 3339 in UTC with milliseconds.
pub(super) fn moment(at: Timestamp) -> String {
    let since = Duration::from_millis(u64::try_from(at.0).unwrap_or_default());
    // Beyond the year 9999 there is no such notation, nor a clock that says so.
    let last = Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since.min(last)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rfc_3339() {
        assert_eq!(moment(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(moment(Timestamp(1_795_132_800_123)), "2026-11-20T00:00:00.123Z");
        assert_eq!(moment(Timestamp(i64::MAX)), "9999-12-31T23:59:59.000Z");
    }
}
