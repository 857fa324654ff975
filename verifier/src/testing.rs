//! Key files whose parts need not fit together, for the tests of what refuses them (feature `testing`).

use serde::{Deserialize, Serialize};

use crate::{
    artifact::{ArtifactError, VerifyingKeyFile, Visibilities},
    circuit_id::ModelId,
    envelope::{self, EnvelopeError, Kind},
    interface::Interface,
    setup::Setup,
    shape::Shape,
};

/// The fields of a key file as a forger writes them. `bincode`'s plain functions have the files' fixed-width form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are those of a key file")]
pub struct ForgedKey {
    pub model: ModelId,
    pub shape: Shape,
    pub interface: Interface,
    pub visibilities: Visibilities,
    pub setup: Setup,
    pub fixed: Vec<[u8; 32]>,
    pub permutation: Vec<[u8; 32]>,
}

impl ForgedKey {
    /// The fields of an honest file.
    ///
    /// # Errors
    /// When the file is too large.
    pub fn of(file: &VerifyingKeyFile) -> Result<Self, ArtifactError> {
        let bytes = file.encode()?;
        let body = envelope::decode(Kind::VerifyingKey, &bytes)?;
        let reason = "its fields have changed";
        bincode::deserialize(body).map_err(|_| ArtifactError::Malformed { kind: Kind::VerifyingKey, reason })
    }

    /// A file of them, sealed.
    ///
    /// # Errors
    /// When it is too large.
    pub fn encode(&self) -> Result<Vec<u8>, EnvelopeError> {
        let body = bincode::serialize(self).unwrap_or_default();
        envelope::encode(Kind::VerifyingKey, &body)
    }
}
