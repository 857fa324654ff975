//! Sums and products of two tensors.

pub(in crate::import) mod elementwise;
pub(in crate::import) mod float_pair;
mod operators;
pub(in crate::import) mod order;
pub(in crate::import) mod requantize;
mod terms;
#[cfg(test)]
mod tests;

use crate::import::supported::{Form, SupportedOp};

const PAIR_NOTES: &str = "two 8-bit tensors of one type, constants included, with broadcasting; per tensor";

const FLOAT_PAIR_NOTES: &str = "two dequantized 8-bit tensors, with broadcasting; per tensor";

pub(super) const OPS: &[SupportedOp] = &[
    SupportedOp::onnx("Sum", Form::Qdq, FLOAT_PAIR_NOTES, float_pair::sum),
    SupportedOp::onnx("Mean", Form::Qdq, FLOAT_PAIR_NOTES, float_pair::mean),
    SupportedOp::microsoft("QLinearAdd", Form::QOperator, PAIR_NOTES, elementwise::q_linear_add),
    SupportedOp::microsoft("QLinearMul", Form::QOperator, PAIR_NOTES, elementwise::q_linear_mul),
    SupportedOp::onnx(
        "Add",
        Form::Qdq,
        "two dequantized tensors of one type, constants included, with broadcasting; a dequantized tensor and a float32 \
         number, or one for each position along an axis, tables of 256 entries; the dequantized int32 bias of a MatMul; a constant behind MatMulInteger, \
         ConvInteger, ReduceMean or ReduceSum",
        operators::add,
    ),
    SupportedOp::onnx(
        "Mul",
        Form::Qdq,
        "two dequantized tensors of one type, constants included, with broadcasting; a dequantized tensor and a float32 \
         number, or one for each position along an axis, tables of 256 entries; a positive constant behind Cast of an accumulator, ReduceMean or ReduceSum; two \
         float32 constants, folded",
        operators::multiply,
    ),
    SupportedOp::onnx(
        "Sub",
        Form::Qdq,
        "a dequantized tensor and a constant number, or one for each position along an axis: tables of 256 entries; a constant \
         subtracted from a sum as behind MatMulInteger; two dequantized tensors, with broadcasting",
        operators::subtract,
    ),
];
