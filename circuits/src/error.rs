//! Why a model has no circuit.

use crate::{
    ir::{BoundsError, InconsistentModel},
    shape::MAX_K,
};

/// Why a model has no circuit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The integer function is not onnxruntime's.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The model is no network; the importer makes none of these.
    #[error(transparent)]
    Inconsistent(#[from] InconsistentModel),
    /// Every class of channels has a tag of its own in the lookup table.
    #[error(
        "the model's channels need {got} different requantization tables, at most {limit} are possible; use per-tensor \
         scales or split it"
    )]
    TooManyClasses {
        /// Classes of the model.
        got: usize,
        /// Tags.
        limit: usize,
    },
    /// No integer formula equals onnxruntime's float32 arithmetic for all inputs of a sum.
    #[error(
        "node '{node}': no integer formula equals onnxruntime's float32 sum for all inputs; change one of its three \
         scales slightly when quantizing"
    )]
    InexactSum {
        /// Name of the node.
        node: String,
    },
    /// Planning would take more time and memory than is allowed for.
    #[error("the model has {got} {what}, at most {limit} are planned for; split it or prove a smaller model")]
    OverBudget {
        /// Of what there is too much.
        what: &'static str,
        /// How much.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// No shape within the limits holds the model.
    #[error(
        "the model has {activations} activations and {macs} multiply-accumulates, too many for a circuit of \
         2^{MAX_K} rows; split it or prove a smaller model"
    )]
    TooLarge {
        /// Activations, inputs included.
        activations: usize,
        /// Multiply-accumulates.
        macs: u64,
    },
}
