//! Downloads.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lemma_prover::{artifact::ProofBundle, digest::Digest};
use tokio::task::JoinError;

use super::proofs;
use crate::{
    http::{
        extract::PathId,
        openapi::File,
        problem::{Problem, ProblemType},
        state::App,
    },
    work::jobs::{Job, JobId, JobState, Outcome},
};

/// When an unfinished proof is worth asking for again.
const COME_BACK: Duration = Duration::from_secs(1);

/// How long proofs may be kept by caches: they never change.
const KEEP: Duration = Duration::from_secs(86_400);

/// The proof alone
///
/// The bytes of the proof without its statement, as other programs embed them.
#[utoipa::path(get, path = "/v1/proofs/{id}/proof", operation_id = "get_proof_bytes", tag = "proofs",
    params(
        ("id" = String, Path, description = "Id of the proof", pattern = "^[0-9A-HJKMNP-TV-Z]{26}$"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` the caller has"),
    ),
    responses(
        (
            status = 200, description = "The proof", body = File, content_type = "application/octet-stream",
            headers(("ETag" = String, description = "sha256 of the proof")),
        ),
        (status = 304, description = "The caller has it"),
        (status = 404, description = "There is no such proof"),
        (status = 409, description = "It has not ended"),
        (status = 410, description = "It has ended without success"),
    )
)]
pub(super) async fn proof(
    State(app): State<App>,
    PathId(id): PathId<JobId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = succeeded(&app, id).await?;
    let bundle = app.service().bundle(&job).await?;
    let bundle = ProofBundle::decode(&bundle).map_err(|error| Problem::internal(&error))?;
    let tag = etag(Digest::of(&bundle.proof));
    if has(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    Ok(download(bundle.proof, &tag, &format!("{}.bytes", job.id)))
}

/// The proof bundle
///
/// Proof and statement in one file: what `lemma verify` and POST /v1/verify read.
#[utoipa::path(get, path = "/v1/proofs/{id}/bundle", operation_id = "get_bundle", tag = "proofs",
    params(
        ("id" = String, Path, description = "Id of the proof", pattern = "^[0-9A-HJKMNP-TV-Z]{26}$"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` the caller has"),
    ),
    responses(
        (
            status = 200, description = "A `.proof` file", body = File,
            content_type = "application/octet-stream",
            headers(("ETag" = String, description = "sha256 of the file")),
        ),
        (status = 304, description = "The caller has it"),
        (status = 404, description = "There is no such proof"),
        (status = 409, description = "It has not ended"),
        (status = 410, description = "It has ended without success"),
    )
)]
pub(super) async fn bundle(
    State(app): State<App>,
    PathId(id): PathId<JobId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = succeeded(&app, id).await?;
    let digest = match &job.outcome {
        Some(Outcome::Proof { bundle, .. }) => *bundle,
        _ => return Err(no_bundle(&job)),
    };
    let tag = etag(digest);
    if has(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let bytes = app.service().bundle(&job).await?;
    Ok(download(bytes, &tag, &format!("{}.proof", job.id)))
}

/// The job of a proof that has been made.
async fn succeeded(app: &App, id: Option<JobId>) -> Result<Job, Problem> {
    let job = proofs::find(app, id).await?;
    if job.state() == JobState::Succeeded { Ok(job) } else { Err(no_bundle(&job)) }
}

fn no_bundle(job: &Job) -> Problem {
    let state = job.state();
    let detail = format!("the proof is {}", state.as_str());
    if state.is_terminal() {
        Problem::new(ProblemType::ProofNotMade, format!("{detail}; ask for a new one")).job(job.id)
    } else {
        let detail = format!("{detail}; follow /v1/proofs/{}", job.id);
        Problem::new(ProblemType::ProofNotFinished, detail).job(job.id).retry_after(COME_BACK)
    }
}

/// The strong tag of bytes with this digest.
pub(super) fn etag(digest: Digest) -> String {
    format!("\"{digest}\"")
}

/// Whether `If-None-Match` says that the caller has the bytes of this tag.
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// The caller has it.
pub(super) fn unchanged(tag: &str) -> Response {
    (StatusCode::NOT_MODIFIED, cached(tag)).into_response()
}

fn cached(tag: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let cache = format!("private, max-age={}, immutable", KEEP.as_secs());
    for (name, value) in [(header::ETAG, tag), (header::CACHE_CONTROL, &cache)] {
        // Tags are hexadecimal digits in quotes.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers
}

/// A file for download.
pub(super) fn download(bytes: Vec<u8>, tag: &str, name: &str) -> Response {
    let mut headers = cached(tag);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    (headers, bytes).into_response()
}

/// Runs work that reads files.
///
/// # Errors
/// When it panics.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error: JoinError| Problem::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_knows_lists_weak_tags_and_the_star() {
        let has = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            has(&headers, "\"ab\"")
        };
        for known in ["\"ab\"", "W/\"ab\"", "\"x\", \"ab\"", "*"] {
            assert!(has(known), "{known}");
        }
        for other in ["ab", "\"a\"", ""] {
            assert!(!has(other), "{other}");
        }
    }
}
