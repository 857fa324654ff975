//! Reasons by what they are about.

use std::fmt;

use super::ImportErrorKind as Kind;

/// What a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ReasonGroup {
    /// The file and the wiring of its graph.
    File,
    /// Graph inputs and outputs.
    Edge,
    /// Operators without an implementation.
    Operator,
    /// float32 values where integers or constants belong.
    Form,
    /// Answers of onnxruntime that depend on more than the file.
    Uncertain,
    /// Attributes, and how many inputs and outputs a node has.
    Attribute,
    /// Element types and shapes.
    Shape,
    /// Scales, zero points and ranges.
    Number,
    /// Sizes beyond a limit.
    Limit,
}

impl ReasonGroup {
    /// A word for it, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Edge => "edge",
            Self::Operator => "operator",
            Self::Form => "form",
            Self::Uncertain => "uncertain",
            Self::Attribute => "attribute",
            Self::Shape => "shape",
            Self::Number => "number",
            Self::Limit => "limit",
        }
    }
}

impl fmt::Display for ReasonGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "the file",
            Self::Edge => "inputs and outputs",
            Self::Operator => "operators that are not supported",
            Self::Form => "values that are float32, or no constants",
            Self::Uncertain => "answers that depend on more than the file",
            Self::Attribute => "attributes and operands",
            Self::Shape => "types and shapes",
            Self::Number => "scales, zero points and ranges",
            Self::Limit => "limits",
        })
    }
}

impl Kind {
    /// What the reason is about.
    pub fn group(&self) -> ReasonGroup {
        match self {
            Kind::Malformed { .. }
            | Kind::NoGraph
            | Kind::LocalFunctions { .. }
            | Kind::MissingOpset { .. }
            | Kind::ConflictingOpset { .. }
            | Kind::Opset { .. }
            | Kind::Unnamed { .. }
            | Kind::ControlCharacters { .. }
            | Kind::DuplicateName { .. }
            | Kind::Undefined { .. }
            | Kind::Cycle
            | Kind::DeclaredType { .. }
            | Kind::Tensor(_) => ReasonGroup::File,
            Kind::NoOutput
            | Kind::UnreadInput { .. }
            | Kind::InputType { .. }
            | Kind::InputDimension { .. }
            | Kind::InputQuantizedTwice { .. }
            | Kind::NothingQuantized
            | Kind::NothingComputed
            | Kind::OutputForm { .. } => ReasonGroup::Edge,
            Kind::UnsupportedOp { .. } | Kind::OperatorOpset { .. } | Kind::Subgraph { .. } => {
                ReasonGroup::Operator
            }
            Kind::NotConstant { .. }
            | Kind::InputForm { .. }
            | Kind::ActivationAddition { .. }
            | Kind::SumOperand { .. }
            | Kind::Pair { .. }
            | Kind::Terms { .. }
            | Kind::VaryingConstant { .. }
            | Kind::SoftmaxInside { .. }
            | Kind::Addend { .. }
            | Kind::FloatFanOut { .. }
            | Kind::FloatBias { .. } => ReasonGroup::Form,
            Kind::ArgMaxOfSoftmax { .. } | Kind::FloatPair { .. } | Kind::Uncertain(_) => {
                ReasonGroup::Uncertain
            }
            Kind::UnknownAttribute { .. }
            | Kind::DuplicateAttribute { .. }
            | Kind::MissingAttribute { .. }
            | Kind::AttributeValue { .. }
            | Kind::InputCount { .. }
            | Kind::MissingInput { .. }
            | Kind::MissingResizeInput { .. }
            | Kind::MissingZeroPoint { .. }
            | Kind::OutputCount { .. } => ReasonGroup::Attribute,
            Kind::EmptyTensor { .. }
            | Kind::ElementType { .. }
            | Kind::Shape { .. }
            | Kind::Reshape { .. } => ReasonGroup::Shape,
            Kind::AddendOverflow { .. }
            | Kind::SumFactor { .. }
            | Kind::Scale { .. }
            | Kind::NotANumber { .. }
            | Kind::ClipBounds { .. }
            | Kind::Multiplier { .. }
            | Kind::OperandScale { .. }
            | Kind::AverageFactor { .. }
            | Kind::BiasScale { .. }
            | Kind::BiasZeroPoint { .. }
            | Kind::IntegerRelu { .. }
            | Kind::Bounds(_) => ReasonGroup::Number,
            Kind::FileSize { .. }
            | Kind::TooMany { .. }
            | Kind::Rank { .. }
            | Kind::TooManyElements { .. }
            | Kind::Budget { .. }
            | Kind::RepeatedWeights { .. }
            | Kind::Rearranged { .. }
            | Kind::Tables { .. }
            | Kind::ArithmeticSteps { .. }
            | Kind::ArgMaxLength { .. }
            | Kind::AveragePieces { .. } => ReasonGroup::Limit,
        }
    }
}
