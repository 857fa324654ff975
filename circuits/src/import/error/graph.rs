//! The graph: names, inputs and outputs.

use super::ReasonGroup;

/// The graph is not one that can be proven.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A value that has to have a name has none.
    #[error("{what} has no name; re-export the model")]
    Unnamed {
        /// What lacks the name.
        what: &'static str,
    },
    /// The name of a graph input or output that would change a terminal or a file that shows it.
    #[error("the name of {what} '{name}' holds control characters; rename it")]
    ControlCharacters {
        /// What has the name.
        what: &'static str,
        /// The name, control characters in it escaped.
        name: String,
    },
    /// Two definitions of one value.
    #[error("'{name}' is defined twice; give every input, initializer and node output its own name")]
    DuplicateName {
        /// The value.
        name: String,
    },
    /// A value that nothing defines.
    #[error("'{name}' is read but no input, initializer or node output has this name; re-export the model")]
    Undefined {
        /// The value.
        name: String,
    },
    /// A node reads its own output, directly or through others.
    #[error("the node reads its own output through a cycle; an ONNX graph has to be acyclic")]
    Cycle,
    /// The graph has no output.
    #[error("the graph has no output; name the tensors to prove as graph outputs")]
    NoOutput,
    /// A value of another type than `value_info` or the graph output says.
    #[error(
        "the file says that '{name}' is {got}, but the node makes it {expected}; onnxruntime refuses it too: remove \
         value_info from the file, or re-export the model"
    )]
    DeclaredType {
        /// The value.
        name: String,
        /// Its type in the file.
        got: String,
        /// The type that its node gives it.
        expected: String,
    },
    /// A graph input that no proven operator reads.
    #[error(
        "the graph input '{input}' is read by nothing that an output depends on; remove it from the graph"
    )]
    UnreadInput {
        /// The input.
        input: String,
    },
    /// A graph input of an unsupported type.
    #[error("the graph input '{input}' is {got}; expected a float32, int8 or uint8 tensor{remedy}")]
    InputType {
        /// The input.
        input: String,
        /// Its type.
        got: String,
        /// What to do, or nothing.
        remedy: &'static str,
    },
    /// A graph input without a fixed shape.
    #[error(
        "dimension {axis} of the graph input '{input}' is {got}; only the first dimension, the batch, may be open \
         (it becomes 1): fix the others with onnxruntime.tools.make_dynamic_shape_fixed"
    )]
    InputDimension {
        /// The input.
        input: String,
        /// Index of the dimension.
        axis: usize,
        /// What the file says.
        got: String,
    },
    /// A float input that is quantized in two ways.
    #[error(
        "the graph input '{input}' is quantized twice with different scales or zero points; quantize it once and \
         feed both readers from that"
    )]
    InputQuantizedTwice {
        /// The input.
        input: String,
    },
    /// Nothing to prove.
    #[error(
        "the model has no quantized operator; quantize it with onnxruntime.quantization.quantize_static (activation_type and weight_type \
         QInt8, quant_format QOperator or QDQ). If that has made this file, it passed over all operators: add theirs to the default list in \
         op_types_to_quantize, which replaces that list, take their names out of nodes_to_exclude, and in QDQ format set \
         extra_options={{\"ForceQuantizeNoInputCheck\": True}} for what stands behind a graph input"
    )]
    NothingQuantized,
    /// Outputs that are inputs as they are.
    #[error(
        "nothing is computed: every output is an input, at most quantized; remove the nodes that change nothing, such as Identity or a \
         Resize to the same size, and prove the network behind them"
    )]
    NothingComputed,
    /// An output that is not the dequantized result of a quantized operator.
    #[error(
        "the graph output '{output}' is {found}; an output has to be an 8-bit tensor, or one followed by \
         DequantizeLinear and possibly Softmax, or by ArgMax: {remedy}"
    )]
    OutputForm {
        /// The output.
        output: String,
        /// What it is.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
}

impl GraphError {
    /// What the reason is about.
    pub(super) fn group(&self) -> ReasonGroup {
        match self {
            Self::Unnamed { .. }
            | Self::ControlCharacters { .. }
            | Self::DuplicateName { .. }
            | Self::Undefined { .. }
            | Self::Cycle
            | Self::DeclaredType { .. } => ReasonGroup::File,
            Self::NoOutput
            | Self::UnreadInput { .. }
            | Self::InputType { .. }
            | Self::InputDimension { .. }
            | Self::InputQuantizedTwice { .. }
            | Self::NothingQuantized
            | Self::NothingComputed
            | Self::OutputForm { .. } => ReasonGroup::Edge,
        }
    }
}
