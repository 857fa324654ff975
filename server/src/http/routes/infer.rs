//! Answers now, proofs to follow.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use lemma_circuits::reference;
use serde_json::value::RawValue;

use super::{inputs, links, order::Order, submission};
use crate::{
    http::{
        extract::{IdempotencyKey, JsonBody},
        openapi::{JobHeaders, JobRefusals},
        problem::Problem,
        state::App,
        wire::{InferResponse, InferenceRequest, Proof, Tensor},
    },
    service::{Claim, Duty, Network},
    work::jobs::Job,
};

/// Infer
///
/// The answer comes at once from the exact integer interpreter; a proof of it follows, unless `prove` is false.
#[utoipa::path(post, path = "/v1/infer", operation_id = "infer", tag = "proofs",
    params(JobHeaders),
    request_body = InferenceRequest,
    responses(
        (
            status = 200, description = "The answer", body = InferResponse,
            headers(("Location" = String, description = "The proof, if one follows")),
        ),
        JobRefusals,
    )
)]
pub(super) async fn infer(
    State(app): State<App>,
    IdempotencyKey(key): IdempotencyKey,
    body: JsonBody<InferenceRequest>,
) -> Result<Response, Problem> {
    let idempotency = submission::idempotency("infer", key, &body.bytes);
    let order = Order::read(&app, body.value).await?;
    let circuit = order.network.circuit.facts.circuit.to_string();
    if !order.prove {
        let (_, outputs) = run(&app, &order).await?;
        return Ok(Json(InferResponse { circuit, outputs, proof: None }).into_response());
    }
    let accept = |claim| accept(&app, order, claim);
    let (job, outputs) = submission::admit(&app, idempotency.as_ref(), accept).await?;
    let proof = Proof::new(&job, app.service().advanced(&job)).ok_or_else(|| submission::other_kind(&job))?;
    let location = links::location(&proof.progress.href);
    Ok((location, Json(InferResponse { circuit, outputs, proof: Some(proof) })).into_response())
}

/// A proof that is refused costs no inference.
async fn accept(app: &App, order: Order, mut claim: Claim) -> Result<(Job, Vec<Tensor>), Problem> {
    if let Some(job) = claim.earlier().cloned() {
        let (_, outputs) = run(app, &order).await?;
        return Ok((job, outputs));
    }
    order.reserve(&mut claim)?;
    let (inputs, outputs) = run(app, &order).await?;
    Ok((order.submit(claim, inputs).await?, outputs))
}

async fn run(app: &App, order: &Order) -> Result<Answer, Problem> {
    let (network, given) = (order.network.clone(), order.given.clone());
    app.service().run(Duty::Infer, move || answer(&network, &given)).await?
}

type Answer = (Vec<Vec<i32>>, Vec<Tensor>);

/// The integers of the inputs, and the outputs.
fn answer(network: &Arc<Network>, given: &RawValue) -> Result<Answer, Problem> {
    let inputs = inputs::integers(given, &network.interface)?;
    let trace = reference::run(&network.model, &inputs).map_err(|error| Problem::internal(&error))?;
    let outputs = Tensor::all(&network.interface.outputs, &trace.outputs())
        .map_err(|error| Problem::internal(&error))?;
    Ok((inputs, outputs))
}
