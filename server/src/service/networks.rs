//! Networks in memory, for inferences that are answered at once.

use std::sync::Arc;

use lemma_circuits::{
    import::{ImportError, import},
    ir::Model,
};
use lemma_verifier::{circuit_id::CircuitId, interface::Interface};
use moka::future::Cache;

use super::{
    blocking,
    pool::{Pool, PoolError},
};
use crate::store::{
    model_files::{ModelFileError, ModelFiles},
    records::{CircuitEntry, Records, RecordsError},
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

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// There is no such circuit.
    #[error("circuit {circuit} is not known; create it first")]
    UnknownCircuit {
        /// The id asked for.
        circuit: CircuitId,
    },
    /// The record of the circuit is damaged, or the database refuses.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The file of its model cannot be had.
    #[error(transparent)]
    Model(#[from] ModelFileError),
    /// Nothing reads it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The model cannot be read, although it could when the circuit was built.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// The networks used last. A circuit never changes, so none is ever out of date.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    records: Records,
    files: ModelFiles,
    reading: Pool,
    recent: Cache<CircuitId, Arc<Network>>,
}

impl Networks {
    pub(super) fn new(records: Records, files: ModelFiles, reading: Pool) -> Self {
        let weigh = |_: &CircuitId, network: &Arc<Network>| {
            u32::try_from(network.bytes.saturating_mul(BYTES_PER_FILE_BYTE)).unwrap_or(u32::MAX)
        };
        let recent = Cache::builder().max_capacity(CAPACITY).weigher(weigh).build();
        Self { records, files, reading, recent }
    }

    /// The network of a circuit. Requests that come while it is read wait for one reading.
    ///
    /// # Errors
    /// When there is no such circuit, or it cannot be read.
    pub(super) async fn get(&self, circuit: CircuitId) -> Result<Arc<Network>, Arc<NetworkError>> {
        self.recent.try_get_with(circuit, self.read(circuit)).await
    }

    async fn read(&self, circuit: CircuitId) -> Result<Arc<Network>, NetworkError> {
        let entry = self.records.circuit(circuit).await?;
        let entry = entry.ok_or(NetworkError::UnknownCircuit { circuit })?;
        let (files, digest) = (self.files.clone(), entry.model);
        let onnx = blocking(move || files.get(digest)).await?;
        let bytes = onnx.len() as u64;
        let model = self.reading.run(move || import(&onnx, "the circuit's model")).await??;
        let interface = model.interface();
        Ok(Arc::new(Network { circuit: entry, model, interface, bytes }))
    }
}
