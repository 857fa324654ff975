//! Circuits and the jobs that build them.

use lemma_verifier::{scheme, setup::SrsId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Progress, TensorSpec, moment};
use crate::{
    store::records::CircuitEntry,
    work::{
        jobs::{Job, Outcome, Work},
        prediction,
    },
};

/// Commitment scheme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scheme {
    /// Transparent: nobody has to be trusted. Verifies in about a tenth of a second.
    #[default]
    Ipa,
    /// Rests on a ceremony. Verifies in milliseconds.
    Kzg,
}

impl From<scheme::Scheme> for Scheme {
    fn from(scheme: scheme::Scheme) -> Self {
        match scheme {
            scheme::Scheme::Ipa => Self::Ipa,
            scheme::Scheme::Kzg => Self::Kzg,
        }
    }
}

/// The KZG string a circuit rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Srs {
    /// Its id: a sha256 of the image of its secret, which no file can claim.
    pub id: String,
    /// The ceremony it comes from; absent for an unknown ceremony.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceremony: Option<String>,
}

impl Srs {
    /// The string with this id. One that was drawn on a server comes from no ceremony.
    pub(crate) fn new(id: SrsId, insecure: bool) -> Self {
        let ceremony = (!insecure).then(|| id.ceremony()).flatten();
        Self { id: id.to_string(), ceremony: ceremony.map(str::to_owned) }
    }
}

/// The key that checks proofs of a circuit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct VerifyingKey {
    /// sha256 of the file.
    pub sha256: String,
    /// Length of the file.
    pub bytes: u64,
    /// Where to download it.
    pub href: String,
}

/// A circuit whose keys are ready.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Circuit {
    /// The circuit's id, the same on every machine. This is what a verifier trusts.
    pub id: String,
    /// Model id of the model it was built from: the sha256 of its ONNX file's bytes.
    pub model: String,
    /// Network id: the sha256 of the canonical form of what the model computes, which the circuit's id covers, and what `lemma`
    /// calls `network`.
    pub network: String,
    /// Commitment scheme.
    pub scheme: Scheme,
    /// Whether it rests on parameters drawn on the server.
    pub insecure_srs: bool,
    /// The KZG string it rests on; absent with `ipa`, and for circuits built by earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srs: Option<Srs>,
    /// What it looks like and costs.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// Length of a proof, in bytes.
    pub proof_bytes: u64,
    /// The key that checks its proofs.
    pub verifying_key: VerifyingKey,
    /// Inputs to give with a request for a proof.
    pub inputs: Vec<TensorSpec>,
    /// Outputs that are proven.
    pub outputs: Vec<TensorSpec>,
    /// When its keys were ready.
    #[schema(format = DateTime)]
    pub created: String,
}

impl Circuit {
    /// A circuit with the tensors of its model.
    pub(crate) fn new(entry: &CircuitEntry, inputs: Vec<TensorSpec>, outputs: Vec<TensorSpec>) -> Self {
        let facts = &entry.facts;
        Self {
            id: facts.circuit.to_string(),
            model: entry.model.to_string(),
            network: facts.model_id.to_string(),
            scheme: facts.scheme.into(),
            insecure_srs: facts.insecure_srs,
            srs: facts.srs.as_ref().and_then(|id| Some(Srs::new(id.parse().ok()?, facts.insecure_srs))),
            prediction: Prediction {
                k: facts.k,
                rows_used: facts.rows_used,
                advice_columns: facts.advice_columns,
                fixed_columns: facts.fixed_columns,
                lookups: facts.lookups,
                predicted_prove_cpu_seconds: facts.predicted_prove.as_millis() as f64 / 1e3,
                predicted_memory_bytes: facts.predicted_memory_bytes,
            },
            proof_bytes: facts.proof_bytes,
            verifying_key: VerifyingKey {
                sha256: facts.vk.to_string(),
                bytes: facts.vk_bytes,
                href: format!("/v1/circuits/{}/vk", facts.circuit),
            },
            inputs,
            outputs,
            created: moment(entry.created),
        }
    }
}

/// A part of the list of circuits, by id.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct CircuitList {
    /// The circuits.
    pub circuits: Vec<Circuit>,
    /// Where the next part begins; absent in the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What a circuit looks like and costs, known before its keys are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Prediction {
    /// It has 2^k rows.
    pub k: u32,
    /// Rows that carry something.
    pub rows_used: u64,
    /// Advice columns.
    pub advice_columns: u32,
    /// Fixed columns.
    pub fixed_columns: u32,
    /// Lookups per row.
    pub lookups: u32,
    /// Predicted CPU time of one proof on the reference machine, in seconds.
    #[serde(alias = "prove_cpu_seconds")]
    pub predicted_prove_cpu_seconds: f64,
    /// Predicted peak memory of one proof, in bytes.
    #[serde(alias = "memory_bytes")]
    pub predicted_memory_bytes: u64,
}

impl From<prediction::Prediction> for Prediction {
    fn from(prediction: prediction::Prediction) -> Self {
        let prediction::Prediction { k, rows_used, advice_columns, fixed_columns, lookups, .. } = prediction;
        Self {
            k,
            rows_used,
            advice_columns,
            fixed_columns,
            lookups,
            predicted_prove_cpu_seconds: prediction.prove_cpu_seconds,
            predicted_memory_bytes: prediction.memory_bytes,
        }
    }
}

/// A job that compiles a model and makes its keys.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Build {
    /// How far it is.
    #[serde(flatten)]
    pub progress: Progress,
    /// Model id: the sha256 of the ONNX file's bytes.
    pub model: String,
    /// Commitment scheme.
    pub scheme: Scheme,
    /// The circuit, once the build has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit: Option<String>,
    /// What the circuit will look like and cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Prediction>,
}

impl Build {
    /// The job as a build; `None` when it is a proof.
    pub(crate) fn new(job: &Job) -> Option<Self> {
        let Work::Circuit(work) = &job.work else { return None };
        let circuit = match &job.outcome {
            Some(Outcome::Circuit { circuit }) => Some(circuit.to_string()),
            _ => None,
        };
        Some(Self {
            progress: Progress::new(job, "/v1/builds"),
            model: work.model.to_string(),
            scheme: work.setup.scheme().into(),
            circuit,
            // The service keeps the prediction where a proof has its caller's text.
            prediction: job.meta.as_ref().and_then(|meta| Prediction::deserialize(meta).ok()),
        })
    }
}
