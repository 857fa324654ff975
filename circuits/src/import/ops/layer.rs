//! Layers with constant weights.

pub(in crate::import) mod arithmetic;
pub(in crate::import) mod bias;
pub(in crate::import) mod convolution;
mod exact_gemm;
pub(in crate::import) mod fully_connected;
pub(in crate::import) mod integer;
pub(in crate::import) mod linear;
#[cfg(test)]
mod tests;
pub(in crate::import) mod weights;
pub(in crate::import) mod window;

use crate::import::supported::{Form, SupportedOp};

pub(super) const OPS: &[SupportedOp] = &[
    SupportedOp::microsoft(
        "QGemm",
        Form::QOperator,
        "constant weights, transA=0, any number of rows; weight scale and zero point per tensor or per column; int32 bias; \
         quantized output",
        fully_connected::q_gemm,
    ),
    SupportedOp::onnx(
        "Gemm",
        Form::Qdq,
        "any number of rows; dequantized constant weights, dequantized int32 bias; with a bias alpha=1 and beta=1, or scales with which nothing \
         is rounded, such as powers of two",
        fully_connected::gemm,
    ),
    SupportedOp::onnx(
        "QLinearConv",
        Form::QOperator,
        "1-D and 2-D, batch 1; constant weights, any strides, pads, auto_pad, dilations and groups; weight scale and \
         zero point per tensor or per output channel",
        convolution::q_linear_conv,
    ),
    SupportedOp::onnx(
        "Conv",
        Form::Qdq,
        "1-D and 2-D, batch 1; dequantized constant weights, per tensor or per output channel, dequantized int32 bias; \
         any strides, pads, auto_pad, dilations and groups",
        convolution::conv,
    ),
    SupportedOp::onnx(
        "MatMulInteger",
        Form::Both,
        "constant 2-D weights, any number of rows; int8 and uint8 in any combination; weight zero point per tensor or per \
         column; then Cast to float32, constants multiplied and added, Relu or Clip, QuantizeLinear",
        integer::mat_mul_integer,
    ),
    SupportedOp::onnx(
        "ConvInteger",
        Form::Both,
        "1-D and 2-D, batch 1; constant weights, any strides, pads, auto_pad, dilations and groups; zero points per \
         tensor; then as behind MatMulInteger",
        integer::conv_integer,
    ),
];
