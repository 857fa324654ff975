//! Handing jobs to the service.

use std::time::Duration;

use lemma_verifier::digest::Digest;
use serde_json::{Map, Value};
use tracing::info;

use crate::{
    http::{
        extract::Preferences,
        problem::{Problem, ProblemType},
        state::App,
    },
    service::{Claim, Submitted},
    store::records::{Idempotency, NewJob, RecordsError},
    work::jobs::{Job, JobId},
};

/// Whose jobs are: the service knows no callers.
const OWNER: &str = "";

/// Most bytes of the caller's text.
const MAX_META: usize = 4096;

/// Checks that the service accepts parameters drawn on a server.
///
/// # Errors
/// [`ProblemType::UnsupportedSetup`] when it does not.
pub(super) fn check_insecure_srs(app: &App) -> Result<(), Problem> {
    if app.terms().insecure_local_srs {
        return Ok(());
    }
    Err(Problem::new(
        ProblemType::UnsupportedSetup,
        "this service makes no circuits and proofs that rest on parameters drawn on a server, whose owner can forge \
         proofs; use the ipa scheme or a ceremony, or start it with --insecure-local-srs",
    ))
}

/// A time limit the caller chose.
///
/// # Errors
/// [`ProblemType::InvalidRequest`] names the member that is out of range.
pub(super) fn seconds(name: &str, given: Option<u32>, most: u32) -> Result<Option<Duration>, Problem> {
    match given {
        Some(got) if !(1..=most).contains(&got) => {
            Err(Problem::new(ProblemType::InvalidRequest, format!("{name} is {got}, expected 1 to {most}")))
        }
        given => Ok(given.map(|seconds| Duration::from_secs(seconds.into()))),
    }
}

/// Checks the caller's text.
///
/// # Errors
/// [`ProblemType::InvalidRequest`] when it is too long.
pub(super) fn check_meta(meta: Option<&Map<String, Value>>) -> Result<(), Problem> {
    let length = serde_json::to_string(&meta).map_or(usize::MAX, |text| text.len());
    if meta.is_none() || length <= MAX_META {
        return Ok(());
    }
    Err(Problem::new(
        ProblemType::InvalidRequest,
        format!("meta has {length} bytes as JSON, at most {MAX_META} are kept"),
    ))
}

/// What makes a request with this key the same request: its route and its body, byte for byte.
pub(super) fn idempotency(route: &str, key: Option<String>, body: &[u8]) -> Option<Idempotency> {
    let request = Digest::of(&[route.as_bytes(), b"\n", body].concat());
    key.map(|key| Idempotency { key, request })
}

/// Deals with a request for a job when its turn has come.
///
/// # Errors
/// When the key stands for another request; what dealing with it met; also when the database refuses.
pub(super) async fn admit<T, F>(
    app: &App,
    idempotency: Option<&Idempotency>,
    deal: impl FnOnce(Claim) -> F,
) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>>,
{
    app.service().admit(OWNER, idempotency, deal).await
}

/// Hands a job over.
///
/// # Errors
/// When the service does not take it.
pub(super) async fn submit(claim: Claim, job: NewJob) -> Result<Job, Problem> {
    let submitted = claim.submit(job).await?;
    let new = matches!(submitted, Submitted::New(_));
    let job = submitted.into_job();
    // The line has the request's id too: it is what links the two.
    info!(job = %job.id, new, "the request became a job");
    Ok(job)
}

/// The job as soon as it has ended, or as it is after the time the caller prefers to wait.
///
/// # Errors
/// When the database refuses.
pub(super) async fn ended(app: &App, job: Job, preferences: Preferences) -> Result<Job, Problem> {
    let Some(wait) = preferences.wait.filter(|_| !job.state().is_terminal()) else { return Ok(job) };
    Ok(app.service().wait(job.id, wait).await?.unwrap_or(job))
}

/// One job; `damaged` is the answer when its record is.
///
/// # Errors
/// When the database refuses, or the record is damaged.
pub(super) async fn undamaged_job(
    app: &App,
    id: JobId,
    damaged: impl FnOnce(&RecordsError) -> Problem,
) -> Result<Option<Job>, Problem> {
    match app.service().job(id).await {
        Err(error @ RecordsError::Damaged { .. }) => Err(damaged(&error)),
        found => Ok(found?),
    }
}

/// A job that is of the other kind than its route.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("job {job} is of another kind than its route")]
struct OtherKind {
    job: JobId,
}

/// An answer about a job of the wrong kind, which an idempotency key cannot cause: its digest covers the route.
pub(super) fn other_kind(job: &Job) -> Problem {
    Problem::internal(&OtherKind { job: job.id })
}
