//! Tiny networks that between them use every form, in shapes small enough to examine every cell.

mod builder;
mod convolution;

pub use builder::{Builder, Numbers, Scale, Slide};
pub use convolution::{
    all as convolutional, branches, bytes, interleaved, padded, pooled, product, residual, strided,
};

use super::subject::Subject;
use crate::{
    compile_with_shape,
    ir::{ChannelSteps, Elem, FullyConnected, Input, Model, Node, Op, Output, Requantize, Tensor, TensorId},
    layout::ForcedShape,
};

/// A tiny network in a forced shape.
#[derive(Clone, Debug)]
pub struct Tiny {
    /// Names the network and its form.
    pub name: &'static str,
    /// The network with its circuit.
    pub subject: Subject,
    /// Length of its only input.
    pub inputs: usize,
}

impl Tiny {
    /// A few inputs that between them leave no activation at its type minimum.
    pub fn samples(&self) -> Vec<Vec<Vec<i32>>> {
        let values = [[77, -45, 101], [-120, 88, -3], [5, -99, 64], [-31, 126, -90]];
        let sample = |(seed, start): (u64, &[i32; 3])| {
            let mut numbers = Numbers::new(seed);
            let rest = std::iter::repeat_with(|| numbers.int8());
            vec![start.iter().copied().chain(rest).take(self.inputs).collect()]
        };
        (0..).zip(&values).map(sample).collect()
    }
}

/// Multipliers: the linear form is exact with the first kind, ties keep it from being exact with the second.
#[derive(Clone, Copy)]
enum Multiplier {
    Linear(f32),
    Tied(f32),
}

struct Layer {
    multipliers: &'static [Multiplier],
    clamp: (i32, i32),
    zero_point: i32,
}

use Multiplier::{Linear, Tied};
use lemma_verifier::scheme::Scheme;

const LINEAR_LAYERS: [Layer; 2] = [
    Layer { multipliers: &[Linear(0.021), Linear(0.034), Linear(0.027)], clamp: (-5, 8), zero_point: -2 },
    Layer { multipliers: &[Linear(0.31), Linear(0.17)], clamp: (-6, 7), zero_point: 1 },
];

const TIED_LAYERS: [Layer; 2] = [
    Layer {
        multipliers: &[Tied(1.0 / 32.0), Tied(1.0 / 32.0), Tied(1.0 / 16.0)],
        clamp: (-5, 8),
        zero_point: -2,
    },
    Layer { multipliers: &[Tied(0.25), Tied(0.5)], clamp: (-6, 7), zero_point: 1 },
];

const MIXED_LAYERS: [Layer; 2] = [
    Layer { multipliers: &[Linear(0.021), Tied(1.0 / 32.0), Linear(0.027)], clamp: (-5, 8), zero_point: -2 },
    Layer { multipliers: &[Tied(0.25), Linear(0.17)], clamp: (-6, 7), zero_point: 1 },
];

/// Small weights without zeros, from a fixed recurrence.
fn weights(count: usize, seed: usize) -> Vec<i16> {
    let weight = |index: usize| {
        let magnitude = 1 + (index * 7 + seed * 5) % 3;
        let sign = if (index * index + index / 2 + seed).is_multiple_of(3) { -1 } else { 1 };
        sign * i16::try_from(magnitude).expect("at most 3")
    };
    (0..count).map(weight).collect()
}

fn model(widths: &[usize], layers: &[Layer]) -> Model {
    let mut tensors = vec![Tensor { elem: Elem::I8, len: widths[0], range: (-128, 127) }];
    let mut nodes = Vec::new();
    for (index, (pair, layer)) in widths.windows(2).zip(layers).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        let multiplier = |kind: &Multiplier| match kind {
            Linear(multiplier) | Tied(multiplier) => *multiplier,
        };
        nodes.push(Node {
            name: format!("layer {index}"),
            op: Op::FullyConnected(FullyConnected {
                inputs,
                outputs,
                weights: weights(inputs * outputs, index),
                bias: (0i32..).map(|channel| 11 - 9 * channel).take(outputs).collect(),
                input_zero_point: if index == 0 { 3 } else { -2 },
                requantize: Requantize {
                    channels: ChannelSteps::Multipliers(
                        layer.multipliers.iter().cycle().take(outputs).map(multiplier).collect(),
                    ),
                    zero_point: layer.zero_point,
                    lo: layer.clamp.0,
                    hi: layer.clamp.1,
                },
            }),
            inputs: vec![TensorId(index)],
            output: TensorId(index + 1),
        });
        tensors.push(Tensor { elem: Elem::I8, len: outputs, range: layer.clamp });
    }
    let (first, last) = (widths[0], widths[widths.len() - 1]);
    Model {
        inputs: vec![Input { name: "x".into(), shape: vec![1, first], tensor: TensorId(0), quantize: None }],
        outputs: vec![Output {
            name: "y".into(),
            shape: vec![1, last],
            tensor: TensorId(tensors.len() - 1),
            tail: Vec::new(),
        }],
        tensors,
        nodes,
    }
}

const ONE_LANE: ForcedShape = ForcedShape {
    k: 7,
    lane_rows: 121,
    linear_lanes: 1,
    threshold_lanes: 0,
    limb_bits: 4,
    excess_bits: None,
    table_sets: 3,
    weight_columns: 1,
};

fn tiny(name: &'static str, widths: &[usize], layers: &[Layer], shape: &ForcedShape) -> Tiny {
    let compiled =
        compile_with_shape(model(widths, layers), Scheme::Kzg, shape).expect("the shape holds the network");
    Tiny { name, subject: Subject::new(compiled), inputs: widths[0] }
}

/// Linear form, one layer, one lane, one excess cell.
pub fn linear() -> Tiny {
    tiny("linear 3-2", &[3, 2], &LINEAR_LAYERS, &ONE_LANE)
}

/// Linear form, two layers in blocks over three short lanes, two table sets.
pub fn lanes() -> Tiny {
    let shape = ForcedShape { k: 8, lane_rows: 4, linear_lanes: 3, limb_bits: 3, table_sets: 2, ..ONE_LANE };
    tiny("linear 2-3-2 in lanes", &[2, 3, 2], &LINEAR_LAYERS, &shape)
}

/// Linear form with a split excess, two layers, two weight columns.
pub fn split() -> Tiny {
    let shape = ForcedShape { k: 8, excess_bits: Some(2), limb_bits: 3, weight_columns: 2, ..ONE_LANE };
    tiny("split excess 2-3-2", &[2, 3, 2], &LINEAR_LAYERS, &shape)
}

/// Thresholds only, two layers.
pub fn threshold() -> Tiny {
    let shape = ForcedShape { linear_lanes: 0, threshold_lanes: 1, limb_bits: 3, ..ONE_LANE };
    tiny("threshold 2-3-2", &[2, 3, 2], &TIED_LAYERS, &shape)
}

/// Both forms in one layer, one lane of each and one more.
pub fn mixed() -> Tiny {
    let shape = ForcedShape { threshold_lanes: 2, lane_rows: 6, limb_bits: 4, ..ONE_LANE };
    tiny("mixed 2-3-2", &[2, 3, 2], &MIXED_LAYERS, &shape)
}

/// Linear form, one layer with more channels than one group packs.
pub fn groups() -> Tiny {
    let shape = ForcedShape { k: 8, limb_bits: 4, table_sets: 2, ..ONE_LANE };
    tiny("groups 2-26", &[2, 26], &LINEAR_LAYERS, &shape)
}

/// All networks in flat circuits.
pub fn fully_connected() -> Vec<Tiny> {
    vec![linear(), lanes(), split(), groups(), threshold(), mixed()]
}

/// All networks.
pub fn all() -> Vec<Tiny> {
    fully_connected().into_iter().chain(convolutional()).collect()
}
