//! The typed graph: every name resolved, nodes in topological order, only what the outputs depend on.

mod declared;
mod domain;
mod inputs;
mod names;
mod order;

use std::collections::BTreeMap;

use super::{
    attributes::Attributes,
    constant::Constant,
    error::{ContainerError, GraphError, ImportErrorKind, NodeLabel, OperatorError},
    faults::{Fault, Faults},
    proto::{GraphProto, ModelProto, NodeProto, TensorProto},
};

pub(super) use declared::Declared;
pub(super) use domain::Domain;
pub(super) use inputs::{GraphInput, InputType};

use domain::{opset_of, opsets};
use inputs::define_inputs;
use names::{
    Names, Wiring, define_initializers, define_node_outputs, label, node_label, resolve_outputs,
    resolve_wiring,
};

/// Index of a value (graph input, initializer or node output).
pub(super) type ValueIndex = usize;

/// One operator application.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) label: NodeLabel,
    pub(super) domain: Domain,
    /// Operator name without domain.
    pub(super) op: String,
    /// Version of the domain.
    pub(super) opset: i64,
    /// An optional input that is left out is `None`.
    pub(super) inputs: Vec<Option<ValueIndex>>,
    /// The values of the outputs; one that is left out is `None`.
    pub(super) outputs: Vec<Option<ValueIndex>>,
    /// Position of the first output beyond output 0 that is read: few operators have one.
    pub(super) extra_output: Option<usize>,
    pub(super) attributes: Attributes,
}

impl Node {
    /// Whether it is one of those that only quantized models have.
    pub(super) fn is_quantized(&self) -> bool {
        self.op.starts_with("QLinear")
            || self.op.contains("QuantizeLinear")
            || self.op.contains("Integer")
            || self.op == "DequantizeLinear"
            || self.op == "QGemm"
    }
}

/// The graph of a file.
#[derive(Debug)]
pub(super) struct Graph {
    /// Names by value index.
    pub(super) names: Vec<String>,
    /// How many live nodes and graph outputs read each value.
    pub(super) uses: Vec<usize>,
    pub(super) inputs: Vec<GraphInput>,
    pub(super) outputs: Vec<ValueIndex>,
    /// Initializers that a live node or an output reads.
    pub(super) constants: Vec<(ValueIndex, Constant)>,
    /// Nodes that an output depends on, every one after those it reads.
    pub(super) nodes: Vec<Node>,
    /// By value the position of the node that defines it.
    producers: Vec<Option<usize>>,
    /// What the file says of each value.
    pub(super) declared: Vec<Declared>,
}

impl Graph {
    /// Resolves the names of a file. Inputs, initializers and nodes that are refused are left out, and noted.
    pub(super) fn from_proto(model: ModelProto, faults: &mut Faults) -> Result<Self, Fault> {
        if !model.functions.is_empty() {
            return Err(ContainerError::LocalFunctions { count: model.functions.len() }.into());
        }
        let opsets = opsets(&model.opset_import)?;
        let GraphProto { node, initializer, input, output, value_info } =
            model.graph.ok_or(ContainerError::NoGraph)?;
        if output.is_empty() {
            return Err(GraphError::NoOutput.into());
        }
        let mut names = Names::default();
        let initializers = define_initializers(&mut names, initializer)?;
        let first_value = names.list.len();
        let inputs = define_inputs(&mut names, &initializers, &input, faults)?;
        let node_outputs = define_node_outputs(&mut names, &node)?;
        let outputs = resolve_outputs(&names, &output)?;
        if let Some(input) = inputs.iter().find(|input| outputs.contains(&input.value)) {
            let output = names.list.get(input.value).cloned().unwrap_or_default();
            let (found, remedy) = ("a graph input", "remove it from the graph outputs");
            return Err(GraphError::OutputForm { output, found, remedy }.into());
        }
        let wiring = resolve_wiring(&names, &node, node_outputs)?;
        let declared = declared::of(&names.index, names.list.len(), value_info.iter().chain(&output));

        let order = order::live_topological(&wiring, &outputs, names.list.len())
            .map_err(|index| Fault::at(&label(&node, index), GraphError::Cycle))?;
        let uses = count_uses(&wiring, &order, &outputs, names.list.len());
        let constants = read_constants(initializers, &uses, first_value, faults)?;
        let nodes = build_nodes(node, wiring, &order, &opsets, &uses, faults)?;
        let producers = producers(&nodes, names.list.len());
        Ok(Self { names: names.list, uses, inputs, outputs, constants, nodes, producers, declared })
    }

    /// The node that defines what another reads as its first input.
    pub(super) fn before(&self, node: &Node) -> Option<&Node> {
        self.producer(node.inputs.first().copied().flatten()?)
    }

    /// The node that defines a value.
    pub(super) fn producer(&self, value: ValueIndex) -> Option<&Node> {
        self.nodes.get(self.producers.get(value).copied().flatten()?)
    }

    /// Whether onnxruntime may compute parts of the graph with its axes in another order: it puts channels last around some
    /// operators, and moves transpositions.
    pub(super) fn may_move_axes(&self) -> bool {
        let moves =
            |node: &Node| ["Conv", "Pool", "Transpose", "Resize"].iter().any(|part| node.op.contains(part));
        self.nodes.iter().any(moves)
    }

    /// The name of a value.
    pub(super) fn name(&self, value: ValueIndex) -> &str {
        self.names.get(value).map_or("", String::as_str)
    }
}

/// The elements of the initializers that are read.
fn read_constants(
    initializers: Vec<TensorProto>,
    uses: &[usize],
    first_value: ValueIndex,
    faults: &mut Faults,
) -> Result<Vec<(ValueIndex, Constant)>, Fault> {
    let mut constants = Vec::new();
    for (value, tensor) in initializers.into_iter().enumerate().take(first_value) {
        if uses.get(value).is_none_or(|&uses| uses == 0) {
            continue;
        }
        let name = tensor.name.clone();
        match Constant::from_proto(tensor, &name) {
            Ok(constant) => constants.push((value, constant)),
            Err(kind) => faults.note(kind.into())?,
        }
    }
    Ok(constants)
}

fn producers(nodes: &[Node], values: usize) -> Vec<Option<usize>> {
    let mut producers = vec![None; values];
    for (position, node) in nodes.iter().enumerate() {
        for &output in node.outputs.iter().flatten() {
            if let Some(slot) = producers.get_mut(output) {
                *slot = Some(position);
            }
        }
    }
    producers
}

fn count_uses(wiring: &[Wiring], order: &[usize], outputs: &[ValueIndex], values: usize) -> Vec<usize> {
    let mut uses = vec![0; values];
    let read_by_nodes = order.iter().filter_map(|&node| wiring.get(node)).flat_map(|node| &node.inputs);
    for value in read_by_nodes.flatten().chain(outputs) {
        if let Some(count) = uses.get_mut(*value) {
            *count += 1;
        }
    }
    uses
}

fn build_nodes(
    nodes: Vec<NodeProto>,
    wiring: Vec<Wiring>,
    order: &[usize],
    opsets: &BTreeMap<String, i64>,
    uses: &[usize],
    faults: &mut Faults,
) -> Result<Vec<Node>, Fault> {
    let mut sources: Vec<_> = nodes.into_iter().zip(wiring).map(Some).collect();
    let mut built = Vec::with_capacity(order.len());
    for &index in order {
        let Some((proto, wiring)) = sources.get_mut(index).and_then(Option::take) else { continue };
        let label = node_label(&proto, index);
        match build_node(proto, wiring, opsets, uses, label.clone()) {
            Ok(node) => built.push(node),
            Err(kind) => faults.note(Fault::at(&label, kind))?,
        }
    }
    Ok(built)
}

fn build_node(
    proto: NodeProto,
    wiring: Wiring,
    opsets: &BTreeMap<String, i64>,
    uses: &[usize],
    label: NodeLabel,
) -> Result<Node, ImportErrorKind> {
    let domain = Domain::parse(&proto.domain);
    let opset = opset_of(&domain, opsets)?;
    let attributes = Attributes::from_proto(proto.attribute)?;
    let outputs = wiring.outputs;
    if outputs.first().is_none_or(Option::is_none) {
        return Err(OperatorError::OutputCount { index: 0 }.into());
    }
    let used = |value: &ValueIndex| uses.get(*value).is_some_and(|&uses| uses > 0);
    let is_read = |output: &Option<ValueIndex>| output.as_ref().is_some_and(used);
    let extra_output = outputs.iter().skip(1).position(is_read).map(|extra| extra + 1);
    Ok(Node {
        label,
        domain,
        op: proto.op_type,
        opset,
        inputs: wiring.inputs,
        outputs,
        extra_output,
        attributes,
    })
}
