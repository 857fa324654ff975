//! Operators as linear maps: which input elements, with which weights, make up which accumulators.
//!
//! Every operator of a bank circuit is a set of taps. A tap is a vector of weights over the output channels
//! and a set of pairs (input element, output position): it contributes
//! `W[o] (x[e] - zero)` to the accumulator of channel o at position p for each of its pairs (e, p). A
//! convolution has a tap per input channel and kernel position, a fully connected layer one per input, an
//! elementwise sum one per operand and plane. A matrix product is not linear: its taps read nothing, they are the
//! weights of [`super::products`].

use std::ops::Range;

use crate::{
    forms::{NodeForms, centers},
    ir::{Convolution, FullyConnected, Model, Node, Op, TensorId},
    network::{
        homes::{Cell, Homes, Plane},
        products::MatrixProduct,
    },
};

/// Part of a linear map.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    /// The output plane of the first weight.
    pub(crate) first_plane: usize,
    /// Weights of output planes that follow each other; zeros too, so that planes with the same readers look alike.
    pub(crate) weights: Vec<i64>,
    /// Input elements and the output positions they contribute to.
    pub(crate) pairs: Vec<(Cell, usize)>,
    /// What is subtracted from every input integer.
    pub(crate) zero: i32,
}

impl Tap {
    /// Output planes with their weights.
    pub(crate) fn planes(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        (self.first_plane..).zip(self.weights.iter().copied())
    }
}

/// The linear map of a node.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) node: usize,
    pub(crate) output: TensorId,
    pub(crate) taps: Vec<Tap>,
    /// The matrix product that is added to the linear part.
    pub(crate) product: Option<MatrixProduct>,
    /// Per output channel, what is added to its accumulators; empty for nothing.
    bias: Vec<i64>,
}

impl Map {
    /// The maps of all nodes that compute something.
    pub(crate) fn all(model: &Model, homes: &Homes, forms: &[NodeForms]) -> Vec<Self> {
        let map = |(index, node): (usize, &Node)| {
            let mut product = None;
            let (taps, bias) = match &node.op {
                Op::Rearrange(_) => return None,
                Op::MatMul(layer) => {
                    let of = product.insert(MatrixProduct::of(model, layer, &node.inputs));
                    (of.taps(homes.home(node.output).planes.len()), vec![of.bias()])
                }
                Op::FullyConnected(layer) => (fully_connected(layer, node, homes), bias(&layer.bias)),
                Op::Convolution(layer) => (convolution(layer, node, homes), bias(&layer.bias)),
                Op::Add(_) | Op::Multiply(_) | Op::Table(_) | Op::MaxPool(_) | Op::Maximum | Op::Product => {
                    (elementwise(model, node, homes, &forms[index].addends), constant(model, node, homes))
                }
            };
            Some(Self { node: index, output: node.output, taps, product, bias })
        };
        model.nodes.iter().enumerate().filter_map(map).collect()
    }

    /// What is added to the accumulators of a channel.
    pub(crate) fn bias(&self, channel: usize) -> i64 {
        self.bias.get(channel).copied().unwrap_or(0)
    }

    /// Whether every tap feeds one output plane only, so that planes can have equations of their own.
    pub(crate) fn is_planewise(&self) -> bool {
        self.taps.iter().all(|tap| tap.weights.len() <= 1)
    }
}

fn bias(bias: &[i32]) -> Vec<i64> {
    bias.iter().map(|bias| i64::from(*bias)).collect()
}

/// The first of the planes whose channels are among `channels`, and the weights of all of them.
fn weights(planes: &[Plane], channels: Range<usize>, at: impl Fn(usize) -> i16) -> (usize, Vec<i64>) {
    let first = planes.partition_point(|plane| plane.channel < channels.start);
    let end = planes.partition_point(|plane| plane.channel < channels.end);
    (first, planes[first..end].iter().map(|plane| i64::from(at(plane.channel))).collect())
}

fn fully_connected(layer: &FullyConnected, node: &Node, homes: &Homes) -> Vec<Tap> {
    let view = homes.view(node.inputs[0]);
    let planes = &homes.home(node.output).planes;
    let tap = |input: usize| {
        let (first_plane, weights) = weights(planes, 0..layer.outputs, |output| layer.row(output)[input]);
        Tap { first_plane, weights, pairs: vec![(view[input], 0)], zero: layer.input_zero_point }
    };
    (0..layer.inputs).map(tap).filter(|tap| !tap.weights.is_empty()).collect()
}

fn convolution(layer: &Convolution, node: &Node, homes: &Homes) -> Vec<Tap> {
    let view = homes.view(node.inputs[0]);
    let planes = &homes.home(node.output).planes;
    let (window, per_group) = (&layer.window, layer.group_inputs());
    let [kernel_height, kernel_width] = window.kernel;
    let [height, width] = window.output;
    let mut of_channels = Vec::with_capacity(layer.channels_in);
    for channel in 0..layer.channels_in {
        let mut taps = Vec::new();
        let group = channel / per_group;
        let readers = layer.channels_out / layer.groups;
        let readers = group * readers..(group + 1) * readers;
        let plane = &view[channel * window.input_len()..][..window.input_len()];
        for (dy, dx) in (0..kernel_height).flat_map(|dy| (0..kernel_width).map(move |dx| (dy, dx))) {
            let at = |output: usize| {
                let row = output * per_group + channel % per_group;
                layer.weights[row * window.taps() + dy * kernel_width + dx]
            };
            let (first_plane, weights) = weights(planes, readers.clone(), at);
            let mut pairs = Vec::new();
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                if let Some(source) = window.source([y, x], [dy, dx]) {
                    pairs.push((plane[source], y * width + x));
                }
            }
            if !pairs.is_empty() && !weights.is_empty() {
                taps.push(Tap { first_plane, weights, pairs, zero: layer.input_zero_point });
            }
        }
        of_channels.push(taps);
    }
    let is_average = |taps: &Vec<Tap>| taps.windows(2).all(|pair| pair[0].weights == pair[1].weights);
    if window.output_len() == 1 && of_channels.iter().all(is_average) {
        return of_channels.into_iter().filter_map(joined).collect();
    }
    of_channels.concat()
}

/// Taps with the same weights as one: an average reads each of its planes as one slice.
fn joined(taps: Vec<Tap>) -> Option<Tap> {
    taps.into_iter().reduce(|mut all, tap| {
        all.pairs.extend(tap.pairs);
        all
    })
}

/// What every element of an elementwise operator adds to its sum, per channel.
fn constant(model: &Model, node: &Node, homes: &Homes) -> Vec<i64> {
    let Op::Multiply(by) = &node.op else { return Vec::new() };
    let [lhs, rhs] = centers(model, node, by);
    let channels = homes.home(node.output).planes.iter().map(|plane| plane.channel + 1).max();
    vec![lhs * rhs; channels.unwrap_or(0)]
}

/// `sum_k addend_k x_k` for every element.
fn elementwise(model: &Model, node: &Node, homes: &Homes, addends: &[i64]) -> Vec<Tap> {
    let home = homes.home(node.output);
    let mut taps = Vec::new();
    for (input, &addend) in node.inputs.iter().zip(addends) {
        let view = homes.view(*input);
        // A sum is one of integers, functions and maxima are of bytes.
        let zero = if matches!(node.op, Op::Add(_)) { 0 } else { model.tensor(*input).elem.min() };
        for (index, plane) in home.planes.iter().enumerate() {
            let pairs =
                plane.elements.iter().enumerate().map(|(position, &element)| (view[element], position));
            taps.push(Tap { first_plane: index, weights: vec![addend], pairs: pairs.collect(), zero });
        }
    }
    taps
}
