//! Requests for inferences and proofs, which are one: what `POST /v1/infer` and `POST /v1/proofs` have in common.

use std::sync::Arc;

use lemma_verifier::statement::Context;
use serde_json::value::RawValue;

use super::{circuits, submission};
use crate::{
    http::{
        extract::context_of,
        problem::{Problem, ProblemType},
        state::App,
        wire::InferenceRequest,
    },
    service::{Claim, Network},
    store::records::NewJob,
    work::jobs::{Job, Priority, ProofWork, Work},
};

/// A request whose members are in their ranges, with the network it is about.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) network: Arc<Network>,
    /// The inputs as they came.
    pub(super) given: Box<RawValue>,
    pub(super) prove: bool,
    proof: NewJob,
}

impl Order {
    /// Reads a request.
    ///
    /// # Errors
    /// A [`Problem`] that names the member at fault.
    pub(super) async fn read(app: &App, request: InferenceRequest) -> Result<Self, Problem> {
        submission::check_meta(request.meta.as_ref())?;
        let context = context_of(request.context.as_deref(), ProblemType::InvalidRequest)?;
        let network = app.service().network(circuits::id(&request.circuit)?).await?;
        let (given, prove) = (request.inputs.clone(), request.prove);
        if prove && network.circuit.facts.insecure_srs {
            submission::check_insecure_srs(app)?;
        }
        let proof = proof(app, &network, context.unwrap_or_default(), request)?;
        Ok(Self { network, given, prove, proof })
    }

    /// Asks for a place in the queue.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn reserve(&self, claim: &mut Claim) -> Result<(), Problem> {
        Ok(claim.reserve(self.network.circuit.facts.predicted_memory_bytes)?)
    }

    /// Hands the proof of these integers over.
    ///
    /// # Errors
    /// When the service does not take it.
    pub(super) async fn submit(self, claim: Claim, inputs: Vec<Vec<i32>>) -> Result<Job, Problem> {
        submission::submit(claim, NewJob { inputs: Some(inputs), ..self.proof }).await
    }
}

/// The job of a request, without its input.
fn proof(
    app: &App,
    network: &Network,
    context: Context,
    request: InferenceRequest,
) -> Result<NewJob, Problem> {
    let (terms, seconds) = (app.terms(), submission::seconds);
    Ok(NewJob {
        work: Work::Proof(ProofWork {
            circuit: network.circuit.facts.circuit,
            context: context.bytes().to_vec(),
        }),
        inputs: None,
        predicted_memory: None,
        priority: Priority::from(request.priority),
        queue_timeout: seconds("queue_timeout_seconds", request.queue_timeout_seconds, 604_800)?
            .unwrap_or(terms.queue_timeout),
        prove_timeout: seconds("prove_timeout_seconds", request.prove_timeout_seconds, 86_400)?
            .unwrap_or(terms.prove_timeout),
        meta: request.meta.map(serde_json::Value::Object),
    })
}
