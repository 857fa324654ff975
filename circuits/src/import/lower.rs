//! From the typed graph to the intermediate representation: one pass over the nodes, each turning the values it
//! reads into the value it defines.

use super::{
    budget::Budget,
    builder::Builder,
    call::Call,
    error::{GraphError, ImportErrorKind, OperatorError},
    faults::{Fault, Faults},
    graph::{Graph, InputType, Node},
    ops, outside,
    proto::data_type,
    resume,
    value::{Activation, Value},
};
use crate::ir::{Model, Output, Tail};

/// Lowers a graph within the memory that its file justifies; `None` where something was noted.
///
/// A value stays unknown where its definition was refused, and what reads it is passed over.
pub(super) fn lower(mut graph: Graph, budget: Budget, faults: &mut Faults) -> Result<Option<Model>, Fault> {
    let is_refused = refused_operators(&graph, faults)?;
    let has_integer_input = graph.inputs.iter().any(|input| matches!(input.element, InputType::Quantized(_)));
    if !has_integer_input && !graph.nodes.iter().any(Node::is_quantized) {
        return Err(GraphError::NothingQuantized.into());
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
    for (node, is_refused) in graph.nodes.iter().zip(is_refused) {
        let defined = if is_refused { None } else { define(&graph, node, &values, &mut builder, faults)? };
        let defined = defined.unwrap_or_else(|| resume::behind(&graph, node, &values, &mut builder));
        for (output, value) in node.outputs.iter().zip(defined) {
            if let (Some(output), Some(value)) = (output, value) {
                set(&mut values, *output, value);
            }
        }
    }
    let outputs = outputs(&graph, &values, &builder, faults)?;
    if !faults.is_empty() {
        return Ok(None);
    }
    if builder.is_empty() {
        return Err(GraphError::NothingComputed.into());
    }
    let model = builder.finish(outputs)?;
    for node in &model.nodes {
        if let Err(error) = model.accumulator_ranges(node) {
            faults.note(ImportErrorKind::from(error).into())?;
        }
    }
    Ok(Some(model))
}

/// By node whether its operator is not supported, or has outputs that are read and not supported.
fn refused_operators(graph: &Graph, faults: &mut Faults) -> Result<Vec<bool>, Fault> {
    let mut is_refused = vec![false; graph.nodes.len()];
    let mut extra_outputs = Vec::new();
    for (node, is_refused) in graph.nodes.iter().zip(&mut is_refused) {
        match ops::find(node) {
            Err(kind) => {
                *is_refused = true;
                faults.note(Fault::at(&node.label, kind))?;
            }
            Ok(operator) => {
                if let Some(index) = node.extra_output.filter(|_| !operator.has_several_outputs()) {
                    *is_refused = true;
                    extra_outputs.push((&node.label, index));
                }
            }
        }
    }
    for (label, index) in extra_outputs {
        faults.note(Fault::at(label, OperatorError::OutputCount { index }))?;
    }
    Ok(is_refused)
}

/// The values that a node defines, `None` where it reads unknown ones or is refused.
fn define(
    graph: &Graph,
    node: &Node,
    values: &[Option<Value>],
    builder: &mut Builder,
    faults: &mut Faults,
) -> Result<Option<Vec<Option<Value>>>, Fault> {
    let is_known = |value: &usize| values.get(*value).is_some_and(Option::is_some);
    if !node.inputs.iter().flatten().all(is_known) {
        return Ok(None);
    }
    let call = Call { graph, node, values };
    let defined = ops::lower(&call, builder).and_then(|defined| {
        for (output, value) in node.outputs.iter().zip(&defined) {
            output.map_or(Ok(()), |output| expect_declared(graph, output, value))?;
        }
        Ok(defined.into_iter().map(Some).collect())
    });
    match defined {
        Ok(defined) => Ok(Some(defined)),
        Err(kind) => faults.note(Fault::at(&node.label, kind)).map(|()| None),
    }
}

/// Refuses a value of another type than the file says, as onnxruntime does; of shapes that differ it only warns.
fn expect_declared(graph: &Graph, index: usize, value: &Value) -> Result<(), ImportErrorKind> {
    let declared = graph.declared.get(index).map_or(0, |declared| declared.data_type);
    if declared == 0 || declared == value.data_type() {
        return Ok(());
    }
    let (got, expected) = (data_type::name(declared), data_type::name(value.data_type()));
    Err(GraphError::DeclaredType { name: graph.name(index).to_owned(), got, expected }.into())
}

fn set(values: &mut [Option<Value>], index: usize, value: Value) {
    if let Some(slot) = values.get_mut(index) {
        *slot = Some(value);
    }
}

/// The outputs, those left out that are unknown or noted.
fn outputs(
    graph: &Graph,
    values: &[Option<Value>],
    builder: &Builder,
    faults: &mut Faults,
) -> Result<Vec<Output>, Fault> {
    let mut outputs = Vec::with_capacity(graph.outputs.len());
    for &index in &graph.outputs {
        let Some(value) = values.get(index).and_then(Option::as_ref) else {
            if faults.is_empty() {
                return Err(GraphError::Undefined { name: graph.name(index).to_owned() }.into());
            }
            continue;
        };
        match output(graph, (index, value), values, builder) {
            Ok(output) => outputs.push(output),
            Err(kind) => faults.note(kind.into())?,
        }
    }
    Ok(outputs)
}

fn output(
    graph: &Graph,
    (index, value): (usize, &Value),
    values: &[Option<Value>],
    builder: &Builder,
) -> Result<Output, ImportErrorKind> {
    let (activation, tail) = match value {
        Value::Quantized(activation) => (activation.clone(), Vec::new()),
        Value::Index(activation) => (activation.clone(), vec![Tail::Index]),
        Value::Tail { activation, tail } => (activation.clone(), tail.clone()),
        other => {
            let refused = || {
                let (found, remedy) = (other.describe(), other.remedy_as_output());
                GraphError::OutputForm { output: graph.name(index).to_owned(), found, remedy }
            };
            let (activation, operator) = outside::of(graph, index, values, builder)?.ok_or_else(refused)?;
            (activation, vec![operator])
        }
    };
    let Activation { tensor, shape, .. } = activation;
    Ok(Output { name: graph.name(index).to_owned(), shape, tensor, tail })
}
