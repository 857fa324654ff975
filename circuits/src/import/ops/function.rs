//! Functions of one value.

pub(in crate::import) mod clamp;
pub(in crate::import) mod normalization;
pub(in crate::import) mod side;
#[cfg(test)]
mod tests;
pub(in crate::import) mod unary;
pub(in crate::import) mod with_constant;

use crate::import::supported::{Form, SupportedOp};

const TABLE_NOTES: &str = "between DequantizeLinear and QuantizeLinear, alone or in a row: a table of 256 entries; at the end outside the proof";

const BOUNDED_NOTES: &str = "between DequantizeLinear and QuantizeLinear, alone or in a row: a table of 256 entries, if no result is within 8 \
     float32 units of a tie, where onnxruntime's builds differ";

pub(super) const OPS: &[SupportedOp] = &[
    SupportedOp::onnx(
        "BatchNormalization",
        Form::Qdq,
        "constant parameters; a table of 256 entries for each channel; as Elu",
        normalization::batch_normalization,
    ),
    SupportedOp::onnx(
        "Relu",
        Form::Both,
        "merged into the clamp of the layer before, or a table; on int8 only with zero point 0",
        clamp::relu,
    ),
    SupportedOp::onnx(
        "Clip",
        Form::Both,
        "constant bounds; merged into the clamp of the layer before, or a table",
        clamp::clip,
    ),
    SupportedOp::microsoft(
        "QLinearSigmoid",
        Form::QOperator,
        "a table of 256 entries",
        unary::q_linear_sigmoid,
    ),
    SupportedOp::microsoft(
        "QLinearLeakyRelu",
        Form::QOperator,
        "a table of 256 entries",
        unary::q_linear_leaky_relu,
    ),
    SupportedOp::onnx("Sigmoid", Form::Qdq, TABLE_NOTES, unary::sigmoid),
    SupportedOp::onnx("Tanh", Form::Qdq, TABLE_NOTES, unary::tanh),
    SupportedOp::onnx("Exp", Form::Qdq, TABLE_NOTES, unary::exp),
    SupportedOp::onnx("Erf", Form::Qdq, TABLE_NOTES, unary::erf),
    SupportedOp::onnx("Gelu", Form::Qdq, "a table of 256 entries; approximate=tanh as Elu", unary::gelu)
        .since(20),
    SupportedOp::onnx("HardSigmoid", Form::Qdq, TABLE_NOTES, unary::hard_sigmoid),
    SupportedOp::onnx("HardSwish", Form::Qdq, TABLE_NOTES, unary::hard_swish).since(14),
    SupportedOp::onnx("LeakyRelu", Form::Qdq, TABLE_NOTES, unary::leaky_relu),
    SupportedOp::onnx("Abs", Form::Qdq, TABLE_NOTES, unary::abs),
    SupportedOp::onnx("Neg", Form::Qdq, TABLE_NOTES, unary::neg),
    SupportedOp::onnx("Sqrt", Form::Qdq, TABLE_NOTES, unary::sqrt),
    SupportedOp::onnx("Floor", Form::Qdq, TABLE_NOTES, unary::floor),
    SupportedOp::onnx("Ceil", Form::Qdq, TABLE_NOTES, unary::ceil),
    SupportedOp::onnx("Round", Form::Qdq, TABLE_NOTES, unary::round).since(11),
    SupportedOp::onnx("Reciprocal", Form::Qdq, TABLE_NOTES, unary::reciprocal),
    SupportedOp::onnx("Sign", Form::Qdq, TABLE_NOTES, unary::sign),
    SupportedOp::onnx("ThresholdedRelu", Form::Qdq, TABLE_NOTES, unary::thresholded_relu),
    SupportedOp::onnx("Shrink", Form::Qdq, TABLE_NOTES, unary::shrink),
    SupportedOp::onnx(
        "PRelu",
        Form::Qdq,
        "constant slopes, one, or one for each position along an axis; tables of 256 entries",
        with_constant::p_relu,
    ),
    SupportedOp::onnx("Elu", Form::Qdq, BOUNDED_NOTES, unary::elu),
    SupportedOp::onnx("Selu", Form::Qdq, BOUNDED_NOTES, unary::selu),
    SupportedOp::onnx("Celu", Form::Qdq, BOUNDED_NOTES, unary::celu).since(12),
    SupportedOp::onnx("Softplus", Form::Qdq, BOUNDED_NOTES, unary::softplus),
    SupportedOp::onnx("Softsign", Form::Qdq, BOUNDED_NOTES, unary::softsign),
    SupportedOp::onnx("Mish", Form::Qdq, BOUNDED_NOTES, unary::mish).since(18),
    SupportedOp::onnx("Log", Form::Qdq, BOUNDED_NOTES, unary::log),
    SupportedOp::onnx("Sin", Form::Qdq, BOUNDED_NOTES, unary::sin),
    SupportedOp::onnx("Cos", Form::Qdq, BOUNDED_NOTES, unary::cos),
    SupportedOp::onnx("Tan", Form::Qdq, BOUNDED_NOTES, unary::tan),
    SupportedOp::onnx("Asin", Form::Qdq, BOUNDED_NOTES, unary::asin),
    SupportedOp::onnx("Acos", Form::Qdq, BOUNDED_NOTES, unary::acos),
    SupportedOp::onnx("Atan", Form::Qdq, BOUNDED_NOTES, unary::atan),
    SupportedOp::onnx("Sinh", Form::Qdq, BOUNDED_NOTES, unary::sinh),
    SupportedOp::onnx("Cosh", Form::Qdq, BOUNDED_NOTES, unary::cosh),
    SupportedOp::onnx("Asinh", Form::Qdq, BOUNDED_NOTES, unary::asinh),
    SupportedOp::onnx("Acosh", Form::Qdq, BOUNDED_NOTES, unary::acosh),
    SupportedOp::onnx("Atanh", Form::Qdq, BOUNDED_NOTES, unary::atanh),
    SupportedOp::onnx(
        "Pow",
        Form::Qdq,
        "a constant exponent; a table of 256 entries, if no result is within 8 float32 units of a tie",
        unary::pow,
    ),
    SupportedOp::microsoft("FastGelu", Form::Qdq, "without bias; as Elu", unary::fast_gelu),
    SupportedOp::microsoft("QuickGelu", Form::Qdq, "as Elu", unary::quick_gelu),
    SupportedOp::microsoft("Gelu", Form::Qdq, "a table of 256 entries", unary::gelu),
    SupportedOp::onnx(
        "Div",
        Form::Qdq,
        "a dequantized tensor and a constant number, or one for each position along an axis: tables of 256 entries; a constant \
         that divides a sum as behind MatMulInteger",
        with_constant::div,
    ),
];
