//! The inputs of a graph.

use super::{
    ValueIndex,
    names::{Names, refuse_control_characters},
};
use crate::{
    import::{
        error::{GraphError, ImportErrorKind},
        faults::{Fault, Faults},
        limits,
        proto::{Dimension, TensorProto, ValueInfoProto, data_type},
    },
    ir::Elem,
};

/// Element type of a graph input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum InputType {
    Float,
    Quantized(Elem),
}

/// A graph input that is no initializer.
#[derive(Debug)]
pub(in crate::import) struct GraphInput {
    pub(in crate::import) value: ValueIndex,
    pub(in crate::import) element: InputType,
    /// Symbolic batch replaced by 1.
    pub(in crate::import) shape: Vec<usize>,
}

/// Files before IR version 4 list initializers as inputs too: those are no inputs here.
pub(super) fn define_inputs(
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
