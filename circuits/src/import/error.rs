//! Why a file is not imported.

mod group;
mod refusal;
mod report;
mod tensor;
mod uncertain;

pub use group::ReasonGroup;
pub use refusal::Refusal;
pub use report::{ImportError, NodeLabel};
pub use tensor::TensorError;
pub use uncertain::UncertainAnswer;

use crate::ir::BoundsError;

/// The reason of an [`ImportError`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportErrorKind {
    // The container.
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

    // The graph.
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

    // Operators.
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
    /// Sub, Div, Max or Min of two tensors.
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
    /// Sum or Mean of three tensors or more.
    #[error(
        "it combines {count} tensors, two are supported: combine two, put a QuantizeLinear/DequantizeLinear pair behind them, and go \
         on with the next; a Mean is then multiplied by a number"
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

    /// onnxruntime's answer depends on more than the file.
    #[error(transparent)]
    Uncertain(#[from] UncertainAnswer),
    // Tensors and quantization parameters.
    /// A constant of the file that cannot be read.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// An unusable scale.
    #[error(
        "the scale of the {role} is {scale}; a scale has to be finite and positive: quantize the model again"
    )]
    Scale {
        /// Of what.
        role: &'static str,
        /// The scale.
        scale: f32,
    },
    /// A float constant that is not a number.
    #[error("the {role} is {value}; it has to be a number")]
    NotANumber {
        /// Of what.
        role: &'static str,
        /// The value.
        value: f32,
    },
    /// Clip bounds in the wrong order, in opset 10 or with an infinite one.
    #[error(
        "the smallest value {min} is above the largest {max}, which onnxruntime refuses in opset 10, and answers in more than one \
         way where a bound is infinite; exchange them"
    )]
    ClipBounds {
        /// Lower bound.
        min: f32,
        /// Upper bound.
        max: f32,
    },
    /// A multiplier that float32 cannot hold with full precision.
    #[error(
        "output channel {channel}: the accumulator has scale {accumulator_scale:e} and the requantization multiplier is \
         {multiplier:e}; both have to be positive, finite and not subnormal: quantize the model again with other \
         calibration data"
    )]
    Multiplier {
        /// Output channel.
        channel: usize,
        /// `fl(sx * sw)`.
        accumulator_scale: f32,
        /// `fl(fl(sx * sw) / sy)`.
        multiplier: f32,
    },
    /// Scales that leave float32 or the int32 that onnxruntime converts to.
    #[error(
        "the operands have scales {lhs:e} and {rhs:e} and the output {output:e}; their quotients have to be normal \
         float32 numbers, and results below 2^30: quantize the model again with other calibration data"
    )]
    OperandScale {
        /// Scale of the left operand.
        lhs: f32,
        /// Scale of the right operand.
        rhs: f32,
        /// Scale of the output.
        output: f32,
    },
    /// An average over the whole image whose scales are far apart.
    #[error(
        "the sum over the image times {factor:e}, input scale / (output scale * positions), is the result; onnxruntime takes \
         factors from 2^-32 to below 256: quantize the model again with other calibration data"
    )]
    AverageFactor {
        /// `fl(sx / fl(sy * n))`.
        factor: f32,
    },
    /// A bias that was quantized with another scale than its layer's.
    #[error(
        "channel {channel}: the bias has scale {got}; onnxruntime adds it to the accumulator, so it has to be input \
         scale times weight scale, {expected}: quantize the bias with that scale"
    )]
    BiasScale {
        /// Channel of the bias.
        channel: usize,
        /// Its scale.
        got: f32,
        /// The scale of the accumulator.
        expected: f32,
    },
    /// A bias with a zero point.
    #[error("the bias has zero point {zero_point}; expected 0")]
    BiasZeroPoint {
        /// The zero point.
        zero_point: i32,
    },
    /// A bias in float32.
    #[error(
        "the bias '{name}' is float32; it has to be int32 with scale input scale times weight scale: quantize with \
         extra_options QuantizeBias=True"
    )]
    FloatBias {
        /// The bias.
        name: String,
    },
    /// A Relu on integers whose zero is not the real zero.
    #[error(
        "Relu on integers is max(q, 0), which is the real Relu only for zero point 0; the zero point is {zero_point}: \
         put Relu between DequantizeLinear and QuantizeLinear"
    )]
    IntegerRelu {
        /// Zero point of the tensor.
        zero_point: i32,
    },
    /// An accumulator leaves int32.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
}
