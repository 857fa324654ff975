//! Where the elements of a network lie in a circuit, and what its accumulators read: from the model's definition, not from
//! the maps the planner makes of it.

use lemma_verifier::{
    chip::{
        Terms, linear::linear_cells, maximum::maximum_cells, product::product_cells,
        threshold::threshold_cells,
    },
    columns::LaneColumns,
    index::{AdviceColumn, Lane, RowId},
};

use super::grid::Cell;
use crate::{
    expanded::{Expanded, Node, Op},
    forms::Form,
    index::{BlockId, NodeId},
    ir::{Source, TensorId},
    layout::Layout,
};

/// The cell of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Block of the placement.
    pub(crate) block: BlockId,
    /// Lane of the block's bank.
    pub(crate) lane: Lane,
    /// Row of the circuit.
    pub(crate) row: RowId,
}

impl Spot {
    /// The spot of an element of a stored tensor; none if the element is the same for every input.
    pub(crate) fn of(layout: &Layout, tensor: TensorId, element: usize) -> Option<Self> {
        let (plane, position) = layout.network.homes.home(tensor).stored_spot(element)?;
        let (block, member) = layout.placement.members[tensor.0][plane];
        let (lane, row) = layout.placement.blocks[block].spot(member, position);
        Some(Self { block, lane, row })
    }

    /// The columns of its lane.
    pub(crate) fn columns<'a>(&self, layout: &'a Layout) -> &'a LaneColumns {
        &layout.columns.banks[layout.placement.blocks[self.block].bank].lanes[self.lane].cells
    }

    /// Its activation cell: column and row.
    pub(crate) fn cell(&self, layout: &Layout) -> (AdviceColumn, RowId) {
        (self.columns(layout).activation(), self.row)
    }

    /// Its activation cell.
    pub(crate) fn activation(&self, layout: &Layout) -> Cell {
        let (column, row) = self.cell(layout);
        Cell::of(column, row)
    }

    /// What its cells claim.
    pub(crate) fn claim(&self, layout: &Layout) -> Terms {
        match self.columns(layout) {
            LaneColumns::Linear(cells) => linear_cells(cells, &layout.shape).1,
            LaneColumns::Threshold(cells) => threshold_cells(cells, &layout.shape).1,
            LaneColumns::Maximum(cells) => maximum_cells(cells).1,
            LaneColumns::Product(cells) => product_cells(cells).1,
        }
    }
}

/// The stored element that an element of any tensor is a copy of; none of a constant.
pub(crate) fn resolve(expanded: &Expanded, tensor: TensorId, element: usize) -> Option<(TensorId, usize)> {
    let node = expanded.nodes.iter().find(|node| node.output == tensor);
    match node.map(|node| (&node.op, node)) {
        Some((Op::Rearrange(rearrange), node)) => match rearrange.sources[element] {
            Source::Element { input, element } => resolve(expanded, node.inputs[input], element),
            Source::Constant(_) => None,
        },
        _ => Some((tensor, element)),
    }
}

/// What the accumulator of an output element reads one by one: input of the node, element, weight.
pub(crate) fn reads(layout: &Layout, id: NodeId, node: &Node, element: usize) -> Vec<(usize, usize, i64)> {
    match &node.op {
        Op::FullyConnected(layer) => {
            (0..).zip(layer.row(element)).map(|(input, weight)| (0, input, i64::from(*weight))).collect()
        }
        Op::Convolution(layer) => {
            let window = &layer.window;
            let (channel, position) = (element / window.output_len(), element % window.output_len());
            let position = [position / window.output[1], position % window.output[1]];
            let first = layer.first_input(channel);
            let mut out = Vec::new();
            for input in 0..layer.group_inputs() {
                for tap in 0..window.taps() {
                    let source = window.source(position, [tap / window.kernel[1], tap % window.kernel[1]]);
                    let weight =
                        layer.weights[(channel * layer.group_inputs() + input) * window.taps() + tap];
                    let plane = (first + input) * window.input_len();
                    out.extend(source.map(|source| (0, plane + source, i64::from(weight))));
                }
            }
            out
        }
        Op::MatMul(layer) => {
            let [lhs, rhs] =
                [(0, layer.lhs_zero_point), (1, layer.rhs_zero_point)].map(|(side, zero): (usize, i32)| {
                    zero - layout.expanded.tensor(node.inputs[side]).elem.min()
                });
            let centers = |(left, right)| [(0, left, -i64::from(rhs)), (1, right, -i64::from(lhs))];
            layer.pairs(element).flat_map(centers).collect()
        }
        Op::Add(_) | Op::Table(_) | Op::Maximum | Op::Product | Op::Multiply(_) => {
            let addends = &layout.forms.nodes[id].addends;
            (0..).zip(addends).map(|(input, addend)| (input, element, *addend)).collect()
        }
        Op::Rearrange(_) => Vec::new(),
    }
}

/// The pairs of elements of both inputs whose products the accumulator of an output element sums up.
pub(crate) fn products(node: &Node, element: usize) -> Vec<(usize, usize)> {
    match &node.op {
        Op::MatMul(layer) => layer.pairs(element).collect(),
        _ => Vec::new(),
    }
}

/// What an accumulator of an output channel is multiplied with.
pub(crate) fn multiplier(layout: &Layout, node: NodeId, channel: usize) -> i128 {
    match layout.forms.nodes[node].form(channel) {
        Form::Linear(form) => i128::from(form.m),
        Form::Threshold(_) | Form::Maximum | Form::Product => 1,
        Form::Function(_) => 1 << layout.shape.shift,
    }
}
