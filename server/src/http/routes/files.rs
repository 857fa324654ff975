//! Finished proofs as files.

use std::time::Duration;

use axum::{extract::State, http::HeaderMap, response::Response};
use lemma_verifier::{artifact::ProofBundle, digest::Digest};

use super::{
    download::{download, etag, has, unchanged},
    proofs,
};
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
