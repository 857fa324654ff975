//! Who shares a group, and that the argument for packing can go through the groups one after another.
//!
//! A group is one power of rho in one equation: the claims in it are told apart by the size of their errors alone
//! (`forms::packing`). That an operator's errors are small follows from its lookups and from the bytes it reads being
//! right, and these are right by the groups of the operators that define them. So every group must have its turn: all
//! its operators read only what earlier groups have settled. An operator in one group with another that it depends
//! on, directly or through operators of further groups, would make the argument go in a circle, and the circuit unsound
//! while every gate of it holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use lemma_verifier::index::{GroupId, each};
use typed_index_collections::{TiVec, ti_vec};

use crate::{
    expanded::Expanded,
    index::{EquationId, NodeId},
    ir::TensorId,
    steps,
};

/// Per equation and power of rho, the operators that have claims there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups(BTreeMap<(EquationId, GroupId), BTreeSet<NodeId>>);

impl Groups {
    /// Notes that an operator has claims in these groups of an equation.
    pub(crate) fn add(&mut self, equation: EquationId, groups: Range<GroupId>, node: NodeId) {
        for group in each(groups) {
            self.0.entry((equation, group)).or_default().insert(node);
        }
    }

    /// Goes through the groups as the induction of SOUNDNESS.md, lemma *The network*, does.
    ///
    /// # Panics
    /// If an operator shares a group with one it depends on, directly or through operators of other groups.
    pub(crate) fn assert_every_one_has_its_turn(&self, expanded: &Expanded) {
        let waiting = self.waiting(expanded);
        let name = |node: &NodeId| expanded.nodes[*node].name.as_str();
        let names: Option<Vec<&str>> = waiting.map(|group| group.iter().map(name).collect());
        assert!(names.is_none(), "nodes {names:?} share a packing group and wait for each other");
    }

    /// The operators of a group whose turn never comes, if there is such a group.
    pub(crate) fn waiting(&self, expanded: &Expanded) -> Option<&BTreeSet<NodeId>> {
        let groups: Vec<&BTreeSet<NodeId>> = self.0.values().collect();
        let mut turns = Turns::of(expanded, &groups);
        let mut right = expanded.inputs.clone();
        let all_nodes = expanded.nodes.iter_enumerated();
        all_nodes.filter(|(_, node)| node.inputs.is_empty()).for_each(|(id, _)| turns.ready(id, &mut right));
        while let Some(tensor) = right.pop() {
            turns.settle(tensor, &mut right);
        }
        groups.iter().copied().zip(&turns.unready).find(|(_, unready)| **unready > 0).map(|(group, _)| group)
    }
}

/// What is not right yet, counted, so that each operator and group is visited once.
struct Turns<'a> {
    expanded: &'a Expanded,
    groups: &'a [&'a BTreeSet<NodeId>],
    /// Per tensor the nodes that read it, once for each operand.
    readers: Vec<Vec<NodeId>>,
    /// Per node the groups it has claims in.
    of_node: TiVec<NodeId, Vec<usize>>,
    /// Per node its operands that are not right.
    unread: TiVec<NodeId, usize>,
    /// Per node its groups that have not had their turn.
    open: TiVec<NodeId, usize>,
    /// Per group its operators that read something that is not right.
    unready: Vec<usize>,
}

impl<'a> Turns<'a> {
    fn of(expanded: &'a Expanded, groups: &'a [&'a BTreeSet<NodeId>]) -> Self {
        let mut readers = vec![Vec::new(); expanded.tensors.len()];
        for (id, node) in expanded.nodes.iter_enumerated() {
            node.inputs.iter().for_each(|input| readers[input.0].push(id));
        }
        let mut of_node: TiVec<NodeId, _> = ti_vec![Vec::new(); expanded.nodes.len()];
        for (index, group) in groups.iter().enumerate() {
            group.iter().for_each(|node| of_node[*node].push(index));
        }
        Self {
            unread: expanded.nodes.iter().map(|node| node.inputs.len()).collect(),
            open: of_node.iter().map(Vec::len).collect(),
            unready: groups.iter().map(|group| group.len()).collect(),
            expanded,
            groups,
            readers,
            of_node,
        }
    }

    /// Notes that a tensor is right; `right` takes those that are so by that.
    fn settle(&mut self, tensor: TensorId, right: &mut Vec<TensorId>) {
        for node in std::mem::take(&mut self.readers[tensor.0]) {
            steps::count(1 + self.of_node[node].len());
            self.unread[node] -= 1;
            if self.unread[node] == 0 {
                self.ready(node, right);
            }
        }
    }

    /// Notes that all a node reads is right.
    fn ready(&mut self, node: NodeId, right: &mut Vec<TensorId>) {
        // A view has no claims, and neither has an operator all of whose channels are constant.
        if self.of_node[node].is_empty() {
            right.push(self.expanded.nodes[node].output);
        }
        for group in std::mem::take(&mut self.of_node[node]) {
            self.unready[group] -= 1;
            if self.unready[group] == 0 {
                self.turn(group, right);
            }
        }
    }

    /// All operators of a group read what is right: their claims in it are.
    fn turn(&mut self, group: usize, right: &mut Vec<TensorId>) {
        for node in self.groups[group] {
            self.open[*node] -= 1;
            if self.open[*node] == 0 {
                right.push(self.expanded.nodes[*node].output);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        equations::Groups,
        expanded::{Expanded, Node, Op},
        index::{EquationId, NodeId},
        ir::{Elem, Tensor, TensorId},
    };
    use lemma_verifier::index::GroupId;

    /// Maxima of earlier tensors, given by the tensors they read; tensor 0 is the input, node n defines tensor n + 1.
    fn network(reads: &[[usize; 2]]) -> Expanded {
        let tensor = Tensor { elem: Elem::I8, len: 1, range: (-128, 127) };
        let node = |(index, reads): (usize, &[usize; 2])| Node {
            name: format!("node {index}"),
            op: Op::Maximum,
            inputs: reads.map(TensorId).to_vec(),
            output: TensorId(index + 1),
        };
        Expanded {
            tensors: vec![tensor; reads.len() + 1],
            nodes: reads.iter().enumerate().map(node).collect(),
            inputs: vec![TensorId(0)],
            outputs: Vec::new(),
        }
    }

    /// The groups, by the operators that have claims in them, each in an equation of its own.
    fn groups(all: &[&[usize]]) -> Groups {
        let mut groups = Groups::default();
        for (equation, group) in all.iter().enumerate() {
            let (equation, first) = (EquationId::from(equation), GroupId::default());
            group.iter().for_each(|node| groups.add(equation, first..first + 1, NodeId::from(*node)));
        }
        groups
    }

    #[track_caller]
    fn assert_waiting(reads: &[[usize; 2]], all: &[&[usize]], expected: &[usize]) {
        let expected = expected.iter().copied().map(NodeId::from).collect();
        assert_eq!(groups(all).waiting(&network(reads)), Some(&expected));
    }

    #[test]
    fn operators_share_a_group_when_none_depends_on_another() {
        let expanded = network(&[[0, 0], [0, 0], [1, 2]]);
        groups(&[&[2], &[0, 1], &[0], &[2]]).assert_every_one_has_its_turn(&expanded);
        groups(&[&[1], &[2], &[0]]).assert_every_one_has_its_turn(&expanded);
    }

    #[test]
    #[should_panic(expected = "[\"node 0\", \"node 1\"]) share a packing group")]
    fn an_operator_in_a_group_with_the_one_it_reads_is_refused() {
        groups(&[&[0], &[0, 1]]).assert_every_one_has_its_turn(&network(&[[0, 0], [1, 1]]));
    }

    #[test]
    fn an_operator_in_a_group_with_one_it_reads_through_others_is_refused() {
        assert_waiting(&[[0, 0], [1, 1], [2, 0]], &[&[0, 2], &[1]], &[0, 2]);
    }

    /// Each group alone would do: 0 and 3 do not depend on each other, neither do 1 and 2. But the group of 0 and 3 waits
    /// for 2, which 3 reads, and the group of 1 and 2 for 0, which 1 reads.
    #[test]
    fn groups_that_wait_for_each_other_are_refused() {
        assert_waiting(&[[0, 0], [1, 0], [0, 0], [3, 0]], &[&[0, 3], &[1, 2]], &[0, 3]);
    }
}
