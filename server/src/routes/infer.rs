//! Answers now, proofs to follow.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use lemma_circuits::reference;
use serde_json::value::RawValue;

use super::{circuits, inputs, links, submission};
use crate::{
    extract::{IdempotencyKey, JsonBody, Preferences, context_of},
    networks::Network,
    problem::{Problem, ProblemType},
    state::App,
    wire::{InferRequest, InferResponse, Proof, Tensor},
};

/// Infer
///
/// The answer comes at once from the exact integer interpreter; a proof of it follows, unless `prove` is false.
#[utoipa::path(post, path = "/v1/infer", operation_id = "infer", tag = "proofs",
    params(
        (
            "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
            pattern = "^[!-~]+$", description = "Makes repeating the request harmless",
        ),
    ),
    request_body = InferRequest,
    responses(
        (
            status = 200, description = "The answer", body = InferResponse,
            headers(("Location" = String, description = "The proof, if one follows")),
        ),
        (status = 400, description = "The body is not JSON"),
        (status = 404, description = "There is no such circuit"),
        (status = 413, description = "The body or the circuit is too large"),
        (status = 415, description = "The body is no JSON"),
        (
            status = 422,
            description = "The request or the inputs make no sense, or the key was used for another request",
        ),
        (status = 429, description = "The queue for proofs is full, or too many inferences at once"),
    )
)]
pub(super) async fn infer(
    State(app): State<App>,
    IdempotencyKey(key): IdempotencyKey,
    body: JsonBody<InferRequest>,
) -> Result<Response, Problem> {
    let idempotency = submission::idempotency("infer", key, &body.bytes);
    let request = body.value;
    submission::check_meta(request.meta.as_ref())?;
    let context = context_of(request.context.as_deref(), ProblemType::InvalidRequest)?;
    let network = app.networks().get(circuits::id(&request.circuit)?).await?;
    let facts = &network.circuit.facts;
    let (circuit, insecure_srs) = (facts.circuit, facts.insecure_srs);
    let given = request.inputs;
    let (inputs, outputs) = app.infer_pool().run(move || answer(&network, &given)).await??;
    if !request.prove {
        return Ok(Json(InferResponse { circuit: circuit.to_string(), outputs, proof: None }).into_response());
    }
    let order = submission::ProofOrder {
        circuit,
        insecure_srs,
        inputs,
        context,
        priority: request.priority.into(),
        queue_timeout_seconds: None,
        prove_timeout_seconds: None,
        meta: request.meta,
        idempotency,
    };
    let job = submission::submit(&app, order.job(&app)?, Preferences::default()).await?;
    let proof = Proof::new(&job).ok_or_else(|| submission::other_kind(&job))?;
    let location = links::location(&proof.href);
    let answer = InferResponse { circuit: circuit.to_string(), outputs, proof: Some(proof) };
    Ok((location, Json(answer)).into_response())
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
