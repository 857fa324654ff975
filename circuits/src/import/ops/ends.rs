//! Where integers begin and end.

pub(in crate::import) mod arg_max;
pub(in crate::import) mod pairs;
pub(in crate::import) mod quantize;
pub(in crate::import) mod softmax;
#[cfg(test)]
mod tests;

use crate::import::supported::{Form, SupportedOp};

const QUANTIZE_NOTES: &str = "float32 to int8 or uint8, scale per tensor; on a graph input done outside the proof; on float \
     constants folded, also per axis";

const DEQUANTIZE_NOTES: &str = "int8 or uint8 activations per tensor, constants also per axis, int32 biases; before an output done outside the proof";

pub(super) const OPS: &[SupportedOp] = &[
    SupportedOp::onnx("QuantizeLinear", Form::Both, QUANTIZE_NOTES, quantize::quantize_linear),
    SupportedOp::microsoft("QuantizeLinear", Form::Both, QUANTIZE_NOTES, quantize::quantize_linear),
    SupportedOp::onnx("DequantizeLinear", Form::Both, DEQUANTIZE_NOTES, quantize::dequantize_linear),
    SupportedOp::microsoft("DequantizeLinear", Form::Both, DEQUANTIZE_NOTES, quantize::dequantize_linear),
    SupportedOp::onnx(
        "Softmax",
        Form::Both,
        "the last operator, outside the proof; behind it at most the last QuantizeLinear",
        softmax::softmax,
    ),
    SupportedOp::onnx("LogSoftmax", Form::Qdq, "the last operator, outside the proof", softmax::log_softmax),
    SupportedOp::microsoft(
        "QLinearSoftmax",
        Form::QOperator,
        "the last operator, outside the proof",
        softmax::q_linear_softmax,
    ),
    SupportedOp::onnx(
        "ArgMax",
        Form::Both,
        "the last operator, proven: of a quantized or dequantized tensor, over any axis of at most 256 elements; \
         select_last_index 0 or 1, keepdims 0 or 1",
        arg_max::arg_max,
    ),
];
