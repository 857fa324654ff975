//! What the store remembers about circuits.

use bincode::Options;
use lemma_circuits::{CompiledCircuit, ir::ModelId};
use lemma_verifier::{
    circuit_id::{CircuitId, FORMAT_VERSION},
    digest::Digest,
    scheme::Scheme,
    setup::{Setup, SrsId},
};
use serde::{Deserialize, Serialize};

use crate::store::{ObjectKind, Record, RecordKind, References};

/// A circuit whose keys are in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitRecord {
    /// Its id.
    pub circuit: CircuitId,
    /// Id of the quantized model.
    pub model: ModelId,
    /// sha256 of the ONNX file it was compiled from.
    pub onnx: Digest,
    /// It has 2^k rows.
    pub k: u32,
    /// The setup its keys are bound to.
    pub setup: Setup,
    /// sha256 of its `.vk` file.
    pub vk: Digest,
    /// sha256 of its proving key, once one was needed.
    pub pk: Option<Digest>,
}

impl CircuitRecord {
    /// The commitment scheme.
    pub fn scheme(&self) -> Scheme {
        self.setup.scheme()
    }

    /// Whether the keys rest on a KZG string that was drawn on somebody's machine.
    pub fn insecure_srs(&self) -> bool {
        self.setup.insecure()
    }

    /// The KZG string the keys rest on.
    pub fn srs(&self) -> Option<SrsId> {
        self.setup.srs()
    }
}

impl Record for CircuitRecord {
    const KIND: RecordKind = RecordKind::Circuit;

    fn references(&self) -> References {
        let mut references = vec![(ObjectKind::Model, self.onnx), (ObjectKind::VerifyingKey, self.vk)];
        references.extend(self.pk.map(|pk| (ObjectKind::ProvingKey, pk)));
        references
    }
}

/// Which circuit a plan with a setup became, so that its id is found without making its key again.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct PlanRecord {
    pub(super) circuit: CircuitId,
}

impl Record for PlanRecord {
    const KIND: RecordKind = RecordKind::Plan;

    fn references(&self) -> References {
        References::new()
    }
}

/// Changes whenever the proof library's keys may: stored keys of another value are not found.
const KEY_FORMAT: &str = "halo2-axiom 0.5.3";

/// Name of a plan with a setup: a digest of all that decides the keys.
pub(super) fn plan_name(circuit: &CompiledCircuit, setup: &Setup) -> String {
    let identity = (
        KEY_FORMAT,
        FORMAT_VERSION,
        circuit.model_id(),
        circuit.shape(),
        circuit.interface(),
        setup,
        circuit.layout_digest(),
    );
    let bytes = bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .serialize(&identity)
        .expect("plain data without maps always serializes");
    Digest::of(&bytes).to_string()
}
