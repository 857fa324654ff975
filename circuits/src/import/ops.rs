//! The supported operators: one table, one file per family.

mod constants;
mod ends;
mod function;
mod layer;
mod matrix;
mod moving;
mod pooling;
mod sum;

pub(super) use function::unary::of_dequantized;
pub(super) use matrix::Sizes;
pub(super) use pooling::average::AverageWindow;
pub(super) use sum::elementwise::Order;
pub(super) use sum::float_pair::FloatPair;

use super::builder::Builder;
use super::constant::Constant;
use super::error::ImportErrorKind;
use super::graph::{Domain, Graph, Node};
use super::remedy;
use super::value::{Activation, Value};
use ends::{arg_max, quantize, softmax};
use function::{normalization, unary, with_constant};
use layer::{convolution, fully_connected, integer};
use moving::{blocks, concat, pad, pick, resize, shape};
use pooling::{maximum, pool, reduce};
use sum::{elementwise, float_pair};

/// Reads one operator of a family.
#[derive(Clone, Copy, Debug)]
enum Lower {
    /// One output.
    One(fn(&Call<'_>, &mut Builder) -> Result<Value, ImportErrorKind>),
    /// One value for each output.
    Several(fn(&Call<'_>, &mut Builder) -> Result<Vec<Value>, ImportErrorKind>),
}

/// An operator that [`import`](super::import) accepts.
#[derive(Clone, Copy, Debug)]
pub struct SupportedOp {
    /// Operator name.
    pub op: &'static str,
    /// Operator domain, `ai.onnx` for the default one.
    pub domain: &'static str,
    /// In which form of a quantized model it appears: `QOperator`, `QDQ`, `both`, or `constants` when it is only
    /// folded.
    pub form: &'static str,
    /// Restrictions, and what becomes of it.
    pub notes: &'static str,
    /// First opset of the domain in which onnxruntime takes it.
    pub since: i64,
    lower: Lower,
}

impl SupportedOp {
    const fn since(self, since: i64) -> Self {
        Self { since, ..self }
    }

    /// Whether outputs beyond the first have a meaning.
    pub(super) fn has_several_outputs(&self) -> bool {
        matches!(self.lower, Lower::Several(_))
    }
}

const ONNX: &str = "ai.onnx";
const MICROSOFT: &str = "com.microsoft";

const fn op(
    op: &'static str,
    domain: &'static str,
    form: &'static str,
    notes: &'static str,
    lower: fn(&Call<'_>, &mut Builder) -> Result<Value, ImportErrorKind>,
) -> SupportedOp {
    SupportedOp { op, domain, form, notes, since: 1, lower: Lower::One(lower) }
}

const QUANTIZE_NOTES: &str = "float32 to int8 or uint8, scale per tensor; on a graph input done outside the proof; on float \
     constants folded, also per axis";
const DEQUANTIZE_NOTES: &str = "int8 or uint8 activations per tensor, constants also per axis, int32 biases; before an output done outside the proof";

const PAIR_NOTES: &str = "two 8-bit tensors of one type, constants included, with broadcasting; per tensor";
const FLOAT_PAIR_NOTES: &str = "two dequantized 8-bit tensors, with broadcasting; per tensor";
const REDUCE_NOTES: &str = "constant axes, keepdims 0 or 1; constants may be multiplied and added before the quantizer; the rounding must \
     not depend on float32 errors, as with an input scale that is a power of two";
const TABLE_NOTES: &str = "between DequantizeLinear and QuantizeLinear, alone or in a row: a table of 256 entries; at the end outside the proof";

const BESIDE_CONSTANT: &str = "a dequantized tensor and a constant number, or one for each position along an axis: tables of 256 entries";

const BOUNDED_NOTES: &str = "between DequantizeLinear and QuantizeLinear, alone or in a row: a table of 256 entries, if no result is within 8 \
     float32 units of a tie, where onnxruntime's builds differ";

static TABLE: &[SupportedOp] = &[
    op(
        "QLinearMatMul",
        ONNX,
        "QOperator",
        "constant 2-D weights, any number of rows, scale and zero point per tensor or per column; or two 8-bit tensors \
         with any batches, per tensor",
        matrix::q_linear_mat_mul,
    ),
    op(
        "QGemm",
        MICROSOFT,
        "QOperator",
        "constant weights, transA=0, any number of rows; weight scale and zero point per tensor or per column; int32 bias; \
         quantized output",
        fully_connected::q_gemm,
    ),
    op(
        "Gemm",
        ONNX,
        "QDQ",
        "alpha=1, beta=1, transA=0, any number of rows; dequantized constant weights, dequantized int32 bias",
        fully_connected::gemm,
    ),
    op(
        "MatMul",
        ONNX,
        "QDQ",
        "any number of rows; dequantized constant 2-D weights, or two dequantized tensors with any batches",
        matrix::mat_mul,
    ),
    op(
        "QLinearConv",
        ONNX,
        "QOperator",
        "1-D and 2-D, batch 1; constant weights, any strides, pads, auto_pad, dilations and groups; weight scale and \
         zero point per tensor or per output channel",
        convolution::q_linear_conv,
    ),
    op(
        "Conv",
        ONNX,
        "QDQ",
        "1-D and 2-D, batch 1; dequantized constant weights, per tensor or per output channel, dequantized int32 bias; \
         any strides, pads, auto_pad, dilations and groups",
        convolution::conv,
    ),
    op(
        "MatMulInteger",
        ONNX,
        "both",
        "constant 2-D weights, any number of rows; int8 and uint8 in any combination; weight zero point per tensor or per \
         column; then Cast to float32, constants multiplied and added, Relu or Clip, QuantizeLinear",
        integer::mat_mul_integer,
    ),
    op(
        "ConvInteger",
        ONNX,
        "both",
        "1-D and 2-D, batch 1; constant weights, any strides, pads, auto_pad, dilations and groups; zero points per \
         tensor; then as behind MatMulInteger",
        integer::conv_integer,
    ),
    op(
        "QLinearGlobalAveragePool",
        MICROSOFT,
        "QOperator",
        "1-D and 2-D, batch 1, channels first or last",
        pool::q_linear_global_average_pool,
    ),
    op(
        "QLinearAveragePool",
        MICROSOFT,
        "QOperator",
        "1-D and 2-D, batch 1, channels first or last; any kernel, strides, pads, auto_pad, ceil_mode and \
         count_include_pad; of windows smaller than the image the rounding must not depend on float32 errors",
        pool::q_linear_average_pool,
    ),
    op("GlobalAveragePool", ONNX, "QDQ", "1-D and 2-D, batch 1", pool::global_average_pool),
    op("AveragePool", ONNX, "QDQ", "1-D and 2-D, batch 1; as QLinearAveragePool", pool::average_pool),
    op("ReduceMean", ONNX, "QDQ", REDUCE_NOTES, reduce::mean),
    op("ReduceSum", ONNX, "QDQ", REDUCE_NOTES, reduce::sum),
    op(
        "MaxPool",
        ONNX,
        "both",
        "1-D and 2-D, batch 1; any kernel, strides, pads, auto_pad, dilations and ceil_mode; no indices",
        pool::max_pool,
    ),
    op("GlobalMaxPool", ONNX, "QDQ", "any rank and batch", maximum::global_max_pool),
    op("ReduceMax", ONNX, "both", "constant axes, keepdims 0 or 1; any rank", maximum::reduce_max),
    op("ReduceMin", ONNX, "both", "as ReduceMax", maximum::reduce_min),
    op(
        "BatchNormalization",
        ONNX,
        "QDQ",
        "constant parameters; a table of 256 entries for each channel; as Elu",
        normalization::batch_normalization,
    ),
    op("Sum", ONNX, "QDQ", FLOAT_PAIR_NOTES, float_pair::sum),
    op("Mean", ONNX, "QDQ", FLOAT_PAIR_NOTES, float_pair::mean),
    op("QLinearAdd", MICROSOFT, "QOperator", PAIR_NOTES, elementwise::q_linear_add),
    op("QLinearMul", MICROSOFT, "QOperator", PAIR_NOTES, elementwise::q_linear_mul),
    op(
        "Add",
        ONNX,
        "QDQ",
        "two dequantized tensors of one type, constants included, with broadcasting; a dequantized tensor and a float32 \
         number, or one for each position along an axis, tables of 256 entries; the dequantized int32 bias of a MatMul; a constant behind MatMulInteger, \
         ConvInteger, ReduceMean or ReduceSum",
        fully_connected::add,
    ),
    op(
        "Mul",
        ONNX,
        "QDQ",
        "two dequantized tensors of one type, constants included, with broadcasting; a dequantized tensor and a float32 \
         number, or one for each position along an axis, tables of 256 entries; a positive constant behind Cast of an accumulator, ReduceMean or ReduceSum; two \
         float32 constants, folded",
        elementwise::mul,
    ),
    op("QuantizeLinear", ONNX, "both", QUANTIZE_NOTES, quantize::quantize_linear),
    op("QuantizeLinear", MICROSOFT, "both", QUANTIZE_NOTES, quantize::quantize_linear),
    op("DequantizeLinear", ONNX, "both", DEQUANTIZE_NOTES, quantize::dequantize_linear),
    op("DequantizeLinear", MICROSOFT, "both", DEQUANTIZE_NOTES, quantize::dequantize_linear),
    op(
        "Relu",
        ONNX,
        "both",
        "merged into the clamp of the layer before, or a table; on int8 only with zero point 0",
        softmax::relu,
    ),
    op(
        "Clip",
        ONNX,
        "both",
        "constant bounds; merged into the clamp of the layer before, or a table",
        softmax::clip,
    ),
    op(
        "Softmax",
        ONNX,
        "both",
        "the last operator, outside the proof; behind it at most the last QuantizeLinear",
        softmax::softmax,
    ),
    op("LogSoftmax", ONNX, "QDQ", "the last operator, outside the proof", softmax::log_softmax),
    op(
        "QLinearSoftmax",
        MICROSOFT,
        "QOperator",
        "the last operator, outside the proof",
        softmax::q_linear_softmax,
    ),
    op(
        "ArgMax",
        ONNX,
        "both",
        "the last operator, proven: of a quantized or dequantized tensor, over any axis of at most 256 elements; \
         select_last_index 0 or 1, keepdims 0 or 1",
        arg_max::arg_max,
    ),
    op("Reshape", ONNX, "both", "constant shape, 0 and -1 allowed", shape::reshape),
    op("Flatten", ONNX, "both", "", shape::flatten),
    op("Squeeze", ONNX, "both", "", shape::squeeze),
    op("Unsqueeze", ONNX, "both", "", shape::unsqueeze),
    op("Transpose", ONNX, "both", "", shape::transpose),
    op("Identity", ONNX, "both", "", shape::identity),
    op("Dropout", ONNX, "both", "inference mode", shape::dropout),
    op(
        "Cast",
        ONNX,
        "both",
        "activations to the type they have, int32 accumulators to float32",
        constants::cast,
    ),
    op("Constant", ONNX, "constants", "tensors, ints and floats", constants::constant),
    op("Shape", ONNX, "constants", "every shape is known", constants::shape),
    op("Gather", ONNX, "both", "constant indices, any axis", pick::gather),
    op("Slice", ONNX, "both", "constant starts, ends, axes and steps", pick::slice),
    SupportedOp {
        op: "Split",
        domain: ONNX,
        form: "both",
        notes: "constant sizes",
        since: 1,
        lower: Lower::Several(pick::split),
    },
    op("Pad", ONNX, "both", "constant pads; constant, edge, reflect (once) and wrap", pad::pad),
    op("Expand", ONNX, "both", "constant shape", pick::expand),
    op("Tile", ONNX, "both", "constant repeats", pick::tile),
    // Of the one before onnxruntime has no 8-bit kernel.
    op("DepthToSpace", ONNX, "both", "", blocks::depth_to_space).since(11),
    op("SpaceToDepth", ONNX, "both", "", blocks::space_to_depth),
    op("Resize", ONNX, "both", "nearest, constant scales or sizes", resize::resize),
    op(
        "Concat",
        ONNX,
        "both",
        "8-bit tensors of one type, dequantized ones of any parameters, int64 lists",
        concat::concat,
    ),
    op("QLinearConcat", MICROSOFT, "QOperator", "any parameters", concat::q_linear_concat),
    op("QLinearSigmoid", MICROSOFT, "QOperator", "a table of 256 entries", unary::q_linear_sigmoid),
    op("QLinearLeakyRelu", MICROSOFT, "QOperator", "a table of 256 entries", unary::q_linear_leaky_relu),
    op("Sigmoid", ONNX, "QDQ", TABLE_NOTES, unary::sigmoid),
    op("Tanh", ONNX, "QDQ", TABLE_NOTES, unary::tanh),
    op("Exp", ONNX, "QDQ", TABLE_NOTES, unary::exp),
    op("Erf", ONNX, "QDQ", TABLE_NOTES, unary::erf),
    op("Gelu", ONNX, "QDQ", "a table of 256 entries; approximate=tanh as Elu", unary::gelu).since(20),
    op("HardSigmoid", ONNX, "QDQ", TABLE_NOTES, unary::hard_sigmoid),
    op("HardSwish", ONNX, "QDQ", TABLE_NOTES, unary::hard_swish).since(14),
    op("LeakyRelu", ONNX, "QDQ", TABLE_NOTES, unary::leaky_relu),
    op("Abs", ONNX, "QDQ", TABLE_NOTES, unary::abs),
    op("Neg", ONNX, "QDQ", TABLE_NOTES, unary::neg),
    op("Sqrt", ONNX, "QDQ", TABLE_NOTES, unary::sqrt),
    op("Floor", ONNX, "QDQ", TABLE_NOTES, unary::floor),
    op("Ceil", ONNX, "QDQ", TABLE_NOTES, unary::ceil),
    op("Round", ONNX, "QDQ", TABLE_NOTES, unary::round).since(11),
    op("Reciprocal", ONNX, "QDQ", TABLE_NOTES, unary::reciprocal),
    op("Sign", ONNX, "QDQ", TABLE_NOTES, unary::sign),
    op("ThresholdedRelu", ONNX, "QDQ", TABLE_NOTES, unary::thresholded_relu),
    op("Shrink", ONNX, "QDQ", TABLE_NOTES, unary::shrink),
    op(
        "PRelu",
        ONNX,
        "QDQ",
        "constant slopes, one, or one for each position along an axis; tables of 256 entries",
        with_constant::p_relu,
    ),
    op("Elu", ONNX, "QDQ", BOUNDED_NOTES, unary::elu),
    op("Selu", ONNX, "QDQ", BOUNDED_NOTES, unary::selu),
    op("Celu", ONNX, "QDQ", BOUNDED_NOTES, unary::celu).since(12),
    op("Softplus", ONNX, "QDQ", BOUNDED_NOTES, unary::softplus),
    op("Softsign", ONNX, "QDQ", BOUNDED_NOTES, unary::softsign),
    op("Mish", ONNX, "QDQ", BOUNDED_NOTES, unary::mish).since(18),
    op("Log", ONNX, "QDQ", BOUNDED_NOTES, unary::log),
    op("Sin", ONNX, "QDQ", BOUNDED_NOTES, unary::sin),
    op("Cos", ONNX, "QDQ", BOUNDED_NOTES, unary::cos),
    op("Tan", ONNX, "QDQ", BOUNDED_NOTES, unary::tan),
    op("Asin", ONNX, "QDQ", BOUNDED_NOTES, unary::asin),
    op("Acos", ONNX, "QDQ", BOUNDED_NOTES, unary::acos),
    op("Atan", ONNX, "QDQ", BOUNDED_NOTES, unary::atan),
    op("Sinh", ONNX, "QDQ", BOUNDED_NOTES, unary::sinh),
    op("Cosh", ONNX, "QDQ", BOUNDED_NOTES, unary::cosh),
    op("Asinh", ONNX, "QDQ", BOUNDED_NOTES, unary::asinh),
    op("Acosh", ONNX, "QDQ", BOUNDED_NOTES, unary::acosh),
    op("Atanh", ONNX, "QDQ", BOUNDED_NOTES, unary::atanh),
    op(
        "Pow",
        ONNX,
        "QDQ",
        "a constant exponent; a table of 256 entries, if no result is within 8 float32 units of a tie",
        unary::pow,
    ),
    op("FastGelu", MICROSOFT, "QDQ", "without bias; as Elu", unary::fast_gelu),
    op("QuickGelu", MICROSOFT, "QDQ", "as Elu", unary::quick_gelu),
    op("Gelu", MICROSOFT, "QDQ", "a table of 256 entries", unary::gelu),
    op("Max", ONNX, "QDQ", BESIDE_CONSTANT, with_constant::max),
    op("Min", ONNX, "QDQ", BESIDE_CONSTANT, with_constant::min),
    op(
        "Sub",
        ONNX,
        "QDQ",
        "a dequantized tensor and a constant number, or one for each position along an axis: tables of 256 entries; a constant \
         subtracted from a sum as behind MatMulInteger; two dequantized tensors, with broadcasting",
        with_constant::sub,
    ),
    op(
        "Div",
        ONNX,
        "QDQ",
        "a dequantized tensor and a constant number, or one for each position along an axis: tables of 256 entries; a constant \
         that divides a sum as behind MatMulInteger",
        with_constant::div,
    ),
];

/// The operators that [`import`](super::import) accepts, in the order a person wants to read them.
pub fn supported() -> &'static [SupportedOp] {
    TABLE
}

/// The table's entry for a node.
pub(super) fn find(node: &Node) -> Result<&'static SupportedOp, ImportErrorKind> {
    let entry = TABLE.iter().find(|entry| entry.op == node.op && entry.domain == node.domain.name());
    let entry = entry.ok_or_else(|| unsupported(node))?;
    if node.opset < entry.since {
        return Err(ImportErrorKind::OperatorOpset { op: entry.op, opset: node.opset, since: entry.since });
    }
    Ok(entry)
}

/// Reads one node: the values of its outputs.
pub(super) fn lower(call: &Call<'_>, builder: &mut Builder) -> Result<Vec<Value>, ImportErrorKind> {
    match find(call.node)?.lower {
        Lower::One(lower) => lower(call, builder).map(|value| vec![value]),
        Lower::Several(lower) => lower(call, builder),
    }
}

/// Whether a node is one of those that only quantized models have.
pub(super) fn is_quantized(node: &Node) -> bool {
    node.op.starts_with("QLinear")
        || node.op.contains("QuantizeLinear")
        || node.op.contains("Integer")
        || node.op == "DequantizeLinear"
        || node.op == "QGemm"
}

fn unsupported(node: &Node) -> ImportErrorKind {
    let op = match &node.domain {
        Domain::Onnx => node.op.clone(),
        domain => format!("{}.{}", domain.name(), node.op),
    };
    ImportErrorKind::UnsupportedOp { op, remedy: remedy::of_operator(&node.op) }
}

/// One node with the values it reads.
pub(super) struct Call<'a> {
    pub(super) graph: &'a Graph,
    pub(super) node: &'a Node,
    /// By value index; those that the node reads are present.
    pub(super) values: &'a [Option<Value>],
}

impl<'a> Call<'a> {
    /// Checks the number of inputs.
    fn expect_inputs(&self, min: usize, max: usize) -> Result<(), ImportErrorKind> {
        let got = self.node.inputs.len();
        if min <= got && got <= max {
            return Ok(());
        }
        Err(ImportErrorKind::InputCount { got, min, max })
    }

    /// An input that may be left out.
    fn optional(&self, index: usize) -> Result<Option<&'a Value>, ImportErrorKind> {
        let Some(value) = self.node.inputs.get(index).copied().flatten() else { return Ok(None) };
        let found = self.values.get(value).and_then(Option::as_ref);
        let uses = self.graph.uses.get(value).copied().unwrap_or(0);
        match found {
            Some(Value::Linear { .. } | Value::Waiting { .. }) if uses > 1 => {
                Err(ImportErrorKind::FloatFanOut { name: self.name(index), uses })
            }
            Some(found) => Ok(Some(found)),
            None => Err(ImportErrorKind::Undefined { name: self.name(index) }),
        }
    }

    /// An input that has to be there.
    fn input(&self, index: usize, role: &'static str) -> Result<&'a Value, ImportErrorKind> {
        self.optional(index)?.ok_or(ImportErrorKind::MissingInput { index, role })
    }

    /// A constant input that may be left out.
    fn optional_constant(
        &self,
        index: usize,
        role: &'static str,
    ) -> Result<Option<&'a Constant>, ImportErrorKind> {
        match self.optional(index)? {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(other) => {
                Err(ImportErrorKind::NotConstant { role, name: self.name(index), found: other.describe() })
            }
        }
    }

    /// A constant input that has to be there.
    fn constant(&self, index: usize, role: &'static str) -> Result<&'a Constant, ImportErrorKind> {
        self.optional_constant(index, role)?.ok_or(ImportErrorKind::MissingInput { index, role })
    }

    /// An 8-bit activation.
    fn activation(&self, index: usize, role: &'static str) -> Result<&'a Activation, ImportErrorKind> {
        match self.input(index, role)? {
            Value::Quantized(activation) => Ok(activation),
            other => Err(self.wrong_form(index, role, other, "an 8-bit activation")),
        }
    }

    /// Checks that the zero points at these positions are given.
    fn expect_zero_points(&self, indices: &[usize]) -> Result<(), ImportErrorKind> {
        let is_missing = |index: &usize| self.node.inputs.get(*index).copied().flatten().is_none();
        match indices.iter().copied().find(is_missing) {
            Some(index) => Err(ImportErrorKind::MissingZeroPoint { index }),
            None => Ok(()),
        }
    }

    /// Refuses integers as input 0 before the opset in which the operator takes them.
    fn expect_integers_known_since(&self, opset: i64, role: &'static str) -> Result<(), ImportErrorKind> {
        if self.node.opset >= opset || !matches!(self.input(0, role)?, Value::Quantized(_)) {
            return Ok(());
        }
        Err(ImportErrorKind::ElementType {
            role,
            got: format!("an integer tensor in opset {}", self.node.opset),
            expected: format!(
                "float32, or integers from opset {opset} on: convert the model with \
                 onnx.version_converter.convert_version"
            ),
        })
    }

    /// How many nodes and graph outputs read the first output.
    fn output_uses(&self) -> usize {
        let output = self.node.outputs.first().copied().flatten();
        output.and_then(|output| self.graph.uses.get(output)).copied().unwrap_or(0)
    }

    /// The name of an input.
    fn name(&self, index: usize) -> String {
        let value = self.node.inputs.get(index).copied().flatten();
        value.map(|value| self.graph.name(value)).unwrap_or_default().to_owned()
    }

    fn wrong_form(
        &self,
        index: usize,
        role: &'static str,
        found: &Value,
        expected: &'static str,
    ) -> ImportErrorKind {
        let name = self.name(index);
        match found {
            Value::Tail { .. } => ImportErrorKind::SoftmaxInside { role, name },
            _ => {
                let remedy = remedy::of_input(role, found, &self.node.op);
                ImportErrorKind::InputForm { role, name, found: found.describe(), expected, remedy }
            }
        }
    }
}
