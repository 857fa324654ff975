//! Views: where the elements of any tensor live. Rearranged tensors are stored nowhere, so their elements live elsewhere.

use std::collections::BTreeSet;

use crate::{
    expanded::{Expanded, Op},
    ir::{Rearrange, Source, TensorId},
};

/// Per tensor and channel, the integer a channel has for every input; empty where that is not known.
pub(crate) type Constants = Vec<Vec<Option<i32>>>;

/// Where an element of any tensor lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// In a stored tensor.
    Stored { tensor: TensorId, element: usize },
    /// Nowhere: it is this integer for every input.
    Constant(i32),
}

impl Cell {
    /// The stored tensor.
    fn tensor(self) -> Option<TensorId> {
        match self {
            Self::Stored { tensor, .. } => Some(tensor),
            Self::Constant(_) => None,
        }
    }
}

/// Where the elements of a tensor live.
#[derive(Clone, Debug)]
pub(crate) enum View {
    /// In the tensor itself, but for channels that are constant.
    Own { tensor: TensorId, len: usize, constants: Vec<Option<i32>> },
    /// Anywhere.
    Cells(Vec<Cell>),
}

impl View {
    /// Elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Own { len, .. } => *len,
            Self::Cells(cells) => cells.len(),
        }
    }

    /// Where an element lives.
    pub(crate) fn cell(&self, element: usize) -> Cell {
        match self {
            Self::Own { tensor, len, constants } => {
                assert!(element < *len, "element {element} of {len}");
                let constant = constants.get(element * constants.len() / len).copied().flatten();
                constant.map_or(Cell::Stored { tensor: *tensor, element }, Cell::Constant)
            }
            Self::Cells(cells) => cells[element],
        }
    }

    /// Where all elements live.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Cell> + '_ {
        (0..self.len()).map(|element| self.cell(element))
    }

    /// The stored tensors among them, in ascending order.
    pub(crate) fn tensors(&self) -> BTreeSet<TensorId> {
        match self {
            Self::Own { tensor, .. } => BTreeSet::from([*tensor]),
            Self::Cells(cells) => {
                let runs = cells.chunk_by(|one, next| one.tensor() == next.tensor());
                runs.filter_map(|run| run[0].tensor()).collect()
            }
        }
    }
}

/// The views of a model's tensors.
pub(super) fn views(expanded: &Expanded, constants: &Constants) -> Vec<View> {
    let own = |(tensor, constants): (usize, &Vec<Option<i32>>)| {
        let tensor = TensorId(tensor);
        View::Own { tensor, len: expanded.tensor(tensor).len, constants: constants.clone() }
    };
    let mut views: Vec<View> = constants.iter().enumerate().map(own).collect();
    for node in &expanded.nodes {
        if let Op::Rearrange(rearrange) = &node.op {
            views[node.output.0] = View::Cells(rearranged(&views, rearrange, &node.inputs));
        }
    }
    views
}

/// Where the elements of a rearrangement live.
pub(super) fn rearranged(views: &[View], rearrange: &Rearrange, inputs: &[TensorId]) -> Vec<Cell> {
    let cell = |source: &Source| match *source {
        Source::Element { input, element } => views[inputs[input].0].cell(element),
        Source::Constant(value) => Cell::Constant(value),
    };
    rearrange.sources.iter().map(cell).collect()
}
