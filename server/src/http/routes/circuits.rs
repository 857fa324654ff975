//! Circuits.

use axum::{Json, extract::State, http::HeaderMap, response::Response};
use lemma_prover::{
    keys::{KeysError, SetupChoice},
    params::{ParamsError, SrsChoice},
};
use lemma_verifier::{circuit_id::CircuitId, digest::Digest};

use super::{
    download::{download, etag, has, unchanged},
    links, models, page, submission,
};
use crate::{
    http::{
        extract::{IdempotencyKey, JsonBody, PathId, Preferences, Query},
        openapi::{File, JobHeaders, JobRefusals, WaitHeader},
        problem::{Problem, ProblemType, damaged_circuit, unknown_circuit},
        state::App,
        wire::{Build, BuildRequest, Circuit, CircuitList, ModelDetails, Prediction},
    },
    service::Claim,
    store::records::{CircuitEntry, NewJob, RecordsError},
    work::jobs::{CircuitWork, Job, Priority, Setup, Work},
};

/// Build a circuit
///
/// Compiles a model and makes its keys. Answers 200 when the circuit is ready, else 202 with a build to follow; with
/// `Prefer: wait=N` the answer is held back until the build has ended, at most N seconds.
#[utoipa::path(post, path = "/v1/circuits", operation_id = "build_circuit", tag = "circuits",
    params(WaitHeader, JobHeaders),
    request_body = BuildRequest,
    responses(
        (
            status = 202, description = "The build has not ended", body = Build,
            headers(("Location" = String, description = "The build")),
        ),
        (
            status = 200,
            description = "The circuit was there, or the build has ended",
            body = Build, headers(("Location" = String, description = "The circuit or the build")),
        ),
        JobRefusals,
    )
)]
pub(super) async fn build(
    State(app): State<App>,
    preferences: Preferences,
    IdempotencyKey(key): IdempotencyKey,
    body: JsonBody<BuildRequest>,
) -> Result<Response, Problem> {
    let idempotency = submission::idempotency("circuits", key, &body.bytes);
    let accept = |claim| accept(&app, body.value, claim);
    let job = submission::admit(&app, idempotency.as_ref(), accept).await?;
    let job = submission::ended(&app, job, preferences).await?;
    let build = Build::new(&job).ok_or_else(|| submission::other_kind(&job))?;
    let location = match &build.circuit {
        Some(circuit) => format!("/v1/circuits/{circuit}"),
        None => build.progress.href.clone(),
    };
    Ok(links::accepted(&location, &job, preferences, build))
}

async fn accept(app: &App, request: BuildRequest, claim: Claim) -> Result<Job, Problem> {
    if let Some(job) = claim.earlier() {
        return Ok(job.clone());
    }
    let setup = request.setup().map_err(|why| Problem::new(ProblemType::InvalidRequest, why))?;
    let choice = choice(app, &setup)?;
    let model = models::find(app, &request.model).await?.model;
    // Nothing is built, and later nothing inferred, without the model's file.
    app.service().model_bytes(model).await?;
    if let Some(job) = app.service().built(model, &setup).await? {
        return Ok(claim.join(job).await?);
    }
    let prediction = predict(app, model, choice).await?;
    let job = NewJob {
        work: Work::Circuit(CircuitWork { model, setup }),
        inputs: None,
        predicted_memory: Some(prediction.predicted_memory_bytes),
        priority: Priority::Normal,
        queue_timeout: app.terms().queue_timeout,
        prove_timeout: app.terms().prove_timeout,
        meta: Some(serde_json::to_value(&prediction).map_err(|error| Problem::internal(&error))?),
    };
    submission::submit(claim, job).await
}

fn choice(app: &App, setup: &Setup) -> Result<SetupChoice, Problem> {
    if *setup == Setup::KzgInsecureLocal {
        submission::check_insecure_srs(app)?;
    }
    setup.choice().map_err(|error| Problem::new(ProblemType::UnsupportedSetup, error.to_string()))
}

/// What the circuit will look like and cost, if there are parameters for it.
async fn predict(app: &App, model: Digest, setup: SetupChoice) -> Result<Prediction, Problem> {
    let prediction = app.service().predict(model, setup.scheme()).await?;
    if let SetupChoice::Kzg(ceremony @ SrsChoice::Ceremony(_)) = setup {
        let found = app.service().check_parameters(ceremony, prediction.k).await;
        found.map_err(|error| without_parameters(&error))?;
    }
    Ok(prediction.into())
}

/// Why there are no parameters, in terms of the service.
fn without_parameters(error: &ParamsError) -> Problem {
    let detail = match error {
        ParamsError::NoSrs { k } => format!(
            "the kzg scheme needs a ceremony with at least 2^{k} powers; whoever runs the service imports one with \
             `lemma srs import FILE --store DATA/store`, where DATA is its data directory; the ipa scheme needs none"
        ),
        ParamsError::AmbiguousSrs { candidates } => {
            let ids: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            format!(
                "several ceremonies would do; choose one with the member \"ceremony\": {}",
                ids.join(", ")
            )
        }
        ParamsError::UnknownSrs { .. } | ParamsError::SrsTooSmall { .. } => error.to_string(),
        fault => return Problem::internal(fault),
    };
    Problem::new(ProblemType::UnsupportedSetup, detail)
}

/// The circuits, by id
#[utoipa::path(get, path = "/v1/circuits", operation_id = "list_circuits", tag = "circuits", params(page::Page), responses(
    (status = 200, description = "A part of the list", body = CircuitList),
    (status = 422, description = "A parameter makes no sense"),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(page): Query<page::Page>,
) -> Result<Json<CircuitList>, Problem> {
    let limit = page.limit()?;
    let after = page.after::<Digest>()?.map(|digest| CircuitId(digest.0));
    let found = app.service().circuits(after, limit.saturating_add(1)).await?;
    let (entries, more) = page::split(found, limit);
    let mut circuits = Vec::new();
    for entry in &entries {
        circuits.extend(page::shown(entry.facts.circuit, view(&app, entry).await)?);
    }
    let next_cursor = entries.last().filter(|_| more).map(|entry| entry.facts.circuit.to_string());
    Ok(Json(CircuitList { circuits, next_cursor }))
}

/// One circuit
#[utoipa::path(get, path = "/v1/circuits/{id}", operation_id = "get_circuit", tag = "circuits",
    params((
        "id" = String, Path, description = "Id of the circuit", pattern = "^[0-9a-f]{64}$",
        example = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    )),
    responses(
        (status = 200, description = "The circuit", body = Circuit),
        (status = 404, description = "There is no such circuit"),
    )
)]
pub(super) async fn show(
    State(app): State<App>,
    PathId(id): PathId<Digest>,
) -> Result<Json<Circuit>, Problem> {
    Ok(Json(view(&app, &find(&app, id).await?).await?))
}

/// The key that checks proofs of a circuit
#[utoipa::path(get, path = "/v1/circuits/{id}/vk", operation_id = "get_verifying_key", tag = "circuits",
    params(
        (
            "id" = String, Path, description = "Id of the circuit", pattern = "^[0-9a-f]{64}$",
            example = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` the caller has"),
    ),
    responses(
        (
            status = 200, description = "A `.vk` file", body = File,
            content_type = "application/octet-stream",
            headers(("ETag" = String, description = "sha256 of the file")),
        ),
        (status = 304, description = "The caller has it"),
        (status = 404, description = "There is no such circuit"),
        (status = 503, description = "Its files are damaged, or the storage refuses"),
    )
)]
pub(super) async fn verifying_key(
    State(app): State<App>,
    PathId(id): PathId<Digest>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let entry = find(&app, id).await?;
    let tag = etag(entry.facts.vk);
    if has(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let circuit = entry.facts.circuit;
    let bytes = app.service().verifying_key(circuit).await.map_err(|error| match error {
        KeysError::UnknownCircuit { .. } => damaged_circuit(&error),
        error => error.into(),
    })?;
    Ok(download(bytes, &tag, &format!("{circuit}.vk")))
}

/// The circuit of an id.
///
/// # Errors
/// [`ProblemType::UnknownCircuit`] when there is none, [`ProblemType::Unavailable`] when its record is damaged.
pub(super) async fn find(app: &App, id: Option<Digest>) -> Result<CircuitEntry, Problem> {
    let circuit = CircuitId(id.ok_or_else(no_id)?.0);
    match app.service().circuit(circuit).await {
        Err(error @ RecordsError::Damaged { .. }) => Err(damaged_circuit(&error)),
        found => found?.ok_or_else(|| unknown_circuit(&circuit)),
    }
}

/// The id in a request.
///
/// # Errors
/// [`ProblemType::UnknownCircuit`] when it can be the id of no circuit.
pub(super) fn id(text: &str) -> Result<CircuitId, Problem> {
    text.parse().map_err(|_| no_id())
}

fn no_id() -> Problem {
    Problem::new(
        ProblemType::UnknownCircuit,
        "the id of a circuit is 64 lower-case hexadecimal digits; GET /v1/circuits lists them",
    )
}

async fn view(app: &App, entry: &CircuitEntry) -> Result<Circuit, Problem> {
    let model = models::find(app, &entry.model.to_string()).await?;
    let details: ModelDetails =
        serde_json::from_value(model.details).map_err(|error| Problem::internal(&error))?;
    Ok(Circuit::new(entry, details.inputs, details.outputs))
}
