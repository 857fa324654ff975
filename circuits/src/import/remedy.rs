//! What to do about operators that are not supported, and about inputs that are not of the form an operator reads.

use super::{
    affine::FloatClamp,
    role::Role,
    value::{Dequantized, Value},
};

/// A layer that the quantizer passed over.
const NOT_QUANTIZED: &str = "this layer is not quantized: let onnxruntime.quantization.quantize_static quantize it too, without \
     its name in nodes_to_exclude, and with its operator in op_types_to_quantize if that is given, which replaces the default \
     list";

/// What makes an input one that the operator reads.
pub(super) fn of_input(role: Role, found: &Value, op: &str) -> &'static str {
    match role {
        Role::Weights => match found {
            Value::Constant(_) => NOT_QUANTIZED,
            _ => "export them as an initializer, or use MatMul, which multiplies two activations",
        },
        Role::LeftFactor | Role::RightFactor => match found {
            Value::Constant(_) => NOT_QUANTIZED,
            _ => of_value(found, op),
        },
        Role::Bias if op == "Gemm" => {
            "quant_pre_process of onnxruntime makes such a Gemm of MatMul and an Add of two activations: run it with \
             skip_optimization=True, which leaves them apart; elsewhere write MatMul and Add"
        }
        Role::Bias => "export it as an initializer, or use Add behind the layer's quantizer",
        Role::Input
        | Role::Data
        | Role::LeftOperand
        | Role::RightOperand
        | Role::LeftAddend
        | Role::RightAddend
        | Role::BesideSum
        | Role::Output
        | Role::Slope
        | Role::Exponent
        | Role::ClipBound
        | Role::Condition
        | Role::Mean
        | Role::Variance
        | Role::Scale
        | Role::ZeroPoint
        | Role::InputScale
        | Role::InputZeroPoint
        | Role::WeightScale
        | Role::WeightZeroPoint
        | Role::OutputScale
        | Role::OutputZeroPoint
        | Role::Axes
        | Role::ConstantValue
        | Role::Ends
        | Role::Indices
        | Role::List
        | Role::Pads
        | Role::Repeats
        | Role::Roi
        | Role::Scales
        | Role::Shape
        | Role::Sizes
        | Role::Split
        | Role::Starts
        | Role::Steps
        | Role::TrainingMode => of_value(found, op),
    }
}

/// What makes the value one that most operators read.
fn of_value(found: &Value, op: &str) -> &'static str {
    match found {
        Value::Constant(_) | Value::DequantizedConstant(_) => {
            "compute what follows from constants alone before quantizing, as \
             onnxruntime.quantization.shape_inference.quant_pre_process does"
        }
        Value::FloatInput { .. } => of_float_input(op),
        Value::Quantized(_) => "put a DequantizeLinear between the two",
        Value::Dequantized(Dequantized { clamp, .. }) if *clamp == FloatClamp::NONE => {
            "put a QuantizeLinear between the two"
        }
        Value::Accumulator(_) => {
            "put Cast to float32, Mul by the scales and QuantizeLinear between the two, or use quantize_static, \
             which writes MatMul and Conv between quantizers"
        }
        Value::Dequantized(_) => {
            "put a QuantizeLinear/DequantizeLinear pair between the two, as onnxruntime.quantization.quantize_static does if \
             op_types_to_quantize, which replaces the default list, names both operators; in QOperator format only with \
             ActivationSymmetric=False"
        }
        Value::Linear { .. } | Value::Arithmetic(_) | Value::Function(_) | Value::Waiting { .. }
            if matches!(op, "Sub" | "Div") =>
        {
            "write Sub and Div of constants as Add of the negative and Mul by the reciprocal, which \
             onnxruntime.quantization.quantize_static quantizes; or use QDQ format and add the operators on both sides to the \
             default list in op_types_to_quantize, which replaces that list"
        }
        Value::Linear { .. } | Value::Arithmetic(_) | Value::Function(_) | Value::Waiting { .. } => {
            "put a QuantizeLinear/DequantizeLinear pair between the two, as onnxruntime.quantization.quantize_static does in \
             QDQ format if op_types_to_quantize, which replaces the default list, names both operators and nodes_to_exclude \
             neither"
        }
        Value::Truth(_) => {
            "put Where behind the comparison, or Cast to float32; between comparisons And, Or and Not are supported"
        }
        Value::Index(_) => "make ArgMax the last operator, or compute what follows from the proven output",
        Value::Tail { .. } => "make Softmax the last operator",
    }
}

/// What to do about an operator that reads a float32 graph input. Which operators quantize_static puts a quantizer in front
/// of depends on the format and on the operator.
fn of_float_input(op: &str) -> &'static str {
    match op {
        "Conv" | "Gemm" | "MatMul" => NOT_QUANTIZED,
        "Slice" | "Gather" | "Resize" | "MaxPool" | "AveragePool" => {
            "do this to the data before the model, whose input then starts at its QuantizeLinear; or let \
             onnxruntime.quantization.quantize_static quantize it in QDQ format with \
             extra_options={\"ForceQuantizeNoInputCheck\": True}, without which it leaves this operator float32 behind a graph \
             input"
        }
        "Relu" | "Clip" => {
            "do this to the data before the model, whose input then starts at its QuantizeLinear: \
             onnxruntime.quantization.quantize_static leaves this operator float32 behind a graph input, whatever its options"
        }
        "Div" => {
            "do this to the data before the model, whose input then starts at its QuantizeLinear; or write it as Mul by the \
             reciprocal, which onnxruntime.quantization.quantize_static quantizes; or use QDQ format and add \"Div\" to the \
             default list in op_types_to_quantize, which replaces that list"
        }
        "Sub" => {
            "do this to the data before the model, whose input then starts at its QuantizeLinear; or write it as Add of the \
             negative constant, which onnxruntime.quantization.quantize_static quantizes; or use QDQ format and add \"Sub\" to \
             the default list in op_types_to_quantize, which replaces that list"
        }
        "Add" | "Mul" | "Concat" | "Split" | "Pad" | "GlobalAveragePool" | "Sigmoid" | "LeakyRelu" => {
            "do this to the data before the model, whose input then starts at its QuantizeLinear; or let \
             onnxruntime.quantization.quantize_static quantize it, in QDQ format and with this operator in \
             op_types_to_quantize if that is given, which replaces the default list"
        }
        _ => {
            "do this to the data before the model, whose input then starts at its QuantizeLinear; or let \
             onnxruntime.quantization.quantize_static quantize it, in QDQ format and with this operator added to the default \
             list in op_types_to_quantize, which replaces that list"
        }
    }
}

/// Text behind "is not supported", empty where there is nothing particular to say.
pub(super) fn of_operator(op: &str) -> &'static str {
    match op {
        "DynamicQuantizeLinear" | "DynamicQuantizeMatMul" | "MatMulIntegerToFloat" => {
            ": its scales depend on the input; use onnxruntime.quantization.quantize_static"
        }
        "Upsample" => {
            ": it ended with opset 9; convert the model with onnx.version_converter, which makes it Resize"
        }
        "ConvTranspose" => {
            ": with strides equal to the kernel and no pads it is a 1x1 Conv and DepthToSpace; otherwise train with Resize \
             (mode nearest) and Conv, which is another function"
        }
        "FusedConv" => {
            ": onnxruntime makes it of Conv and an activation; save the model that is quantized without extended graph \
             optimizations, as quant_pre_process does"
        }
        "GridSample" | "RoiAlign" | "MaxRoiPool" | "MaxUnpool" => {
            ": elements are neither interpolated nor picked by computed positions; use Resize (mode nearest), or Gather and \
             Slice with constant indices"
        }
        "MatMulNBits" | "MatMulBnb4" => {
            ": it computes in float32 with quantized weights; quantize activations too with \
             onnxruntime.quantization.quantize_static"
        }
        "LayerNormalization"
        | "SimplifiedLayerNormalization"
        | "SkipLayerNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "RMSNormalization"
        | "MeanVarianceNormalization"
        | "LRN" => {
            ": it divides by a deviation of the input; train with BatchNormalization, which merges into Conv"
        }
        "LSTM" | "GRU" | "RNN" => {
            ": recurrent layers are not proven; unroll it into MatMul, Add, Sigmoid, Tanh and Mul, each between quantizers, \
             or use Conv over time"
        }
        "TopK" | "NonMaxSuppression" | "Hardmax" => {
            ": make the numbers it reads the graph output and apply it to the proven output; the index of the largest one is \
             ArgMax, which is proven"
        }
        "ArgMin" => ": use Neg and a quantizer pair, then ArgMax",
        "LpNormalization" => {
            ": at the end leave it out and apply it to the proven output; inside a network use BatchNormalization, which \
             merges into Conv"
        }
        "GlobalLpPool" | "LpPool" | "ReduceL1" | "ReduceL2" | "ReduceSumSquare" | "ReduceProd"
        | "ReduceLogSum" | "ReduceLogSumExp" => {
            ": at the end leave it out and apply it to the proven output; elsewhere use ReduceMean, ReduceSum or ReduceMax, and Mul for squares"
        }
        "Einsum" | "Attention" | "MultiHeadAttention" => ": write it as MatMul and Transpose",
        "Xor" => ": write it with And, Or and Not",
        "NonZero" | "ScatterND" | "ScatterElements" | "GatherND" | "GatherElements" | "OneHot" => {
            ": positions have to be fixed; use Gather or Slice with constant indices"
        }
        "If" | "Loop" | "Scan" => ": export the model without control flow",
        _ => "",
    }
}
