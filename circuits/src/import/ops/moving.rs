//! Operators that move, repeat or leave out elements.

pub(in crate::import) mod blocks;
pub(in crate::import) mod concat;
pub(in crate::import) mod pad;
pub(in crate::import) mod pick;
pub(in crate::import) mod resize;
pub(in crate::import) mod shape;
#[cfg(test)]
mod tests;

use crate::import::supported::{Form, SupportedOp};

pub(super) const OPS: &[SupportedOp] = &[
    SupportedOp::onnx("Reshape", Form::Both, "constant shape, 0 and -1 allowed", shape::reshape),
    SupportedOp::onnx("Flatten", Form::Both, "", shape::flatten),
    SupportedOp::onnx("Squeeze", Form::Both, "", shape::squeeze),
    SupportedOp::onnx("Unsqueeze", Form::Both, "", shape::unsqueeze),
    SupportedOp::onnx("Transpose", Form::Both, "", shape::transpose),
    SupportedOp::onnx("Identity", Form::Both, "", shape::identity),
    SupportedOp::onnx("Dropout", Form::Both, "inference mode", shape::dropout),
    SupportedOp::onnx("Gather", Form::Both, "constant indices, any axis", pick::gather),
    SupportedOp::onnx("Slice", Form::Both, "constant starts, ends, axes and steps", pick::slice),
    SupportedOp::several("Split", Form::Both, "constant sizes", pick::split),
    SupportedOp::onnx("Pad", Form::Both, "constant pads; constant, edge, reflect (once) and wrap", pad::pad),
    SupportedOp::onnx("Expand", Form::Both, "constant shape", pick::expand),
    SupportedOp::onnx("Tile", Form::Both, "constant repeats", pick::tile),
    SupportedOp::onnx("DepthToSpace", Form::Both, "", blocks::depth_to_space).since(11),
    SupportedOp::onnx("SpaceToDepth", Form::Both, "", blocks::space_to_depth),
    SupportedOp::onnx("Resize", Form::Both, "nearest, constant scales or sizes", resize::resize),
    SupportedOp::onnx(
        "Concat",
        Form::Both,
        "8-bit tensors of one type, dequantized ones of any parameters, int64 lists",
        concat::concat,
    ),
    SupportedOp::microsoft("QLinearConcat", Form::QOperator, "any parameters", concat::q_linear_concat),
];
