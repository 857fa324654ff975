//! Small networks in forced shapes, with every kind of bank, and honest and lying inferences of them.

pub(super) mod layers;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use halo2_proofs::halo2curves::bn256::Fr;
use lemma_verifier::{
    circuit_id::CircuitId,
    index::{AdviceColumn, GroupId, RowId, first},
    scheme::Scheme,
    shape::Shape,
    statement::{Context, Statement},
};

use layers::{TIES, WIDTHS, linear_multiplier, listed as listed_layers, network, with_functions};

use crate::{
    CompiledCircuit,
    cells::HintCells,
    circuit::LemmaCircuit,
    compile_among,
    expanded::Expanded,
    forms::{Form, tables::Entry},
    index::NodeId,
    ir::{ChannelSteps, Model, Op, Source, TensorId},
    layout::Layout,
    reference,
    roles::Role,
    testing::{
        networks::{Builder, Numbers, Scale, Slide},
        spot::Spot,
    },
    witness::{Witness, lookup, run},
};

/// A network with a layout and an input.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) compiled: CompiledCircuit,
    pub(super) layout: Arc<Layout>,
    pub(super) input: Vec<i32>,
}

/// Outputs of the whole type; `q` rarely leaves it.
pub(super) fn scale(multipliers: &[f32]) -> Scale {
    Scale { multipliers: multipliers.to_vec(), zero_point: 3, clamp: (-100, 100) }
}

const EXACT: [f32; 3] = [0.071, 0.084, 0.067];
const TIED: [f32; 1] = [0.0625];

/// A padded convolution, then a pointwise one; idle lanes in every block.
fn padded() -> Model {
    let mut network = Builder::new(11, 7, 2, [4, 3]);
    network.convolution(3, 1, Slide::SAME, &scale(&EXACT));
    network.convolution(2, 1, Slide::POINTWISE, &scale(&EXACT));
    network.finish()
}

/// An input whose channels lie beside each other, with an idle lane; more channels than a bank has lanes.
fn interleaved() -> Model {
    let mut network = Builder::new(12, 7, 3, [3, 4]);
    network.transpose();
    network.convolution(6, 1, Slide { kernel: [2, 2], ..Slide::POINTWISE }, &scale(&EXACT));
    network.pool(&scale(&[0.021, 0.034]));
    network.finish()
}

/// A strided depthwise convolution with thresholds, two of four lanes idle in the second block.
fn threshold() -> Model {
    let mut network = Builder::new(13, 7, 3, [4, 4]);
    network.convolution(6, 3, Slide::STRIDED, &scale(&TIED));
    network.convolution(2, 1, Slide::POINTWISE, &scale(&EXACT));
    network.finish()
}

/// A pointwise convolution and the sum with its input.
fn residual() -> Model {
    let mut network = Builder::new(14, 7, 2, [3, 3]);
    let input = network.last();
    network.convolution(2, 1, Slide::POINTWISE, &scale(&EXACT));
    network.add(input, (-128, 127));
    network.finish()
}

/// More lanes than a group has slots.
fn groups() -> Model {
    let mut network = Builder::new(15, 7, 2, [2, 1]);
    network.convolution(22, 1, Slide::POINTWISE, &scale(&EXACT));
    network.finish()
}

/// A function of a byte, a max pooling, and the product with its input.
fn bytes() -> Model {
    let mut network = Builder::new(16, 7, 1, [3, 3]);
    let input = network.last();
    network.max_pool(Slide { kernel: [1, 3], pad: [0, 1], ..Slide::POINTWISE });
    network.table();
    network.multiply(input, (-90, 90));
    network.convolution(1, 1, Slide::POINTWISE, &scale(&EXACT));
    network.finish()
}

/// A matrix product of two batches, whose columns are in chunks of two, requantized by the linear form, and one by
/// thresholds with the first as its right factor.
fn matrices() -> Model {
    let mut network = Builder::new(17, 7, 2, [3, 10]);
    let rhs = network.last();
    network.convolution(2, 1, Slide { kernel: [3, 5], ..Slide::POINTWISE }, &scale(&EXACT));
    network.mat_mul(rhs, [2, 2, 3, 10], &scale(&[0.0071]));
    let product = network.last();
    network.rearrange(2, [3, 2], |element| Source::Element { input: 0, element: element + 3 });
    network.mat_mul(product, [2, 3, 2, 10], &scale(&[0.007_812_5]));
    network.finish()
}

/// The sum of an image and its reverse, requantized by thresholds: both scales are powers of two.
fn tied_sum() -> Model {
    let mut network = Builder::new(18, 7, 2, [3, 3]);
    let input = network.last();
    network.rearrange(2, [3, 3], |element| Source::Element { input: 0, element: 17 - element });
    network.add_scaled(input, [0.25, 0.5], 1.0, (-100, 100));
    network.convolution(2, 1, Slide::POINTWISE, &scale(&EXACT));
    network.finish()
}

/// A convolution requantized by listed thresholds: of three channels as irregular as they come, of the last evenly
/// spaced.
fn listed() -> Model {
    let mut network = Builder::new(19, 7, 2, [3, 3]);
    network.convolution(4, 1, Slide::SAME, &scale(&EXACT));
    network.convolution(2, 1, Slide::POINTWISE, &scale(&EXACT));
    let mut model = network.finish();
    let mut numbers = Numbers::new(22);
    let Op::Convolution(layer) = &mut model.nodes[0].op else { panic!("a convolution comes first") };
    let steps = layer.requantize.hi.abs_diff(layer.requantize.lo) as usize;
    let irregular = |_| i64::try_from(numbers.below(6000)).expect("a small number") - 3000;
    let mut shared: Vec<i64> = (0..steps).map(irregular).collect();
    shared.sort_unstable();
    let even = (-2400..).step_by(24).take(steps).collect();
    layer.requantize.channels = ChannelSteps::Thresholds(vec![shared.clone(), shared.clone(), shared, even]);
    model
}

/// Six channels in banks of two lanes: blocks that share a group of one equation.
fn shared() -> Model {
    let mut network = Builder::new(20, 7, 2, [2, 3]);
    network.convolution(6, 1, Slide::POINTWISE, &scale(&EXACT));
    network.finish()
}

impl Case {
    /// A model with the cheapest layout among some, and an input.
    pub(super) fn new(name: &'static str, model: Model, admitted: impl Fn(&Shape) -> bool) -> Self {
        let mut numbers = Numbers::new(21);
        let input = (0..model.tensor(model.inputs[0].tensor).len).map(|_| numbers.int8()).collect();
        let compiled = compile_among(model, Scheme::Kzg, admitted).expect("a small network has a circuit");
        // Those who lie change copies of the layout: what the columns are must not follow from their lies.
        compiled.layout().fixed();
        Self { name, layout: compiled.layout().clone(), compiled, input }
    }

    /// One case per kind of equation and form.
    pub(super) fn all() -> Vec<Self> {
        let lanes = |lanes: u32, ways: u32| {
            move |shape: &Shape| {
                let Some(banks) = &shape.banks else { return false };
                let limbs = shape.shift == 0 || shape.remainder_limbs() >= 2;
                (banks.lanes, banks.ways) == (lanes, ways) && limbs
            }
        };
        let thresholds = |shape: &Shape| {
            lanes(2, 1)(shape) && shape.banks.as_ref().is_some_and(|banks| banks.threshold_lanes == 4)
        };
        let mut cases = vec![
            Self::new("padded", padded(), lanes(4, 2)),
            Self::new("interleaved", interleaved(), lanes(4, 1)),
            Self::new("threshold", threshold(), thresholds),
            Self::new("residual", residual(), lanes(3, 1)),
            Self::new("groups", groups(), lanes(16, 1)),
            Self::new("bytes", bytes(), lanes(2, 1)),
            Self::new("matrices", matrices(), lanes(4, 2)),
            Self::new("tied sum", tied_sum(), thresholds),
            Self::new("listed", listed(), thresholds),
            Self::new("shared", shared(), lanes(2, 1)),
        ];
        cases.extend(Self::flat());
        cases
    }

    /// Flat circuits: one case per form, all forms together, and functions and sums behind layers.
    fn flat() -> Vec<Self> {
        let limbs = |shape: &Shape| shape.linear_lanes == 0 || shape.remainder_limbs() >= 2;
        let distances = |shape: &Shape| shape.threshold_lanes == 0 || shape.threshold_limbs >= 2;
        let both = |shape: &Shape| limbs(shape) && distances(shape) && shape.banks.is_none();
        let mixed = |channel: usize| if channel % 3 == 1 { TIES } else { linear_multiplier(channel) };
        let model = |multiplier: fn(usize) -> f32| network(11, &WIDTHS, multiplier);
        let case = |name, model, admitted: &dyn Fn(&Shape) -> bool| {
            let input = vec![-100, 77, 3, -128, 127, 40];
            Self { input, ..Self::new(name, model, |shape| both(shape) && admitted(shape)) }
        };
        vec![
            case("layers", model(linear_multiplier), &|shape| shape.excess_bits.is_none()),
            case("layers, split", model(linear_multiplier), &|shape| shape.excess_bits.is_some()),
            case("layers, thresholds", model(|_| TIES), &|_| true),
            case("layers, mixed", model(mixed), &|_| true),
            case("layers, listed", listed_layers(), &|_| true),
            case("layers and functions", with_functions(), &|_| true),
        ]
    }

    /// What the circuit is laid out for; its nodes are those the layout numbers.
    pub(super) fn expanded(&self) -> &Expanded {
        &self.layout.expanded
    }

    /// Nodes that compute something, with the tensors they define.
    pub(super) fn stored(&self) -> Vec<(NodeId, TensorId)> {
        let nodes = self.expanded().nodes.iter_enumerated().map(|(id, node)| (id, node.output));
        nodes.filter(|(_, tensor)| self.layout.network.homes.stored[tensor.0].is_some()).collect()
    }

    pub(super) fn input_tensor(&self) -> TensorId {
        self.expanded().inputs[0]
    }

    /// Where an element lies.
    pub(super) fn spot(&self, tensor: TensorId, element: usize) -> Spot {
        Spot::of(&self.layout, tensor, element).expect("the element is stored")
    }

    pub(super) fn honest(&self) -> Witness {
        self.of(&self.input)
    }

    /// The honest inference of another input.
    pub(super) fn of(&self, input: &[i32]) -> Witness {
        run(&self.layout, &[input.to_vec()], &mut |_, _, _| {})
    }

    /// The inference whose node `at` (the input for `None`) is followed by a lie that later nodes read.
    pub(super) fn lying(
        &self,
        at: Option<NodeId>,
        mut lie: impl FnMut(&mut HintCells, &mut [Vec<i32>]),
    ) -> Witness {
        let mut hook = |node: Option<NodeId>, columns: &mut HintCells, tensors: &mut [Vec<i32>]| {
            if node == at {
                lie(columns, tensors);
            }
        };
        run(&self.layout, std::slice::from_ref(&self.input), &mut hook)
    }

    /// The public inputs that state `input` and `outputs`.
    pub(super) fn public(&self, input: &[i32], outputs: &[Vec<i32>]) -> Vec<Fr> {
        let statement = Statement {
            circuit: CircuitId([7; 32]),
            context: Context::default(),
            inputs: vec![input.to_vec()],
            outputs: outputs.to_vec(),
        };
        statement.public_inputs(self.compiled.interface()).expect("the statement fits the model")
    }

    /// What the lookups that are in no table look up, by the column of their first value.
    pub(super) fn missing(&self, witness: &Witness) -> BTreeSet<Role> {
        let table: BTreeSet<Entry> = self.layout.tables.iter().flatten().copied().collect();
        let roles = crate::roles::roles(&self.layout.shape);
        let mut out = BTreeSet::new();
        for slot in self.compiled.layout().slots() {
            for row in first(self.layout.rows) {
                let found = lookup(self.layout.fixed(), &witness.columns, &slot, row);
                if !found.is_some_and(|entry| table.contains(&entry)) {
                    out.insert(roles[slot.values[0].0[0].0]);
                }
            }
        }
        out
    }
}

/// What must reject a lie, and nothing else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caught {
    /// The gates and copies with these names.
    By(&'static [&'static str]),
    /// Lookups of these columns are in no table, so the lookup sum does not end at 0.
    Tables(Vec<Role>),
    /// The same and these gates besides.
    TablesAnd(Vec<Role>, &'static str),
}

/// A told lie.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) witness: Witness,
    pub(super) overrides: BTreeMap<(AdviceColumn, RowId), Fr>,
    pub(super) public: Vec<Fr>,
    /// The layout phase 1 is derived by, if not the case's.
    pub(super) derivation: Option<Arc<Layout>>,
    pub(super) caught: Caught,
}

impl Told {
    /// A lie in the witness; the statement has the case's input and the outputs that follow from the lie.
    pub(super) fn new(case: &Case, witness: Witness, caught: Caught) -> Self {
        let public = case.public(&case.input, &witness.outputs);
        Self { witness, overrides: BTreeMap::new(), public, derivation: None, caught }
    }

    /// The circuit with the lie.
    pub(super) fn circuit(self, case: &Case) -> LemmaCircuit {
        let circuit = LemmaCircuit::with_witness(case.layout.clone(), self.witness);
        let circuit = circuit.with_overrides(self.overrides);
        match self.derivation {
            None => circuit,
            Some(layout) => circuit.derived_by(layout),
        }
    }
}

#[test]
fn the_cases_cover_both_forms_idle_lanes_and_groups_and_are_honest() {
    let cases = Case::all();
    for case in &cases {
        let shape = &case.layout.shape;
        println!("{}: {shape:?} rows {}", case.name, case.layout.rows);
        let expected = reference::run(case.compiled.model(), std::slice::from_ref(&case.input)).unwrap();
        assert_eq!(expected.outputs(), case.honest().outputs.iter().collect::<Vec<_>>(), "{}", case.name);
        assert_eq!(case.missing(&case.honest()), BTreeSet::new(), "{}", case.name);
    }
    let shape = |name: &str| cases.iter().find(|case| case.name == name).unwrap().layout.shape.clone();
    assert!(shape("layers").excess_bits.is_none() && shape("layers").threshold_lanes == 0);
    assert!(shape("layers, split").excess_bits.is_some());
    assert!(
        shape("layers, thresholds").linear_lanes == 0 && shape("layers, thresholds").threshold_limbs >= 2
    );
    assert!(shape("layers, mixed").linear_lanes > 0 && shape("layers, mixed").threshold_lanes > 0);
    assert!(shape("layers, listed").threshold_lanes > 0);
    let flat = cases.iter().filter(|case| case.layout.columns.positions.is_none()).count();
    assert_eq!(flat, 6);
    let layout = |name: &str| cases.iter().find(|case| case.name == name).unwrap().layout.clone();
    assert!(layout("threshold").shape.threshold_lanes > 0);
    let idle = |name: &str, of_input: bool| {
        let layout = layout(name);
        layout.placement.blocks.iter().any(|block| {
            block.content.node().is_none() == of_input
                && block.planes.len() < layout.placement.lanes_per_bank.of(block.kind)
        })
    };
    assert!(idle("padded", true) && idle("padded", false) && idle("interleaved", true));
    assert!(layout("groups").shape.banks.as_ref().unwrap().slots() < 16);
    let thresholds = |name: &str, node: usize| {
        let forms = layout(name).forms.nodes[NodeId::from(node)].channels.clone();
        forms.iter().filter(|form| matches!(form, Form::Threshold(_))).count()
    };
    assert!(thresholds("tied sum", 1) == 1 && thresholds("listed", 0) >= 3);
    let shared = layout("shared");
    let starts =
        shared.placement.starts(NodeId::from(0), shared.shape.banks.as_ref().unwrap().slots() as usize);
    assert!(starts.values().filter(|start| start.group == GroupId::default()).count() >= 3, "{starts:?}");
}
