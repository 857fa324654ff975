//! The typed graph: every name resolved, nodes in topological order, only what the outputs depend on.

mod declared;
mod order;

use std::collections::BTreeMap;

use super::attributes::Attributes;
use super::constant::Constant;
use super::error::{ContainerError, GraphError, ImportErrorKind, NodeLabel, OperatorError};
use super::faults::{Fault, Faults};
use super::limits;
use super::proto::{
    Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto, data_type,
};
use crate::ir::Elem;

/// The opsets of the default domain in which every supported operator has the meaning that is implemented.
const ONNX_OPSETS: (i64, i64) = (10, 26);
const MICROSOFT_OPSETS: (i64, i64) = (1, 1);

pub(super) use declared::Declared;

/// Index of a value (graph input, initializer or node output).
pub(super) type ValueIndex = usize;

/// An operator domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    Onnx,
    Microsoft,
    Other(String),
}

impl Domain {
    fn parse(domain: &str) -> Self {
        match domain {
            "" | "ai.onnx" => Self::Onnx,
            "com.microsoft" => Self::Microsoft,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Smallest and largest supported version; other domains have no supported operators.
    fn opsets(&self) -> Option<(i64, i64)> {
        match self {
            Self::Onnx => Some(ONNX_OPSETS),
            Self::Microsoft => Some(MICROSOFT_OPSETS),
            Self::Other(_) => None,
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Onnx => "ai.onnx",
            Self::Microsoft => "com.microsoft",
            Self::Other(name) => name,
        }
    }
}

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

/// Element type of a graph input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputType {
    Float,
    Quantized(Elem),
}

/// A graph input that is no initializer.
#[derive(Debug)]
pub(super) struct GraphInput {
    pub(super) value: ValueIndex,
    pub(super) element: InputType,
    /// Symbolic batch replaced by 1.
    pub(super) shape: Vec<usize>,
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

    /// Whether an operator that has a kernel on integers reads a tensor of this type through a DequantizeLinear.
    pub(super) fn computes_on_dequantized(&self, data_type: i32) -> bool {
        let types: BTreeMap<ValueIndex, i32> =
            self.constants.iter().map(|(value, constant)| (*value, constant.data.data_type())).collect();
        let reads = |node: &&Node| {
            let zero_point = node.inputs.get(2).copied().flatten();
            node.op == "DequantizeLinear"
                && zero_point.and_then(|value| types.get(&value)) == Some(&data_type)
        };
        let computing =
            ["Conv", "Gemm", "MatMul", "Add", "Mul", "AveragePool", "GlobalAveragePool", "Concat"];
        let nodes = self.nodes.iter().filter(|node| computing.contains(&node.op.as_str()));
        nodes.filter_map(|node| self.before(node)).any(|node| reads(&node))
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

/// The values that a node of the file reads and defines.
#[derive(Debug)]
struct Wiring {
    inputs: Vec<Option<ValueIndex>>,
    outputs: Vec<Option<ValueIndex>>,
}

#[derive(Default)]
struct Names {
    list: Vec<String>,
    index: BTreeMap<String, ValueIndex>,
}

impl Names {
    fn define(&mut self, name: &str, what: &'static str) -> Result<ValueIndex, ImportErrorKind> {
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

    fn resolve(&self, name: &str) -> Result<ValueIndex, ImportErrorKind> {
        self.index.get(name).copied().ok_or_else(|| GraphError::Undefined { name: name.to_owned() }.into())
    }
}

fn label(nodes: &[NodeProto], index: usize) -> NodeLabel {
    nodes.get(index).map(|node| node_label(node, index)).unwrap_or_default()
}

fn node_label(node: &NodeProto, index: usize) -> NodeLabel {
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

/// Domain to version; domains of operators that no node uses do no harm.
fn opsets(imports: &[OperatorSetIdProto]) -> Result<BTreeMap<String, i64>, ImportErrorKind> {
    let mut versions = BTreeMap::new();
    for import in imports {
        let parsed = Domain::parse(&import.domain);
        let domain = parsed.name().to_owned();
        if let Some((min, max)) = parsed.opsets()
            && (import.version < min || max < import.version)
        {
            return Err(ContainerError::Opset { domain, version: import.version, min, max }.into());
        }
        if let Some(&first) = versions.get(&domain)
            && first != import.version
        {
            return Err(ContainerError::ConflictingOpset { domain, first, second: import.version }.into());
        }
        versions.insert(domain, import.version);
    }
    Ok(versions)
}

fn opset_of(domain: &Domain, opsets: &BTreeMap<String, i64>) -> Result<i64, ImportErrorKind> {
    if let Domain::Other(_) = domain {
        // Refused as an unsupported operator, whatever the version.
        return Ok(0);
    }
    let version = opsets.get(domain.name()).copied();
    version.ok_or_else(|| ContainerError::MissingOpset { domain: domain.name().to_owned() }.into())
}

/// Initializers are the first values: the value index is the index in the result.
fn define_initializers(
    names: &mut Names,
    initializers: Vec<TensorProto>,
) -> Result<Vec<TensorProto>, ImportErrorKind> {
    for tensor in &initializers {
        names.define(&tensor.name, "an initializer")?;
    }
    Ok(initializers)
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

/// Files before IR version 4 list initializers as inputs too: those are no inputs here.
fn define_inputs(
    names: &mut Names,
    initializers: &[TensorProto],
    inputs: &[ValueInfoProto],
    faults: &mut Faults,
) -> Result<Vec<GraphInput>, Fault> {
    let mut graph_inputs = Vec::new();
    for input in inputs {
        if names.index.get(&input.name).is_some_and(|&value| value < initializers.len()) {
            continue;
        }
        let value = names.define(&input.name, "a graph input")?;
        refuse_control_characters(&input.name, "the graph input")?;
        match input_type(input) {
            Ok((element, shape)) => graph_inputs.push(GraphInput { value, element, shape }),
            Err(kind) => faults.note(kind.into())?,
        }
    }
    Ok(graph_inputs)
}

/// Names of inputs and outputs reach terminals, and become the names of members of files.
fn refuse_control_characters(name: &str, what: &'static str) -> Result<(), ImportErrorKind> {
    if name.contains(char::is_control) {
        return Err(GraphError::ControlCharacters { what, name: name.escape_debug().to_string() }.into());
    }
    Ok(())
}

fn input_type(input: &ValueInfoProto) -> Result<(InputType, Vec<usize>), ImportErrorKind> {
    let element = input.r#type.as_ref().and_then(|value_type| value_type.tensor_type.as_ref());
    let remedy = element.map_or("", |tensor| data_type::remedy(tensor.elem_type));
    let refuse = |got: String| GraphError::InputType { input: input.name.clone(), got, remedy };
    let tensor = input
        .r#type
        .as_ref()
        .and_then(|value_type| value_type.tensor_type.as_ref())
        .ok_or_else(|| refuse("not a tensor".to_owned()))?;
    let element = match tensor.elem_type {
        data_type::FLOAT => InputType::Float,
        data_type::INT8 => InputType::Quantized(Elem::I8),
        data_type::UINT8 => InputType::Quantized(Elem::U8),
        other => return Err(refuse(data_type::name(other)).into()),
    };
    let shape = tensor.shape.as_ref().ok_or_else(|| refuse("a tensor without a shape".to_owned()))?;
    let shape = shape
        .dim
        .iter()
        .enumerate()
        .map(|(axis, dim)| {
            let got = match &dim.value {
                Some(Dimension::Value(size)) if *size > 0 => match usize::try_from(*size) {
                    Ok(size) => return Ok(size),
                    Err(_) => size.to_string(),
                },
                _ if axis == 0 => return Ok(1),
                Some(Dimension::Value(size)) => size.to_string(),
                Some(Dimension::Param(name)) => format!("the symbol '{name}'"),
                None => "open".to_owned(),
            };
            Err(GraphError::InputDimension { input: input.name.clone(), axis, got })
        })
        .collect::<Result<Vec<_>, _>>()?;
    limits::elements(&format!("graph input '{}'", input.name), &shape)?;
    Ok((element, shape))
}

fn define_node_outputs(
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

fn resolve_outputs(names: &Names, outputs: &[ValueInfoProto]) -> Result<Vec<ValueIndex>, ImportErrorKind> {
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

fn resolve_wiring(
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
