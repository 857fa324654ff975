//! The hints of one inference: every phase-0 cell, apart from the constraints that check them.
//!
//! The forward pass here goes through the circuit's own forms (quotient and clamp, or thresholds), not through
//! float32; `reference` computes the same outputs the other way, and tests compare the two.

use lemma_verifier::{
    columns::LaneColumns,
    index::{AdviceColumn, RowId},
};
use typed_index_collections::{TiVec, ti_vec};

use crate::{
    cells::{ByRow, HintCells},
    expanded::Expanded,
    forms::{Form, NodeForms},
    index::{NodeId, Position},
    ir::TensorId,
    layout::Layout,
    network::{
        homes::Cell,
        maps::{Accumulators, Map},
        products::Side,
    },
    place::Content,
    witness::{Requantized, Witness, requantized, write_linear, write_threshold},
};

/// Changes cells or tensors between nodes; for tests that lie.
pub(crate) type Lie<'a> = &'a mut dyn FnMut(Option<NodeId>, &mut HintCells, &mut [Vec<i32>]);

/// Runs the model on `inputs`, one vector of integers per model input.
///
/// `after` is called before the first node with `None` and after each node with its index.
///
/// # Panics
/// If the inputs are not integers of the model's inputs, see [`check_inputs`](super::check_inputs).
pub(crate) fn run(plan: &Layout, inputs: &[Vec<i32>], after: Lie<'_>) -> Witness {
    let expanded = &plan.expanded;
    let hint_columns = plan.columns.phases.iter().filter(|phase| **phase == 0).count();
    let mut builder = Builder {
        expanded,
        plan,
        columns: ti_vec![ti_vec![0; plan.rows]; hint_columns],
        tensors: vec![Vec::new(); expanded.tensors.len()],
    };
    for (input, values) in expanded.inputs.iter().zip(inputs) {
        builder.tensors[input.0].clone_from(values);
    }
    after(None, &mut builder.columns, &mut builder.tensors);
    for map in plan.network.maps.iter() {
        builder.map(map);
        after(Some(map.node), &mut builder.columns, &mut builder.tensors);
    }
    builder.bytes();
    let outputs = expanded.outputs.iter().map(|output| builder.view(*output)).collect();
    Witness { columns: builder.columns, outputs }
}

struct Builder<'a> {
    expanded: &'a Expanded,
    plan: &'a Layout,
    columns: TiVec<AdviceColumn, ByRow<i64>>,
    tensors: Vec<Vec<i32>>,
}

impl Builder<'_> {
    fn view(&self, tensor: TensorId) -> Vec<i32> {
        self.plan.network.homes.view(tensor).iter().map(|cell| self.value(cell)).collect()
    }

    fn value(&self, cell: Cell) -> i32 {
        match cell {
            Cell::Stored { tensor, element } => self.tensors[tensor.0][element],
            Cell::Constant(value) => value,
        }
    }

    fn accumulators(&self, map: &Map) -> Accumulators {
        let home = self.plan.network.homes.home(map.output);
        let mut sums = map.biases(&self.plan.network.homes);
        for tap in &map.taps {
            let mut values: Vec<(i64, Position)> = Vec::new();
            map.for_each_pair(&self.plan.network.homes, tap, |cell, position| {
                values.push((i64::from(self.value(cell) - tap.zero), position));
            });
            for (plane, weight) in tap.planes() {
                let sums = &mut sums[plane];
                values.iter().for_each(|(value, position)| sums[*position] += weight * value);
            }
        }
        if let Some(product) = &map.product {
            let byte = |side: Side, element: usize| {
                let tensor = product.factors[side as usize];
                i64::from(self.tensors[tensor.0][element] - self.expanded.tensor(tensor).elem.min())
            };
            for (plane, sums) in home.planes.iter().zip(&mut sums) {
                for (element, sum) in plane.elements.iter().zip(sums) {
                    *sum = product.accumulator(*element, byte);
                }
            }
        }
        sums
    }

    fn map(&mut self, map: &Map) {
        let sums = self.accumulators(map);
        let plan = self.plan;
        let (forms, node_forms) = (&plan.forms, &plan.forms.nodes[map.node]);
        let home = plan.network.homes.home(map.output);
        let tensor = self.expanded.tensor(map.output);
        let mut outputs = vec![0; tensor.len];
        for block in &plan.placement.blocks[plan.placement.of_node(map.node)] {
            let lanes = &plan.columns.banks[block.bank].lanes;
            for row in block.rows() {
                for (lane, columns) in lanes.iter_enumerated() {
                    let Some((plane, position)) = block.at(row, lane) else {
                        self.idle(&columns.cells, node_forms, row);
                        continue;
                    };
                    let requantized = requantized(
                        forms,
                        node_forms,
                        home.planes[plane].channel,
                        plan.shape.shift,
                        tensor.elem.min(),
                        sums[plane][position],
                    );
                    self.write(&columns.cells, row, requantized);
                    let byte = i32::try_from(requantized.byte()).expect("outputs are bytes");
                    outputs[home.planes[plane].elements[position]] = tensor.elem.min() + byte;
                }
            }
        }
        self.tensors[map.output.0] = outputs;
    }

    fn write(&mut self, cells: &LaneColumns, row: RowId, value: Requantized) {
        let shape = &self.plan.shape;
        match (cells, value) {
            (LaneColumns::Linear(cells), Requantized::Linear { byte, excess, remainder }) => {
                write_linear(&mut self.columns, cells, shape, row, [byte, excess, remainder]);
            }
            (LaneColumns::Threshold(cells), Requantized::Threshold { step, distance }) => {
                write_threshold(&mut self.columns, cells, shape, row, step, distance);
            }
            (LaneColumns::Maximum(cells), Requantized::Maximum { byte, distances }) => {
                self.columns[cells.activation][row] = byte;
                for (column, distance) in cells.distances.iter().zip(distances) {
                    self.columns[*column][row] = distance;
                }
            }
            (LaneColumns::Product(cells), Requantized::Product { product, factors }) => {
                self.columns[cells.activation][row] = product;
                for (column, factor) in cells.factors.iter().zip(factors) {
                    self.columns[*column][row] = factor;
                }
            }
            _ => unreachable!("a block is in a bank of its kind"),
        }
    }

    /// An idle lane of the linear form holds the low end of the clamp, one of a function that of the byte 0.
    fn idle(&mut self, cells: &LaneColumns, forms: &NodeForms, row: RowId) {
        let (byte, excess) = match &forms.channels[0] {
            Form::Function(function) => {
                (self.plan.forms.functions[*function][0], self.plan.forms.functions[*function][0])
            }
            _ => (self.plan.forms.clamps.get(forms.clamp).map_or(0, |clamp| clamp.lo), 0),
        };
        if let LaneColumns::Linear(cells) = cells {
            write_linear(&mut self.columns, cells, &self.plan.shape, row, [byte, excess, 0]);
        }
    }

    /// The bytes of the statement: inputs where they live, outputs where they are copied.
    fn bytes(&mut self) {
        let plan = self.plan;
        for block in plan.placement.blocks.iter().filter(|block| block.content.node().is_none()) {
            let type_min = self.expanded.tensor(block.tensor).elem.min();
            let values = self.view(block.tensor);
            for (lane, columns) in plan.columns.banks[block.bank].lanes.iter_enumerated() {
                let column = columns.cells.activation();
                for row in block.rows() {
                    let Some((plane, position)) = block.at(row, lane) else {
                        self.columns[column][row] = plan.network.centers[block.tensor.0].into();
                        continue;
                    };
                    let element = match block.content {
                        Content::Output => usize::from(plane),
                        _ => plan.network.homes.home(block.tensor).planes[plane].elements[position],
                    };
                    self.columns[column][row] = i64::from(values[element] - type_min);
                }
            }
        }
    }
}
