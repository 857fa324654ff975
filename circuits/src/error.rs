//! Why a model has no circuit.

use lemma_verifier::shape::MAX_K;

use crate::ir::{BoundsError, InconsistentModel};

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
    /// Planning would take more time or memory than it may.
    #[error("{}", over_budget(*resource, *needed, *limit, *fits))]
    OverBudget {
        /// Of what it would take too much.
        resource: Resource,
        /// How much it may need.
        needed: u64,
        /// The limit.
        limit: u64,
        /// What would fit.
        fits: Fitting,
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

/// Of what a plan would take more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource {
    /// Bytes of memory.
    Memory,
    /// Seconds of CPU time.
    Time,
}

/// Models of the same kind that would fit a budget, in percent of the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fitting {
    /// Of the height and width of its images, 0 if it has none or none fit.
    pub side: u8,
    /// Of the channels of its layers, 0 if none fit.
    pub channels: u8,
}

fn over_budget(resource: Resource, needed: u64, limit: u64, fits: Fitting) -> String {
    let amount = |amount: u64| match resource {
        Resource::Memory => format!("{} MiB of memory", amount.div_ceil(1 << 20)),
        Resource::Time => format!("{amount} s"),
    };
    let smaller = [(fits.side, "of the height and width of its images"), (fits.channels, "of its channels")];
    let smaller: Vec<String> = smaller
        .iter()
        .filter(|(percent, _)| *percent > 0)
        .map(|(percent, of)| format!("{percent} % {of}"))
        .collect();
    let advice = match smaller.as_slice() {
        [] => "prove a smaller model".to_owned(),
        smaller => format!("a model with {} would fit", smaller.join(", or with ")),
    };
    format!(
        "planning the circuit may take {}, more than the {} it is given; {advice}",
        amount(needed),
        amount(limit)
    )
}
