//! The two files that leave a machine: proof bundles and verifying keys.
//!
//! Both decode from exactly the bytes they encode to. What they say is not believed because they say it: a
//! bundle is checked by [`crate::verify::verify`] against a key and an id the caller names, and a verifying key
//! file is what it hashes to, its [circuit id](VerifyingKeyFile::circuit_id).

mod bundle;
mod interface;
mod key;

pub use bundle::ProofBundle;
pub use interface::{MAX_NAME_BYTES, MAX_PORTS};
pub use key::{KeyParts, VerifyingKeyFile, Visibilities, Visibility};

use crate::{
    envelope::{EnvelopeError, Kind},
    setup::SetupError,
    shape::ShapeError,
};

/// Why bytes are not a proof bundle or a verifying key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The frame is wrong.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body is not of the kind's form.
    #[error("{kind} is malformed: {reason}")]
    Malformed {
        /// Kind of the file.
        kind: Kind,
        /// What is wrong.
        reason: &'static str,
    },
    /// The circuit's shape is none a compiler makes.
    #[error("verifying key: {0}")]
    Shape(#[from] ShapeError),
    /// A number of columns does not follow from the shape.
    #[error("verifying key has {got} {columns} columns, expected {expected}")]
    Columns {
        /// Which columns.
        columns: &'static str,
        /// By the shape.
        expected: usize,
        /// Found.
        got: usize,
    },
    /// More public inputs than rows.
    #[error("verifying key has {got} public inputs, more than the limit of {limit}")]
    PublicInputs {
        /// Usable rows.
        limit: usize,
        /// By the interface.
        got: usize,
    },
    /// More public tensors than any circuit has.
    #[error("verifying key has {got} public tensors, more than the limit of {limit}")]
    Ports {
        /// Most of them.
        limit: usize,
        /// Found.
        got: usize,
    },
    /// A public tensor that no model has.
    #[error("verifying key: public tensor {index}: {reason}")]
    Port {
        /// Its place among inputs, then outputs.
        index: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A commitment that is no canonically encoded point.
    #[error("verifying key: commitment {index} of the {columns} columns is not a canonically encoded point")]
    Commitment {
        /// Which columns.
        columns: &'static str,
        /// Index of the column.
        index: usize,
    },
    /// The KZG string's point is unusable.
    #[error("verifying key: {0}")]
    Setup(#[source] SetupError),
}
