//! The lookup tables, against their definition by brute force.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use lemma_verifier::{
    index::first,
    shape::Shape,
    tags::{SECOND_TAG_FACTOR, range_tag},
};

use super::subject::Subject;
use crate::{
    expanded::{Expanded, Node, Op},
    forms::{
        Form, Forms,
        tables::{Entry, PAIR},
    },
    index::NodeId,
    ir::Requantize,
    layout::Layout,
    requantize::{LinearForm, quantized_product, quantized_sum},
    witness::tag,
};

/// The tuples that may be looked up, by definition: every statement byte, every requantization of an accumulator in
/// range, every function, maximum and factor of bytes, every digit, and zeros.
///
/// Nothing here reads the planner's tables or its thresholds.
pub fn expected(subject: &Subject) -> BTreeSet<[i64; 4]> {
    definition(subject.compiled.layout())
}

/// The tuples in the fixed columns that some slot of some row can look up.
pub fn reachable(subject: &Subject) -> BTreeSet<[i64; 4]> {
    entries(subject.compiled.layout()).0
}

/// [`expected`] of a layout.
pub(crate) fn definition(layout: &Layout) -> BTreeSet<Entry> {
    let content = Content::of(layout);
    let shape = content.shape;
    let mut out = BTreeSet::from([[0; 4]]);
    out.extend((0..256).map(|byte| [1, byte, 0, 0]));
    if content.split().is_some() {
        out.extend((0..256).map(|byte| [SECOND_TAG_FACTOR, byte, 0, 0]));
    }
    for (tag, channels) in channels_by_tag(layout) {
        content.under(tag, &channels, &mut out);
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

/// The entries of the tables that some slot of some row can look up, and the others.
pub(crate) fn entries(layout: &Layout) -> (BTreeSet<Entry>, BTreeSet<Entry>) {
    let tags = tags(layout);
    layout.tables.iter().flatten().copied().partition(|entry| tags.contains(&entry[0]))
}

/// Per accumulator of a channel, its output minus the type minimum; of a product of bytes the product.
#[cfg(test)]
pub(crate) fn requantizations(layout: &Layout, node: NodeId, channel: usize) -> BTreeMap<i64, i64> {
    let content = Content::of(layout);
    let op = &content.expanded.nodes[node].op;
    let type_min = i64::from(content.expanded.tensor(content.expanded.nodes[node].output).elem.min());
    let pairs = |of: fn(i64, i64) -> i64| {
        let pairs = (0..256).flat_map(|a| (0..256).map(move |b| (a, b)));
        pairs.map(|(a, b)| (a * lemma_verifier::tags::PAIR_BASE + b, of(a, b))).collect()
    };
    match op {
        Op::Maximum => pairs(i64::max),
        Op::Product => pairs(|a, b| a * b),
        Op::Table(table) => (0..).zip(table.entries.iter().map(|y| i64::from(*y) - type_min)).collect(),
        _ => {
            let outputs = content.outputs(&[(node, channel)]);
            outputs.into_iter().map(|(acc, y)| (acc, i64::from(y) - type_min)).collect()
        }
    }
}

/// Every tag some slot asks for in some row.
pub(crate) fn tags(layout: &Layout) -> BTreeSet<i64> {
    let (slots, fixed) = (layout.slots(), layout.fixed());
    let of_slot = |slot: &lemma_verifier::chip::Slot| {
        let (column, factor) = (slot.tag, slot.factor);
        first(layout.rows()).map(move |row| tag(fixed, column, row) * factor)
    };
    slots.iter().flat_map(of_slot).collect()
}

/// Per tag, the nodes and channels whose rows have it.
fn channels_by_tag(layout: &Layout) -> BTreeMap<i64, BTreeSet<(NodeId, usize)>> {
    let mut out: BTreeMap<i64, BTreeSet<(NodeId, usize)>> = BTreeMap::new();
    for block in &layout.placement.blocks {
        let Some(node) = block.content.node() else { continue };
        let home = layout.network.homes.home(block.tensor);
        for (lane, columns) in layout.columns.banks[block.bank].lanes.iter_enumerated() {
            for row in block.rows() {
                let Some((plane, _)) = block.at(row, lane) else { continue };
                let tag = tag(layout.fixed(), columns.cells.tag(), row);
                out.entry(tag).or_default().insert((node, home.planes[plane].channel));
            }
        }
    }
    out
}

/// What the content of the tables follows from.
struct Content<'a> {
    expanded: &'a Expanded,
    forms: &'a Forms,
    shape: &'a Shape,
}

impl<'a> Content<'a> {
    fn of(layout: &'a Layout) -> Self {
        Self { expanded: &layout.expanded, forms: &layout.forms, shape: &layout.shape }
    }

    fn split(&self) -> Option<u32> {
        self.shape.excess_bits.filter(|_| self.shape.linear_lanes > 0)
    }

    /// The tuples of channels that share a tag.
    fn under(&self, tag: i64, channels: &BTreeSet<(NodeId, usize)>, out: &mut BTreeSet<Entry>) {
        let mut by_thresholds = Vec::new();
        for &(id, channel) in channels {
            let node = &self.expanded.nodes[id];
            match self.forms.nodes[id].form(channel) {
                Form::Linear(form) => self.saturations(tag, form, id, channel, out),
                Form::Threshold(_) => by_thresholds.push((id, channel)),
                Form::Function(_) => self.function(tag, node, out),
                Form::Maximum => {
                    let pairs = (0..256).flat_map(|a: i64| (0..256).map(move |b| (a, b)));
                    out.extend(pairs.map(|(a, b)| [tag, a.max(b) - a, a.max(b) - b, 0]));
                    out.extend((0..256).map(|byte| [PAIR * SECOND_TAG_FACTOR, byte, 0, 0]));
                }
                Form::Product => out.extend((0..256).map(|byte| [PAIR * SECOND_TAG_FACTOR, byte, 0, 0])),
            }
        }
        self.spans(tag, &by_thresholds, out);
    }

    /// `(y', y' - q')` of every accumulator of a channel, and all that lies between.
    fn saturations(
        &self,
        tag: i64,
        form: &LinearForm,
        node: NodeId,
        channel: usize,
        out: &mut BTreeSet<Entry>,
    ) {
        let mut excess = (0i64, 0i64);
        for (acc, y) in self.outputs(&[(node, channel)]) {
            let quotient = i64::try_from(form.quotient(acc)).expect("quotients are moderate");
            let over = i64::from(y) - quotient;
            excess = (excess.0.min(over), excess.1.max(over));
        }
        let node = &self.expanded.nodes[node];
        let type_min = self.expanded.tensor(node.output).elem.min();
        let (lo, hi) = clamp(&node.op);
        let [lo, hi] = [lo, hi].map(|y| i64::from(y - type_min));
        let at = |y: i64| (if y == hi { excess.0 } else { 0 })..=(if y == lo { excess.1 } else { 0 });
        for (y, excess) in (lo..=hi).flat_map(|y| at(y).map(move |excess| (y, excess))) {
            match self.shape.excess_bits {
                None => out.extend([[tag, y, excess, 0]]),
                Some(bits) => {
                    let (sign, magnitude) = (excess.signum(), excess.abs());
                    out.insert([tag, y, sign * (magnitude % (1 << bits)), 0]);
                    out.insert([tag * SECOND_TAG_FACTOR, y, sign * (magnitude >> bits), 0]);
                }
            }
        }
    }

    /// Per output of channels with one function, the accumulators that have it: from the first to the one before the
    /// next output's first.
    fn spans(&self, tag: i64, channels: &[(NodeId, usize)], out: &mut BTreeSet<Entry>) {
        let outputs = self.outputs(channels);
        let (Some((&lo, _)), Some((&hi, _))) = (outputs.first_key_value(), outputs.last_key_value()) else {
            return;
        };
        let type_min = self.expanded.tensor(self.expanded.nodes[channels[0].0].output).elem.min();
        let mut starts: BTreeMap<i32, i64> = BTreeMap::new();
        for (acc, y) in outputs {
            starts.entry(y).or_insert(acc);
        }
        let ends: Vec<i64> = starts.values().skip(1).map(|start| start - 1).chain([hi]).collect();
        for ((y, start), end) in starts.into_iter().zip(ends) {
            out.insert([tag, i64::from(y - type_min), start - lo, end - start]);
        }
    }

    /// `(phi(x), phi(x) - x)` of every byte.
    fn function(&self, tag: i64, node: &Node, out: &mut BTreeSet<Entry>) {
        let Op::Table(table) = &node.op else { panic!("{} is no function of a byte", node.name) };
        let type_min = self.expanded.tensor(node.output).elem.min();
        for (x, y) in (0..).zip(&table.entries) {
            let y = i64::from(y - type_min);
            out.insert([tag, y, y - x, 0]);
            if self.split().is_some() {
                out.insert([tag * SECOND_TAG_FACTOR, y, 0, 0]);
            }
        }
    }

    /// Every accumulator of the union of the channels' ranges with its output; of a sum those that its operands have.
    fn outputs(&self, channels: &[(NodeId, usize)]) -> BTreeMap<i64, i32> {
        let Some(&(id, channel)) = channels.first() else { return BTreeMap::new() };
        let node = &self.expanded.nodes[id];
        let union = || -> RangeInclusive<i64> {
            let ranges =
                channels.iter().map(|(node, channel)| self.range(&self.expanded.nodes[*node], *channel));
            let (lo, hi) = ranges.fold((i64::MAX, i64::MIN), |all, one| (all.0.min(one.0), all.1.max(one.1)));
            lo..=hi
        };
        let dense = |by: &Requantize| {
            for (other, of) in channels {
                let other = requantize_of(&self.expanded.nodes[*other].op).map(|by| by.functions()[*of]);
                assert_eq!(other, Some(by.functions()[channel]), "thresholds of one tag are of one function");
            }
            let function = by.functions()[channel];
            union().map(|acc| (acc, function.output(acc))).collect()
        };
        match &node.op {
            Op::FullyConnected(layer) => dense(&layer.requantize),
            Op::Convolution(layer) => dense(&layer.requantize),
            Op::MatMul(product) => dense(&product.requantize),
            Op::Multiply(by) => union().map(|acc| (acc, quantized_product(by, acc))).collect(),
            Op::Add(add) => {
                let [lhs, rhs] = self.forms.nodes[id].addends[..] else { panic!("a sum has two addends") };
                let mut out = BTreeMap::new();
                for (a, b) in self.pairs([node.inputs[0], node.inputs[1]]) {
                    let acc = i64::from(a) * lhs + i64::from(b) * rhs;
                    let y = quantized_sum(add, a, b);
                    assert_eq!(*out.entry(acc).or_insert(y), y, "one accumulator has two sums");
                }
                out
            }
            _ => panic!("{} is not requantized", node.name),
        }
    }

    /// Smallest and largest accumulator.
    fn range(&self, node: &Node, channel: usize) -> (i64, i64) {
        match &node.op {
            Op::Multiply(by) => {
                let factors = [node.inputs[node.inputs.len() - 2], node.inputs[node.inputs.len() - 1]];
                let products = self
                    .pairs(factors)
                    .map(|(a, b)| i64::from(a - by.lhs_zero_point) * i64::from(b - by.rhs_zero_point));
                products.fold((i64::MAX, i64::MIN), |all, one| (all.0.min(one), all.1.max(one)))
            }
            _ => {
                let range = self.expanded.accumulator_ranges(node).expect("the model compiled")[channel];
                (range.lo, range.hi)
            }
        }
    }

    /// Every pair of values of two tensors.
    fn pairs(&self, tensors: [crate::ir::TensorId; 2]) -> impl Iterator<Item = (i32, i32)> + use<> {
        let [first, second] = tensors.map(|tensor| self.expanded.tensor(tensor).range);
        (first.0..=first.1).flat_map(move |a| (second.0..=second.1).map(move |b| (a, b)))
    }
}

fn requantize_of(op: &Op) -> Option<&Requantize> {
    match op {
        Op::FullyConnected(layer) => Some(&layer.requantize),
        Op::Convolution(layer) => Some(&layer.requantize),
        Op::MatMul(product) => Some(&product.requantize),
        _ => None,
    }
}

/// Smallest and largest output.
fn clamp(op: &Op) -> (i32, i32) {
    match op {
        Op::Add(add) => (add.lo, add.hi),
        Op::Multiply(by) => (by.lo, by.hi),
        op => requantize_of(op).map(|by| (by.lo, by.hi)).expect("only these have a linear form"),
    }
}
