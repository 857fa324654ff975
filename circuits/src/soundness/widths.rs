//! Widths: from the tables alone, which values each side of a layer equation can take, and that no group of
//! packed errors reaches half the modulus.

use std::path::Path;

use halo2_proofs::{dev::MockProver, halo2curves::bn256::Fr};
use proptest::prelude::*;

use super::case::{Case, network};
use crate::{
    import::import,
    ir::{AccumulatorRange, BoundsError, ChannelSteps, FullyConnected, Model, Op, TensorId},
    plan::{Entry, Form, Plan, PlanError, Scheme, clamp_tag, range_tag, second_tag, step_tag},
    reference,
};

/// Smallest and largest.
type Interval = (i128, i128);

/// The values `value` of the table entries with a tag.
fn over(plan: &Plan, tag: i64, value: impl Fn(&Entry) -> i64) -> Interval {
    let entries = plan.tables.iter().flatten().filter(|entry| entry[0] == tag);
    let values = || entries.clone().map(|entry| i128::from(value(entry)));
    (values().min().expect("the tag has entries"), values().max().expect("the tag has entries"))
}

/// What the tables let a linear channel of this clamp class claim. The parts of the excess share the byte.
fn linear_claims(plan: &Plan, class: usize) -> Interval {
    let low = over(plan, clamp_tag(class), |entry| entry[1] - entry[2]);
    let high = plan.shape.excess_bits.map_or((0, 0), |bits| {
        let (least, most) = over(plan, second_tag(clamp_tag(class)), |entry| -entry[2]);
        (least << bits, most << bits)
    });
    let widths = plan.shape.remainder_widths();
    let remainder: i128 = widths
        .iter()
        .zip(0u32..)
        .map(|(width, index)| {
            over(plan, range_tag(*width), |entry| entry[1]).1 << (index * plan.shape.limb_bits)
        })
        .sum();
    let shift = plan.shape.shift;
    ((low.0 + high.0) << shift, ((low.1 + high.1) << shift) + remainder)
}

/// What the tables let a threshold channel of this class claim: the complement is not negative, so the distance
/// is at most the width of the interval.
fn threshold_claims(plan: &Plan, class: usize) -> Interval {
    let tag = step_tag(&plan.forms, class);
    (over(plan, tag, |entry| entry[2]).0, over(plan, tag, |entry| entry[2] + entry[3]).1)
}

/// What an accumulator of this range is to be claimed as.
fn truths(model: &Model, plan: &Plan, node: usize, form: &Form, range: AccumulatorRange) -> Interval {
    match form {
        Form::Linear(form) => {
            let type_min = i128::from(model.tensor(model.nodes[node].output).elem.min()) << plan.shape.shift;
            let truth = |acc: i64| i128::from(acc) * i128::from(form.m) + form.c - type_min;
            (truth(range.lo), truth(range.hi))
        }
        Form::Threshold(class) => {
            let least = plan.forms.steps[*class].steps.range.lo;
            (i128::from(range.lo - least), i128::from(range.hi - least))
        }
        Form::Function(_) | Form::Maximum | Form::Product => {
            unreachable!("lanes hold fully connected layers")
        }
    }
}

/// Checks every channel of a plan; returns how many.
fn audit(model: &Model, plan: &Plan) -> usize {
    let mut channels = 0;
    for (index, node) in model.nodes.iter().enumerate() {
        let packing = plan.placement.nodes[index].0;
        assert!(
            packing.slots as u32 * packing.base_bits <= 252,
            "B^G is at most 2^252, below half the modulus"
        );
        let ranges = model.accumulator_ranges(node).unwrap();
        let linear = plan.shape.linear_lanes > 0;
        let linear = linear.then(|| linear_claims(plan, plan.forms.nodes[index].clamp));
        let steps: Vec<Interval> =
            (0..plan.forms.steps.len()).map(|class| threshold_claims(plan, class)).collect();
        for (form, range) in plan.forms.nodes[index].channels.iter().zip(ranges) {
            let claims = match form {
                Form::Linear(_) => linear.expect("a linear channel has a linear lane"),
                Form::Threshold(class) => steps[*class],
                Form::Function(_) | Form::Maximum | Form::Product => {
                    unreachable!("lanes hold fully connected layers")
                }
            };
            let truths = truths(model, plan, index, form, range);
            assert!(claims.0 <= truths.0 && truths.1 <= claims.1, "{}: a truth cannot be claimed", node.name);
            let worst = (claims.1 - truths.0).max(truths.1 - claims.0);
            assert!(worst < 1 << packing.base_bits, "{}: an error of {worst} reaches the base", node.name);
            channels += 1;
        }
    }
    channels
}

#[test]
fn no_packed_error_wraps_in_the_cases() {
    for case in Case::all() {
        assert_eq!(audit(&case.model, &case.plan), 17, "{}", case.name);
    }
}

#[test]
fn no_packed_error_wraps_in_the_fixtures() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let mut channels = 0;
    for folder in ["digits", "edge_cases"] {
        for entry in std::fs::read_dir(fixtures.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let is_model = path.extension().is_some_and(|extension| extension == "onnx");
            if is_model && let Ok(model) = import(&std::fs::read(&path).unwrap(), "fixture") {
                channels += audit(&model, &Plan::of(&model, Scheme::Kzg).unwrap());
            }
        }
    }
    assert!(channels > 500, "only {channels} channels");
}

/// The first layer of a network, its first output moved so that its accumulators end at an end of int32.
fn at_the_end_of_int32(multiplier: f32, high: bool, past: i64) -> Model {
    let mut model = network(5, &[4, 3, 2], |_| multiplier);
    let range = model.accumulator_ranges(&model.nodes[0]).unwrap()[0];
    let Op::FullyConnected(layer) = &mut model.nodes[0].op else { panic!("the node is a layer") };
    let shift =
        if high { i64::from(i32::MAX) - range.hi + past } else { i64::from(i32::MIN) - range.lo - past };
    layer.bias[0] = i32::try_from(i64::from(layer.bias[0]) + shift).unwrap();
    model
}

#[test]
fn the_ends_of_int32_are_provable_and_one_past_them_is_refused() {
    let multipliers = [f32::powi(2.0, -25), 4.7e-8, 0.031, 1e-38, 1e30];
    for (multiplier, high) in
        multipliers.into_iter().flat_map(|multiplier| [(multiplier, false), (multiplier, true)])
    {
        let model = at_the_end_of_int32(multiplier, high, 0);
        let compiled = compile(&model);
        audit(&model, compiled.plan());
        for input in [vec![-128; 4], vec![127; 4], vec![5, -9, 100, 0]] {
            accepts(&compiled, &input);
        }
        let past = Plan::of(&at_the_end_of_int32(multiplier, high, 1), Scheme::Kzg);
        let Err(PlanError::Bounds(BoundsError::AccumulatorOverflow { channel: 0, lo, hi, .. })) = past else {
            panic!("one past the end of int32 was not refused: {past:?}");
        };
        assert!(if high { hi == 1 << 31 } else { lo == -(1 << 31) - 1 }, "{lo}..={hi}");
    }
}

/// Weights of the worst sign over all of int32, as many as that takes.
#[test]
fn worst_case_weights_over_all_of_int32_do_not_wrap() {
    let inputs = 66_051;
    let mut model = network(6, &[inputs, 1], |_| f32::powi(2.0, -24) * 1.37);
    let Op::FullyConnected(layer) = &mut model.nodes[0].op else { panic!("the node is a layer") };
    for (index, weight) in layer.weights.iter_mut().enumerate() {
        *weight = if index % 2 == 0 { 255 } else { -255 };
    }
    (layer.bias, layer.input_zero_point) = (vec![0], 0);
    let range = model.accumulator_ranges(&model.nodes[0]).unwrap()[0];
    assert!(range.hi - range.lo > (1 << 32) - (1 << 16), "{range:?} is nearly all of int32");
    assert_eq!(audit(&model, &Plan::of(&model, Scheme::Kzg).unwrap()), 1);
}

fn compile(model: &Model) -> crate::CompiledCircuit {
    crate::compile(model.clone(), Scheme::Kzg).unwrap()
}

fn accepts(compiled: &crate::CompiledCircuit, input: &[i32]) {
    let expected = reference::run(compiled.model(), &[input.to_vec()]).unwrap();
    let assignment = compiled.assign(&[input.to_vec()]).unwrap();
    assert_eq!(expected.outputs(), assignment.outputs.iter().collect::<Vec<_>>());
    let case = Case {
        name: "int32",
        model: compiled.model().clone().into(),
        plan: compiled.plan().clone(),
        input: input.to_vec(),
    };
    let public = case.public(input, &assignment.outputs);
    MockProver::<Fr>::run(compiled.k(), &assignment.circuit, vec![public]).unwrap().verify().unwrap();
}

/// SOUNDNESS.md, section 6: the degrees of the identities over the modulus, which is above 2^253.
#[test]
fn the_error_of_the_identities_is_below_2_to_the_minus_230() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let models = ["digits/s8s8.qop.onnx", "digits/u8u8.qdq.onnx", "edge_cases/ties_deep.onnx"];
    let models = models.map(|model| import(&std::fs::read(fixtures.join(model)).unwrap(), model).unwrap());
    let cases = Case::all().into_iter().map(|case| case.plan);
    let plans = models.iter().map(|model| Plan::of(model, Scheme::Ipa).unwrap().into());
    for plan in plans.chain(cases) {
        let poles = plan.rows as u64 * u64::from(plan.shape.lookup_slots() + plan.shape.table_sets);
        let groups = plan.placement.nodes.iter().map(|(packing, blocks)| {
            blocks.iter().map(|block| packing.groups(block.channels.len())).sum::<usize>() as u64
        });
        let degrees = 6 * poles + groups.sum::<u64>();
        assert!(degrees < 1 << 23, "degrees sum to {degrees}");
        // The small ones are far below: section 6 says so.
        assert!(plan.rows >= 1 << 9 || degrees < 1 << 18, "degrees sum to {degrees}");
    }
}

#[test]
fn inconsistent_models_are_refused() {
    type Change = (&'static str, fn(&mut Model));
    fn layer(model: &mut Model) -> &mut FullyConnected {
        let Op::FullyConnected(layer) = &mut model.nodes[0].op else { panic!("the node is a layer") };
        layer
    }
    fn second_multiplier(model: &mut Model, multiplier: f32) {
        layer(model).requantize.channels = ChannelSteps::Multipliers(vec![0.01, multiplier, 0.01]);
    }
    let changes: [Change; 17] = [
        ("range below its type's", |model| model.tensors[0].range.1 = 126),
        ("another shape", |model| model.inputs[0].shape = vec![1, 5]),
        ("another shape", |model| model.outputs[0].shape = vec![usize::MAX, 2]),
        ("reads an undefined tensor", |model| model.nodes.swap(0, 1)),
        ("is defined already", |model| model.nodes[1].output = TensorId(0)),
        ("does not exist", |model| model.nodes[1].output = TensorId(9)),
        ("is an undefined tensor", |model| model.outputs[0].tensor = TensorId(9)),
        ("another range than its clamp", |model| model.tensors[1].range.0 -= 1),
        ("another range than its clamp", |model| layer(model).requantize.hi = 128),
        ("lists of the wrong length", |model| layer(model).bias.truncate(1)),
        ("lists of the wrong length", |model| layer(model).weights.push(0)),
        ("other sizes", |model| layer(model).outputs = 0),
        ("input zero point", |model| layer(model).input_zero_point = 128),
        ("input zero point", |model| layer(model).input_zero_point = 300),
        ("input zero point", |model| layer(model).input_zero_point = i32::MAX),
        ("not finite and positive", |model| second_multiplier(model, f32::NAN)),
        ("not finite and positive", |model| second_multiplier(model, 0.0)),
    ];
    let model = network(5, &[4, 3, 2], |_| 0.01);
    assert_eq!(model.check_consistency(), Ok(()));
    for (reason, change) in changes {
        let mut model = model.clone();
        change(&mut model);
        let error = Plan::of(&model, Scheme::Kzg).expect_err(reason);
        assert!(matches!(error, PlanError::Inconsistent(_)) && error.to_string().contains(reason), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// The interval analysis is tight: both ends of every range are accumulators of some input.
    #[test]
    fn every_end_of_every_range_is_attained(
        seed: u64, inputs in 1_usize..40, outputs in 1_usize..6, zero_point in -128_i32..=127,
    ) {
        let mut model = network(seed, &[inputs, outputs], |_| 0.01);
        let Op::FullyConnected(layer) = &mut model.nodes[0].op else { panic!("the node is a layer") };
        layer.input_zero_point = zero_point;
        let layer = layer.clone();
        for (output, range) in model.accumulator_ranges(&model.nodes[0]).unwrap().into_iter().enumerate() {
            let toward = |least: bool| {
                let ends = |weight: &i16| if (*weight > 0) == least { -128 } else { 127 };
                layer.row(output).iter().map(ends).collect::<Vec<i32>>()
            };
            let attained = |input| reference::run(&model, &[input]).unwrap().accumulators[0][output];
            prop_assert_eq!((attained(toward(true)), attained(toward(false))), (range.lo, range.hi));
        }
    }
}
