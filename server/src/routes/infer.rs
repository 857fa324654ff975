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
    extract::{IdempotencyKey, JsonBody, Preferences},
    networks::Network,
    openapi::{JobHeaders, JobRefusals},
    problem::Problem,
    state::App,
    wire::{InferResponse, InferenceRequest, Proof, Tensor},
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
    let order = Order::read(&app, "infer", key, body).await?;
    let circuit = order.network.circuit.facts.circuit.to_string();
    let (network, given) = (order.network.clone(), order.given.clone());
    let (inputs, outputs) = app.infer_pool().run(move || answer(&network, &given)).await??;
    if !order.prove {
        return Ok(Json(InferResponse { circuit, outputs, proof: None }).into_response());
    }
    let job = order.submit(&app, inputs, Preferences::default()).await?;
    let proof = Proof::new(&job).ok_or_else(|| submission::other_kind(&job))?;
    let location = links::location(&proof.progress.href);
    Ok((location, Json(InferResponse { circuit, outputs, proof: Some(proof) })).into_response())
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
