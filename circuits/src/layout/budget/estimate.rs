//! What planning takes at most, estimated from shapes alone.
//!
//! Planning is linear in a few amounts that a model's shapes tell: how many there are of each is counted here, without
//! making any. What one of each takes is measured, see `tests/planning_memory.rs`.

use crate::ir::{Convolution, FullyConnected, MatMul, MaxPool, Model, Node, Op, TensorId};

/// How many there are of what planning makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    /// Elements of tensors, copies and intermediate maxima included.
    activations: u64,
    /// Elements of rearranged tensors.
    rearranged: u64,
    /// Pairs of a tap and an output position.
    pairs: u64,
    /// Elements of model inputs and outputs.
    inputs: u64,
    outputs: u64,
    /// Elements that are at worst read each by itself: of what is read after it was rearranged, and all of a network whose
    /// circuit may be flat.
    single: u64,
    /// Taps: an input channel and kernel position, or the operand of a plane.
    taps: u64,
    weights: u64,
    operators: u64,
}

/// What is taken: by one of each amount, or by all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) bytes: u64,
    pub(super) nanoseconds: u64,
}

/// Of any plan, mostly shapes that are tried.
const BASE: Taken = Taken { bytes: 24 << 20, nanoseconds: 300_000_000 };
const ACTIVATION: Taken = Taken { bytes: 80, nanoseconds: 1_500 };
const REARRANGED: Taken = Taken { bytes: 160, nanoseconds: 500 };
const PAIR: Taken = Taken { bytes: 12, nanoseconds: 100 };
const INPUT: Taken = Taken { bytes: 420, nanoseconds: 8_000 };
const OUTPUT: Taken = Taken { bytes: 2_000, nanoseconds: 20_000 };
const SINGLE: Taken = Taken { bytes: 700, nanoseconds: 50_000 };
const TAP: Taken = Taken { bytes: 2_000, nanoseconds: 80_000 };
const WEIGHT: Taken = Taken { bytes: 24, nanoseconds: 100 };
const OPERATOR: Taken = Taken { bytes: 30_000, nanoseconds: 1_000_000 };

/// Percentages of a model's image sides and of its channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaled {
    pub(super) side: u64,
    pub(super) channels: u64,
}

impl Scaled {
    pub(super) const FULL: Self = Self { side: 100, channels: 100 };

    /// An amount that grows with the area of images and the channels, each to a power.
    fn of(self, amount: u64, area: u32, channels: u32) -> u64 {
        let by = |amount: u64, percent: u64| {
            u64::try_from(u128::from(amount) * u128::from(percent) / 100).unwrap_or(u64::MAX)
        };
        let with_area = (0..2 * area).fold(amount, |amount, _| by(amount, self.side));
        (0..channels).fold(with_area, |amount, _| by(amount, self.channels))
    }
}

impl Amounts {
    pub(super) fn of(model: &Model) -> Self {
        let lengths = |tensors: &mut dyn Iterator<Item = TensorId>| {
            sum(tensors.map(|tensor| model.tensor(tensor).len as u64))
        };
        let mut out = Self {
            activations: sum(model.tensors.iter().map(|tensor| tensor.len as u64)),
            inputs: lengths(&mut model.inputs.iter().map(|input| input.tensor)),
            outputs: lengths(&mut model.outputs.iter().map(|output| output.tensor)),
            operators: model.nodes.len() as u64,
            ..Self::default()
        };
        let is_flat = model.nodes.iter().all(|node| {
            matches!(node.op, Op::FullyConnected(_) | Op::Table(_) | Op::Add(_) | Op::Rearrange(_))
        });
        if is_flat {
            out.single = out.activations;
        }
        let mut is_rearranged = vec![false; model.tensors.len()];
        for node in &model.nodes {
            is_rearranged[node.output.0] = matches!(node.op, Op::Rearrange(_));
            let of_node = Self::of_node(model, node);
            let moved = lengths(&mut node.inputs.iter().copied().filter(|input| is_rearranged[input.0]));
            let moved = if is_rearranged[node.output.0] { 0 } else { moved.saturating_mul(of_node.reads()) };
            out = out.plus(of_node).plus(Self { single: moved, activations: moved, ..Self::default() });
        }
        out
    }

    /// How often a node reads each element of an operand, through views of its own.
    fn reads(self) -> u64 {
        self.operators.max(1)
    }

    fn of_node(model: &Model, node: &Node) -> Self {
        let outputs = model.tensor(node.output).len as u64;
        match &node.op {
            Op::FullyConnected(FullyConnected { inputs, weights, .. }) => Self {
                pairs: *inputs as u64,
                taps: *inputs as u64,
                weights: weights.len() as u64,
                ..Self::default()
            },
            Op::Convolution(Convolution { channels_in, window, weights, .. }) => {
                let taps = product(&[*channels_in, window.taps()]);
                // An average has a tap for each channel.
                let is_average = window.output_len() == 1
                    && weights
                        .chunks(window.taps().max(1))
                        .all(|of| of.windows(2).all(|two| two[0] == two[1]));
                Self {
                    pairs: taps.saturating_mul(window.output_len() as u64),
                    taps: if is_average { *channels_in as u64 } else { taps },
                    weights: weights.len() as u64,
                    ..Self::default()
                }
            }
            Op::MaxPool(pool) => Self::of_pool(pool),
            Op::MatMul(MatMul { batch, rows, inner, columns, .. }) => {
                let factors =
                    product(&[*batch, *rows, *inner]).saturating_add(product(&[*batch, *inner, *columns]));
                // Every block of a batch reads all slices of its factors.
                let slices = product(&[*batch, *inner, 16]).saturating_add(product(&[*batch, *columns, 8]));
                Self {
                    activations: factors.saturating_mul(2),
                    pairs: factors,
                    single: factors.saturating_add(slices).saturating_add(product(&[*batch, *rows, 8])),
                    ..Self::default()
                }
            }
            Op::Rearrange(_) => Self { rearranged: outputs, ..Self::default() },
            Op::Multiply(_) => {
                Self { activations: outputs, pairs: outputs.saturating_mul(5), ..Self::default() }
            }
            Op::Add(_) | Op::Table(_) | Op::Maximum => {
                Self { pairs: outputs.saturating_mul(2), ..Self::default() }
            }
        }
    }

    /// Maxima along one axis, then along the other, each of a view for every tap.
    fn of_pool(pool: &MaxPool) -> Self {
        let MaxPool { channels, window } = pool;
        let [down, across] = window.kernel;
        let narrowed = product(&[*channels, window.input[0], window.output[1]]);
        let pooled = product(&[*channels, window.output_len()]);
        let of_axis = |outputs: u64, taps: usize| outputs.saturating_mul(taps as u64);
        let views = of_axis(narrowed, across).saturating_add(of_axis(pooled, down));
        Self {
            activations: views.saturating_mul(2),
            rearranged: views.saturating_add(pooled),
            pairs: views.saturating_mul(2),
            operators: (down + across) as u64 * 2,
            ..Self::default()
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            activations: self.activations.saturating_add(other.activations),
            rearranged: self.rearranged.saturating_add(other.rearranged),
            pairs: self.pairs.saturating_add(other.pairs),
            inputs: self.inputs.saturating_add(other.inputs),
            outputs: self.outputs.saturating_add(other.outputs),
            single: self.single.saturating_add(other.single),
            taps: self.taps.saturating_add(other.taps),
            weights: self.weights.saturating_add(other.weights),
            operators: self.operators.saturating_add(other.operators),
        }
    }

    /// What a plan takes if images and channels were scaled.
    pub(super) fn taken(self, scaled: Scaled) -> Taken {
        let parts = [
            (scaled.of(self.activations, 1, 1), ACTIVATION),
            (scaled.of(self.rearranged, 1, 1), REARRANGED),
            (scaled.of(self.pairs, 1, 1), PAIR),
            (scaled.of(self.inputs, 1, 1), INPUT),
            (scaled.of(self.outputs, 1, 1), OUTPUT),
            (scaled.of(self.single, 1, 1), SINGLE),
            (scaled.of(self.taps, 0, 1), TAP),
            (scaled.of(self.weights, 0, 2), WEIGHT),
            (self.operators, OPERATOR),
        ];
        parts.into_iter().fold(BASE, |all, (amount, each)| Taken {
            bytes: all.bytes.saturating_add(amount.saturating_mul(each.bytes)),
            nanoseconds: all.nanoseconds.saturating_add(amount.saturating_mul(each.nanoseconds)),
        })
    }

    /// Whether activations, pairs and taps have numbers of 32 bits, as the planner gives them.
    pub(super) fn has_numbers(self) -> bool {
        [self.activations, self.pairs, self.taps].iter().all(|amount| *amount < u64::from(u32::MAX))
    }
}

fn sum(parts: impl Iterator<Item = u64>) -> u64 {
    parts.fold(0, u64::saturating_add)
}

fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1, |product, factor| product.saturating_mul(*factor as u64))
}
