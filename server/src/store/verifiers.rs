//! Verifying keys in memory.

use std::sync::{Arc, Mutex, PoisonError};

use lemma_circuits::statement::CircuitId;
use lemma_prover::{
    keys::{Keyring, KeysError},
    progress::Silent,
    verify::VerifierKey,
};

/// Most keys that are kept.
const CAPACITY: usize = 32;

/// The verifying keys used last, read from the store when they are first needed.
#[derive(Debug)]
pub(crate) struct Verifiers {
    keyring: Arc<Keyring>,
    /// The one used last comes last.
    recent: Mutex<Vec<Arc<VerifierKey>>>,
}

impl Verifiers {
    /// Keys of this keyring.
    pub(crate) fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring, recent: Mutex::default() }
    }

    /// The verifying key of a circuit. Blocks while it is read.
    ///
    /// # Errors
    /// When the circuit is not in the store or its key is damaged.
    pub(crate) fn get(&self, circuit: CircuitId) -> Result<Arc<VerifierKey>, KeysError> {
        if let Some(key) = self.touch(circuit) {
            return Ok(key);
        }
        let key = Arc::new(self.keyring.verifier(circuit, &Silent)?);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|other| other.circuit_id() != circuit);
        if recent.len() >= CAPACITY {
            recent.remove(0);
        }
        recent.push(key.clone());
        Ok(key)
    }

    fn touch(&self, circuit: CircuitId) -> Option<Arc<VerifierKey>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let index = recent.iter().position(|key| key.circuit_id() == circuit)?;
        let key = recent.remove(index);
        recent.push(key.clone());
        Some(key)
    }
}
