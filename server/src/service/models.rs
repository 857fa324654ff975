//! Uploaded models.

use lemma_verifier::digest::Digest;

use super::{JobService, StorageError, blocking};
use crate::store::{
    blobs::BlobKind,
    model_files::ModelFileError,
    records::{ModelRecord, RecordsError},
};

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

    /// Lets a tag point at a model from now on.
    ///
    /// # Errors
    /// When there is no such model or the database refuses.
    pub async fn tag_model(&self, name: &str, tag: &str, model: Digest) -> Result<(), RecordsError> {
        self.inner.records.set_tag(name, tag, model, self.inner.clock.now()).await
    }

    /// What is known of a model; `None` if there is no such model.
    ///
    /// # Errors
    /// When its record is damaged or the database refuses.
    pub async fn model(&self, model: Digest) -> Result<Option<ModelRecord>, RecordsError> {
        self.inner.records.model(model).await
    }

    /// At most `limit` models after `after`, by id. Damaged ones are left out.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn models(&self, after: Option<Digest>, limit: u32) -> Result<Vec<ModelRecord>, RecordsError> {
        self.inner.records.models(after, limit).await
    }

    /// The model that a tag points at.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tagged(&self, name: &str, tag: &str) -> Result<Option<Digest>, RecordsError> {
        self.inner.records.tagged(name, tag).await
    }

    /// The tags that point at a model.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tags_of(&self, model: Digest) -> Result<Vec<(String, String)>, RecordsError> {
        self.inner.records.tags_of(model).await
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
