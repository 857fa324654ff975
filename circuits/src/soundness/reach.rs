//! How far lookups alone let accumulators go. Where that is further than the packing allows for, the packing lemma needs
//! what it assumes: that the bytes an operator reads are right.

use super::{
    case::Case,
    widths::{Interval, claims, truth, truths},
};
use crate::{
    expanded::{Expanded, Node, Op},
    forms::centers,
    index::NodeId,
    ir::AccumulatorRange,
    layout::Layout,
};

/// The network with the ranges that lookups alone leave to its tensors: every byte of a maximum, the function of every
/// byte, and any product of two bytes.
fn loosened(layout: &Layout) -> Expanded {
    let mut expanded = layout.expanded.clone();
    for node in &layout.expanded.nodes {
        let output = expanded.tensor(node.output);
        let (least, most) = (output.elem.min(), output.elem.max());
        let range = match &node.op {
            Op::Maximum => (least, most),
            Op::Table(table) => {
                let entries = || table.entries.iter().copied();
                entries().min().zip(entries().max()).expect("a table has entries")
            }
            Op::Product => (least, least + 255 * 255),
            Op::Rearrange(rearrange) => {
                let inputs: Vec<_> = node.inputs.iter().map(|input| expanded.tensor(*input)).collect();
                rearrange.range(&inputs).expect("a view shows something")
            }
            _ => output.range,
        };
        expanded.tensors[node.output.0].range = range;
    }
    expanded
}

/// The accumulators that these ranges allow, whether they fit int32 or not.
fn accumulators(
    layout: &Layout,
    expanded: &Expanded,
    id: NodeId,
    channel: usize,
) -> Option<AccumulatorRange> {
    let node = &expanded.nodes[id];
    let range = |input: usize| expanded.tensor(node.inputs[input]).range;
    match &node.op {
        Op::FullyConnected(layer) => Some(layer.accumulator_ranges(range(0))[channel]),
        Op::Convolution(layer) => Some(layer.accumulator_ranges(range(0))[channel]),
        Op::MatMul(layer) => Some(layer.accumulator_range(range(0), range(1))),
        Op::Add(_) => Some(weighted(&layout.forms.nodes[id].addends, 0, &[range(0), range(1)])),
        // Nothing in its lookups ties the product to the factors beside it.
        Op::Multiply(by) => {
            let bytes = |input: usize| {
                let least = expanded.tensor(node.inputs[input]).elem.min();
                (range(input).0 - least, range(input).1 - least)
            };
            let [lhs, rhs] = centers(expanded, node, by);
            Some(weighted(&[1, rhs, lhs], lhs * rhs, &[0, 1, 2].map(bytes)))
        }
        // Of one byte or two, whatever they are.
        Op::Table(_) | Op::Maximum | Op::Product | Op::Rearrange(_) => None,
    }
}

/// `constant + sum of weights times values` over values in ranges.
fn weighted(weights: &[i64], constant: i64, ranges: &[(i32, i32)]) -> AccumulatorRange {
    let ends = |(weight, range): (&i64, &(i32, i32))| [range.0, range.1].map(|end| weight * i64::from(end));
    let parts = || weights.iter().zip(ranges).map(ends);
    let lo = constant + parts().map(|[one, other]| one.min(other)).sum::<i64>();
    let hi = constant + parts().map(|[one, other]| one.max(other)).sum::<i64>();
    AccumulatorRange { lo, hi }
}

/// The largest difference between a claim that the tables allow and a truth that lookups alone leave, where such truths
/// reach beyond those of right bytes.
fn error(layout: &Layout, expanded: &Expanded, id: NodeId, node: &Node, channel: usize) -> Option<i128> {
    let loose = accumulators(layout, expanded, id, channel)?;
    let loose: Interval = (truth(layout, id, channel, loose.lo), truth(layout, id, channel, loose.hi));
    let right = truths(layout, id, node, channel);
    let claims = claims(layout, id, layout.forms.nodes[id].form(channel));
    let error = (claims.1 - loose.0).max(loose.1 - claims.0);
    (loose.0 < right.0 || loose.1 > right.1).then_some(error)
}

fn name(op: &Op) -> &'static str {
    match op {
        Op::Multiply(_) => "multiply",
        Op::MatMul(_) => "matrix product",
        Op::Convolution(_) => "convolution",
        _ => "another",
    }
}

/// Case, operator, and whether its errors could reach the base of the packing.
const BEYOND: [(&str, &str, bool); 4] = [
    ("bytes", "multiply", true),
    ("matrices", "matrix product", false),
    ("matrices", "matrix product", false),
    // It reads a copy: a function of any byte, where what is copied is in a smaller range.
    ("tied sum", "convolution", false),
];

/// Lemma *Packing* is about operators that read right bytes for the sake of these.
#[test]
fn lookups_alone_let_these_accumulators_leave_their_intervals() {
    let mut beyond = Vec::new();
    for case in Case::all() {
        let layout = &case.layout;
        let loose = loosened(layout);
        for (id, node) in layout.expanded.nodes.iter_enumerated() {
            let Some(home) = &layout.network.homes.stored[node.output.0] else { continue };
            let base = layout.packings[id].base_bits;
            let errors =
                home.planes.iter().filter_map(|plane| error(layout, &loose, id, node, plane.channel));
            if let Some(worst) = errors.max() {
                println!("{}, {id:?}: an error of {worst}, the base is 2^{base}", case.name);
                beyond.push((case.name, name(&node.op), worst >= 1 << base));
            }
        }
    }
    assert_eq!(beyond, BEYOND);
}
