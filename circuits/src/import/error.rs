//! Why a file is not imported.

mod container;
mod graph;
mod group;
mod operator;
mod quantization;
mod refusal;
mod report;
mod tensor;
mod uncertain;

pub use container::ContainerError;
pub use graph::GraphError;
pub use group::ReasonGroup;
pub use operator::OperatorError;
pub use quantization::QuantizationError;
pub use refusal::Refusal;
pub use report::{ImportError, NodeLabel};
pub use tensor::TensorError;
pub use uncertain::UncertainAnswer;

use std::mem::discriminant;

use crate::ir::BoundsError;

/// The reason of an [`ImportError`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportErrorKind {
    /// The file as a container.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// Its graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An operator.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// A constant of the file that cannot be read.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// Quantization parameters.
    #[error(transparent)]
    Quantization(#[from] QuantizationError),
    /// onnxruntime's answer depends on more than the file.
    #[error(transparent)]
    Uncertain(#[from] UncertainAnswer),
    /// An accumulator leaves int32.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
}

impl ImportErrorKind {
    /// What the reason is about.
    pub fn group(&self) -> ReasonGroup {
        match self {
            Self::Container(error) => error.group(),
            Self::Graph(error) => error.group(),
            Self::Operator(error) => error.group(),
            Self::Tensor(_) => ReasonGroup::File,
            Self::Quantization(error) => error.group(),
            Self::Uncertain(_) => ReasonGroup::Uncertain,
            Self::Bounds(_) => ReasonGroup::Number,
        }
    }

    /// Whether both are the same reason, of whatever values.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Container(left), Self::Container(right)) => discriminant(left) == discriminant(right),
            (Self::Graph(left), Self::Graph(right)) => discriminant(left) == discriminant(right),
            (Self::Operator(left), Self::Operator(right)) => discriminant(left) == discriminant(right),
            (Self::Tensor(left), Self::Tensor(right)) => discriminant(left) == discriminant(right),
            (Self::Quantization(left), Self::Quantization(right)) => {
                discriminant(left) == discriminant(right)
            }
            (Self::Uncertain(left), Self::Uncertain(right)) => discriminant(left) == discriminant(right),
            (Self::Bounds(left), Self::Bounds(right)) => discriminant(left) == discriminant(right),
            _ => false,
        }
    }
}
