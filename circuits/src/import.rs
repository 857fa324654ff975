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
mod attributes;
mod budget;
mod builder;
mod call;
mod constant;
mod error;
mod faults;
mod float_sum;
mod functions;
mod graph;
mod limits;
mod lower;
mod operand;
mod ops;
mod outside;
mod proto;
mod remedy;
mod resume;
mod role;
mod session;
mod spread;
mod supported;
mod value;
mod views;
mod waiting;
mod wire;

#[cfg(test)]
mod tests;

use prost::Message;

pub use error::{
    ContainerError, GraphError, ImportError, ImportErrorKind, NodeLabel, OperatorError, QuantizationError,
    ReasonGroup, Refusal, TensorError, UncertainAnswer,
};
pub use ops::supported;
pub use session::SessionOption;
pub use supported::{Form, SupportedOp};

use crate::ir::Model;
use faults::{Fault, Faults};

/// Imports the ONNX model in `bytes`; `file` names it in messages.
///
/// Memory stays within a small multiple of `bytes.len()` plus a constant, whatever the bytes are.
///
/// # Errors
/// [`ImportError`] when the bytes are no ONNX model within the caps, or use anything that is not supported exactly.
pub fn import(bytes: &[u8], file: &str) -> Result<Model, ImportError> {
    read(bytes, Faults::first()).map_err(|faults| {
        // There is one: reading ended with it.
        let fault = faults
            .into_iter()
            .next()
            .unwrap_or_else(|| Fault::from(ImportErrorKind::Container(ContainerError::NoGraph)));
        named(fault, file)
    })
}

/// The same, but goes on behind what is refused, so that every reason is told at once.
///
/// What only follows from an earlier reason is left out: what reads a refused value is not looked at, up to the next quantizer
/// of known shape. So a model without these reasons may still have others. At most about a thousand are told.
///
/// # Errors
/// [`Refusal`] when the bytes are no ONNX model within the caps, or use anything that is not supported exactly.
pub fn examine(bytes: &[u8], file: &str) -> Result<Model, Refusal> {
    read(bytes, Faults::all()).map_err(|faults| Refusal {
        file: file.to_owned(),
        reasons: faults.into_iter().map(|fault| named(fault, file)).collect(),
    })
}

fn named(Fault { node, kind }: Fault, file: &str) -> ImportError {
    ImportError { file: file.to_owned(), node, kind }
}

/// The option without which onnxruntime's default session may answer other integers than those of an imported file.
///
/// `None` for bytes that [`import`] refuses.
pub fn session_option(bytes: &[u8]) -> Option<SessionOption> {
    wire::check(bytes).ok()?;
    let proto = proto::ModelProto::decode(bytes).ok()?;
    session::option_of(&graph::Graph::from_proto(proto, &mut Faults::first()).ok()?)
}

/// The model, or what is wrong.
fn read(bytes: &[u8], mut faults: Faults) -> Result<Model, Vec<Fault>> {
    match decoded(bytes, &mut faults) {
        Ok(Some(model)) if faults.is_empty() => Ok(model),
        Ok(_) => Err(faults.with(None)),
        Err(last) => Err(faults.with(Some(last))),
    }
}

/// The model; `None` where something was noted.
fn decoded(bytes: &[u8], faults: &mut Faults) -> Result<Option<Model>, Fault> {
    wire::check(bytes)?;
    let proto = proto::ModelProto::decode(bytes).map_err(|error| {
        ImportErrorKind::Container(ContainerError::Malformed { reason: error.to_string() })
    })?;
    let graph = graph::Graph::from_proto(proto, faults)?;
    lower::lower(graph, budget::Budget::for_file(bytes.len()), faults)
}
