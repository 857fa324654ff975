//! Judging proofs.

use axum::{Json, extract::State};
use lemma_circuits::edge::EdgeError;
use lemma_prover::keys::KeysError;
use lemma_verifier::{
    digest::Digest,
    scheme::Scheme,
    statement::Statement as Stated,
    verify::{Expect, VerifierKey, VerifyError},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::circuits;
use crate::{
    http::{
        extract::{BytesBody, Query, context_of},
        metrics,
        openapi::File,
        problem::{Problem, ProblemType, damaged_circuit},
        state::App,
        wire::{Refusal, Srs, Statement, Tensor, Trusted, VerifyResponse},
    },
    service::{JudgeError, Judgement},
    store::records::CircuitEntry,
};

/// What the caller demands of the proof.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Demand {
    /// The circuit it must be for. This is the caller's own knowledge, never taken from the proof.
    #[param(
        pattern = "^[0-9a-f]{64}$",
        example = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )]
    circuit: String,
    /// The context it must be made in, in hexadecimal digits; if absent, it must be made in none.
    #[param(pattern = "^([0-9a-fA-F]{2}){0,32}$")]
    context: Option<String>,
}

/// Verify a proof
///
/// The body is a `.proof` file. The verdict is about the circuit that the request names: its id stands for a model, and
/// `lemma compile MODEL` derives it without this service. No key is taken from the request, and no id from the proof. The answer
/// names the model only of a circuit that this service has built itself.
/// The answer comes at once and never waits behind proofs: 200 with `valid: true` and what the proof states, or 200
/// with `valid: false` and the reason.
#[utoipa::path(post, path = "/v1/verify", operation_id = "verify", tag = "proofs", params(Demand),
    request_body(content = File, content_type = "application/octet-stream", description = "A `.proof` file"),
    responses(
        (status = 200, description = "The verdict", body = VerifyResponse),
        (status = 404, description = "There is no such circuit"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is no octet stream"),
        (status = 422, description = "The request makes no sense"),
        (status = 429, description = "Too many verifications at once"),
        (status = 503, description = "The circuit's files are damaged, or the storage refuses"),
    )
)]
pub(super) async fn verify(
    State(app): State<App>,
    Query(demand): Query<Demand>,
    body: BytesBody,
) -> Result<Json<VerifyResponse>, Problem> {
    let circuit = circuits::id(&demand.circuit)?;
    // A proof that is bound to something is no answer to a caller who bound it to nothing.
    let context =
        Some(context_of(demand.context.as_deref(), ProblemType::InvalidParameter)?.unwrap_or_default());
    let expect = Expect { circuit, context, allow_insecure_srs: app.terms().insecure_local_srs };
    let judgement = match app.service().judge(body.bytes, expect).await {
        // The store may have lost what the service has made.
        Err(JudgeError::Key(error)) if matches!(*error, KeysError::UnknownCircuit { .. }) => {
            circuits::find(&app, Some(Digest(circuit.0))).await?;
            return Err(damaged_circuit(&error));
        }
        judged => judged?,
    };
    // Of other circuits in its store the service has seen no model.
    let built = app.service().circuit(circuit).await?;
    let response = response(judgement, built.as_ref())?;
    metrics::verification(response.valid);
    Ok(Json(response))
}

fn response(judgement: Judgement, built: Option<&CircuitEntry>) -> Result<VerifyResponse, Problem> {
    let Judgement { verdict, key, time } = judgement;
    let response = VerifyResponse {
        valid: verdict.is_ok(),
        trusted: Trusted::Circuit,
        circuit: key.circuit_id().to_string(),
        scheme: key.scheme().into(),
        model: built.map(|entry| entry.model.to_string()),
        network: built.map(|entry| entry.facts.model_id.to_string()),
        note: None,
        insecure_srs: key.insecure_srs(),
        srs: key.srs().map(|srs| Srs::new(srs, key.insecure_srs())),
        reason: None,
        statement: None,
        verify_seconds: time.as_secs_f64(),
    };
    match verdict {
        Ok(stated) => {
            let statement = statement(&stated, &key).map_err(|error| Problem::internal(&error))?;
            Ok(VerifyResponse { statement: Some(statement), note: Some(note(&key, built)), ..response })
        }
        Err(error) => match code(&error) {
            Some(code) => {
                let reason = Refusal { code: code.to_owned(), detail: detail(&error) };
                Ok(VerifyResponse { reason: Some(reason), ..response })
            }
            None => Err(Problem::internal(&error)),
        },
    }
}

/// What to do before a valid proof says anything about a model.
fn note(key: &VerifierKey, built: Option<&CircuitEntry>) -> String {
    let scheme = match key.scheme() {
        Scheme::Ipa => "",
        Scheme::Kzg => " --scheme kzg",
    };
    let whose = match built {
        Some(_) => "for the circuit you named, which this service built of a model it was given",
        None => "for the circuit you named, of which this service knows no model",
    };
    format!("{whose}: compare its id with what `lemma compile MODEL{scheme}` derives")
}

fn statement(stated: &Stated, key: &VerifierKey) -> Result<Statement, EdgeError> {
    let interface = key.interface();
    Ok(Statement {
        circuit: stated.circuit.to_string(),
        context: hex::encode(stated.context.bytes()),
        inputs: Tensor::all(&interface.inputs, &stated.inputs)?,
        outputs: Tensor::all(&interface.outputs, &stated.outputs)?,
    })
}

/// The stable name of a refusal; `None` for a fault of the service.
fn code(error: &VerifyError) -> Option<&'static str> {
    match error {
        VerifyError::Environment(_) | VerifyError::Key { .. } => None,
        VerifyError::Bundle(_) => Some("not-a-proof"),
        VerifyError::Circuit { .. } | VerifyError::StatementCircuit { .. } => Some("other-circuit"),
        VerifyError::Scheme { .. } => Some("other-scheme"),
        VerifyError::InsecureMark { .. } => Some("insecure-mark"),
        VerifyError::InsecureSrs => Some("insecure-srs"),
        VerifyError::ProofLength { .. } => Some("proof-length"),
        VerifyError::Statement(_) => Some("statement"),
        VerifyError::Context { .. } => Some("other-context"),
        VerifyError::Encoding { .. } => Some("encoding"),
        VerifyError::Trailing => Some("trailing-bytes"),
        VerifyError::Invalid => Some("not-proven"),
        _ => Some("refused"),
    }
}

fn detail(error: &VerifyError) -> String {
    match error {
        VerifyError::InsecureSrs => {
            "the circuit rests on parameters drawn on a machine whose owner can forge proofs, and this service does \
             not accept such proofs"
                .to_owned()
        }
        VerifyError::Context { .. } => format!("{error}; name the context you expect with the parameter context"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use lemma_verifier::{circuit_id::CircuitId, env::EnvError, statement::Context};

    use super::*;

    #[test]
    fn faults_of_the_service_are_no_verdicts() {
        let fault = VerifyError::Environment(EnvError::MaxDegree { got: "x".into() });
        assert_eq!(code(&fault), None);
        let other = CircuitId([0; 32]);
        assert_eq!(code(&VerifyError::Key { expected: other, got: other }), None);
        assert_eq!(code(&VerifyError::Invalid), Some("not-proven"));
        let contexts = VerifyError::Context { expected: Context::default(), got: Context::default() };
        assert_eq!(code(&contexts), Some("other-context"));
        assert!(!detail(&VerifyError::InsecureSrs).contains("--"));
    }
}
