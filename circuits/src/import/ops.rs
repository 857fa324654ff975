//! The supported operators: a family each, which owns its rows of the table and what reads its nodes.

pub(super) mod constants;
pub(super) mod ends;
pub(super) mod function;
pub(super) mod layer;
pub(super) mod logic;
pub(super) mod matrix;
pub(super) mod moving;
pub(super) mod pooling;
pub(super) mod sum;

use std::sync::LazyLock;

use super::{
    builder::Builder,
    call::Call,
    error::{ImportErrorKind, OperatorError},
    graph::{Domain, Node},
    remedy,
    supported::{Reader, SupportedOp},
    value::Value,
};

static TABLE: LazyLock<Vec<SupportedOp>> = LazyLock::new(|| {
    [
        layer::OPS,
        matrix::OPS,
        pooling::OPS,
        sum::OPS,
        ends::OPS,
        moving::OPS,
        constants::OPS,
        function::OPS,
        logic::OPS,
    ]
    .concat()
});

/// The operators that [`import`](super::import) accepts, in the order a person wants to read them.
pub fn supported() -> &'static [SupportedOp] {
    &TABLE
}

/// The table's entry for a node.
pub(super) fn find(node: &Node) -> Result<&'static SupportedOp, ImportErrorKind> {
    let entry = TABLE.iter().find(|entry| entry.op == node.op && entry.domain == node.domain.name());
    let entry = entry.ok_or_else(|| unsupported(node))?;
    if node.opset < entry.since {
        return Err(
            OperatorError::OperatorOpset { op: entry.op, opset: node.opset, since: entry.since }.into()
        );
    }
    Ok(entry)
}

/// Reads one node: the values of its outputs.
pub(super) fn lower(call: &Call<'_>, builder: &mut Builder) -> Result<Vec<Value>, ImportErrorKind> {
    match find(call.node)?.reader {
        Reader::One(read) => read(call, builder).map(|value| vec![value]),
        Reader::Several(read) => read(call, builder),
    }
}

fn unsupported(node: &Node) -> ImportErrorKind {
    let op = match &node.domain {
        Domain::Onnx => node.op.clone(),
        domain => format!("{}.{}", domain.name(), node.op),
    };
    OperatorError::UnsupportedOp { op, remedy: remedy::of_operator(&node.op) }.into()
}
