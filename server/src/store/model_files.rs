//! The ONNX files of uploaded models.

use std::sync::Arc;

use lemma_prover::keys::{Keyring, KeysError};
use lemma_verifier::digest::Digest;
use tracing::{error, warn};

use crate::store::blobs::{BlobError, BlobKind, Blobs};

/// Why there is no file of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// It cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Its copy in the store cannot be read.
    #[error(transparent)]
    Copy(KeysError),
    /// Neither it nor a copy is there undamaged.
    #[error("the file of model {model} is missing or damaged; upload the model again")]
    Lost {
        /// The model.
        model: Digest,
    },
}

impl ModelFileError {
    /// Whether it can go away by itself: the system refused.
    pub const fn is_transient(&self) -> bool {
        !matches!(self, Self::Lost { .. })
    }
}

/// The files among the blobs, and the copies that the prover's store keeps beside keys. Cheap to clone; its functions
/// block.
#[derive(Clone, Debug)]
pub(crate) struct ModelFiles {
    blobs: Blobs,
    keyring: Arc<Keyring>,
}

impl ModelFiles {
    /// The files of a service.
    pub(crate) const fn new(blobs: Blobs, keyring: Arc<Keyring>) -> Self {
        Self { blobs, keyring }
    }

    /// The bytes of a model, their digest checked. A blob that is missing or damaged is written again if the store has a
    /// copy.
    ///
    /// # Errors
    /// When they are lost, or the system refuses.
    pub(crate) fn get(&self, model: Digest) -> Result<Vec<u8>, ModelFileError> {
        let damage = match self.blobs.get(BlobKind::Model, model) {
            Err(damage) if damage.is_damage() => damage,
            read => return Ok(read?),
        };
        match self.keyring.model_file(model) {
            Ok(onnx) => {
                warn!(%damage, "a model's file is taken from the store");
                // Whether it can be written does not matter to whoever wants to read it.
                if let Err(error) = self.blobs.put(BlobKind::Model, &onnx) {
                    warn!(%error, "a model's file cannot be written again");
                }
                Ok(onnx)
            }
            Err(copy) if copy.is_damage() => {
                error!(%damage, %copy, "a model's file is lost");
                Err(ModelFileError::Lost { model })
            }
            Err(copy) => Err(ModelFileError::Copy(copy)),
        }
    }
}
