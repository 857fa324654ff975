//! Uploaded models.

use lemma_prover::digest::Digest;

use super::{JobService, StorageError, blocking};
use crate::store::{blobs::BlobKind, model_files::ModelFileError, records::ModelRecord};

impl JobService {
    /// Keeps an ONNX file with what was found out about it; its record, and whether it is new.
    ///
    /// # Errors
    /// When the file is too large or the system refuses.
    pub async fn put_model(
        &self,
        onnx: Vec<u8>,
        details: serde_json::Value,
    ) -> Result<(ModelRecord, bool), StorageError> {
        let (blobs, bytes) = (self.inner.blobs.clone(), onnx.len() as u64);
        // The bytes first: a record without bytes would be a promise that cannot be kept.
        let model = blocking(move || blobs.put(BlobKind::Model, &onnx)).await?;
        let created = self.inner.clock.now();
        let record = ModelRecord { model, bytes, created, details };
        Ok(self.inner.records.insert_model(record).await?)
    }

    /// The bytes of a model, their digest checked.
    ///
    /// # Errors
    /// When they are lost, or the system refuses.
    pub async fn model_bytes(&self, model: Digest) -> Result<Vec<u8>, ModelFileError> {
        let files = self.inner.model_files.clone();
        blocking(move || files.get(model)).await
    }
}
