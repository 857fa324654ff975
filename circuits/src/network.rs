//! What a circuit computes: tensors as planes, operators as linear maps, and how they are read.
//!
//! Every activation has one cell in a lane of a bank. The lanes of a bank share their rows: restarts, powers of
//! the challenge s. Beside each lane runs the evaluation `X = sum x' s^exponent` of its slices, beside each
//! bank the evaluation of what its lanes claim their accumulators to be. An operator is an equation between
//! the two at random s and rho; its size is that of its weights and planes, not of its multiplications.
//!
//! Where every plane has one position the circuit is *flat*: all exponents are 0, so nothing that has to do with s exists,
//! and a lane is a bank of its own, whose claims follow each other in rows.
//!
//! `homes` arranges tensors in planes, `copies` says which operands are read from a copy, `maps` reads operators as
//! linear maps, `slices` splits planes where readers differ, `products` arranges matrix products.

pub(crate) mod copies;
pub(crate) mod homes;
pub(crate) mod maps;
pub(crate) mod products;
mod readings;
pub(crate) mod shared;
pub(crate) mod slices;
mod views;

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use lemma_verifier::{interface::LANES_PER_INSTANCE, shape::MAX_SHIFT};
use typed_index_collections::TiVec;

use crate::{
    error::PlanError,
    expanded::{Expanded, Op},
    forms::Solutions,
    index::MapId,
    ir::{AccumulatorRange, TensorId},
    requantize::ChannelFunction,
};

use homes::{Cell, Homes, Runs, input_runs};
use maps::Map;
use slices::{Reader, Slices};
use views::Constants;

/// What follows from the model and the number of lanes of a bank.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) homes: Arc<Homes>,
    pub(crate) maps: Arc<TiVec<MapId, Map>>,
    /// The stored tensors each map reads, in ascending order.
    pub(crate) read: Arc<TiVec<MapId, Vec<TensorId>>>,
    /// Per tensor, none where it is not stored.
    pub(crate) slices: Vec<Arc<Slices>>,
    /// Per tensor what is subtracted from its bytes where they are read, see [`centers`].
    pub(crate) centers: Arc<Vec<i32>>,
    pub(crate) outputs: Vec<(Cell, Reader)>,
    /// The stored tensors the statement reads, in ascending order; none in flat circuits.
    pub(crate) shown: Vec<TensorId>,
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

/// What follows from the model alone.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// With the copies that are made.
    pub(crate) expanded: Expanded,
    pub(crate) solutions: Solutions,
    homes: Arc<Homes>,
    maps: Arc<TiVec<MapId, Map>>,
    read: Arc<TiVec<MapId, Vec<TensorId>>>,
    /// Slices as they are where the statement reads no outputs.
    slices: Vec<Arc<Slices>>,
    /// The stored tensors the statement reads, in ascending order.
    shown: Vec<TensorId>,
    centers: Arc<Vec<i32>>,
}

impl Base {
    pub(crate) fn of(expanded: &Expanded) -> Result<Self, PlanError> {
        let (expanded, homes) = Homes::of(expanded, &constants(expanded)?);
        let solutions = Solutions::of(&expanded)?;
        let shown = shown(&expanded, &homes);
        Ok(Self::with_homes(expanded, solutions, homes, shown))
    }

    /// With planes of one position.
    pub(crate) fn flat(expanded: &Expanded) -> Result<Self, PlanError> {
        Ok(Self::with_homes(expanded.clone(), Solutions::of(expanded)?, Homes::flat(expanded), Vec::new()))
    }

    fn with_homes(expanded: Expanded, solutions: Solutions, homes: Homes, shown: Vec<TensorId>) -> Self {
        let maps = Map::all(&expanded, &homes, &solutions.forms(&expanded, MAX_SHIFT).nodes);
        let read: TiVec<MapId, Vec<TensorId>> = maps.iter().map(|map| map.sources(&homes)).collect();
        let sources = slices::Sources { homes: &homes, maps: &maps, read: &read, outputs: &[] };
        let slices = sources.slices(|tensor| shown.binary_search(&tensor).is_err());
        let mut centers = centers(&expanded, &homes);
        // The statement reads the bytes themselves.
        shown.iter().for_each(|tensor| centers[tensor.0] = 0);
        let (homes, maps, read, centers) =
            (Arc::new(homes), Arc::new(maps), Arc::new(read), Arc::new(centers));
        Self { expanded, solutions, homes, maps, read, slices, shown, centers }
    }

    /// The network of a flat circuit, whose statement is copied instead of read.
    pub(crate) fn flat_network(&self) -> Network {
        let bytes = vec![LANES_PER_INSTANCE; self.expanded.inputs.len()];
        let lengths = self.expanded.statement_lengths();
        let instances = lengths.map(|len| len.div_ceil(LANES_PER_INSTANCE)).sum();
        let inputs = Inputs { runs: Vec::new(), bytes };
        let (homes, maps, read) = (self.homes.clone(), self.maps.clone(), self.read.clone());
        let (slices, centers) = (self.slices.clone(), self.centers.clone());
        Network {
            homes,
            maps,
            read,
            slices,
            centers,
            outputs: Vec::new(),
            shown: Vec::new(),
            inputs,
            instances,
        }
    }

    /// How inputs are read in banks of `lanes` lanes.
    pub(crate) fn inputs(&self, lanes: usize) -> Inputs {
        let inputs = self.expanded.inputs.iter().map(|input| input_runs(self.homes.home(*input), lanes));
        let (runs, bytes) = inputs.unzip();
        Inputs { runs, bytes }
    }

    /// The network whose inputs are read so.
    pub(crate) fn network(&self, inputs: Inputs) -> Network {
        let (homes, expanded) = (&self.homes, &self.expanded);
        let lengths = expanded.inputs.iter().map(|input| expanded.tensor(*input).len);
        let before: usize = lengths.zip(&inputs.bytes).map(|(len, bytes)| len.div_ceil(*bytes)).sum();
        let (outputs, instances) = outputs(expanded, homes, before);
        let sources = slices::Sources { homes, maps: &self.maps, read: &self.read, outputs: &outputs };
        let mut slices = self.slices.clone();
        let shown = sources.slices(|tensor| self.shown.binary_search(&tensor).is_ok());
        for tensor in &self.shown {
            slices[tensor.0] = shown[tensor.0].clone();
        }
        for (input, runs) in expanded.inputs.iter().zip(&inputs.runs) {
            let slices = Arc::make_mut(&mut slices[input.0]);
            runs.iter().for_each(|run| slices.join(run));
        }
        let (homes, maps, read) = (self.homes.clone(), self.maps.clone(), self.read.clone());
        let (shown, centers) = (self.shown.clone(), self.centers.clone());
        Network { homes, maps, read, slices, centers, outputs, shown, inputs, instances }
    }
}

/// Per tensor the zero point of the layers that read it, as a byte; 0 where none does. A byte that is read less its center
/// is 0 where a layer's input is 0, so what layers add up needs no constant of theirs: neither inside nor at a border,
/// where padding is 0 too. Where readers of a tensor have several zero points the first one counts, and the rest is in
/// the constants of the others.
fn centers(expanded: &Expanded, homes: &Homes) -> Vec<i32> {
    let mut centers = vec![None; homes.stored.len()];
    for node in &expanded.nodes {
        let zero_point = match &node.op {
            Op::FullyConnected(layer) => layer.input_zero_point,
            Op::Convolution(layer) => layer.input_zero_point,
            _ => continue,
        };
        for tensor in homes.view(node.inputs[0]).tensors() {
            centers[tensor.0].get_or_insert(zero_point - expanded.tensor(tensor).elem.min());
        }
    }
    centers.into_iter().map(Option::unwrap_or_default).collect()
}

/// The channels that have the same output for every reachable accumulator, but for those of model outputs.
fn constants(expanded: &Expanded) -> Result<Constants, PlanError> {
    let mut constants = vec![Vec::new(); expanded.tensors.len()];
    for node in &expanded.nodes {
        let by = match &node.op {
            Op::FullyConnected(layer) => &layer.requantize,
            Op::Convolution(layer) => &layer.requantize,
            _ => continue,
        };
        let constant = |(range, function): (&AccumulatorRange, ChannelFunction<'_>)| {
            let [low, high] = [range.lo, range.hi].map(|acc| function.output(acc));
            (low == high).then_some(low)
        };
        let ranges = expanded.accumulator_ranges(node)?;
        constants[node.output.0] = ranges.iter().zip(by.functions()).map(constant).collect();
    }
    let mut shown: Vec<TensorId> = expanded.outputs.clone();
    let mut seen = HashSet::new();
    while let Some(tensor) = shown.pop() {
        if !seen.insert(tensor.0) {
            continue;
        }
        constants[tensor.0].iter_mut().for_each(|constant| *constant = None);
        let rearranged =
            expanded.nodes.iter().filter(|node| node.output == tensor && matches!(node.op, Op::Rearrange(_)));
        shown.extend(rearranged.flat_map(|node| node.inputs.iter().copied()));
    }
    Ok(constants)
}

/// The stored tensors that model outputs show, in ascending order.
fn shown(expanded: &Expanded, homes: &Homes) -> Vec<TensorId> {
    let shown: BTreeSet<TensorId> =
        expanded.outputs.iter().flat_map(|output| homes.view(*output).tensors()).collect();
    shown.into_iter().collect()
}

/// The statement's bytes of the model outputs, and the number of public inputs after the header.
fn outputs(expanded: &Expanded, homes: &Homes, before: usize) -> (Vec<(Cell, Reader)>, usize) {
    let mut first = before;
    let mut out = Vec::new();
    for output in &expanded.outputs {
        let view = homes.view(*output);
        let bytes = LANES_PER_INSTANCE;
        let reader = |(index, cell): (usize, Cell)| {
            assert!(matches!(cell, Cell::Stored { .. }), "outputs are stored, see `expanded`");
            (cell, Reader::Byte { instance: first + index / bytes, byte: index % bytes })
        };
        out.extend(view.iter().enumerate().map(reader));
        first += view.len().div_ceil(bytes);
    }
    (out, first)
}

impl Network {
    /// The public input after the header that holds an element of a model input, and the byte in it.
    pub(crate) fn instance_of(&self, tensor: TensorId, element: usize) -> (usize, usize) {
        let (first, bytes) = self.input_packing(tensor);
        (first + element / bytes, element % bytes)
    }

    fn input_packing(&self, tensor: TensorId) -> (usize, usize) {
        let mut first = 0;
        for (input, &bytes) in self.homes.inputs.iter().zip(&self.inputs.bytes) {
            if *input == tensor {
                return (first, bytes);
            }
            first += self.homes.view(*input).len().div_ceil(bytes);
        }
        panic!("tensor {} is no expanded input", tensor.0)
    }
}
