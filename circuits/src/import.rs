//! ONNX bytes to the quantized intermediate representation.
//!
//! A file passes through `wire` (counts everything before any of it is allocated), `proto` (prost decodes it),
//! `graph` (names resolved, attributes typed, nodes ordered) and `lower`, which walks the nodes once and knows of
//! every value what it is: a constant, an 8-bit activation, or a float that stands for integers between
//! DequantizeLinear and QuantizeLinear. The QOperator form and the QDQ form of a network arrive at the same
//! [`Model`]. What is not supported exactly is refused by name.
//!
//! Integers mean what onnxruntime computes on the QOperator form. With uint8 activations and int8 weights some CPUs
//! saturate inside onnxruntime; the model here is the exact integer function.

mod affine;
mod arithmetic;
mod attributes;
mod builder;
mod constant;
mod error;
mod functions;
mod graph;
mod limits;
mod lower;
mod ops;
mod proto;
mod spread;
mod value;
mod wire;

#[cfg(test)]
mod tests;

use prost::Message;

pub use error::{ImportError, ImportErrorKind, NodeLabel, TensorError, UncertainAnswer};
pub use ops::{SupportedOp, supported};

use crate::ir::Model;

/// Imports the ONNX model in `bytes`; `file` names it in messages.
///
/// Memory stays within a small multiple of `bytes.len()` plus a constant, whatever the bytes are.
///
/// # Errors
/// [`ImportError`] when the bytes are no ONNX model within the caps, or use anything that is not supported exactly.
pub fn import(bytes: &[u8], file: &str) -> Result<Model, ImportError> {
    read(bytes).map_err(|fault| ImportError { file: file.to_owned(), node: fault.node, kind: fault.kind })
}

/// Whether an imported file is in QDQ form with int8 activations. Its integers are those of onnxruntime with the session option
/// `session.qdqisint8allowed` = 1; its default session on x86 may leave some operators in float32, whose last bits differ.
///
/// False for bytes that [`import`] refuses.
pub fn needs_int8_option(bytes: &[u8]) -> bool {
    let proto = wire::check(bytes).ok().and_then(|()| proto::ModelProto::decode(bytes).ok());
    let graph = proto.and_then(|proto| graph::Graph::from_proto(proto).ok());
    graph.is_some_and(|graph| graph.computes_on_dequantized(proto::data_type::INT8))
}

fn read(bytes: &[u8]) -> Result<Model, graph::Fault> {
    wire::check(bytes)?;
    let proto = proto::ModelProto::decode(bytes)
        .map_err(|error| ImportErrorKind::Malformed { reason: error.to_string() })?;
    lower::lower(graph::Graph::from_proto(proto)?, limits::Budget::for_file(bytes.len()))
}
