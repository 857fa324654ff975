//! Operators, their attributes and what they read.

use super::ReasonGroup;

/// An operator is not supported as it stands.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// An operator without an implementation.
    #[error("operator {op} is not supported{remedy}; see `lemma ops` for the supported operators")]
    UnsupportedOp {
        /// The operator with its domain.
        op: String,
        /// What to do about this operator in particular, or nothing.
        remedy: &'static str,
    },
    /// An operator that is newer than the opset of the file.
    #[error(
        "operator {op} needs opset {since} or later, the file imports opset {opset}, with which onnxruntime refuses it; convert \
         the model with onnx.version_converter.convert_version, or re-export it"
    )]
    OperatorOpset {
        /// The operator.
        op: &'static str,
        /// The opset of the file.
        opset: i64,
        /// First opset in which onnxruntime takes the operator.
        since: i64,
    },
    /// An attribute that the operator does not have in the supported form.
    #[error("attribute '{attribute}' is not supported; re-export the model without it")]
    UnknownAttribute {
        /// The attribute.
        attribute: String,
    },
    /// Two attributes of one name.
    #[error("attribute '{attribute}' appears twice; re-export the model")]
    DuplicateAttribute {
        /// The attribute.
        attribute: String,
    },
    /// An attribute that holds a graph.
    #[error(
        "attribute '{attribute}' holds a subgraph; control flow is not supported: export a model without it"
    )]
    Subgraph {
        /// The attribute.
        attribute: String,
    },
    /// A missing attribute.
    #[error("attribute '{attribute}' is missing; re-export the model")]
    MissingAttribute {
        /// The attribute.
        attribute: &'static str,
    },
    /// An attribute value without an implementation.
    #[error("attribute '{attribute}' is {got}; expected {expected}")]
    AttributeValue {
        /// The attribute.
        attribute: String,
        /// Its value.
        got: String,
        /// What is supported.
        expected: String,
    },
    /// Wrong number of inputs.
    #[error("the node has {got} inputs; expected {min} to {max}")]
    InputCount {
        /// Number of inputs.
        got: usize,
        /// Least number.
        min: usize,
        /// Largest number.
        max: usize,
    },
    /// A missing input.
    #[error("input {index} ({role}) is missing")]
    MissingInput {
        /// Position.
        index: usize,
        /// What the operator uses it for.
        role: &'static str,
    },
    /// An input of Resize that may be left out only from opset 13 on.
    #[error("input {index} ({role}) is missing, which opset 11 and 12 require; name an empty float32 tensor")]
    MissingResizeInput {
        /// Position.
        index: usize,
        /// What the operator uses it for.
        role: &'static str,
    },
    /// A zero point that onnxruntime insists on.
    #[error(
        "input {index}, a zero point, is missing, which onnxruntime refuses here; name a constant 0 of the tensor's type"
    )]
    MissingZeroPoint {
        /// Position.
        index: usize,
    },
    /// A read or missing output that the operator does not define.
    #[error("output {index} is used or missing; only output 0 is supported")]
    OutputCount {
        /// Position.
        index: usize,
    },
    /// An input that has to be constant.
    #[error("the {role} '{name}' is {found}; it has to be constant: export it as an initializer")]
    NotConstant {
        /// What the operator uses it for.
        role: &'static str,
        /// The value.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// An input of the wrong form.
    #[error("the {role} '{name}' is {found}; expected {expected}: {remedy}")]
    InputForm {
        /// What the operator uses it for.
        role: &'static str,
        /// The value.
        name: String,
        /// What it is.
        found: &'static str,
        /// What is supported.
        expected: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// An addition of the float result of a layer and another activation.
    #[error(
        "it adds '{left}' and '{right}', of which one is the float32 result of a layer and the other no constant; put a \
         QuantizeLinear/DequantizeLinear pair behind the layer, as onnxruntime.quantization.quantize_static does: two \
         dequantized activations can be added"
    )]
    ActivationAddition {
        /// The left addend.
        left: String,
        /// The right addend.
        right: String,
    },
    /// An operator on an integer sum that is not a monotone function of it.
    #[error(
        "'{name}' is {found}; between an integer sum and its quantizer constants can be added and subtracted, and \
         multiplied or divided by if positive"
    )]
    SumOperand {
        /// The value.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// Integer constants whose sum leaves int32.
    #[error(
        "channel {channel}: the constant '{name}' and those added before it sum up to {sum}, which int32 does not hold; add \
         float32 constants behind Cast instead"
    )]
    AddendOverflow {
        /// The last constant.
        name: String,
        /// Output channel.
        channel: usize,
        /// Sum of the constants.
        sum: i64,
    },
    /// A number that an integer sum is not scaled or shifted by.
    #[error(
        "it scales or shifts an integer sum by {value:e}; factors have to be positive normal float32 numbers, addends \
         0 or normal: quantize the model again"
    )]
    SumFactor {
        /// The number.
        value: f32,
    },
    /// A long row of operators between an integer sum and its quantizer.
    #[error(
        "more than {limit} operators stand between an integer sum and its quantizer; simplify the graph with \
         onnxruntime.tools.symbolic_shape_infer or onnx-simplifier"
    )]
    ArithmeticSteps {
        /// The limit.
        limit: usize,
    },
    /// Sub or Div of two tensors.
    #[error(
        "it combines '{left}' and '{right}', of which neither is a constant; a dequantized activation and a constant are \
         supported: {instead}"
    )]
    Pair {
        /// The left operand.
        left: String,
        /// The right operand.
        right: String,
        /// What to write instead.
        instead: &'static str,
    },
    /// Constants that a tensor is compared with, of more different numbers than ranks.
    #[error(
        "the constant '{name}' has numbers below, above and between all 256 of the tensor it is compared with; quantize it too, \
         or compare with fewer different numbers"
    )]
    ComparedConstants {
        /// The constant.
        name: String,
    },
    /// Sum or Mean of three tensors or more, of unrelated scales.
    #[error(
        "it combines {count} tensors, whose float32 sum is rounded after each of them: give them one scale, or scales that are powers of \
         two; or combine two, put a QuantizeLinear/DequantizeLinear pair behind them, and go on with the next; a Mean is then multiplied \
         by a number"
    )]
    Terms {
        /// How many.
        count: usize,
    },
    /// A float32 sum or difference that no quantized sum has found to be.
    #[error(
        "no quantized sum was found that equals this float32 result for every pair of integers, such as {output} for {inputs:?}: change \
         a scale slightly, make the scales powers of two, or write it with Neg, a QuantizeLinear/DequantizeLinear pair and Add"
    )]
    FloatPair {
        /// Integers of the left and right operand, those of a subtrahend counted from the other end.
        inputs: [i32; 2],
        /// Their result.
        output: i32,
    },
    /// A float constant that varies along more than one axis of the activation, or makes it larger.
    #[error(
        "the constant '{name}' of shape {got:?} beside an activation of shape {activation:?} is not supported; a constant \
         is one number, or one for each position along one axis of the activation: let quantize_static quantize it too \
         (op_types_to_quantize with Add and Mul), which take all shapes, and write Sub and Div with them"
    )]
    VaryingConstant {
        /// The constant.
        name: String,
        /// Its shape.
        got: Vec<usize>,
        /// Shape of the activation.
        activation: Vec<usize>,
    },
    /// ArgMax of float32 values that may be equal where the integers differ.
    #[error(
        "it takes the largest of '{name}', which Softmax may round to equal numbers; take ArgMax of the input of Softmax, \
         whose order is the same"
    )]
    ArgMaxOfSoftmax {
        /// The value.
        name: String,
    },
    /// ArgMax over a long axis.
    #[error(
        "it takes the largest of {length} numbers, at most {limit} are supported: make the numbers the output and take \
         ArgMax of the proven ones"
    )]
    ArgMaxLength {
        /// Elements along the axis.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A result of Softmax that is read by another operator.
    #[error(
        "the {role} '{name}' is the result of Softmax or LogSoftmax, which is computed outside the proof, so nothing but \
         the output's quantizers can follow it: a Softmax at the end stays float32 with nodes_to_exclude=[its name], one \
         inside a network cannot be proven"
    )]
    SoftmaxInside {
        /// What the operator uses it for.
        role: &'static str,
        /// The value.
        name: String,
    },
    /// An addition of a constant to something else than the result of a layer.
    #[error(
        "the addend '{name}' is {found}; only the int32 bias of a MatMul is supported: run \
         onnxruntime.quantization.shape_inference.quant_pre_process before quantizing, which merges MatMul and Add \
         into Gemm"
    )]
    Addend {
        /// The value.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// A float result that onnxruntime would compute in float32.
    #[error(
        "the float result '{name}' has {uses} uses, so onnxruntime does not fuse it with one quantizer; put one \
         QuantizeLinear/DequantizeLinear pair behind it and read that, as quantize_static does with DedicatedQDQPair=False"
    )]
    FloatFanOut {
        /// The value.
        name: String,
        /// How many nodes and outputs read it.
        uses: usize,
    },
    /// Element types of tensors that do not fit together.
    #[error("the {role} is {got}; expected {expected}")]
    ElementType {
        /// What the operator uses it for.
        role: &'static str,
        /// Its type.
        got: String,
        /// What is supported.
        expected: String,
    },
    /// Shapes that do not fit together.
    #[error("the {role} has shape {got:?}; expected {expected}")]
    Shape {
        /// What the operator uses it for.
        role: &'static str,
        /// Its shape.
        got: Vec<usize>,
        /// What is supported.
        expected: String,
    },
    /// Average pooling with a border of many sizes.
    #[error(
        "the windows at the border have {count} different positions over it, {limit} are supported; pool with less \
         padding, or with count_include_pad=1"
    )]
    AveragePieces {
        /// Different pieces of the image.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A requested shape that the elements cannot take.
    #[error("a tensor of shape {from:?} cannot take the shape or axes {to:?}; re-export the model")]
    Reshape {
        /// Shape of the tensor.
        from: Vec<usize>,
        /// The request.
        to: Vec<i64>,
    },
}

impl OperatorError {
    /// What the reason is about.
    pub(super) fn group(&self) -> ReasonGroup {
        match self {
            Self::UnsupportedOp { .. } | Self::OperatorOpset { .. } | Self::Subgraph { .. } => {
                ReasonGroup::Operator
            }
            Self::UnknownAttribute { .. }
            | Self::DuplicateAttribute { .. }
            | Self::MissingAttribute { .. }
            | Self::AttributeValue { .. }
            | Self::InputCount { .. }
            | Self::MissingInput { .. }
            | Self::MissingResizeInput { .. }
            | Self::MissingZeroPoint { .. }
            | Self::OutputCount { .. } => ReasonGroup::Attribute,
            Self::NotConstant { .. }
            | Self::InputForm { .. }
            | Self::ActivationAddition { .. }
            | Self::SumOperand { .. }
            | Self::Pair { .. }
            | Self::Terms { .. }
            | Self::VaryingConstant { .. }
            | Self::ComparedConstants { .. }
            | Self::SoftmaxInside { .. }
            | Self::Addend { .. }
            | Self::FloatFanOut { .. } => ReasonGroup::Form,
            Self::AddendOverflow { .. } | Self::SumFactor { .. } => ReasonGroup::Number,
            Self::ArithmeticSteps { .. } | Self::ArgMaxLength { .. } | Self::AveragePieces { .. } => {
                ReasonGroup::Limit
            }
            Self::FloatPair { .. } | Self::ArgMaxOfSoftmax { .. } => ReasonGroup::Uncertain,
            Self::ElementType { .. } | Self::Shape { .. } | Self::Reshape { .. } => ReasonGroup::Shape,
        }
    }
}
