//! The lookup tables, against their definition by brute force.

use std::collections::{BTreeMap, BTreeSet};

use super::subject::Subject;
use crate::{
    chip::Slot,
    circuit::lanes,
    ir::AccumulatorRange,
    plan::{Entry, Form, Plan, SECOND_TAG_FACTOR, range_tag},
    requantize::requantize,
};

/// The tuples that may be looked up, by definition: every statement byte, every requantization of an
/// accumulator in range, every digit, and zeros.
///
/// Nothing here reads the planner's tables or its thresholds.
pub fn expected(subject: &Subject) -> BTreeSet<[i64; 4]> {
    let plan = subject.compiled.plan();
    let shape = &plan.shape;
    let split = shape.excess_bits.filter(|_| shape.linear_lanes > 0);
    let mut out = BTreeSet::from([[0; 4]]);
    out.extend((0..256).map(|byte| [1, byte, 0, 0]));
    if split.is_some() {
        out.extend((0..256).map(|byte| [SECOND_TAG_FACTOR, byte, 0, 0]));
    }
    for (tag, classes) in channels_by_tag(subject) {
        for (node, channels) in classes {
            out.extend(requantizations(subject, tag, node, &channels));
        }
    }
    let mut widths = if shape.linear_lanes > 0 { shape.remainder_widths() } else { Vec::new() };
    if shape.threshold_lanes > 0 {
        widths.push(shape.limb_bits);
    }
    for width in widths {
        out.extend((0..1 << width).map(|value| [range_tag(width), value, 0, 0]));
    }
    out
}

/// The tuples in the fixed columns that some slot of some row can look up.
pub fn reachable(subject: &Subject) -> BTreeSet<[i64; 4]> {
    let plan = subject.compiled.plan();
    let tags = tags(plan);
    plan.tables.iter().flatten().filter(|entry| tags.contains(&entry[0])).copied().collect()
}

/// Every tag some slot asks for in some row.
fn tags(plan: &Plan) -> BTreeSet<i64> {
    let slots: Vec<Slot> =
        lanes(&plan.columns, &plan.shape).into_iter().flat_map(|lane| lane.slots).collect();
    let rows = 0..plan.rows;
    slots.iter().flat_map(|slot| rows.clone().map(|row| plan.tag(slot.tag, row) * slot.factor)).collect()
}

/// Per tag of the channels' rows, the nodes and channels with it.
fn channels_by_tag(subject: &Subject) -> BTreeMap<i64, BTreeMap<usize, Vec<usize>>> {
    let plan = subject.compiled.plan();
    let mut out: BTreeMap<i64, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
    for (node, (_, blocks)) in plan.placement.nodes.iter().enumerate() {
        for &channel in blocks.iter().flat_map(|block| &block.channels) {
            let output = subject.compiled.model().nodes[node].output;
            let spot = plan.placement.homes[output.0][channel];
            let tag = lanes(&plan.columns, &plan.shape)[spot.lane].slots[0].tag;
            let tag = plan.tag(tag, spot.row);
            out.entry(tag).or_default().entry(node).or_default().push(channel);
        }
    }
    out
}

/// The tuples of channels of one node that share a tag, over all accumulators of all of them.
fn requantizations(subject: &Subject, tag: i64, node: usize, channels: &[usize]) -> Vec<Entry> {
    let (plan, model) = (subject.compiled.plan(), subject.compiled.model());
    let node_forms = &plan.forms.nodes[node];
    let node = &model.nodes[node];
    let layer = node.dense();
    let ranges = model.accumulator_ranges(node).expect("the model compiled");
    let type_min = model.tensor(node.output).elem.min();
    let (lo, hi) = (layer.requantize.lo, layer.requantize.hi);
    let byte = |y: i32| i64::from(y - type_min);
    let mut out = Vec::new();
    let linear = |channel: &usize| matches!(node_forms.channels[*channel], Form::Linear(_));
    if channels.iter().all(linear) {
        let mut excess = (0i64, 0i64);
        for &channel in channels {
            let Form::Linear(form) = &node_forms.channels[channel] else { continue };
            for acc in [ranges[channel].lo, ranges[channel].hi] {
                let quotient = i64::try_from(form.quotient(acc)).expect("quotients are moderate");
                let over = quotient.clamp(lo.into(), hi.into()) - quotient;
                excess = (excess.0.min(over), excess.1.max(over));
            }
        }
        let at =
            |y: i64| (if y == byte(hi) { excess.0 } else { 0 })..=(if y == byte(lo) { excess.1 } else { 0 });
        for (y, excess) in (byte(lo)..=byte(hi)).flat_map(|y| at(y).map(move |excess| (y, excess))) {
            match plan.shape.excess_bits {
                None => out.push([tag, y, excess, 0]),
                Some(bits) => {
                    let (sign, magnitude) = (excess.signum(), excess.abs());
                    out.push([tag, y, sign * (magnitude % (1 << bits)), 0]);
                    out.push([tag * SECOND_TAG_FACTOR, y, sign * (magnitude >> bits), 0]);
                }
            }
        }
    } else {
        let all = |a: AccumulatorRange, b: &AccumulatorRange| AccumulatorRange {
            lo: a.lo.min(b.lo),
            hi: a.hi.max(b.hi),
        };
        let range = channels.iter().map(|channel| &ranges[*channel]).fold(ranges[channels[0]], all);
        let multiplier = layer.requantize.multipliers()[channels[0]];
        let mut spans: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
        for acc in range.lo..=range.hi {
            let y = requantize(acc, multiplier, layer.requantize.zero_point, lo, hi);
            let span = spans.entry(y).or_insert((acc, acc));
            span.1 = acc;
        }
        let span = |(y, (from, to)): (i32, (i64, i64))| [tag, byte(y), from - range.lo, to - from];
        out.extend(spans.into_iter().map(span));
    }
    out
}
