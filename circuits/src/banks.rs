//! Circuits of convolutional networks: lanes in banks, slices, equations at a random point.
//!
//! Every activation has one cell in a lane of a bank. The lanes of a bank share their rows: restarts, powers of
//! the challenge s. Beside each lane runs the evaluation `X = sum x' s^exponent` of its slices, beside each
//! bank the evaluation of what its lanes claim their accumulators to be. An operator is an equation between
//! the two at random s and rho; its size is that of its weights and planes, not of its multiplications.
//!
//! The steps: `homes` arranges tensors in planes, `maps` reads operators as linear maps, `slices` splits
//! planes where readers differ, `place` gives planes rows, `windows`, `products` and `equations` lay the equations
//! out,
//! `search` chooses the columns, `fixed` fills what no input changes, `hints` what the prover knows.

mod budget;
pub(crate) mod columns;
mod copies;
mod equations;
mod expand;
mod fixed;
mod hints;
pub(crate) mod homes;
mod maps;
mod place;
mod products;
mod region;
mod search;
mod slices;
mod windows;

use std::sync::Arc;

use halo2_proofs::halo2curves::bn256::Fr;

use crate::{
    ir::{AccumulatorRange, Model, Op, TensorId},
    plan::{Cost, Entry, Forms, MAX_SHIFT, PlanError, Scheme, Shape, Solutions, fill_tables, table_entries},
    requantize::ChannelFunction,
    statement::Interface,
};

pub(crate) use budget::check_size;
pub(crate) use columns::{BankColumns, Columns, LaneColumns, LaneWeights, Way};
pub(crate) use equations::{Factor, Operand};
pub(crate) use hints::run;
#[cfg(any(test, feature = "testing"))]
pub(crate) use place::Start;
pub(crate) use place::{BankKind, Placement};
pub(crate) use region::{Region, Row};

use homes::{Cell, Constants, Homes, Runs, input_runs};
use maps::Map;
use slices::{Reader, Slices};

/// What follows from the model and the number of lanes of a bank.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) homes: Arc<Homes>,
    pub(crate) maps: Arc<Vec<Map>>,
    pub(crate) slices: Vec<Slices>,
    pub(crate) outputs: Vec<(Cell, Reader)>,
    pub(crate) inputs: Inputs,
    /// Public inputs after the header.
    pub(crate) instances: usize,
}

/// How model inputs are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// Per model input, the planes that share rows.
    pub(crate) runs: Vec<Runs>,
    /// Per model input, bytes of a public input.
    pub(crate) bytes: Vec<usize>,
}

/// Everything about a circuit with banks that does not depend on an input.
#[derive(Clone, Debug)]
pub struct BankPlan {
    /// The model in terms of operators that have circuits.
    pub(crate) model: Model,
    pub(crate) shape: Shape,
    /// Rows the circuit uses; the lookup sum ends on the row after them.
    pub(crate) rows: usize,
    pub(crate) columns: Columns,
    pub(crate) forms: Forms,
    pub(crate) network: Network,
    pub(crate) placement: Placement,
    pub(crate) region: Region,
    /// Per table set its entries, [`BankPlan::rows`] each.
    pub(crate) tables: Vec<Vec<Entry>>,
    /// Fixed columns, [`BankPlan::rows`]` + 1` values each.
    pub(crate) fixed: Vec<Vec<Fr>>,
    pub(crate) cost: Cost,
}

/// What follows from the model alone.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// With the copies that are made.
    pub(crate) model: Model,
    pub(crate) solutions: Solutions,
    homes: Arc<Homes>,
    maps: Arc<Vec<Map>>,
}

impl Base {
    pub(crate) fn of(model: &Model) -> Result<Self, PlanError> {
        let (model, homes) = Homes::of(model, &constants(model)?);
        let solutions = Solutions::of(&model)?;
        let maps = Map::all(&model, &homes, &solutions.forms(&model, MAX_SHIFT).nodes);
        Ok(Self { model, solutions, homes: Arc::new(homes), maps: Arc::new(maps) })
    }

    /// How inputs are read in banks of `lanes` lanes.
    pub(crate) fn inputs(&self, model: &Model, lanes: usize) -> Inputs {
        let inputs = model.inputs.iter().map(|input| input_runs(self.homes.home(input.tensor), lanes));
        let (runs, bytes) = inputs.unzip();
        Inputs { runs, bytes }
    }

    /// The network whose inputs are read so.
    pub(crate) fn network(&self, model: &Model, inputs: Inputs) -> Network {
        let homes = &self.homes;
        let lengths = model.inputs.iter().map(|input| model.tensor(input.tensor).len);
        let before: usize = lengths.zip(&inputs.bytes).map(|(len, bytes)| len.div_ceil(*bytes)).sum();
        let (outputs, instances) = outputs(model, homes, before);
        let mut slices = slices::slices(homes, &self.maps, &outputs);
        for (input, runs) in model.inputs.iter().zip(&inputs.runs) {
            runs.iter().for_each(|run| slices[input.tensor.0].join(run));
        }
        let (homes, maps) = (self.homes.clone(), self.maps.clone());
        Network { homes, maps, slices, outputs, inputs, instances }
    }
}

/// The channels that have the same output for every reachable accumulator, but for those of model outputs.
fn constants(model: &Model) -> Result<Constants, PlanError> {
    let mut constants = vec![Vec::new(); model.tensors.len()];
    for node in &model.nodes {
        let by = match &node.op {
            Op::FullyConnected(layer) => &layer.requantize,
            Op::Convolution(layer) => &layer.requantize,
            _ => continue,
        };
        let constant = |(range, function): (&AccumulatorRange, ChannelFunction<'_>)| {
            let [low, high] = [range.lo, range.hi].map(|acc| function.output(acc));
            (low == high).then_some(low)
        };
        let ranges = model.accumulator_ranges(node)?;
        constants[node.output.0] = ranges.iter().zip(by.functions()).map(constant).collect();
    }
    let mut shown: Vec<TensorId> = model.outputs.iter().map(|output| output.tensor).collect();
    while let Some(tensor) = shown.pop() {
        constants[tensor.0].iter_mut().for_each(|constant| *constant = None);
        let rearranged =
            model.nodes.iter().filter(|node| node.output == tensor && matches!(node.op, Op::Rearrange(_)));
        shown.extend(rearranged.flat_map(|node| node.inputs.iter().copied()));
    }
    Ok(constants)
}

/// The statement's bytes of the model outputs, and the number of public inputs after the header.
fn outputs(model: &Model, homes: &Homes, before: usize) -> (Vec<(Cell, Reader)>, usize) {
    let mut first = before;
    let mut out = Vec::new();
    for output in &model.outputs {
        let view = homes.view(output.tensor);
        let bytes = crate::statement::LANES_PER_INSTANCE;
        let reader = |(index, cell): (usize, &Cell)| {
            assert!(matches!(cell, Cell::Stored { .. }), "outputs are stored, see `expand`");
            (*cell, Reader::Byte { instance: first + index / bytes, byte: index % bytes })
        };
        out.extend(view.iter().enumerate().map(reader));
        first += view.len().div_ceil(bytes);
    }
    (out, first)
}

impl BankPlan {
    /// The cheapest plan for a model under a commitment scheme.
    ///
    /// # Errors
    /// [`PlanError`] when the model cannot be proven exactly or is too large.
    pub fn of(model: &Model, scheme: Scheme) -> Result<Self, PlanError> {
        Self::among(model, scheme, |_| true)
    }

    /// The cheapest plan among the shapes `admitted`.
    ///
    /// # Errors
    /// As [`BankPlan::of`].
    pub(crate) fn among(
        model: &Model,
        scheme: Scheme,
        admitted: impl Fn(&Shape) -> bool,
    ) -> Result<Self, PlanError> {
        model.check_consistency()?;
        check_size(model)?;
        let base = Base::of(&expand::expand(model))?;
        let model = &base.model;
        let too_large = || PlanError::TooLarge { activations: model.activations(), macs: model.macs() };
        let choice = search::cheapest(model, &base, scheme, admitted)?.ok_or_else(too_large)?;
        Ok(Self::with_choice(model, choice, scheme))
    }

    fn with_choice(model: &Model, choice: search::Choice, scheme: Scheme) -> Self {
        let search::Choice { shape, forms, network, placement, equations } = choice;
        let columns = Columns::of(&shape);
        let region = Region::of(&equations, shape.weight_columns as usize);
        let weights = columns::LaneWeights::of(&shape);
        region.groups(&placement, weights.slots()).assert_every_one_has_its_turn(model);
        let entries = table_entries(&forms, &shape);
        let table_rows = entries.len().div_ceil(shape.table_sets as usize);
        let rows = search::rows(&network, &placement, &region).max(table_rows);
        assert!(rows <= crate::plan::usable_rows(shape.k), "{rows} rows planned in 2^{}", shape.k);
        let tables = fill_tables(&entries, shape.table_sets, rows);
        let sources = fixed::Sources {
            model,
            network: &network,
            forms: &forms,
            shape: &shape,
            columns: &columns,
            placement: &placement,
            region: &region,
            weights,
            tables: &tables,
            rows,
        };
        let fixed = sources.build();
        let cost = Cost::of(&shape, scheme);
        let model = model.clone();
        Self { model, shape, rows, columns, forms, network, placement, region, tables, fixed, cost }
    }

    /// The interface with the packing of the public inputs this layout reads.
    pub(crate) fn interface(&self, mut interface: Interface) -> Interface {
        for (port, bytes) in interface.inputs.iter_mut().zip(&self.network.inputs.bytes) {
            port.bytes_per_instance = u8::try_from(*bytes).expect("at most 31 bytes are packed");
        }
        interface
    }

    /// Advice cells that hold something, of `2^k` per advice column.
    pub(crate) fn used_cells(&self) -> usize {
        let shape = &self.shape;
        let bank = |(bank, rows): (&BankColumns, &usize)| {
            let per_lane = match bank.kind {
                BankKind::Linear => 2 + shape.excess_cells() + shape.remainder_limbs(),
                BankKind::Threshold => 3 + 2 * shape.threshold_limbs,
                BankKind::Maximum | BankKind::Product => 4,
            };
            rows * (bank.lanes.len() * per_lane as usize + 3)
        };
        let banks: usize = self.columns.banks.iter().zip(&self.placement.bank_rows).map(bank).sum();
        let lookups = self.rows * shape.lookup_columns() as usize;
        banks + lookups + self.region.rows.len() * (3 * self.columns.ways.len() + 2) + self.rows
    }

    /// The power of s a row of a block is weighted with: of its slices, of its claims.
    pub(crate) fn for_each_power(&self, mut visit: impl FnMut(usize, usize, u64, u64)) {
        for block in &self.placement.blocks {
            let plane = block.planes[0];
            let home = self.network.homes.home(block.tensor);
            let slices = &self.network.slices[block.tensor.0];
            for (row, &position) in block.rows().zip(block.positions()) {
                let slice = slices.exponents[plane][position];
                let claim = match block.node {
                    Some(_) => home.planes[plane].exponents[position],
                    None => {
                        let element = home.planes[plane].elements[position];
                        self.network.instance_of(block.tensor, element).0 as u64
                    }
                };
                visit(block.bank, row, slice, claim);
            }
        }
    }
}

impl BankPlan {
    /// Calls `visit` with public input, byte, activation column and row of every element of a model output.
    pub(crate) fn for_each_output(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        for (cell, reader) in &self.network.outputs {
            let (Cell::Stored { tensor, element }, Reader::Byte { instance, byte }) = (cell, reader) else {
                unreachable!("outputs are stored and read by the statement")
            };
            let (plane, position) = self.network.homes.home(*tensor).spot(*element);
            let (block, lane) = self.placement.lane(*tensor, plane);
            let row = block.positions().iter().position(|each| *each == position);
            let row = block.first_row + row.expect("a block holds every position of its planes");
            visit(*instance, *byte, self.columns.banks[block.bank].lanes[lane].cells.activation(), row);
        }
    }
}

impl Network {
    /// The public input after the header that holds an element of a model input, and the byte in it.
    pub(crate) fn instance_of(&self, tensor: crate::ir::TensorId, element: usize) -> (usize, usize) {
        let (first, bytes) = self.input_packing(tensor);
        (first + element / bytes, element % bytes)
    }

    fn input_packing(&self, tensor: crate::ir::TensorId) -> (usize, usize) {
        let mut first = 0;
        for (input, &bytes) in self.homes.inputs.iter().zip(&self.inputs.bytes) {
            if *input == tensor {
                return (first, bytes);
            }
            first += self.homes.view(*input).len().div_ceil(bytes);
        }
        panic!("tensor {} is no model input", tensor.0)
    }
}

#[cfg(test)]
mod tests;
