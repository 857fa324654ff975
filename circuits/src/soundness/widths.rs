//! Widths: from the tables alone, which values claims can have, and that no error reaches the base of the packing.

mod layers;

use lemma_verifier::tags::{PAIR_BASE, range_tag};

use super::case::Case;
use crate::{
    expanded::{Expanded, Node, Op},
    forms::{
        Form,
        tables::{Entry, PAIR, clamp_tag, function_tag, second_tag, step_tag},
    },
    index::NodeId,
    layout::Layout,
};

/// Smallest and largest.
pub(super) type Interval = (i128, i128);

/// The values `value` of the table entries with a tag.
fn over(layout: &Layout, tag: i64, value: impl Fn(&Entry) -> i64) -> Interval {
    let entries = layout.tables.iter().flatten().filter(|entry| entry[0] == tag);
    let values = || entries.clone().map(|entry| i128::from(value(entry)));
    (values().min().expect("the tag has entries"), values().max().expect("the tag has entries"))
}

/// What the tables let the lanes of a form claim.
pub(super) fn claims(layout: &Layout, node: NodeId, form: &Form) -> Interval {
    let shape = &layout.shape;
    let quotient = |tag: i64| {
        let low = over(layout, tag, |entry| entry[1] - entry[2]);
        let high = shape.excess_bits.map_or((0, 0), |bits| {
            let (least, most) = over(layout, second_tag(tag), |entry| -entry[2]);
            (least << bits, most << bits)
        });
        ((low.0 + high.0) << shape.shift, (low.1 + high.1) << shape.shift)
    };
    match form {
        Form::Linear(_) => {
            let quotient = quotient(clamp_tag(layout.forms.nodes[node].clamp));
            let limbs = shape.remainder_widths();
            let limbs = limbs.iter().zip(0u32..).map(|(width, index)| {
                over(layout, range_tag(*width), |entry| entry[1]).1 << (index * shape.limb_bits)
            });
            (quotient.0, quotient.1 + limbs.sum::<i128>())
        }
        Form::Threshold(class) => {
            let tag = step_tag(&layout.forms, *class);
            (over(layout, tag, |entry| entry[2]).0, over(layout, tag, |entry| entry[2] + entry[3]).1)
        }
        Form::Function(function) => quotient(function_tag(&layout.forms, *function)),
        Form::Maximum => {
            let byte = over(layout, second_tag(PAIR), |entry| entry[1]);
            let [first, second] = [1, 2].map(|value| over(layout, PAIR, |entry| entry[value]));
            let base = i128::from(PAIR_BASE);
            let least = (base + 1) * byte.0 - base * first.1 - second.1;
            (least, (base + 1) * byte.1 - base * first.0 - second.0)
        }
        Form::Product => {
            let byte = over(layout, second_tag(PAIR), |entry| entry[1]);
            let pair = i128::from(PAIR_BASE) + 1;
            (pair * byte.0, pair * byte.1)
        }
    }
}

/// What the true values of a channel can be, from the model.
pub(super) fn truths(layout: &Layout, id: NodeId, node: &Node, channel: usize) -> Interval {
    let expanded: &Expanded = &layout.expanded;
    let forms = &layout.forms.nodes[id];
    let ranges = expanded.accumulator_ranges(node).expect("the model compiled");
    let range = |input: usize| expanded.tensor(node.inputs[input]).range;
    let accumulator = match &node.op {
        Op::Add(_) => {
            let corner = |pick: fn((i32, i32)) -> i32| -> i64 {
                (0..).zip(&forms.addends).map(|(input, addend)| i64::from(pick(range(input))) * addend).sum()
            };
            (corner(|range| range.0), corner(|range| range.1))
        }
        Op::Table(_) => (0, 255),
        Op::Maximum | Op::Product => (0, 255 * (PAIR_BASE + 1)),
        Op::Multiply(by) => {
            let ends =
                |input: usize, zero: i32| [range(input).0 - zero, range(input).1 - zero].map(i64::from);
            let (lhs, rhs) = (ends(1, by.lhs_zero_point), ends(2, by.rhs_zero_point));
            // The factors are read after the product of their bytes.
            let corners = || lhs.iter().flat_map(|one| rhs.iter().map(move |other| one * other));
            (corners().min().unwrap_or(0), corners().max().unwrap_or(0))
        }
        _ => (ranges[channel].lo, ranges[channel].hi),
    };
    (truth(layout, id, channel, accumulator.0), truth(layout, id, channel, accumulator.1))
}

/// What a channel has to claim of an accumulator.
pub(super) fn truth(layout: &Layout, node: NodeId, channel: usize, acc: i64) -> i128 {
    match layout.forms.nodes[node].form(channel) {
        Form::Linear(form) => {
            let output = layout.expanded.nodes[node].output;
            let type_min = i128::from(layout.expanded.tensor(output).elem.min()) << layout.shape.shift;
            i128::from(acc) * i128::from(form.m) + form.c - type_min
        }
        Form::Threshold(class) => i128::from(acc - layout.forms.steps[*class].steps.range.lo),
        Form::Function(_) => i128::from(acc) << layout.shape.shift,
        Form::Maximum | Form::Product => acc.into(),
    }
}

/// Checks every channel of a layout; returns how many.
pub(super) fn audit(layout: &Layout) -> usize {
    let mut channels = 0;
    for (id, node) in layout.expanded.nodes.iter_enumerated() {
        let Some(home) = &layout.network.homes.stored[node.output.0] else { continue };
        let packing = layout.packings[id];
        let bits = packing.slots as u32 * packing.base_bits;
        assert!(bits <= 252, "B^G is at most 2^252, below half the modulus");
        for plane in &home.planes {
            let form = layout.forms.nodes[id].form(plane.channel);
            let (claims, truths) = (claims(layout, id, form), truths(layout, id, node, plane.channel));
            assert!(claims.0 <= truths.0 && truths.1 <= claims.1, "{}: a truth cannot be claimed", node.name);
            let worst = (claims.1 - truths.0).max(truths.1 - claims.0);
            assert!(worst < 1 << packing.base_bits, "{}: an error of {worst} reaches the base", node.name);
            channels += 1;
        }
    }
    channels
}

#[test]
fn no_error_reaches_the_base() {
    for case in Case::all() {
        assert!(audit(&case.layout) > 0, "{}", case.name);
    }
}

/// The sum of the degrees of the identities, SOUNDNESS.md, section *Error*; the modulus is above 2^253.
pub(super) fn degrees(layout: &Layout) -> u64 {
    let poles = layout.rows as u64 * u64::from(layout.shape.lookup_slots() + layout.shape.table_sets);
    let groups = layout.placement.blocks.iter().filter_map(|block| {
        let node = block.content.node()?;
        Some(layout.placement.groups(block, layout.packings[node].slots))
    });
    let groups: usize = groups.sum();
    let equations = layout.region.zeros.len() as u64;
    6 * poles + equations * (2 * layout.rows as u64 + groups as u64)
}

#[test]
fn the_degrees_of_the_identities_of_the_cases_sum_to_less_than_2_to_the_23() {
    for case in Case::all() {
        let degrees = degrees(&case.layout);
        assert!(degrees < 1 << 23, "{}: degrees sum to {degrees}", case.name);
    }
}
