//! Operators as linear maps: which input elements, with which weights, make up which accumulators.
//!
//! Every operator of a bank circuit is a set of taps. A tap is a vector of weights over the output channels
//! and a set of pairs (input element, output position): it contributes
//! `W[o] (x[e] - zero)` to the accumulator of channel o at position p for each of its pairs (e, p). A
//! convolution has a tap per input channel and kernel position, a fully connected layer one per input, an
//! elementwise sum one per operand and plane. A matrix product is not linear: its taps read nothing, they are the
//! weights of [`super::products`].

use std::{collections::BTreeSet, ops::Range};

use typed_index_collections::{TiSlice, TiVec, ti_vec};

use crate::{
    expanded::{Expanded, Node, Op},
    forms::{NodeForms, centers},
    index::{MapId, NodeId, PlaneId, Position, TapId},
    ir::{Convolution, FullyConnected, TensorId, Window},
    network::{
        homes::{Cell, Homes, Plane},
        products::MatrixProduct,
    },
};

/// Part of a linear map.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    /// The output plane of the first weight.
    pub(crate) first_plane: PlaneId,
    /// Weights of output planes that follow each other; zeros too, so that planes with the same readers look alike.
    pub(crate) weights: Coefficients,
    /// What it reads.
    pub(crate) reads: Reads,
    /// What is subtracted from every input integer.
    pub(crate) zero: i32,
}

impl Tap {
    /// Output planes with their weights.
    pub(crate) fn planes(&self) -> impl Iterator<Item = (PlaneId, i64)> + '_ {
        let (one, many) = match &self.weights {
            Coefficients::One(weight) => (Some(*weight), &[][..]),
            Coefficients::Many(weights) => (None, &weights[..]),
        };
        let weights = one.into_iter().chain(many.iter().map(|weight| i64::from(*weight)));
        weights.enumerate().map(|(index, weight)| (self.first_plane + index, weight))
    }
}

/// The weights of a tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Coefficients {
    /// Of one plane, of any size.
    One(i64),
    /// Of a layer's channels.
    Many(Vec<i16>),
}

impl Coefficients {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(weights) => weights.len(),
        }
    }
}

/// The pairs of an input element and an output position that a tap has, as what they follow from: a list of them would be
/// the largest part of a network by far.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reads {
    /// None.
    Nothing,
    /// This element, for the first position.
    Element(usize),
    /// A position of the kernel over the image that begins at an element.
    Kernel { image: usize, at: [usize; 2] },
    /// All positions of the kernel, one after another.
    Window { image: usize },
    /// Of an operand, the elements of its output plane.
    Plane { operand: usize },
}

/// An integer for each position of each output plane.
pub(crate) type Accumulators = TiVec<PlaneId, TiVec<Position, i64>>;

/// The linear map of a node.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) node: NodeId,
    pub(crate) output: TensorId,
    /// The tensors its taps read.
    operands: Vec<TensorId>,
    /// How a convolution slides.
    window: Option<Window>,
    pub(crate) taps: TiVec<TapId, Tap>,
    /// The matrix product that is added to the linear part.
    pub(crate) product: Option<MatrixProduct>,
    /// Per output channel, what is added to its accumulators; empty for nothing.
    bias: Vec<i64>,
}

impl Map {
    /// The maps of all nodes that compute something.
    pub(crate) fn all(
        expanded: &Expanded,
        homes: &Homes,
        forms: &TiSlice<NodeId, NodeForms>,
    ) -> TiVec<MapId, Self> {
        let map = |(id, node): (NodeId, &Node)| {
            let (mut product, mut window) = (None, None);
            let (taps, bias) = match &node.op {
                Op::Rearrange(_) => return None,
                Op::MatMul(layer) => {
                    let of = product.insert(MatrixProduct::of(expanded, layer, &node.inputs));
                    (of.taps(&homes.home(node.output).planes), vec![of.bias()])
                }
                Op::FullyConnected(layer) => (fully_connected(layer, node, homes), bias(&layer.bias)),
                Op::Convolution(layer) => {
                    window = Some(layer.window.clone());
                    (convolution(layer, node, homes), bias(&layer.bias))
                }
                Op::Add(_) | Op::Multiply(_) | Op::Table(_) | Op::Maximum | Op::Product => {
                    (elementwise(expanded, node, homes, &forms[id].addends), constant(expanded, node, homes))
                }
            };
            let operands = node.inputs.clone();
            Some(Self { node: id, output: node.output, operands, window, taps: taps.into(), product, bias })
        };
        expanded.nodes.iter_enumerated().filter_map(map).collect()
    }

    /// What the accumulators are before any tap adds to them.
    pub(crate) fn biases(&self, homes: &Homes) -> Accumulators {
        let plane = |plane: &Plane| ti_vec![self.bias(plane.channel); plane.elements.len()];
        homes.home(self.output).planes.iter().map(plane).collect()
    }

    /// What is added to the accumulators of a channel.
    fn bias(&self, channel: usize) -> i64 {
        self.bias.get(channel).copied().unwrap_or(0)
    }

    /// Whether every tap feeds one output plane only, so that planes can have equations of their own.
    pub(crate) fn is_planewise(&self) -> bool {
        self.taps.iter().all(|tap| tap.weights.len() <= 1)
    }

    /// The stored tensors that are read, in ascending order.
    pub(crate) fn sources(&self, homes: &Homes) -> Vec<TensorId> {
        let of_operands: BTreeSet<TensorId> =
            self.operands.iter().flat_map(|operand| homes.view(*operand).tensors()).collect();
        of_operands.into_iter().collect()
    }

    /// Calls `visit` with the input elements a tap reads and the output positions they contribute to.
    pub(crate) fn for_each_pair(&self, homes: &Homes, tap: &Tap, mut visit: impl FnMut(Cell, Position)) {
        match (tap.reads, &self.window) {
            (Reads::Nothing, _) => {}
            (Reads::Element(element), _) => {
                visit(homes.view(self.operands[0]).cell(element), Position::default());
            }
            (Reads::Kernel { image, at }, Some(window)) => {
                let view = homes.view(self.operands[0]);
                for_each_position(window, at, |source, position| visit(view.cell(image + source), position));
            }
            (Reads::Window { image }, Some(window)) => {
                let view = homes.view(self.operands[0]);
                for at in kernel(window) {
                    for_each_position(window, at, |source, position| {
                        visit(view.cell(image + source), position);
                    });
                }
            }
            (Reads::Kernel { .. } | Reads::Window { .. }, None) => {
                unreachable!("only convolutions have taps of kernels")
            }
            (Reads::Plane { operand }, _) => {
                let view = homes.view(self.operands[operand]);
                let elements = &homes.home(self.output).planes[tap.first_plane].elements;
                elements.iter_enumerated().for_each(|(at, element)| visit(view.cell(*element), at));
            }
        }
    }
}

/// The positions of a kernel, row by row.
fn kernel(window: &Window) -> impl Iterator<Item = [usize; 2]> {
    let [height, width] = window.kernel;
    (0..height).flat_map(move |dy| (0..width).map(move |dx| [dy, dx]))
}

/// Calls `visit` with the input elements of an image and the output positions that a position of the kernel brings
/// together.
fn for_each_position(window: &Window, at: [usize; 2], mut visit: impl FnMut(usize, Position)) {
    let [height, width] = window.output;
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        if let Some(source) = window.source([y, x], at) {
            visit(source, Position::from(y * width + x));
        }
    }
}

fn bias(bias: &[i32]) -> Vec<i64> {
    bias.iter().map(|bias| i64::from(*bias)).collect()
}

/// The first of the planes whose channels are among `channels`, and the weights of all of them.
fn weights(
    planes: &TiSlice<PlaneId, Plane>,
    channels: Range<usize>,
    at: impl Fn(usize) -> i16,
) -> (PlaneId, Coefficients) {
    let first = planes.partition_point(|plane| plane.channel < channels.start);
    let end = planes.partition_point(|plane| plane.channel < channels.end);
    let weights = match &planes[first..end].raw {
        [plane] => Coefficients::One(at(plane.channel).into()),
        planes => Coefficients::Many(planes.iter().map(|plane| at(plane.channel)).collect()),
    };
    (first, weights)
}

fn fully_connected(layer: &FullyConnected, node: &Node, homes: &Homes) -> Vec<Tap> {
    let planes = &homes.home(node.output).planes;
    let tap = |input: usize| {
        let (first_plane, weights) = weights(planes, 0..layer.outputs, |output| layer.row(output)[input]);
        Tap { first_plane, weights, reads: Reads::Element(input), zero: layer.input_zero_point }
    };
    (0..layer.inputs).map(tap).filter(|tap| tap.weights.len() > 0).collect()
}

fn convolution(layer: &Convolution, node: &Node, homes: &Homes) -> Vec<Tap> {
    let planes = &homes.home(node.output).planes;
    let (window, per_group) = (&layer.window, layer.group_inputs());
    let reads_some = |at: &[usize; 2]| {
        let mut reads = false;
        for_each_position(window, *at, |_, _| reads = true);
        reads
    };
    let kernel: Vec<[usize; 2]> = kernel(window).filter(reads_some).collect();
    let mut of_channels = Vec::with_capacity(layer.channels_in);
    for channel in 0..layer.channels_in {
        let group = channel / per_group;
        let readers = layer.channels_out / layer.groups;
        let readers = group * readers..(group + 1) * readers;
        let image = channel * window.input_len();
        let tap = |at: &[usize; 2]| {
            let weight = |output: usize| {
                let row = output * per_group + channel % per_group;
                layer.weights[row * window.taps() + at[0] * window.kernel[1] + at[1]]
            };
            let (first_plane, weights) = weights(planes, readers.clone(), weight);
            Tap {
                first_plane,
                weights,
                reads: Reads::Kernel { image, at: *at },
                zero: layer.input_zero_point,
            }
        };
        let taps: Vec<Tap> = kernel.iter().map(tap).filter(|tap| tap.weights.len() > 0).collect();
        of_channels.push(taps);
    }
    let is_average = |taps: &Vec<Tap>| taps.windows(2).all(|pair| pair[0].weights == pair[1].weights);
    if window.output_len() == 1 && of_channels.iter().all(is_average) {
        // An average reads each of its planes as one slice.
        let joined = |(channel, taps): (usize, Vec<Tap>)| {
            let reads = Reads::Window { image: channel * window.input_len() };
            Some(Tap { reads, ..taps.into_iter().next()? })
        };
        return of_channels.into_iter().enumerate().filter_map(joined).collect();
    }
    of_channels.into_iter().flatten().collect()
}

/// What every element of an elementwise operator adds to its sum, per channel.
fn constant(expanded: &Expanded, node: &Node, homes: &Homes) -> Vec<i64> {
    let Op::Multiply(by) = &node.op else { return Vec::new() };
    let [lhs, rhs] = centers(expanded, node, by);
    let channels = homes.home(node.output).planes.iter().map(|plane| plane.channel + 1).max();
    vec![lhs * rhs; channels.unwrap_or(0)]
}

/// `sum_k addend_k x_k` for every element.
fn elementwise(expanded: &Expanded, node: &Node, homes: &Homes, addends: &[i64]) -> Vec<Tap> {
    let mut taps = Vec::new();
    for (operand, (input, &addend)) in node.inputs.iter().zip(addends).enumerate() {
        // A sum is one of integers, functions and maxima are of bytes.
        let zero = if matches!(node.op, Op::Add(_)) { 0 } else { expanded.tensor(*input).elem.min() };
        for first_plane in homes.home(node.output).planes.keys() {
            let (weights, reads) = (Coefficients::One(addend), Reads::Plane { operand });
            taps.push(Tap { first_plane, weights, reads, zero });
        }
    }
    taps
}
