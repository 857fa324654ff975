//! Proofs.

use axum::{Json, extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{circuits, inputs, links, order::Order, page, submission};
use crate::{
    http::{
        extract::{IdempotencyKey, JsonBody, PathId, Preferences, Query},
        openapi::{JobHeaders, JobRefusals, WaitHeader},
        problem::{Problem, ProblemType, lost_proof},
        state::App,
        wire::{InferenceRequest, Proof, ProofList, Status},
    },
    service::{Claim, Duty},
    store::records::JobFilter,
    work::jobs::{Job, JobId, WorkKind},
};

/// Ask for a proof
///
/// Answers 202 with a proof to follow; it survives a crash of the service. With `Prefer: wait=N` the answer is held
/// back until the proof has ended, at most N seconds, and is then 200. Repeating the request with the same
/// `Idempotency-Key` and the same body gives the same proof.
#[utoipa::path(post, path = "/v1/proofs", operation_id = "request_proof", tag = "proofs",
    params(WaitHeader, JobHeaders),
    request_body = InferenceRequest,
    responses(
        (
            status = 202, description = "It has not ended", body = Proof,
            headers(("Location" = String, description = "The proof")),
        ),
        (
            status = 200, description = "It has ended: while the answer was held back, or before the request was repeated", body = Proof,
            headers(("Location" = String, description = "The proof")),
        ),
        JobRefusals,
    )
)]
pub(super) async fn request(
    State(app): State<App>,
    preferences: Preferences,
    IdempotencyKey(key): IdempotencyKey,
    body: JsonBody<InferenceRequest>,
) -> Result<Response, Problem> {
    let idempotency = submission::idempotency("proofs", key, &body.bytes);
    let accept = |claim| accept(&app, body.value, claim);
    let job = submission::admit(&app, idempotency.as_ref(), accept).await?;
    let job = submission::ended(&app, job, preferences).await?;
    let Json(proof) = view(&app, &job)?;
    Ok(links::accepted(&proof.progress.href.clone(), &job, preferences, proof))
}

async fn accept(app: &App, request: InferenceRequest, mut claim: Claim) -> Result<Job, Problem> {
    if let Some(job) = claim.earlier() {
        return Ok(job.clone());
    }
    let order = Order::read(app, request).await?;
    if !order.prove {
        let detail = "prove is false, and this route always proves; POST /v1/infer answers without a proof";
        return Err(Problem::new(ProblemType::InvalidRequest, detail));
    }
    order.reserve(&mut claim)?;
    let (network, given) = (order.network.clone(), order.given.clone());
    let inputs = move || inputs::integers(&given, &network.interface);
    let inputs = app.service().run(Duty::Infer, inputs).await??;
    order.submit(claim, inputs).await
}

/// Which proofs are wanted.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    /// In this state.
    #[param(inline)]
    status: Option<Status>,
    /// Of this circuit.
    #[param(pattern = "^[0-9a-f]{64}$")]
    circuit: Option<String>,
    /// Most entries, 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the part before.
    #[param(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    cursor: Option<String>,
}

/// The proofs, newest first
#[utoipa::path(get, path = "/v1/proofs", operation_id = "list_proofs", tag = "proofs", params(Filter), responses(
    (status = 200, description = "A part of the list", body = ProofList),
    (status = 422, description = "A parameter makes no sense"),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(filter): Query<Filter>,
) -> Result<Json<ProofList>, Problem> {
    let limit = page::limit(filter.limit)?;
    let refuse = |_| {
        let detail = "circuit is not 64 lower-case hexadecimal digits";
        Problem::new(ProblemType::InvalidParameter, detail)
    };
    let circuit = filter.circuit.as_deref().map(|id| circuits::id(id).map_err(refuse)).transpose()?;
    let wanted = JobFilter {
        owner: None,
        states: filter.status.into_iter().map(Into::into).collect(),
        kind: Some(WorkKind::Proof),
        circuit,
    };
    let after = page::cursor(filter.cursor.as_deref())?;
    let found = app.service().jobs(&wanted, after, limit).await?;
    let proof = |job| Proof::new(job, app.service().advanced(job));
    let proofs = found.jobs.iter().filter_map(proof).collect();
    Ok(Json(ProofList { proofs, next_cursor: found.next.map(|id| id.to_string()) }))
}

/// One proof
#[utoipa::path(get, path = "/v1/proofs/{id}", operation_id = "get_proof", tag = "proofs",
    params(
        ("id" = String, Path, description = "Id of the proof", pattern = "^[0-9A-HJKMNP-TV-Z]{26}$"),
        WaitHeader,
    ),
    responses(
        (status = 200, description = "The proof", body = Proof),
        (status = 404, description = "There is no such proof"),
    )
)]
pub(super) async fn show(
    State(app): State<App>,
    PathId(id): PathId<JobId>,
    preferences: Preferences,
) -> Result<Json<Proof>, Problem> {
    let job = find(&app, id).await?;
    let job = submission::ended(&app, job, preferences).await?;
    view(&app, &job)
}

/// Cancel a proof
///
/// A proof that has ended stays as it is. The input is forgotten, and whoever works on it stops within two seconds.
#[utoipa::path(post, path = "/v1/proofs/{id}/cancel", operation_id = "cancel_proof", tag = "proofs",
    params(("id" = String, Path, description = "Id of the proof", pattern = "^[0-9A-HJKMNP-TV-Z]{26}$")),
    responses(
        (status = 200, description = "The proof, which has ended", body = Proof),
        (status = 404, description = "There is no such proof"),
    )
)]
pub(super) async fn cancel(
    State(app): State<App>,
    PathId(id): PathId<JobId>,
) -> Result<Json<Proof>, Problem> {
    let job = find(&app, id).await?;
    view(&app, &app.service().cancel(job.id).await?.ok_or_else(unknown)?)
}

/// The proof of an id.
///
/// # Errors
/// [`ProblemType::UnknownProof`] when there is none.
pub(super) async fn find(app: &App, id: Option<JobId>) -> Result<Job, Problem> {
    let job = match id {
        Some(id) => submission::undamaged_job(app, id, |error| lost_proof(error).job(id)).await?,
        None => None,
    };
    job.filter(|job| job.work.kind() == WorkKind::Proof).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(ProblemType::UnknownProof, "no proof has this id; GET /v1/proofs lists them")
}

fn view(app: &App, job: &Job) -> Result<Json<Proof>, Problem> {
    Proof::new(job, app.service().advanced(job)).map(Json).ok_or_else(|| submission::other_kind(job))
}
