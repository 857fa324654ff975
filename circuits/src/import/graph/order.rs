//! Topological order of the nodes that the outputs depend on.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{ValueIndex, Wiring};

/// Indices of the live nodes, each after those it reads and otherwise in file order, or the index of a node on a
/// cycle (of any nodes, live or not).
pub(super) fn live_topological(
    nodes: &[Wiring],
    outputs: &[ValueIndex],
    values: usize,
) -> Result<Vec<usize>, usize> {
    let producer = producers(nodes, values);
    let order = topological(nodes, &producer)?;
    let live = live(nodes, &producer, outputs);
    Ok(order.into_iter().filter(|&node| live.get(node) == Some(&true)).collect())
}

fn producers(nodes: &[Wiring], values: usize) -> Vec<Option<usize>> {
    let mut producer = vec![None; values];
    for (index, node) in nodes.iter().enumerate() {
        for value in node.outputs.iter().flatten() {
            if let Some(slot) = producer.get_mut(*value) {
                *slot = Some(index);
            }
        }
    }
    producer
}

/// The nodes that one node reads, with repetitions.
fn read_by<'a>(node: &'a Wiring, producer: &'a [Option<usize>]) -> impl Iterator<Item = usize> + 'a {
    node.inputs.iter().flatten().filter_map(|&value| producer.get(value).copied().flatten())
}

fn topological(nodes: &[Wiring], producer: &[Option<usize>]) -> Result<Vec<usize>, usize> {
    let mut waiting_for = vec![0_usize; nodes.len()];
    let mut readers = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for source in read_by(node, producer) {
            waiting_for[index] += 1;
            readers[source].push(index);
        }
    }
    let mut ready: BinaryHeap<_> =
        (0..nodes.len()).filter(|&index| waiting_for[index] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &reader in &readers[index] {
            waiting_for[reader] -= 1;
            if waiting_for[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    match waiting_for.iter().position(|&count| count > 0) {
        None => Ok(order),
        Some(stuck) => Err(on_cycle(stuck, nodes, producer, &waiting_for)),
    }
}

/// Every stuck node reads a stuck node, so walking back from one arrives at a cycle after at most all nodes.
fn on_cycle(stuck: usize, nodes: &[Wiring], producer: &[Option<usize>], waiting_for: &[usize]) -> usize {
    let mut index = stuck;
    for _ in 0..nodes.len() {
        index = read_by(&nodes[index], producer).find(|&source| waiting_for[source] > 0).unwrap_or(index);
    }
    index
}

fn live(nodes: &[Wiring], producer: &[Option<usize>], outputs: &[ValueIndex]) -> Vec<bool> {
    let mut live = vec![false; nodes.len()];
    let mut pending: Vec<usize> =
        outputs.iter().filter_map(|&value| producer.get(value).copied().flatten()).collect();
    while let Some(index) = pending.pop() {
        if !std::mem::replace(&mut live[index], true) {
            pending.extend(read_by(&nodes[index], producer));
        }
    }
    live
}
