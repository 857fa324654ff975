//! What jobs are to do and what comes of them.

use std::time::Duration;

use lemma_circuits::ir::ModelId;
use lemma_prover::{
    keys::{CircuitRecord, SetupChoice},
    params::SrsChoice,
};
use lemma_verifier::{circuit_id::CircuitId, digest::Digest, scheme::Scheme, setup::SrsId};
use serde::{Deserialize, Serialize};

use super::written;

/// Which queued jobs go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// After all others.
    Low,
    /// What is not said otherwise.
    #[default]
    Normal,
    /// Before all others.
    High,
}

/// Where a circuit's commitment parameters come from; the wire form of [`SetupChoice`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case")]
pub enum Setup {
    /// The ipa scheme: nobody has to be trusted.
    #[default]
    Ipa,
    /// The kzg scheme with an imported ceremony.
    Kzg {
        /// Its id in hexadecimal digits; the only imported one that is large enough if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ceremony: Option<String>,
    },
    /// The kzg scheme with a string drawn on the server: proofs can be forged by whoever runs it.
    KzgInsecureLocal,
}

/// A text that names no ceremony.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is not the id of a ceremony; `lemma srs list` shows the imported ones")]
pub struct CeremonyIdError {
    /// The text.
    pub got: String,
}

impl Setup {
    /// The setup that keys are made with.
    ///
    /// # Errors
    /// When the ceremony's id is malformed.
    pub fn choice(&self) -> Result<SetupChoice, CeremonyIdError> {
        Ok(match self {
            Self::Ipa => SetupChoice::Transparent,
            Self::Kzg { ceremony: None } => SetupChoice::Kzg(SrsChoice::Ceremony(None)),
            Self::Kzg { ceremony: Some(id) } => {
                let id: SrsId = id.parse().map_err(|_| CeremonyIdError { got: id.clone() })?;
                SetupChoice::Kzg(SrsChoice::Ceremony(Some(id)))
            }
            Self::KzgInsecureLocal => SetupChoice::Kzg(SrsChoice::InsecureLocal),
        })
    }

    /// The scheme to compile for.
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::Ipa => Scheme::Ipa,
            Self::Kzg { .. } | Self::KzgInsecureLocal => Scheme::Kzg,
        }
    }

    /// The setup the keys of a circuit were made with.
    pub(crate) fn choice_of(record: &CircuitRecord) -> SetupChoice {
        match record.srs() {
            None => SetupChoice::Transparent,
            Some(_) if record.insecure_srs() => SetupChoice::Kzg(SrsChoice::InsecureLocal),
            Some(id) => SetupChoice::Kzg(SrsChoice::Ceremony(Some(id))),
        }
    }
}

/// Prove one inference. The input is kept apart from the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofWork {
    /// The circuit.
    #[serde(with = "written::circuit_id")]
    pub circuit: CircuitId,
    /// The caller's context, at most 32 bytes.
    #[serde(with = "written::bytes")]
    pub context: Vec<u8>,
}

/// Compile a model and make both its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitWork {
    /// sha256 of the ONNX file.
    #[serde(with = "written::digest")]
    pub model: Digest,
    /// Commitment scheme and parameters.
    pub setup: Setup,
}

/// What a job is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Prove one inference.
    Proof(ProofWork),
    /// Make keys.
    Circuit(CircuitWork),
}

/// The two kinds of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// Prove one inference.
    Proof,
    /// Make keys.
    Circuit,
}

impl WorkKind {
    /// The kind as a stable lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::Circuit => "circuit",
        }
    }
}

impl Work {
    /// Its kind.
    pub const fn kind(&self) -> WorkKind {
        match self {
            Self::Proof(_) => WorkKind::Proof,
            Self::Circuit(_) => WorkKind::Circuit,
        }
    }
}

/// What came of a job that succeeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// A proof bundle, verified from its bytes.
    Proof {
        /// sha256 of the bundle; its name among the blobs.
        #[serde(with = "written::digest")]
        bundle: Digest,
        /// Length of the bundle in bytes.
        bytes: u64,
    },
    /// A circuit with its keys in the store.
    Circuit {
        /// Its id.
        #[serde(with = "written::circuit_id")]
        circuit: CircuitId,
    },
}

/// What is known about a circuit once its keys are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CircuitFacts {
    /// Its id.
    #[serde(with = "written::circuit_id")]
    pub circuit: CircuitId,
    /// The identity of the quantized model.
    #[serde(with = "written::model_id")]
    pub model_id: ModelId,
    /// The commitment scheme.
    #[serde(with = "written::scheme")]
    pub scheme: Scheme,
    /// Whether the keys rest on a string drawn on the server.
    pub insecure_srs: bool,
    /// Id of the KZG string the keys rest on; unknown for circuits that earlier versions built.
    #[serde(default)]
    pub srs: Option<String>,
    /// It has 2^k rows.
    pub k: u32,
    /// Rows that carry something.
    pub rows_used: u64,
    /// Advice columns.
    pub advice_columns: u32,
    /// Fixed columns.
    pub fixed_columns: u32,
    /// Lookup arguments.
    pub lookups: u32,
    /// Predicted CPU time of one proof on the reference machine.
    #[serde(rename = "predicted_prove_ms", with = "written::milliseconds")]
    pub predicted_prove: Duration,
    /// Predicted peak memory of one proof, in bytes.
    pub predicted_memory_bytes: u64,
    /// Length of a proof in bytes.
    pub proof_bytes: u64,
    /// sha256 of the `.vk` file.
    #[serde(with = "written::digest")]
    pub vk: Digest,
    /// Length of the `.vk` file in bytes.
    pub vk_bytes: u64,
    /// Length of the stored proving key in bytes.
    pub pk_bytes: u64,
    /// Wall-clock time of making or finding the keys.
    #[serde(rename = "keygen_ms", with = "written::milliseconds")]
    pub keygen: Duration,
}
