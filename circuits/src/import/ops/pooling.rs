//! What is computed over the elements of a window or along axes.

pub(in crate::import) mod average;
pub(in crate::import) mod extremes;
pub(in crate::import) mod maximum;
pub(in crate::import) mod pool;
pub(in crate::import) mod reduce;
#[cfg(test)]
mod tests;

use crate::import::supported::{Form, SupportedOp};

const REDUCE_NOTES: &str = "constant axes, keepdims 0 or 1; constants may be multiplied and added before the quantizer; the rounding must \
     not depend on float32 errors, as with an input scale that is a power of two";

const EXTREME_NOTES: &str = "any number of dequantized tensors, functions of them and constants, with broadcasting; of one and a number, or one for \
     each position along an axis, tables of 256 entries";

pub(super) const OPS: &[SupportedOp] = &[
    SupportedOp::microsoft(
        "QLinearGlobalAveragePool",
        Form::QOperator,
        "1-D and 2-D, batch 1, channels first or last",
        pool::q_linear_global_average_pool,
    ),
    SupportedOp::microsoft(
        "QLinearAveragePool",
        Form::QOperator,
        "1-D and 2-D, batch 1, channels first or last; any kernel, strides, pads, auto_pad, ceil_mode and \
         count_include_pad; of windows smaller than the image the rounding must not depend on float32 errors",
        pool::q_linear_average_pool,
    ),
    SupportedOp::onnx("GlobalAveragePool", Form::Qdq, "1-D and 2-D, batch 1", pool::global_average_pool),
    SupportedOp::onnx(
        "AveragePool",
        Form::Qdq,
        "1-D and 2-D, batch 1; as QLinearAveragePool",
        pool::average_pool,
    ),
    SupportedOp::onnx("ReduceMean", Form::Qdq, REDUCE_NOTES, reduce::mean),
    SupportedOp::onnx("ReduceSum", Form::Qdq, REDUCE_NOTES, reduce::sum),
    SupportedOp::onnx(
        "MaxPool",
        Form::Both,
        "1-D and 2-D, batch 1; any kernel, strides, pads, auto_pad, dilations and ceil_mode; no indices",
        pool::max_pool,
    ),
    SupportedOp::onnx("GlobalMaxPool", Form::Qdq, "any rank and batch", maximum::global_max_pool),
    SupportedOp::onnx("Max", Form::Qdq, EXTREME_NOTES, extremes::max),
    SupportedOp::onnx("Min", Form::Qdq, EXTREME_NOTES, extremes::min),
    SupportedOp::onnx(
        "ReduceMax",
        Form::Both,
        "constant axes, keepdims 0 or 1; any rank",
        maximum::reduce_max,
    ),
    SupportedOp::onnx("ReduceMin", Form::Both, "as ReduceMax", maximum::reduce_min),
];
