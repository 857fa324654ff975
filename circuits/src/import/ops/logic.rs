//! Comparisons, what And, Or and Not make of them, and choices by them.
//!
//! A comparison with a number is a predicate of an integer, one of two tensors a quantized sum of their ranks, clamped to 0 and 1. A
//! choice is two sums that clamp away the side that is not chosen, and their sum.

mod compare;
mod connect;
mod fold;
mod relation;
pub(in crate::import) mod select;
#[cfg(test)]
mod tests;

use crate::import::supported::{Form, SupportedOp};

const COMPARISON_NOTES: &str = "two dequantized tensors or functions of them, or one and a constant, with broadcasting; behind it Where, And, Or, \
     Not and Cast to float32; constants are folded";

const CONNECTIVE_NOTES: &str = "results of comparisons, and bool constants, with broadcasting";

pub(super) const OPS: &[SupportedOp] = &[
    SupportedOp::onnx(
        "Where",
        Form::Qdq,
        "the result of a comparison or a bool constant; dequantized tensors, functions of them and constants, with broadcasting",
        select::choose,
    ),
    SupportedOp::microsoft(
        "QLinearWhere",
        Form::QOperator,
        "the result of a comparison or a bool constant; two 8-bit tensors of one type, constants included, with broadcasting",
        select::q_linear_where,
    ),
    SupportedOp::onnx("Greater", Form::Qdq, COMPARISON_NOTES, compare::greater),
    SupportedOp::onnx("GreaterOrEqual", Form::Qdq, COMPARISON_NOTES, compare::greater_or_equal).since(12),
    SupportedOp::onnx("Less", Form::Qdq, COMPARISON_NOTES, compare::less),
    SupportedOp::onnx("LessOrEqual", Form::Qdq, COMPARISON_NOTES, compare::less_or_equal).since(12),
    SupportedOp::onnx("Equal", Form::Qdq, COMPARISON_NOTES, compare::equal).since(11),
    SupportedOp::onnx("And", Form::Qdq, CONNECTIVE_NOTES, connect::and),
    SupportedOp::onnx("Or", Form::Qdq, CONNECTIVE_NOTES, connect::or),
    SupportedOp::onnx("Not", Form::Qdq, CONNECTIVE_NOTES, connect::not),
];
