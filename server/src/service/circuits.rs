//! Circuits, their keys and what they will cost.

use std::sync::Arc;

use lemma_prover::{
    keys::KeysError,
    params::{ParamsError, SrsChoice},
};
use lemma_verifier::{circuit_id::CircuitId, digest::Digest, scheme::Scheme};
use tracing::warn;

use super::{
    JobService, blocking,
    networks::{Network, NetworkError},
    predictions::PredictionError,
};
use crate::{
    store::{
        model_files::ModelFileError,
        records::{CircuitEntry, RecordsError},
    },
    work::{
        jobs::{Job, Setup},
        prediction::Prediction,
    },
};

/// Why it is not known whether a circuit is ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadyError {
    /// The database refuses.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The file of its model cannot be had.
    #[error(transparent)]
    Model(#[from] ModelFileError),
    /// The store refuses.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl JobService {
    /// What is known of a circuit; `None` if there is no such circuit.
    ///
    /// # Errors
    /// When its record is damaged or the database refuses.
    pub async fn circuit(&self, circuit: CircuitId) -> Result<Option<CircuitEntry>, RecordsError> {
        self.inner.records.circuit(circuit).await
    }

    /// At most `limit` circuits after `after`, by id. Damaged ones are left out.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn circuits(
        &self,
        after: Option<CircuitId>,
        limit: u32,
    ) -> Result<Vec<CircuitEntry>, RecordsError> {
        self.inner.records.circuits(after, limit).await
    }

    /// The circuit that a model with this setup became, whatever has become of its files.
    ///
    /// # Errors
    /// When its record is damaged or the database refuses.
    pub async fn circuit_of(
        &self,
        model: Digest,
        setup: &Setup,
    ) -> Result<Option<CircuitEntry>, RecordsError> {
        self.inner.records.circuit_of(model, setup).await
    }

    /// The build of a circuit that is there and whose files are whole. Files that are missing or damaged are made again by
    /// another build.
    ///
    /// # Errors
    /// When the model's file is lost, or the system refuses.
    pub async fn built(&self, model: Digest, setup: &Setup) -> Result<Option<Job>, ReadyError> {
        let Some(entry) = undamaged(self.circuit_of(model, setup).await)?.flatten() else {
            return Ok(None);
        };
        self.model_bytes(entry.model).await?;
        let (keyring, circuit) = (self.inner.keyring.clone(), entry.facts.circuit);
        match blocking(move || keyring.check_files(circuit)).await {
            Err(error) if error.is_damage() => {
                warn!(%circuit, %error, "a circuit is damaged; it is built again");
                Ok(None)
            }
            checked => {
                checked?;
                Ok(undamaged(self.job(entry.job).await)?.flatten())
            }
        }
    }

    /// What the circuit of an uploaded model will look like and cost. Requests that come while it is planned wait for one
    /// plan, which is given up when all of them are.
    ///
    /// # Errors
    /// When there is no plan, no file or no place, and once the service stops.
    pub(crate) async fn predict(
        &self,
        model: Digest,
        scheme: Scheme,
    ) -> Result<Prediction, Arc<PredictionError>> {
        tokio::select! {
            planned = self.inner.predictions.of(model, scheme) => planned,
            () = self.stopping() => Err(Arc::new(PredictionError::ShuttingDown)),
        }
    }

    /// Checks that there are parameters for a circuit with 2^k rows.
    ///
    /// # Errors
    /// When there are none, or the choice is ambiguous.
    pub async fn check_parameters(&self, choice: SrsChoice, k: u32) -> Result<(), ParamsError> {
        let keyring = self.inner.keyring.clone();
        blocking(move || keyring.parameters().choose_srs(choice, k).map(drop)).await
    }

    /// The network of a circuit, in memory.
    ///
    /// # Errors
    /// When there is no such circuit, or it cannot be read.
    pub(crate) async fn network(&self, circuit: CircuitId) -> Result<Arc<Network>, Arc<NetworkError>> {
        self.inner.networks.get(circuit).await
    }

    /// The file of a circuit's verifying key.
    ///
    /// # Errors
    /// When it is missing or damaged, or the system refuses.
    pub async fn verifying_key(&self, circuit: CircuitId) -> Result<Vec<u8>, KeysError> {
        let keyring = self.inner.keyring.clone();
        blocking(move || keyring.circuit(circuit).and_then(|record| keyring.vk_bytes(&record))).await
    }
}

/// `None` instead of an error about a damaged row: a build writes what is needed again.
fn undamaged<T>(read: Result<T, RecordsError>) -> Result<Option<T>, RecordsError> {
    match read {
        Err(error @ RecordsError::Damaged { .. }) => {
            warn!(%error, "a circuit is built again");
            Ok(None)
        }
        read => read.map(Some),
    }
}
