//! What a circuit looks like and what its proofs cost, known before its keys are made.

use lemma_circuits::CompiledCircuit;
use lemma_prover::prediction;
use serde::{Deserialize, Serialize};

/// The figures of a planned circuit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Prediction {
    /// It has 2^k rows.
    pub(crate) k: u32,
    /// Rows that carry something.
    pub(crate) rows_used: u64,
    /// Advice columns.
    pub(crate) advice_columns: u32,
    /// Fixed columns.
    pub(crate) fixed_columns: u32,
    /// Lookups per row.
    pub(crate) lookups: u32,
    /// CPU time of one proof on the reference machine, in seconds.
    pub(crate) prove_cpu_seconds: f64,
    /// Peak memory of one proof, in bytes.
    pub(crate) memory_bytes: u64,
}

impl Prediction {
    /// The prediction for a compiled circuit.
    pub(crate) fn of(circuit: &CompiledCircuit) -> Self {
        let (shape, predicted) = (circuit.shape(), prediction::Prediction::of(circuit));
        Self {
            k: shape.k,
            rows_used: circuit.layout().rows() as u64,
            advice_columns: shape.num_advice(),
            fixed_columns: shape.num_fixed(),
            lookups: shape.lookup_slots(),
            prove_cpu_seconds: predicted.reference_seconds(),
            memory_bytes: predicted.memory_bytes,
        }
    }
}
