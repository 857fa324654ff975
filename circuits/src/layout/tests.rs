//! Small convolutional networks: reference = witness, and every constraint holds.

mod figure;
mod growth;
mod rearranged;

use std::panic::{AssertUnwindSafe, catch_unwind};

use halo2_proofs::dev::MockProver;
use lemma_verifier::{
    circuit_id::CircuitId,
    scheme::Scheme,
    statement::{Context, Statement},
};
use proptest::prelude::*;
use rayon::prelude::*;

use crate::{
    compile,
    ir::{
        Add, ChannelSteps, Convolution, Elem, FullyConnected, Input, MatMul, MaxPool, Model, Multiply, Node,
        Op, Output, Rearrange, Requantize, Source, Table, Tensor, TensorId, Window,
    },
    reference,
    soundness::random::{random_layers, random_network},
};

/// A stream of small numbers.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn weight(&mut self) -> i16 {
        self.next(15) as i16 - 7
    }
}

/// Builds models layer by layer.
struct Network {
    numbers: Numbers,
    model: Model,
    /// Tensor, channels, image of the last layer.
    last: (TensorId, usize, [usize; 2]),
}

impl Network {
    fn new(seed: u64, channels: usize, image: [usize; 2]) -> Self {
        let len = channels * image[0] * image[1];
        let tensor = Tensor { elem: Elem::I8, len, range: (-128, 127) };
        let input = Input {
            name: "x".to_owned(),
            shape: vec![1, channels, image[0], image[1]],
            tensor: TensorId(0),
            quantize: None,
        };
        let model =
            Model { tensors: vec![tensor], nodes: Vec::new(), inputs: vec![input], outputs: Vec::new() };
        Self { numbers: Numbers(seed), model, last: (TensorId(0), channels, image) }
    }

    fn push(&mut self, op: Op, inputs: Vec<TensorId>, channels: usize, image: [usize; 2], range: (i32, i32)) {
        let len = channels * image[0] * image[1];
        self.model.tensors.push(Tensor { elem: Elem::I8, len, range });
        let output = TensorId(self.model.tensors.len() - 1);
        let name = format!("n{}", self.model.nodes.len());
        self.model.nodes.push(Node { name, op, inputs, output });
        self.last = (output, channels, image);
    }

    fn requantize(&mut self, channels: usize, exact: bool) -> Requantize {
        let multiplier = |numbers: &mut Numbers| {
            if exact { 0.0123 + numbers.next(100) as f32 / 9000.0 } else { 0.0625 }
        };
        Requantize {
            channels: ChannelSteps::Multipliers(
                (0..channels).map(|_| multiplier(&mut self.numbers)).collect(),
            ),
            zero_point: self.numbers.next(20) as i32 - 10,
            lo: -128 + self.numbers.next(2) as i32 * 100,
            hi: 127,
        }
    }

    fn convolution(&mut self, channels_out: usize, groups: usize, geometry: [[usize; 2]; 4], exact: bool) {
        let (input, channels_in, image) = self.last;
        let window = window(image, geometry);
        let output = window.output;
        let count = channels_out * channels_in / groups * window.taps();
        let weights = (0..count).map(|_| self.numbers.weight()).collect();
        let bias = (0..channels_out).map(|_| self.numbers.next(200) as i32 - 100).collect();
        let requantize = self.requantize(channels_out, exact);
        let range = (requantize.lo, requantize.hi);
        let layer = Convolution {
            channels_in,
            channels_out,
            groups,
            window,
            weights,
            bias,
            input_zero_point: self.numbers.next(9) as i32 - 4,
            requantize,
        };
        self.push(Op::Convolution(layer), vec![input], channels_out, output, range);
    }

    fn add(&mut self, other: TensorId) {
        let (input, channels, image) = self.last;
        let add = Add { lhs_scale: 0.713_2, rhs_scale: 0.415_1, offset: 3.25, lo: -128, hi: 127 };
        self.push(Op::Add(add), vec![input, other], channels, image, (-128, 127));
    }

    fn multiply(&mut self, other: TensorId, multiplier: f32) {
        let (input, channels, image) = self.last;
        let (lhs_zero_point, rhs_zero_point) = (3, -9);
        let by = Multiply { lhs_zero_point, rhs_zero_point, multiplier, zero_point: 5, lo: -128, hi: 127 };
        self.push(Op::Multiply(by), vec![input, other], channels, image, (-128, 127));
    }

    /// The matrix product of two tensors seen as `[batch][rows][inner]` and `[batch][inner][columns]`.
    fn mat_mul(&mut self, lhs: TensorId, rhs: TensorId, sizes: [usize; 4], multiplier: f32) {
        let [batch, rows, inner, columns] = sizes;
        let requantize = Requantize {
            channels: ChannelSteps::Multipliers(vec![multiplier]),
            zero_point: -3,
            lo: -128,
            hi: 127,
        };
        let (lhs_zero_point, rhs_zero_point) = (5, -11);
        let product = MatMul { batch, rows, inner, columns, lhs_zero_point, rhs_zero_point, requantize };
        self.push(Op::MatMul(product), vec![lhs, rhs], batch, [rows, columns], (-128, 127));
    }

    /// The last tensor with its rows and columns exchanged.
    fn flip(&mut self) {
        let (input, channels, [rows, columns]) = self.last;
        let source = |index: usize| {
            let (channel, row, column) = (index / (rows * columns), index / rows % columns, index % rows);
            Source::Element { input: 0, element: (channel * rows + column) * columns + row }
        };
        let sources = (0..channels * rows * columns).map(source).collect();
        let range = self.model.tensor(input).range;
        self.push(Op::Rearrange(Rearrange { sources }), vec![input], channels, [columns, rows], range);
    }

    fn table(&mut self) {
        let (input, channels, image) = self.last;
        let entries: Vec<i32> = (0..256).map(|x: i32| (x * x / 300) - 100).collect();
        let table = Table { entries };
        let range = table.range(self.model.tensor(input)).unwrap();
        self.push(Op::Table(table), vec![input], channels, image, range);
    }

    fn max_pool(&mut self, geometry: [[usize; 2]; 4]) {
        let (input, channels, image) = self.last;
        let range = self.model.tensor(input).range;
        let window = window(image, geometry);
        let output = window.output;
        self.push(Op::MaxPool(MaxPool { channels, window }), vec![input], channels, output, range);
    }

    fn fully_connected(&mut self, outputs: usize) {
        let (input, channels, image) = self.last;
        let inputs = channels * image[0] * image[1];
        let weights = (0..inputs * outputs).map(|_| self.numbers.weight()).collect();
        let requantize = self.requantize(outputs, true);
        let range = (requantize.lo, requantize.hi);
        let layer = FullyConnected {
            inputs,
            outputs,
            weights,
            bias: vec![3; outputs],
            input_zero_point: -1,
            requantize,
        };
        self.push(Op::FullyConnected(layer), vec![input], outputs, [1, 1], range);
    }

    /// NHWC to NCHW.
    fn transpose(&mut self) {
        let (input, channels, [height, width]) = self.last;
        let len = height * width;
        let source =
            |index: usize| Source::Element { input: 0, element: index % len * channels + index / len };
        let sources = (0..channels * len).map(source).collect();
        self.push(Op::Rearrange(Rearrange { sources }), vec![input], channels, [height, width], (-128, 127));
    }

    fn finish(mut self) -> Model {
        let (tensor, channels, image) = self.last;
        let shape = vec![1, channels, image[0], image[1]];
        self.model.outputs.push(Output { name: "y".to_owned(), shape, tensor, tail: Vec::new() });
        self.model
    }
}

/// A window of kernel, stride, padding on both sides and dilation.
fn window(input: [usize; 2], [kernel, stride, pad, dilation]: [[usize; 2]; 4]) -> Window {
    let output = [0, 1].map(|axis| {
        (input[axis] + 2 * pad[axis] - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1
    });
    Window { input, output, kernel, stride, dilation, pad }
}

/// Compiles, runs on inputs from `seed`, compares with the reference and checks every constraint.
fn check(model: Model, seed: u64) {
    let mut numbers = Numbers(seed);
    let input: Vec<i32> = (0..model.tensors[0].len).map(|_| numbers.next(256) as i32 - 128).collect();
    let expected = reference::run(&model, std::slice::from_ref(&input)).unwrap();
    let compiled = compile(model, Scheme::Kzg).unwrap();
    let assignment = compiled.assign(std::slice::from_ref(&input)).unwrap();
    let outputs: Vec<Vec<i32>> = expected.outputs().into_iter().map(<[i32]>::to_vec).collect();
    assert_eq!(assignment.outputs, outputs);
    let statement =
        Statement { circuit: CircuitId([7; 32]), context: Context::default(), inputs: vec![input], outputs };
    let public = statement.public_inputs(compiled.interface()).unwrap();
    MockProver::run(compiled.k(), &assignment.circuit, vec![public]).unwrap().assert_satisfied();
}

/// So many that rare combinations meet.
#[test]
#[ignore = "takes all cores for many minutes"]
fn ten_thousand_random_networks() {
    (0..10_000).into_par_iter().for_each(|seed| {
        let model = if seed % 2 == 0 { random_network(seed) } else { random_layers(seed) };
        let checked = catch_unwind(AssertUnwindSafe(|| check(model, seed)));
        assert!(checked.is_ok(), "network {seed}");
    });
}

const PLAIN: [[usize; 2]; 4] = [[1, 1], [1, 1], [0, 0], [1, 1]];
const SAME: [[usize; 2]; 4] = [[3, 3], [1, 1], [1, 1], [1, 1]];
const STRIDED: [[usize; 2]; 4] = [[3, 3], [2, 2], [1, 1], [1, 1]];

#[test]
fn a_pointwise_convolution() {
    let mut network = Network::new(1, 3, [4, 5]);
    network.convolution(2, 1, PLAIN, true);
    check(network.finish(), 2);
}

#[test]
fn a_padded_convolution() {
    let mut network = Network::new(3, 2, [5, 4]);
    network.convolution(3, 1, SAME, true);
    check(network.finish(), 4);
}

#[test]
fn thresholds_and_strides() {
    let mut network = Network::new(5, 2, [6, 7]);
    network.convolution(9, 1, STRIDED, false);
    network.convolution(3, 3, STRIDED, true);
    check(network.finish(), 6);
}

/// Steps that no multiplier has: as irregular as they come, or of equal width.
fn listed(channels: usize, regular: bool, numbers: &mut Numbers) -> Requantize {
    let channel = |_| -> Vec<i64> {
        let mut thresholds: Vec<i64> = match regular {
            true => (0..160).map(|step| step * 7 - 500).collect(),
            false => (0..160).map(|_| numbers.next(3000) as i64 - 1500).collect(),
        };
        thresholds.sort_unstable();
        thresholds
    };
    let channels = ChannelSteps::Thresholds((0..channels).map(channel).collect());
    Requantize { channels, zero_point: 5, lo: -90, hi: 70 }
}

#[test]
fn listed_thresholds() {
    for (seed, regular) in [(13, true), (14, false)] {
        let mut network = Network::new(seed, 3, [5, 4]);
        network.convolution(4, 1, SAME, true);
        network.convolution(3, 1, STRIDED, true);
        network.fully_connected(5);
        for node in &mut network.model.nodes {
            let (requantize, channels) = match &mut node.op {
                Op::Convolution(layer) => (&mut layer.requantize, layer.channels_out),
                Op::FullyConnected(layer) => (&mut layer.requantize, layer.outputs),
                other => panic!("a {}", other.name()),
            };
            *requantize = listed(channels, regular, &mut network.numbers);
            network.model.tensors[node.output.0].range = (-90, 70);
        }
        check(network.finish(), seed);
    }
}

#[test]
fn a_residual_network() {
    let mut network = Network::new(7, 3, [6, 6]);
    network.transpose();
    network.convolution(10, 1, SAME, true);
    let branch = network.last.0;
    network.convolution(10, 10, SAME, true);
    network.convolution(10, 1, PLAIN, true);
    network.add(branch);
    network.convolution(10, 10, [[6, 6], [6, 6], [0, 0], [1, 1]], true);
    network.fully_connected(4);
    check(network.finish(), 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn random_convolutions(
        seed: u64, channels in 1_usize..4, outputs in 1_usize..3, height in 3_usize..7, width in 3_usize..7,
        kernel in (1_usize..4, 1_usize..4), stride in (1_usize..3, 1_usize..3), pad in (0_usize..3, 0_usize..3),
        dilation in (1_usize..2, 1_usize..2), depthwise: bool, exact: bool,
    ) {
        let geometry = [kernel, stride, pad, dilation].map(|(y, x)| [y, x]);
        let groups = if depthwise { channels } else { 1 };
        let mut network = Network::new(seed, channels, [height, width]);
        network.convolution(outputs * groups, groups, geometry, exact);
        network.convolution(2, 1, SAME, true);
        check(network.finish(), seed ^ 1);
    }
}

#[test]
fn products() {
    let mut network = Network::new(11, 3, [5, 4]);
    network.convolution(5, 1, SAME, true);
    let branch = network.last.0;
    network.convolution(5, 5, SAME, true);
    network.multiply(branch, 0.0123);
    network.multiply(branch, 0.015_625);
    check(network.finish(), 12);
}

#[test]
fn matrix_products_of_a_small_attention() {
    let (tokens, width, heads) = (6, 4, 2);
    let mut network = Network::new(13, heads * width, [tokens, 1]);
    let project = |network: &mut Network| {
        network.last = (TensorId(0), heads * width, [tokens, 1]);
        network.convolution(heads * width, 1, PLAIN, true);
        network.last.1 = heads;
        network.last.2 = [width, tokens];
        network.last.0
    };
    // `[heads][width][tokens]` each.
    let keys = project(&mut network);
    project(&mut network);
    network.flip();
    let values = network.last.0;
    project(&mut network);
    network.flip();
    let queries = network.last.0;
    network.mat_mul(queries, keys, [heads, tokens, width, tokens], 0.0123);
    network.table();
    let scores = network.last.0;
    network.mat_mul(scores, values, [heads, tokens, tokens, width], 0.015_625);
    check(network.finish(), 14);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn random_matrix_products(
        seed: u64, batch in 1_usize..4, rows in 1_usize..12, inner in 1_usize..12, columns in 1_usize..20,
        flipped: bool, exact: bool,
    ) {
        let mut network = Network::new(seed, batch, [rows, inner]);
        let lhs = network.last.0;
        let matrix = batch * rows * inner;
        network.fully_connected(batch * inner * columns);
        network.last.1 = batch;
        network.last.2 = if flipped { [columns, inner] } else { [inner, columns] };
        if flipped {
            network.flip();
        }
        let rhs = network.last.0;
        assert_eq!(network.model.tensor(lhs).len, matrix);
        let multiplier = if exact { 0.0123 } else { 0.015_625 };
        network.mat_mul(lhs, rhs, [batch, rows, inner, columns], multiplier);
        network.fully_connected(3);
        check(network.finish(), seed ^ 1);
    }
}

#[test]
fn tables_and_max_pooling() {
    let mut network = Network::new(9, 3, [7, 6]);
    network.convolution(5, 1, SAME, true);
    network.table();
    network.max_pool([[2, 2], [2, 2], [0, 0], [1, 1]]);
    network.convolution(4, 1, SAME, true);
    network.max_pool([[3, 3], [1, 1], [1, 1], [1, 1]]);
    network.table();
    check(network.finish(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn random_max_pooling(
        seed: u64, channels in 1_usize..4, height in 3_usize..8, width in 3_usize..8,
        kernel in (1_usize..4, 1_usize..4), stride in (1_usize..4, 1_usize..4), pad: (bool, bool),
    ) {
        let pad = (usize::from(pad.0 && kernel.0 > 1), usize::from(pad.1 && kernel.1 > 1));
        let geometry = [kernel, stride, pad, (1, 1)].map(|(y, x)| [y, x]);
        let mut network = Network::new(seed, channels, [height, width]);
        network.max_pool(geometry);
        network.convolution(2, 1, SAME, true);
        check(network.finish(), seed ^ 1);
    }
}

#[test]
fn networks_smaller_than_their_tables() {
    for image in [[1, 1], [2, 2], [2, 3]] {
        let mut network = Network::new(9, 2, image);
        let input = network.last.0;
        network.convolution(2, 1, PLAIN, true);
        network.add(input);
        check(network.finish(), 10);
    }
}
