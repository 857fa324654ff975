//! The file as a container, and limits on what it may ask for.

use super::ReasonGroup;

/// The file is no model within the caps.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// The file is larger than the cap.
    #[error("the file has {bytes} bytes, the limit is {limit}; use a smaller model")]
    FileSize {
        /// Size of the file.
        bytes: usize,
        /// The cap.
        limit: usize,
    },
    /// The bytes are not an ONNX protobuf.
    #[error("not an ONNX file: {reason}; check that the file is complete and is a binary ONNX model")]
    Malformed {
        /// What the decoder met.
        reason: String,
    },
    /// More of something than the cap allows.
    #[error("the file holds {count} or more {what}, the limit is {limit}; use a smaller model")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// The count at which reading stopped.
        count: usize,
        /// The cap.
        limit: usize,
    },
    /// A shape has too many dimensions.
    #[error("{what} has rank {rank}, the limit is {limit}; reshape it")]
    Rank {
        /// Which tensor.
        what: String,
        /// Its rank.
        rank: usize,
        /// The cap.
        limit: usize,
    },
    /// A dimension of size zero.
    #[error("{what} has shape {shape:?} and no element; remove it from the graph")]
    EmptyTensor {
        /// Which tensor.
        what: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A tensor is larger than the cap.
    #[error("{what} has shape {shape:?}, which is more than {limit} elements; use a smaller model")]
    TooManyElements {
        /// Which tensor.
        what: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The cap.
        limit: usize,
    },
    /// Constants expand to more memory than the size of the file justifies.
    #[error(
        "folding constants and expanding weights takes more than {limit} bytes, sixteen times the file; fold the constants when exporting"
    )]
    Budget {
        /// The cap, in bytes.
        limit: usize,
    },
    /// Layers that share weights make more copies of them than the cap allows.
    #[error(
        "layers that share weights, as the steps of an unrolled recurrence, make more than {limit} bytes of copies; unroll fewer steps"
    )]
    RepeatedWeights {
        /// The cap, in bytes.
        limit: usize,
    },
    /// Rearranged tensors hold more elements than the cap allows.
    #[error(
        "transposing, slicing, padding and broadcasting makes more than {limit} elements; use a smaller model"
    )]
    Rearranged {
        /// The cap.
        limit: usize,
    },
    /// Functions of one value make more tables than the cap allows.
    #[error(
        "functions of one value, and constants that vary along an axis, make more than {limit} tables of 256 entries; use \
         fewer different constants, or one for all elements"
    )]
    Tables {
        /// The cap.
        limit: usize,
    },
    /// The file has no graph.
    #[error("the file holds no graph; check that it is an ONNX model")]
    NoGraph,
    /// The file defines operators of its own.
    #[error(
        "the model defines {count} functions of its own; inline them with onnx.inliner.inline_local_functions"
    )]
    LocalFunctions {
        /// How many.
        count: usize,
    },
    /// A node uses an operator domain that the file does not import.
    #[error("the file imports no opset for domain '{domain}' that a node uses; re-export the model")]
    MissingOpset {
        /// The domain.
        domain: String,
    },
    /// The file imports two versions of a domain.
    #[error("the file imports domain '{domain}' twice, as opset {first} and {second}; re-export the model")]
    ConflictingOpset {
        /// The domain.
        domain: String,
        /// First version.
        first: i64,
        /// Second version.
        second: i64,
    },
    /// The opset version is outside the supported range.
    #[error(
        "opset {version} of domain '{domain}' is not supported, {min} to {max} is; convert the model with \
         onnx.version_converter.convert_version"
    )]
    Opset {
        /// The domain.
        domain: String,
        /// The version that the file imports.
        version: i64,
        /// Smallest supported version.
        min: i64,
        /// Largest supported version.
        max: i64,
    },
}

impl ContainerError {
    /// What the reason is about.
    pub(super) fn group(&self) -> ReasonGroup {
        match self {
            Self::FileSize { .. }
            | Self::TooMany { .. }
            | Self::Rank { .. }
            | Self::TooManyElements { .. }
            | Self::Budget { .. }
            | Self::RepeatedWeights { .. }
            | Self::Rearranged { .. }
            | Self::Tables { .. } => ReasonGroup::Limit,
            Self::Malformed { .. }
            | Self::NoGraph
            | Self::LocalFunctions { .. }
            | Self::MissingOpset { .. }
            | Self::ConflictingOpset { .. }
            | Self::Opset { .. } => ReasonGroup::File,
            Self::EmptyTensor { .. } => ReasonGroup::Shape,
        }
    }
}
