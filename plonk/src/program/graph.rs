//! Expressions as a graph in which equal expressions are one node.

use std::collections::HashMap;

use ff::Field;
use halo2_proofs::{halo2curves::bn256::Fr, plonk::Expression};

use super::sums::{Combinations, Reading};

/// A column that constraints read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Column {
    /// A fixed column of the circuit.
    Fixed(usize),
    /// An advice column of the circuit.
    Advice(usize),
    /// An instance column of the circuit.
    Instance(usize),
    /// A weighted sum of columns.
    Combined(usize),
    /// A permutation product.
    Product(usize),
    /// Where the permutation sends the cells of its column.
    Sigma(usize),
    /// 1 on the first row, else 0.
    First,
    /// 1 on the last usable row's successor, else 0.
    Last,
    /// 1 on the usable rows, else 0.
    Usable,
    /// The point itself: X.
    Point,
}

/// A column and how many rows below the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cell {
    /// The column.
    pub(crate) column: Column,
    /// Rows below.
    pub(crate) rotation: i32,
}

impl Cell {
    /// The cell on the current row.
    pub(crate) const fn here(column: Column) -> Self {
        Self { column, rotation: 0 }
    }
}

/// A node, by its place in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) usize);

/// An expression of others. No operation has two constants, and operands of sums and products are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Constant(Fr),
    Cell(Cell),
    Sum(NodeId, NodeId),
    Difference(NodeId, NodeId),
    Product(NodeId, NodeId),
    Negation(NodeId),
}

impl Node {
    /// The operands.
    pub(super) fn operands(self) -> impl Iterator<Item = NodeId> {
        let (a, b) = match self {
            Self::Constant(_) | Self::Cell(_) => (None, None),
            Self::Negation(a) => (Some(a), None),
            Self::Sum(a, b) | Self::Difference(a, b) | Self::Product(a, b) => (Some(a), Some(b)),
        };
        a.into_iter().chain(b)
    }
}

/// Nodes; operands come before what they are operands of.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    index: HashMap<Node, NodeId>,
}

impl Graph {
    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node at a place.
    pub(super) fn node(&self, id: NodeId) -> Node {
        self.nodes[id.0]
    }

    /// The value of a constant node.
    pub(super) fn value(&self, id: NodeId) -> Option<Fr> {
        match self.node(id) {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    fn insert(&mut self, node: Node) -> NodeId {
        let nodes = &mut self.nodes;
        *self.index.entry(node).or_insert_with(|| {
            nodes.push(node);
            NodeId(nodes.len() - 1)
        })
    }

    /// A constant.
    pub(super) fn constant(&mut self, value: Fr) -> NodeId {
        self.insert(Node::Constant(value))
    }

    /// A cell.
    pub(super) fn cell(&mut self, cell: Cell) -> NodeId {
        self.insert(Node::Cell(cell))
    }

    /// `a + b`.
    pub(super) fn sum(&mut self, a: NodeId, b: NodeId) -> NodeId {
        match (self.value(a), self.value(b)) {
            (Some(a), Some(b)) => return self.constant(a + b),
            (Some(zero), None) if zero == Fr::ZERO => return b,
            (None, Some(zero)) if zero == Fr::ZERO => return a,
            _ => {}
        }
        if let Node::Negation(b) = self.node(b) {
            return self.difference(a, b);
        }
        if let Node::Negation(a) = self.node(a) {
            return self.difference(b, a);
        }
        self.insert(Node::Sum(a.min(b), a.max(b)))
    }

    /// `a - b`.
    pub(super) fn difference(&mut self, a: NodeId, b: NodeId) -> NodeId {
        match (self.value(a), self.value(b)) {
            (Some(a), Some(b)) => self.constant(a - b),
            (None, Some(zero)) if zero == Fr::ZERO => a,
            (None, Some(value)) => {
                let negated = self.constant(-value);
                self.sum(a, negated)
            }
            (Some(zero), None) if zero == Fr::ZERO => self.negation(b),
            _ if a == b => self.constant(Fr::ZERO),
            _ => self.insert(Node::Difference(a, b)),
        }
    }

    /// `a b`.
    pub(super) fn product(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let (a, b) = if self.value(b).is_some() { (b, a) } else { (a, b) };
        match (self.value(a), self.value(b)) {
            (Some(a), Some(b)) => self.constant(a * b),
            (Some(zero), None) if zero == Fr::ZERO => a,
            (Some(one), None) if one == Fr::ONE => b,
            (Some(minus_one), None) if minus_one == -Fr::ONE => self.negation(b),
            _ => self.insert(Node::Product(a.min(b), a.max(b))),
        }
    }

    /// `-a`.
    pub(super) fn negation(&mut self, a: NodeId) -> NodeId {
        match self.node(a) {
            Node::Constant(value) => self.constant(-value),
            Node::Negation(a) => a,
            Node::Difference(a, b) => self.difference(b, a),
            _ => self.insert(Node::Negation(a)),
        }
    }

    /// An expression of the library, with the circuit's challenges in it and cells of combinations replaced.
    pub(super) fn expression(
        &mut self,
        expression: &Expression<Fr>,
        challenges: &[Fr],
        combinations: &Combinations,
    ) -> NodeId {
        let part = |graph: &mut Self, part: &Expression<Fr>| graph.expression(part, challenges, combinations);
        match expression {
            Expression::Constant(value) => self.constant(*value),
            Expression::Selector(_) => unreachable!("keys hold fixed columns in the place of selectors"),
            Expression::Fixed(query) => self.read(
                Cell { column: Column::Fixed(query.column_index()), rotation: query.rotation().0 },
                combinations,
            ),
            Expression::Advice(query) => self.read(
                Cell { column: Column::Advice(query.column_index()), rotation: query.rotation().0 },
                combinations,
            ),
            Expression::Instance(query) => self.read(
                Cell { column: Column::Instance(query.column_index()), rotation: query.rotation().0 },
                combinations,
            ),
            Expression::Challenge(challenge) => self.constant(challenges[challenge.index()]),
            Expression::Negated(a) => {
                let a = part(self, a);
                self.negation(a)
            }
            Expression::Sum(a, b) => {
                let (a, b) = (part(self, a), part(self, b));
                self.sum(a, b)
            }
            Expression::Product(a, b) => {
                let (a, b) = (part(self, a), part(self, b));
                self.product(a, b)
            }
            Expression::Scaled(a, factor) => {
                let a = part(self, a);
                let factor = self.constant(*factor);
                self.product(a, factor)
            }
        }
    }

    fn read(&mut self, cell: Cell, combinations: &Combinations) -> NodeId {
        match combinations.reading(cell) {
            Reading::Cell(cell) => self.cell(cell),
            Reading::Zero => self.constant(Fr::ZERO),
        }
    }
}
