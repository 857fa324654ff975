//! Verifying keys in memory.

use std::sync::Arc;

use lemma_prover::{
    keys::{Keyring, KeysError},
    progress::Silent,
};
use lemma_verifier::{circuit_id::CircuitId, verify::VerifierKey};
use moka::sync::Cache;

/// Most keys that are kept.
const CAPACITY: u64 = 32;

/// The verifying keys in use, read from the store when they are first needed.
#[derive(Debug)]
pub(crate) struct Verifiers {
    keyring: Arc<Keyring>,
    recent: Cache<CircuitId, Arc<VerifierKey>>,
}

impl Verifiers {
    /// Keys of this keyring.
    pub(crate) fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring, recent: Cache::new(CAPACITY) }
    }

    /// The verifying key of a circuit. Blocks while it is read; whoever else asks for it meanwhile waits.
    ///
    /// # Errors
    /// When the circuit is not in the store or its key is damaged.
    pub(crate) fn get(&self, circuit: CircuitId) -> Result<Arc<VerifierKey>, Arc<KeysError>> {
        self.recent.try_get_with(circuit, || self.keyring.verifier(circuit, &Silent).map(Arc::new))
    }
}
