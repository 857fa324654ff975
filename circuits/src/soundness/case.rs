//! Small networks whose plans have every kind of lane, and honest inferences of them.

use std::{collections::BTreeSet, sync::Arc};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::{
    Role,
    chip::Slot,
    circuit::{LemmaCircuit, lanes},
    ir::{ChannelSteps, Elem, FullyConnected, Input, Model, Node, Op, Output, Requantize, Tensor, TensorId},
    plan::{Entry, Plan, Scheme, Shape},
    reference,
    statement::{CircuitId, Context, Interface, Statement},
    witness::{Witness, lookup},
};
use halo2_proofs::halo2curves::bn256::Fr;

/// A model with a plan and an input.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) model: Arc<Model>,
    pub(super) plan: Arc<Plan>,
    pub(super) input: Vec<i32>,
}

/// Widths of the layers: twelve outputs fill more than one group of any packing.
const WIDTHS: [usize; 3] = [6, 12, 5];

/// Layers of random weights and biases; int8 inside, uint8 at the end, the first layer with a Relu.
pub(super) fn network(seed: u64, widths: &[usize], mut multiplier: impl FnMut(usize) -> f32) -> Model {
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
fn linear_multiplier(channel: usize) -> f32 {
    0.031_7 + 0.000_11 * (channel % 5) as f32
}

/// Rounding ties alternate with a power of two, so only thresholds are exact.
const TIES: f32 = 1.0 / 64.0;

/// The first layer requantized by listed thresholds that no multiplier has; all channels but the last share theirs.
fn listed() -> Model {
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

impl Case {
    fn new(
        name: &'static str,
        multiplier: impl FnMut(usize) -> f32,
        admitted: impl Fn(&Shape) -> bool,
    ) -> Self {
        Self::of_model(name, network(11, &WIDTHS, multiplier), admitted)
    }

    fn of_model(name: &'static str, model: Model, admitted: impl Fn(&Shape) -> bool) -> Self {
        let plan = Plan::among(&model, Scheme::Kzg, admitted);
        let input = vec![-100, 77, 3, -128, 127, 40];
        Self { name, model: Arc::new(model), plan: Arc::new(plan), input }
    }

    /// One case per form, and all forms together.
    pub(super) fn all() -> Vec<Self> {
        let limbs = |shape: &Shape| shape.linear_lanes == 0 || shape.remainder_limbs() >= 2;
        let distances = |shape: &Shape| shape.threshold_lanes == 0 || shape.threshold_limbs >= 2;
        let mixed = |channel: usize| if channel % 3 == 1 { TIES } else { linear_multiplier(channel) };
        vec![
            Self::new("linear", linear_multiplier, |shape| limbs(shape) && shape.excess_bits.is_none()),
            Self::new("split", linear_multiplier, |shape| limbs(shape) && shape.excess_bits.is_some()),
            Self::new("threshold", |_| TIES, distances),
            Self::new("mixed", mixed, |shape| limbs(shape) && distances(shape)),
            Self::of_model("listed", listed(), |shape| limbs(shape) && distances(shape)),
        ]
    }

    pub(super) fn honest(&self) -> Witness {
        self.of(&self.input)
    }

    /// The honest inference of another input.
    pub(super) fn of(&self, input: &[i32]) -> Witness {
        Witness::new(&self.model, &self.plan, &[input.to_vec()]).expect("the input fits the model")
    }

    /// The inference whose node `at` (the input for `None`) is followed by a lie that later nodes read.
    pub(super) fn lying(
        &self,
        at: Option<usize>,
        mut lie: impl FnMut(&mut [Vec<i64>], &mut [Vec<i32>]),
    ) -> Witness {
        let hook = |node: Option<usize>, columns: &mut [Vec<i64>], tensors: &mut [Vec<i32>]| {
            if node == at {
                lie(columns, tensors);
            }
        };
        Witness::with_lie(&self.model, &self.plan, std::slice::from_ref(&self.input), hook)
            .expect("the input fits the model")
    }

    /// The public inputs that state `input` and `outputs`.
    pub(super) fn public(&self, input: &[i32], outputs: &[Vec<i32>]) -> Vec<Fr> {
        let statement = Statement {
            circuit: CircuitId([7; 32]),
            context: Context::default(),
            inputs: vec![input.to_vec()],
            outputs: outputs.to_vec(),
        };
        statement.public_inputs(&Interface::of(&self.model)).expect("the statement fits the model")
    }

    pub(super) fn slots(&self) -> Vec<Slot> {
        lanes(&self.plan.columns, &self.plan.shape).into_iter().flat_map(|lane| lane.slots).collect()
    }

    /// What the lookups that are in no table look up, by the column of their first value.
    pub(super) fn missing(&self, witness: &Witness) -> BTreeSet<Role> {
        let table: BTreeSet<Entry> = self.plan.tables.iter().flatten().copied().collect();
        let roles = LemmaCircuit::roles(&self.plan.shape);
        let mut out = BTreeSet::new();
        for slot in self.slots() {
            for row in 0..self.plan.rows {
                if !lookup(&self.plan.fixed, &witness.columns, &slot, row)
                    .is_some_and(|entry| table.contains(&entry))
                {
                    out.insert(roles[slot.values[0].0[0].0]);
                }
            }
        }
        out
    }
}

#[test]
fn the_cases_cover_every_form_and_are_honest() {
    let cases = Case::all();
    let shape = |name: &str| cases.iter().find(|case| case.name == name).unwrap().plan.shape.clone();
    assert!(shape("linear").excess_bits.is_none() && shape("linear").threshold_lanes == 0);
    assert!(shape("split").excess_bits.is_some());
    assert!(shape("threshold").linear_lanes == 0 && shape("threshold").threshold_limbs >= 2);
    assert!(shape("mixed").linear_lanes > 0 && shape("mixed").threshold_lanes > 0);
    assert!(shape("listed").threshold_lanes > 0);
    for case in &cases {
        let expected = reference::run(&case.model, std::slice::from_ref(&case.input)).unwrap();
        assert_eq!(expected.outputs(), case.honest().outputs.iter().collect::<Vec<_>>(), "{}", case.name);
        assert_eq!(case.missing(&case.honest()), BTreeSet::new(), "{}", case.name);
    }
}
