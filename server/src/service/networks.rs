//! Networks in memory, for inferences that are answered at once.

use std::sync::Arc;

use lemma_circuits::{
    import::{ImportError, import},
    ir::Model,
    statement::{CircuitId, Interface},
};
use moka::future::Cache;

use crate::{
    http::problem::{Problem, ProblemType, damaged_circuit},
    service::{JobService, pool::Pool},
    store::records::{CircuitEntry, RecordsError},
};

/// Memory for networks, in bytes.
const CAPACITY: u64 = 512 << 20;

/// A network holds about this many bytes for each byte of its ONNX file.
const BYTES_PER_FILE_BYTE: u64 = 4;

/// A circuit with the network it proves.
#[derive(Debug)]
pub(crate) struct Network {
    /// What is known of the circuit.
    pub(crate) circuit: CircuitEntry,
    /// The network.
    pub(crate) model: Model,
    /// Its public tensors.
    pub(crate) interface: Interface,
    bytes: u64,
}

/// The networks used last. A circuit never changes, so none is ever out of date.
#[derive(Clone, Debug)]
pub(crate) struct Networks {
    service: JobService,
    reading: Pool,
    recent: Cache<CircuitId, Arc<Network>>,
}

impl Networks {
    pub(crate) fn new(service: JobService, reading: Pool) -> Self {
        let weigh = |_: &CircuitId, network: &Arc<Network>| {
            u32::try_from(network.bytes.saturating_mul(BYTES_PER_FILE_BYTE)).unwrap_or(u32::MAX)
        };
        let recent = Cache::builder().max_capacity(CAPACITY).weigher(weigh).build();
        Self { service, reading, recent }
    }

    /// The network of a circuit. Requests that come while it is read wait for one reading.
    ///
    /// # Errors
    /// [`ProblemType::UnknownCircuit`] when there is no such circuit.
    pub(crate) async fn get(&self, circuit: CircuitId) -> Result<Arc<Network>, Problem> {
        let read = self.recent.try_get_with(circuit, self.read(circuit));
        read.await.map_err(|problem: Arc<Problem>| (*problem).clone())
    }

    async fn read(&self, circuit: CircuitId) -> Result<Arc<Network>, Problem> {
        let entry = entry(&self.service, circuit).await?;
        let onnx = self.service.model_bytes(entry.model).await?;
        let bytes = onnx.len() as u64;
        let imported: Result<Model, ImportError> =
            self.reading.run(move || import(&onnx, "the circuit's model")).await?;
        let model = imported.map_err(|error| Problem::internal(&error))?;
        let interface = Interface::of(&model);
        Ok(Arc::new(Network { circuit: entry, model, interface, bytes }))
    }
}

/// What is known of a circuit.
///
/// # Errors
/// [`ProblemType::UnknownCircuit`] when there is none, [`ProblemType::Unavailable`] when its record is damaged.
pub(crate) async fn entry(service: &JobService, circuit: CircuitId) -> Result<CircuitEntry, Problem> {
    match service.records().circuit(circuit).await {
        Err(error @ RecordsError::Damaged { .. }) => Err(damaged_circuit(&error)),
        found => found?.ok_or_else(|| unknown(&circuit)),
    }
}

/// The answer for a circuit that is not there.
pub(crate) fn unknown(circuit: &impl std::fmt::Display) -> Problem {
    Problem::new(
        ProblemType::UnknownCircuit,
        format!("no circuit has the id {circuit}; POST /v1/circuits builds one, GET /v1/circuits lists them"),
    )
}
