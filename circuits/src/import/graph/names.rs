//! Names of values, and what they are resolved to.

use std::collections::BTreeMap;

use super::{ValueIndex, domain::Domain};
use crate::import::{
    error::{GraphError, ImportErrorKind, NodeLabel},
    faults::Fault,
    proto::{NodeProto, TensorProto, ValueInfoProto},
};

/// The values that a node of the file reads and defines.
#[derive(Debug)]
pub(super) struct Wiring {
    pub(super) inputs: Vec<Option<ValueIndex>>,
    pub(super) outputs: Vec<Option<ValueIndex>>,
}

#[derive(Default)]
pub(super) struct Names {
    pub(super) list: Vec<String>,
    pub(super) index: BTreeMap<String, ValueIndex>,
}

impl Names {
    pub(super) fn define(&mut self, name: &str, what: &'static str) -> Result<ValueIndex, ImportErrorKind> {
        if name.is_empty() {
            return Err(GraphError::Unnamed { what }.into());
        }
        let value = self.list.len();
        if self.index.insert(name.to_owned(), value).is_some() {
            return Err(GraphError::DuplicateName { name: name.to_owned() }.into());
        }
        self.list.push(name.to_owned());
        Ok(value)
    }

    pub(super) fn resolve(&self, name: &str) -> Result<ValueIndex, ImportErrorKind> {
        self.index.get(name).copied().ok_or_else(|| GraphError::Undefined { name: name.to_owned() }.into())
    }
}

/// Initializers are the first values: the value index is the index in the result.
pub(super) fn define_initializers(
    names: &mut Names,
    initializers: Vec<TensorProto>,
) -> Result<Vec<TensorProto>, ImportErrorKind> {
    for tensor in &initializers {
        names.define(&tensor.name, "an initializer")?;
    }
    Ok(initializers)
}

pub(super) fn define_node_outputs(
    names: &mut Names,
    nodes: &[NodeProto],
) -> Result<Vec<Vec<Option<ValueIndex>>>, Fault> {
    nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            node.output
                .iter()
                .map(|name| match name.as_str() {
                    "" => Ok(None),
                    name => names.define(name, "a node output").map(Some),
                })
                .collect::<Result<_, _>>()
                .map_err(|kind| Fault::at(&node_label(node, index), kind))
        })
        .collect()
}

pub(super) fn resolve_outputs(
    names: &Names,
    outputs: &[ValueInfoProto],
) -> Result<Vec<ValueIndex>, ImportErrorKind> {
    let mut resolved = Vec::with_capacity(outputs.len());
    let mut seen = vec![false; names.list.len()];
    for output in outputs {
        if output.name.is_empty() {
            return Err(GraphError::Unnamed { what: "a graph output" }.into());
        }
        refuse_control_characters(&output.name, "the graph output")?;
        let value = names.resolve(&output.name)?;
        if seen.get_mut(value).is_some_and(|seen| std::mem::replace(seen, true)) {
            return Err(GraphError::DuplicateName { name: output.name.clone() }.into());
        }
        resolved.push(value);
    }
    Ok(resolved)
}

pub(super) fn resolve_wiring(
    names: &Names,
    nodes: &[NodeProto],
    outputs: Vec<Vec<Option<ValueIndex>>>,
) -> Result<Vec<Wiring>, Fault> {
    nodes
        .iter()
        .zip(outputs)
        .enumerate()
        .map(|(index, (node, outputs))| {
            let inputs = node
                .input
                .iter()
                .map(|name| match name.as_str() {
                    "" => Ok(None),
                    name => names.resolve(name).map(Some),
                })
                .collect::<Result<_, _>>()
                .map_err(|kind| Fault::at(&node_label(node, index), kind))?;
            Ok(Wiring { inputs, outputs })
        })
        .collect()
}

pub(super) fn label(nodes: &[NodeProto], index: usize) -> NodeLabel {
    nodes.get(index).map(|node| node_label(node, index)).unwrap_or_default()
}

pub(super) fn node_label(node: &NodeProto, index: usize) -> NodeLabel {
    let has_name = !node.name.is_empty();
    let output = node.output.iter().find(|output| !output.is_empty());
    let name = match output {
        _ if has_name => node.name.clone(),
        Some(output) => output.clone(),
        None => format!("#{index}"),
    };
    let op = match Domain::parse(&node.domain) {
        Domain::Onnx => node.op_type.clone(),
        domain => format!("{}.{}", domain.name(), node.op_type),
    };
    NodeLabel { name, has_name, op }
}

/// Names of inputs and outputs reach terminals, and become the names of members of files.
pub(super) fn refuse_control_characters(name: &str, what: &'static str) -> Result<(), ImportErrorKind> {
    if name.contains(char::is_control) {
        return Err(GraphError::ControlCharacters { what, name: name.escape_debug().to_string() }.into());
    }
    Ok(())
}
