//! Networks of fully connected layers, which have flat circuits.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::ir::{
    Add, ChannelSteps, Elem, FullyConnected, Input, Model, Node, Op, Output, Requantize, Table, Tensor,
    TensorId,
};

/// Widths of the layers: twelve outputs fill more than one group of any packing.
pub(super) const WIDTHS: [usize; 3] = [6, 12, 5];

/// Layers of random weights and biases; int8 inside, uint8 at the end, the first layer with a Relu.
pub(in crate::soundness) fn network(
    seed: u64,
    widths: &[usize],
    mut multiplier: impl FnMut(usize) -> f32,
) -> Model {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut tensors = vec![Tensor { elem: Elem::I8, len: widths[0], range: (-128, 127) }];
    let mut nodes = Vec::new();
    for (index, pair) in widths.windows(2).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        let elem = if index + 2 == widths.len() { Elem::U8 } else { Elem::I8 };
        let zero_point = elem.min() + 90;
        let lo = if index == 0 { zero_point } else { elem.min() };
        let (input, output) = (TensorId(index), TensorId(index + 1));
        nodes.push(Node {
            name: format!("layer {index}"),
            op: Op::FullyConnected(FullyConnected {
                inputs,
                outputs,
                weights: (0..inputs * outputs).map(|_| rng.gen_range(-128..=127)).collect(),
                bias: (0..outputs).map(|_| rng.gen_range(-3000..3000)).collect(),
                input_zero_point: rng.gen_range(-20..20),
                requantize: Requantize {
                    channels: ChannelSteps::Multipliers((0..outputs).map(&mut multiplier).collect()),
                    zero_point,
                    lo,
                    hi: elem.max(),
                },
            }),
            inputs: vec![input],
            output,
        });
        tensors.push(Tensor { elem, len: outputs, range: (lo, elem.max()) });
    }
    let last = widths.len() - 1;
    Model {
        tensors,
        nodes,
        inputs: vec![Input {
            name: "x".to_owned(),
            shape: vec![1, widths[0]],
            tensor: TensorId(0),
            quantize: None,
        }],
        outputs: vec![Output {
            name: "y".to_owned(),
            shape: vec![1, widths[last]],
            tensor: TensorId(last),
            tail: Vec::new(),
        }],
    }
}

/// A multiplier whose linear form is exact on these ranges, and which saturates many channels.
pub(super) fn linear_multiplier(channel: usize) -> f32 {
    0.031_7 + 0.000_11 * (channel % 5) as f32
}

/// Rounding ties alternate with a power of two, so only thresholds are exact.
pub(super) const TIES: f32 = 1.0 / 64.0;

/// The first layer requantized by listed thresholds that no multiplier has; all channels but the last share theirs.
pub(super) fn listed() -> Model {
    let mut model = network(11, &WIDTHS, linear_multiplier);
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let Op::FullyConnected(layer) = &mut model.nodes[0].op else { panic!("a layer comes first") };
    let steps = layer.requantize.hi.abs_diff(layer.requantize.lo);
    let [shared, last] = [30_000, 20_000].map(|most| {
        let mut thresholds: Vec<i64> = (0..steps).map(|_| rng.gen_range(-most..most)).collect();
        thresholds.sort_unstable();
        thresholds
    });
    let mut channels = vec![shared; layer.outputs - 1];
    channels.push(last);
    layer.requantize.channels = ChannelSteps::Thresholds(channels);
    model
}

/// Two layers, then a function of their outputs and the sum of both.
pub(super) fn with_functions() -> Model {
    let mut model = network(11, &WIDTHS, linear_multiplier);
    let (layers, last) = (model.tensors.len() - 1, WIDTHS[2]);
    let entries: Vec<i32> = (0..256).map(|byte: i32| (byte * byte / 200).min(230)).collect();
    for range in [(0, 230), (0, 255)] {
        model.tensors.push(Tensor { elem: Elem::U8, len: last, range });
    }
    let add = Add { lhs_scale: 0.351_2, rhs_scale: 0.415_1, offset: 3.25, lo: 0, hi: 255 };
    let names = ["function", "sum"];
    let ops = [Op::Table(Table { entries }), Op::Add(add)];
    let inputs = [vec![TensorId(layers)], vec![TensorId(layers + 1), TensorId(layers)]];
    for (index, ((name, op), inputs)) in names.into_iter().zip(ops).zip(inputs).enumerate() {
        model.nodes.push(Node { name: name.to_owned(), op, inputs, output: TensorId(layers + 1 + index) });
    }
    model.outputs[0].tensor = TensorId(layers + 2);
    model
}
