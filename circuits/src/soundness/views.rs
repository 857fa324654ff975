//! Views: every element of every tensor is read where the model's definition says it comes from, or is an integer that
//! the reference has there as well.

use super::case::Case;
use crate::{
    expanded::{Expanded, Op},
    ir::{Model, Source, TensorId},
    layout::Layout,
    network::homes::Cell,
    reference,
    testing::networks::Numbers,
};

/// What an element of a tensor is a copy of: an element that an operator or the caller computes, or an integer that the
/// model names.
pub(super) fn source(
    expanded: &Expanded,
    tensor: TensorId,
    element: usize,
) -> Result<(TensorId, usize), i32> {
    let node = expanded.nodes.iter().find(|node| node.output == tensor);
    match node.map(|node| (&node.op, node)) {
        Some((Op::Rearrange(rearrange), node)) => match rearrange.sources[element] {
            Source::Element { input, element } => source(expanded, node.inputs[input], element),
            Source::Constant(value) => Err(value),
        },
        _ => Ok((tensor, element)),
    }
}

/// The integer of an element that has no cell: the planner's, which [`check`] compares with the reference's.
pub(super) fn constant(layout: &Layout, tensor: TensorId, element: usize) -> Option<i32> {
    match layout.network.homes.view(tensor).cell(element) {
        Cell::Stored { .. } => None,
        Cell::Constant(value) => Some(value),
    }
}

/// Checks the views of a layout for a model; returns how many elements are constant.
pub(super) fn check(layout: &Layout, model: &Model) -> usize {
    let mut numbers = Numbers::new(23);
    let mut input = |tensor: TensorId| -> Vec<i32> {
        let tensor = model.tensor(tensor);
        (0..tensor.len).map(|_| numbers.int8() + 128 + tensor.elem.min()).collect()
    };
    let inputs: Vec<Vec<i32>> = model.inputs.iter().map(|port| input(port.tensor)).collect();
    let values = reference::run(model, &inputs).expect("the inputs fit").tensors;
    let homes = &layout.network.homes;
    let mut constants = 0;
    for (tensor, view) in homes.views.iter().enumerate() {
        for (element, found) in view.iter().enumerate() {
            let from = source(&layout.expanded, TensorId(tensor), element);
            let has_cell =
                |(tensor, element): &(TensorId, usize)| homes.home(*tensor).stored_spot(*element).is_some();
            let expected = match from {
                Ok(from) if has_cell(&from) => Cell::Stored { tensor: from.0, element: from.1 },
                // The planner leaves out channels with one output; tensors of the model keep their numbers.
                Ok((tensor, element)) => Cell::Constant(values[tensor.0][element]),
                Err(value) => Cell::Constant(value),
            };
            assert_eq!(found, expected, "element {element} of tensor {tensor}");
            constants += usize::from(matches!(found, Cell::Constant(_)));
        }
    }
    constants
}

#[test]
fn every_element_of_the_cases_is_read_where_it_is_defined() {
    for case in Case::all() {
        check(&case.layout, case.compiled.model());
    }
}
