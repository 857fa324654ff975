//! Models.

use lemma_circuits::ir::Model as Network;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{TensorSpec, moment};
use crate::store::records::ModelRecord;

/// What is found out about a model when it is uploaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ModelDetails {
    /// Network id: the sha256 of the canonical form of what the model computes, the same for two files with the same arithmetic, and
    /// what `lemma` calls `network`.
    pub network: String,
    /// Inputs.
    pub inputs: Vec<TensorSpec>,
    /// Outputs.
    pub outputs: Vec<TensorSpec>,
    /// Multiply-accumulates of one inference.
    pub macs: u64,
    /// Activations of one inference, inputs included.
    pub activations: usize,
}

impl ModelDetails {
    /// The details of an imported model.
    pub(crate) fn of(model: &Network) -> Self {
        let interface = model.interface();
        Self {
            network: model.id().to_string(),
            inputs: interface.inputs.iter().map(TensorSpec::of_input).collect(),
            outputs: interface.outputs.iter().map(TensorSpec::of_output).collect(),
            macs: model.macs(),
            activations: model.activations(),
        }
    }
}

/// An uploaded model.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Model {
    /// Model id: the sha256 of the ONNX file's bytes.
    #[schema(example = "6b1f0e4ad0d2a3c07f6d5f6a0fd0a5a8a9c5c8b2f50f0c7e3ddfb6f7b2fd0b11")]
    pub id: String,
    /// Length of the ONNX file.
    pub bytes: u64,
    /// When it was uploaded first.
    #[schema(format = DateTime)]
    pub created: String,
    /// The tags that point at it, as `name:tag`.
    pub tags: Vec<String>,
    /// What was found out about it.
    #[serde(flatten)]
    pub details: ModelDetails,
}

impl Model {
    /// A model with its tags.
    ///
    /// # Errors
    /// When the record is not one this service wrote.
    pub(crate) fn new(record: &ModelRecord, tags: &[(String, String)]) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: record.model.to_string(),
            bytes: record.bytes,
            created: moment(record.created),
            tags: tags.iter().map(|(name, tag)| format!("{name}:{tag}")).collect(),
            details: ModelDetails::deserialize(&record.details)?,
        })
    }
}

/// A part of the list of models, by id.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// The models.
    pub models: Vec<Model>,
    /// Where the next part begins; absent in the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
