//! What to do about operators that are not supported.

/// Text behind "is not supported", empty where there is nothing particular to say.
pub(super) fn of_operator(op: &str) -> &'static str {
    match op {
        "DynamicQuantizeLinear" | "DynamicQuantizeMatMul" | "MatMulIntegerToFloat" => {
            ": its scales depend on the input; use onnxruntime.quantization.quantize_static"
        }
        "Upsample" => {
            ": it ended with opset 9; convert the model with onnx.version_converter, which makes it Resize"
        }
        "ConvTranspose" | "FusedConv" => ": use Conv, and Resize in front of it to enlarge an image",
        "MatMulNBits" | "MatMulBnb4" => {
            ": it computes in float32 with quantized weights; quantize activations too with \
             onnxruntime.quantization.quantize_static"
        }
        "BatchNormalization" => {
            ": run onnxruntime.quantization.shape_inference.quant_pre_process before quantizing, which merges it into the \
             Conv in front of it; elsewhere write it as Mul and Add with constants"
        }
        "LayerNormalization"
        | "SimplifiedLayerNormalization"
        | "SkipLayerNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "RMSNormalization"
        | "MeanVarianceNormalization"
        | "LpNormalization"
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
        "LogSoftmax" => ": leave it out and apply it to the proven output",
        "ReduceMin" => ": use Neg, ReduceMax and Neg",
        "GlobalLpPool" | "LpPool" | "ReduceL1" | "ReduceL2" | "ReduceSumSquare" | "ReduceProd"
        | "ReduceLogSum" | "ReduceLogSumExp" => {
            ": use ReduceMean, ReduceSum or ReduceMax, and Mul for squares"
        }
        "Einsum" | "Attention" | "MultiHeadAttention" => ": write it as MatMul and Transpose",
        "Where" | "Equal" | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" | "And" | "Or" | "Not" => {
            ": write a choice between values as Clip, Max, Min and Mul"
        }
        "NonZero" | "ScatterND" | "ScatterElements" | "GatherND" | "GatherElements" | "OneHot" => {
            ": positions have to be fixed; use Gather or Slice with constant indices"
        }
        "If" | "Loop" | "Scan" => ": export the model without control flow",
        _ => "",
    }
}
