//! From the typed graph to the intermediate representation: one pass over the nodes, each turning the values it
//! reads into the value it defines.

use super::affine::FloatClamp;
use super::builder::Builder;
use super::error::ImportErrorKind;
use super::graph::{Fault, Graph, InputType};
use super::limits::Budget;
use super::ops::{self, Call};
use super::proto::data_type;
use super::value::{Activation, Dequantized, Value};
use crate::ir::{Model, Output, Tail};

/// Lowers a graph within the memory that its file justifies.
pub(super) fn lower(mut graph: Graph, budget: Budget) -> Result<Model, Fault> {
    let mut extra_output = None;
    for node in &graph.nodes {
        let operator = ops::find(node).map_err(|kind| Fault::at(&node.label, kind))?;
        if let Some(index) = node.extra_output.filter(|_| !operator.has_several_outputs()) {
            extra_output.get_or_insert((&node.label, index));
        }
    }
    let has_integer_input = graph.inputs.iter().any(|input| matches!(input.element, InputType::Quantized(_)));
    if !has_integer_input && !graph.nodes.iter().any(ops::is_quantized) {
        return Err(ImportErrorKind::NothingQuantized.into());
    }
    if let Some((label, index)) = extra_output {
        return Err(Fault::at(label, ImportErrorKind::OutputCount { index }));
    }
    let mut builder = Builder::new(budget);
    let mut values: Vec<Option<Value>> = vec![None; graph.names.len()];
    for (index, constant) in std::mem::take(&mut graph.constants) {
        set(&mut values, index, Value::Constant(constant));
    }
    for input in &graph.inputs {
        let name = graph.name(input.value);
        let value = match input.element {
            InputType::Float => Value::FloatInput {
                input: builder.float_input(name, &input.shape),
                shape: input.shape.clone(),
                moved: None,
            },
            InputType::Quantized(elem) => {
                Value::Quantized(builder.quantized_input(name, elem, &input.shape)?)
            }
        };
        set(&mut values, input.value, value);
    }
    for node in &graph.nodes {
        let call = Call { graph: &graph, node, values: &values };
        let defined = ops::lower(&call, &mut builder).map_err(|kind| Fault::at(&node.label, kind))?;
        for (output, value) in node.outputs.iter().zip(defined) {
            if let Some(output) = output {
                expect_declared(&graph, *output, &value).map_err(|kind| Fault::at(&node.label, kind))?;
                set(&mut values, *output, value);
            }
        }
    }
    let outputs = outputs(&graph, &values)?;
    if builder.is_empty() {
        return Err(ImportErrorKind::NothingComputed.into());
    }
    let model = builder.finish(outputs)?;
    for node in &model.nodes {
        model.accumulator_ranges(node).map_err(ImportErrorKind::from)?;
    }
    Ok(model)
}

/// Refuses a value of another type than the file says, as onnxruntime does; of shapes that differ it only warns.
fn expect_declared(graph: &Graph, index: usize, value: &Value) -> Result<(), ImportErrorKind> {
    let declared = graph.declared_types.get(index).copied().unwrap_or(0);
    if declared == 0 || declared == value.data_type() {
        return Ok(());
    }
    let (got, expected) = (data_type::name(declared), data_type::name(value.data_type()));
    Err(ImportErrorKind::DeclaredType { name: graph.name(index).to_owned(), got, expected })
}

fn set(values: &mut [Option<Value>], index: usize, value: Value) {
    if let Some(slot) = values.get_mut(index) {
        *slot = Some(value);
    }
}

fn outputs(graph: &Graph, values: &[Option<Value>]) -> Result<Vec<Output>, ImportErrorKind> {
    graph
        .outputs
        .iter()
        .map(|&index| {
            let name = graph.name(index).to_owned();
            let value = values.get(index).and_then(Option::as_ref);
            let value = value.ok_or_else(|| ImportErrorKind::Undefined { name: name.clone() })?;
            let (activation, tail) = match value {
                Value::Quantized(activation) => (activation, Vec::new()),
                Value::Dequantized(Dequantized { activation, by, clamp }) if *clamp == FloatClamp::NONE => {
                    (activation, vec![Tail::Dequantize(*by)])
                }
                Value::Index(activation) => (activation, vec![Tail::Index]),
                Value::Tail { activation, tail } => (activation, tail.clone()),
                other => {
                    let (found, remedy) = (other.describe(), other.remedy_as_output());
                    return Err(ImportErrorKind::OutputForm { output: name, found, remedy });
                }
            };
            let Activation { tensor, shape, .. } = activation;
            Ok(Output { name, shape: shape.clone(), tensor: *tensor, tail })
        })
        .collect()
}
