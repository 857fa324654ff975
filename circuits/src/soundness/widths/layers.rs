//! Widths at the ends of int32, and models that the interval analysis refuses.

use halo2_proofs::{dev::MockProver, halo2curves::bn256::Fr};
use lemma_verifier::scheme::Scheme;
use proptest::prelude::*;

use super::audit;
use crate::{
    error::PlanError,
    ir::{BoundsError, ChannelSteps, FullyConnected, Model, Op, TensorId},
    layout::{Budget, Layout},
    reference,
    soundness::case::{Case, layers::network},
};

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
        audit(compiled.layout());
        for input in [vec![-128; 4], vec![127; 4], vec![5, -9, 100, 0]] {
            accepts(&compiled, &input);
        }
        let past = Layout::of(&at_the_end_of_int32(multiplier, high, 1), Scheme::Kzg, &Budget::default());
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
    assert_eq!(audit(&Layout::of(&model, Scheme::Kzg, &Budget::default()).unwrap()), 1);
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
        compiled: compiled.clone(),
        layout: compiled.layout().clone(),
        input: input.to_vec(),
    };
    let public = case.public(input, &assignment.outputs);
    MockProver::<Fr>::run(compiled.k(), &assignment.circuit, vec![public]).unwrap().verify().unwrap();
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
        let error = Layout::of(&model, Scheme::Kzg, &Budget::default()).expect_err(reason);
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
