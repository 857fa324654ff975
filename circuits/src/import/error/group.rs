//! Reasons by what they are about.

use std::fmt;

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
