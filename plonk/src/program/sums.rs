//! Columns that occur in one weighted sum only.
//!
//! A column that is read once, on one row, as a term of a sum with constant coefficients, need not be known on its
//! own: with other such terms of the same sum it is one column, whose coefficients are weighted before they are
//! extended to the cosets. A row then costs a multiplication a column once, not once per coset, and one transform
//! per coset serves all columns. Columns of packed weights are of this kind.

use std::collections::HashMap;

use ff::Field;
use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{Any, ConstraintSystem},
};

use super::{
    constraints::Constraints,
    graph::{Cell, Column, Graph, Node, NodeId},
};

/// A weighted sum of columns, all read with the same rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Combination {
    /// Fixed and advice columns with their weights, the first of which is 1.
    pub(crate) terms: Vec<(Column, Fr)>,
}

/// What the program reads in the place of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// This cell.
    Cell(Cell),
    /// Nothing: it is counted elsewhere.
    Zero,
}

/// All weighted sums of a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Combinations {
    /// Their places are those of [`Column::Combined`].
    pub(crate) list: Vec<Combination>,
    /// Of every column in one: which, and whether it is the first.
    members: HashMap<Column, (usize, bool)>,
}

impl Combinations {
    /// Whether a column is only read as part of a combination.
    pub(crate) fn contains(&self, column: Column) -> bool {
        self.members.contains_key(&column)
    }

    /// What stands for a cell. The first column of a combination, whose weight is 1, stands for all of them.
    pub(super) fn reading(&self, cell: Cell) -> Reading {
        match self.members.get(&cell.column) {
            None => Reading::Cell(cell),
            Some((index, true)) => {
                Reading::Cell(Cell { column: Column::Combined(*index), rotation: cell.rotation })
            }
            Some((_, false)) => Reading::Zero,
        }
    }

    /// Finds them: sums are followed from the constraints down, through nodes that nothing else uses.
    pub(super) fn find(system: &ConstraintSystem<Fr>, graph: &Graph, constraints: &Constraints) -> Self {
        let uses = Uses::count(system, graph, constraints);
        let mut roots: Vec<NodeId> = constraints.0.iter().map(|constraint| constraint.body).collect();
        for id in (0..graph.len()).map(NodeId).filter(|id| uses.reached[id.0]) {
            let node = graph.node(id);
            if !is_linear(graph, node) {
                roots.extend(node.operands());
            } else if uses.of_node[id.0] > 1 {
                roots.push(id);
            }
        }
        roots.sort_unstable();
        roots.dedup();
        let mut combinations = Self::default();
        for root in roots {
            let mut terms = Vec::new();
            collect(graph, &uses, root, Fr::ONE, true, &mut terms);
            combinations.add(terms);
        }
        combinations
    }

    /// Groups the terms of one sum by rotation.
    fn add(&mut self, terms: Vec<(Cell, Fr)>) {
        let mut rotations: Vec<i32> = terms.iter().map(|(cell, _)| cell.rotation).collect();
        rotations.sort_unstable();
        rotations.dedup();
        for rotation in rotations {
            let group: Vec<&(Cell, Fr)> =
                terms.iter().filter(|(cell, _)| cell.rotation == rotation).collect();
            let Some(inverse) = group.first().and_then(|(_, weight)| Option::<Fr>::from(weight.invert()))
            else {
                continue;
            };
            if group.len() < 2 {
                continue;
            }
            let index = self.list.len();
            for (place, (cell, _)) in group.iter().enumerate() {
                self.members.insert(cell.column, (index, place == 0));
            }
            let terms = group.iter().map(|(cell, weight)| (cell.column, *weight * inverse)).collect();
            self.list.push(Combination { terms });
        }
    }
}

/// Whether a node is a sum, or a multiple, of its operands.
fn is_linear(graph: &Graph, node: Node) -> bool {
    match node {
        Node::Sum(..) | Node::Difference(..) | Node::Negation(_) => true,
        Node::Product(a, b) => graph.value(a).is_some() || graph.value(b).is_some(),
        Node::Constant(_) | Node::Cell(_) => false,
    }
}

/// Collects cells that are used once, with the weights they have in the sum.
fn collect(graph: &Graph, uses: &Uses, id: NodeId, weight: Fr, root: bool, terms: &mut Vec<(Cell, Fr)>) {
    if !root && uses.of_node[id.0] > 1 {
        return;
    }
    match graph.node(id) {
        Node::Constant(_) => {}
        Node::Cell(cell) => {
            // A sum of one cell is no sum.
            if !root && uses.of_column.get(&cell.column) == Some(&1) {
                terms.push((cell, weight));
            }
        }
        Node::Sum(a, b) => {
            collect(graph, uses, a, weight, false, terms);
            collect(graph, uses, b, weight, false, terms);
        }
        Node::Difference(a, b) => {
            collect(graph, uses, a, weight, false, terms);
            collect(graph, uses, b, -weight, false, terms);
        }
        Node::Negation(a) => collect(graph, uses, a, -weight, false, terms),
        Node::Product(a, b) => match (graph.value(a), graph.value(b)) {
            (Some(factor), _) => collect(graph, uses, b, weight * factor, false, terms),
            (None, Some(factor)) => collect(graph, uses, a, weight * factor, false, terms),
            (None, None) => {}
        },
    }
}

/// How often nodes and columns are used.
struct Uses {
    reached: Vec<bool>,
    of_node: Vec<usize>,
    /// Of fixed and advice columns; those of the permutation count once more for it.
    of_column: HashMap<Column, usize>,
}

impl Uses {
    fn count(system: &ConstraintSystem<Fr>, graph: &Graph, constraints: &Constraints) -> Self {
        let mut uses = Self {
            reached: vec![false; graph.len()],
            of_node: vec![0; graph.len()],
            of_column: HashMap::new(),
        };
        for constraint in &constraints.0 {
            uses.node(graph, constraint.body);
            if let Some(switch) = constraint.switch {
                // A switch is a factor.
                *uses.of_column.entry(switch.column).or_default() += 2;
            }
        }
        for column in system.permutation().get_columns() {
            let column = match column.column_type() {
                Any::Advice(_) => Column::Advice(column.index()),
                Any::Fixed => Column::Fixed(column.index()),
                Any::Instance => continue,
            };
            *uses.of_column.entry(column).or_default() += 2;
        }
        uses
    }

    fn node(&mut self, graph: &Graph, id: NodeId) {
        self.of_node[id.0] += 1;
        if let Node::Cell(cell) = graph.node(id) {
            match cell.column {
                Column::Fixed(_) | Column::Advice(_) => *self.of_column.entry(cell.column).or_default() += 1,
                _ => {}
            }
        }
        if std::mem::replace(&mut self.reached[id.0], true) {
            return;
        }
        for operand in graph.node(id).operands() {
            self.node(graph, operand);
        }
    }
}
