//! The forms of a layer's channels, from tables alone, over random weights, multipliers and clamps: every accumulator has
//! exactly one combination of cells that the tables allow, and its output is the reference's.

use std::collections::{BTreeMap, BTreeSet};

use lemma_verifier::{
    shape::{MAX_SHIFT, Shape},
    tags::range_tag,
};
use proptest::prelude::*;

use crate::{
    expanded::Expanded,
    forms::{
        Form, Forms, Solutions,
        tables::{Entry, clamp_tag, entries, entry_count, second_tag, step_tag},
    },
    index::NodeId,
    ir::{ChannelSteps, Elem, FullyConnected, Input, Model, Node, Op, Output, Requantize, Tensor, TensorId},
    requantize::requantize,
};

/// A layer with one input byte per weight and one output.
fn one_output(weights: &[i16], bias: i32, multiplier: f32, zero_point: i32, (lo, hi): (i32, i32)) -> Model {
    let layer = FullyConnected {
        inputs: weights.len(),
        outputs: 1,
        weights: weights.to_vec(),
        bias: vec![bias],
        input_zero_point: 3,
        requantize: Requantize { channels: ChannelSteps::Multipliers(vec![multiplier]), zero_point, lo, hi },
    };
    let port = |name: &str, len| (name.to_owned(), vec![1, len]);
    let (x, y) = (port("x", weights.len()), port("y", 1));
    Model {
        tensors: vec![
            Tensor { elem: Elem::I8, len: weights.len(), range: (-128, 127) },
            Tensor { elem: Elem::I8, len: 1, range: (lo, hi) },
        ],
        nodes: vec![Node {
            name: "layer".to_owned(),
            op: Op::FullyConnected(layer),
            inputs: vec![TensorId(0)],
            output: TensorId(1),
        }],
        inputs: vec![Input { name: x.0, shape: x.1, tensor: TensorId(0), quantize: None }],
        outputs: vec![Output { name: y.0, shape: y.1, tensor: TensorId(1), tail: Vec::new() }],
    }
}

/// A shape with the smallest limbs that hold the forms.
fn shape(forms: &Forms, limb_bits: u32, excess_bits: Option<u32>) -> Shape {
    let linear = forms.has_linear();
    let width = forms.steps.iter().flat_map(|class| class.intervals()).map(|step| step.width).max();
    let bits = i64::BITS - width.unwrap_or(0).leading_zeros();
    Shape {
        linear_lanes: u32::from(linear),
        threshold_lanes: u32::from(!linear),
        shift: forms.shift,
        limb_bits,
        excess_bits: excess_bits.filter(|_| linear),
        threshold_limbs: if linear { 0 } else { bits.div_ceil(limb_bits).max(1) },
        ..Shape::default()
    }
}

/// The values under a tag.
fn under(table: &[Entry], tag: i64) -> Vec<[i64; 3]> {
    table.iter().filter(|entry| entry[0] == tag).map(|entry| [entry[1], entry[2], entry[3]]).collect()
}

/// How many vectors of limbs with these tables have which value.
fn limb_vectors(table: &[Entry], widths: &[u32], limb_bits: u32) -> BTreeMap<i64, u32> {
    widths.iter().zip(0u32..).fold(BTreeMap::from([(0, 1)]), |sums, (width, index)| {
        let mut out = BTreeMap::new();
        for (sum, count) in sums {
            for [limb, ..] in under(table, range_tag(*width)) {
                *out.entry(sum + (limb << (index * limb_bits))).or_default() += count;
            }
        }
        out
    })
}

/// Per claimed value, the outputs of the combinations of linear cells that make it.
fn linear_claims(table: &[Entry], shape: &Shape) -> BTreeMap<i64, Vec<i64>> {
    let limbs = limb_vectors(table, &shape.remainder_widths(), shape.limb_bits);
    let mut excess: Vec<(i64, i64)> = Vec::new();
    for [byte, low, _] in under(table, clamp_tag(0)) {
        match shape.excess_bits {
            None => excess.push((byte, low)),
            Some(bits) => {
                let high = under(table, second_tag(clamp_tag(0)));
                let of_byte = high.iter().filter(|entry| entry[0] == byte);
                excess.extend(of_byte.map(|[_, high, _]| (byte, low + (high << bits))));
            }
        }
    }
    let mut out: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (byte, excess) in excess {
        for (remainder, count) in &limbs {
            let claim = ((byte - excess) << shape.shift) + remainder;
            out.entry(claim).or_default().extend((0..*count).map(|_| byte));
        }
    }
    out
}

/// The same for threshold cells.
fn threshold_claims(table: &[Entry], forms: &Forms, shape: &Shape) -> BTreeMap<i64, Vec<i64>> {
    let widths = vec![shape.limb_bits; shape.threshold_limbs as usize];
    let limbs = limb_vectors(table, &widths, shape.limb_bits);
    let mut out: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for [byte, threshold, width] in under(table, step_tag(forms, 0)) {
        for (distance, count) in limbs.range(..=width) {
            let complements = limbs.get(&(width - distance)).copied().unwrap_or(0);
            out.entry(threshold + distance).or_default().extend((0..count * complements).map(|_| byte));
        }
    }
    out
}

/// Checks every accumulator of the only channel, and that no claim at all has two combinations.
fn check(model: &Model, limb_bits: u32, excess_bits: Option<u32>) -> Result<bool, TestCaseError> {
    let forms = {
        let expanded = Expanded::of(model);
        Solutions::of(&expanded).unwrap().forms(&expanded, MAX_SHIFT)
    };
    let shape = shape(&forms, limb_bits, excess_bits);
    let table = entries(&forms, &shape);
    prop_assert_eq!(table.len() as u64, entry_count(&forms, &shape));
    prop_assert_eq!(table.iter().collect::<BTreeSet<_>>().len(), table.len(), "an entry occurs twice");
    let Op::FullyConnected(layer) = &model.nodes[0].op else { panic!("the node is a layer") };
    let by = &layer.requantize;
    let type_min = i64::from(model.tensors[1].elem.min());
    let range = model.accumulator_ranges(&model.nodes[0]).unwrap()[0];
    let (claims, is_linear) = match &forms.nodes[NodeId::from(0)].channels[0] {
        Form::Linear(_) => (linear_claims(&table, &shape), true),
        Form::Threshold(_) => (threshold_claims(&table, &forms, &shape), false),
        Form::Function(_) | Form::Maximum | Form::Product => {
            unreachable!("layers have two forms")
        }
    };
    prop_assert!(claims.values().all(|outputs| outputs.len() == 1), "a claim has two encodings");
    for acc in range.lo..=range.hi {
        let claim = match &forms.nodes[NodeId::from(0)].channels[0] {
            Form::Linear(form) => {
                let scaled = i128::from(acc) * i128::from(form.m) + form.c;
                i64::try_from(scaled).unwrap() - (type_min << shape.shift)
            }
            Form::Threshold(_) => acc - range.lo,
            Form::Function(_) | Form::Maximum | Form::Product => {
                unreachable!("layers have two forms")
            }
        };
        let expected = requantize(acc, by.multipliers()[0], by.zero_point, by.lo, by.hi);
        prop_assert_eq!(
            claims.get(&claim),
            Some(&vec![i64::from(expected) - type_min]),
            "accumulator {}",
            acc
        );
    }
    Ok(is_linear)
}

#[test]
fn both_forms_split_or_not_have_one_encoding_per_accumulator() {
    let mut linear = 0;
    for (multiplier, clamp) in
        [(0.37, (-20, 11)), (0.37, (-128, 127)), (1.7, (0, 6)), (0.25, (-20, 11)), (0.5, (5, 6))]
    {
        for limb_bits in [1, 2, 3] {
            for excess_bits in [None, Some(1), Some(2), Some(4)] {
                let model = one_output(&[2, -1], 7, multiplier, -5, clamp);
                linear += usize::from(check(&model, limb_bits, excess_bits).unwrap());
            }
        }
    }
    assert_eq!(linear, 3 * 3 * 4, "three multipliers have linear forms, two have ties");
}

#[test]
fn one_possible_output_has_one_encoding() {
    for clamp in [(-5, -5), (-128, -128), (127, 127)] {
        check(&one_output(&[2, -1], 7, 0.37, -5, clamp), 3, None).unwrap();
    }
    // Constant over the reachable accumulators, not by the clamp.
    check(&one_output(&[1, -1], 7, 1e-6, -5, (-128, 127)), 3, None).unwrap();
}

#[test]
fn extreme_multipliers_have_exact_forms() {
    for multiplier in [f32::from_bits(1), 1e-38, 1e-20, 1.0, 3.0, 255.0, 1e6, 1e20, 1e30, f32::MAX] {
        check(&one_output(&[1], 0, multiplier, 4, (-128, 127)), 4, None).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn small_random_channels_have_one_encoding_per_accumulator(
        weights in prop::collection::vec(-3_i16..=3, 1..=2), bias in -50_i32..50, exponent in -5.0_f32..1.5,
        zero_point in -128_i32..=127, lo in -128_i32..=127, width in 0_i32..60, limb_bits in 1_u32..=5,
        excess_bits in prop::option::of(1_u32..=6),
    ) {
        let clamp = (lo, (lo + width).min(127));
        check(&one_output(&weights, bias, exponent.exp2(), zero_point, clamp), limb_bits, excess_bits)?;
    }
}
