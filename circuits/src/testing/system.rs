//! A constraint system as polynomials that can be evaluated and differentiated.

use std::{cell::RefCell, collections::BTreeMap};

use halo2_proofs::{
    halo2curves::{
        bn256::Fr,
        ff::{Field, PrimeField},
    },
    plonk::{ConstraintSystem, Expression},
};

use super::{
    grid::{Cell, Grid, Kind},
    recorder::cell,
};

/// A cell relative to the row of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Query {
    /// Kind of the column.
    pub kind: Kind,
    /// Index of the column among its kind.
    pub column: usize,
    /// Rows below the gate's.
    pub rotation: i32,
}

impl Query {
    /// The cell a gate in `row` of `rows` reads; rows wrap around.
    pub fn cell(&self, row: usize, rows: usize) -> Cell {
        Cell { kind: self.kind, column: self.column, row: shift(row, self.rotation, rows) }
    }

    /// The row in which a gate reads row `row` of this query's column.
    pub fn gate_row(&self, row: usize, rows: usize) -> usize {
        shift(row, -self.rotation, rows)
    }
}

fn shift(row: usize, rotation: i32, rows: usize) -> usize {
    let distance = rotation.unsigned_abs() as usize % rows;
    if rotation < 0 { (row + rows - distance) % rows } else { (row + distance) % rows }
}

/// One operation; operands are indices of earlier operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Constant(Fr),
    Query(usize),
    Challenge(usize),
    Negated(usize),
    Sum(usize, usize),
    Product(usize, usize),
    Scaled(usize, Fr),
}

/// One gate polynomial: it must be 0 in every row.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// The name the chip gave it.
    pub name: String,
    /// The library's expression.
    pub expression: Expression<Fr>,
    /// The cells it reads, each once.
    pub queries: Vec<Query>,
    operations: Vec<Operation>,
}

/// All constraints of a circuit, and the phases of what they speak of.
#[derive(Clone, Debug)]
pub struct System {
    /// Gate polynomials.
    pub constraints: Vec<Constraint>,
    /// Phase of every advice column.
    pub advice_phases: Vec<u8>,
    /// Phase after which each challenge is drawn.
    pub challenge_phases: Vec<u8>,
    /// Columns in the permutation argument.
    pub permutation: Vec<(Kind, usize)>,
}

impl System {
    /// The constraints of a configured circuit.
    ///
    /// # Panics
    /// If the circuit uses lookups or selectors of the library: the circuits of this project do not.
    pub fn of(constraints: &ConstraintSystem<Fr>) -> Self {
        assert!(constraints.lookups().is_empty(), "lookups of the library are not modeled");
        assert_eq!(constraints.num_selectors(), 0, "selectors of the library are not modeled");
        let gates = constraints.gates().iter().flat_map(|gate| {
            gate.polynomials()
                .iter()
                .enumerate()
                .map(|(index, polynomial)| Constraint::new(gate.constraint_name(index), polynomial.clone()))
        });
        let permutation = constraints.permutation().get_columns();
        Self {
            constraints: gates.collect(),
            advice_phases: constraints.advice_column_phase(),
            challenge_phases: constraints.challenge_phase(),
            permutation: permutation
                .into_iter()
                .map(|column| cell(column, 0))
                .map(|cell| (cell.kind, cell.column))
                .collect(),
        }
    }

    /// The synthesis passes, in order.
    pub fn phases(&self) -> impl Iterator<Item = u8> + use<> {
        0..=self.advice_phases.iter().copied().max().unwrap_or(0)
    }

    /// The system without the constraints of this name.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut out = self.clone();
        out.constraints.retain(|constraint| constraint.name != name);
        out
    }

    /// The distinct names of the constraints, in order of first occurrence.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for constraint in &self.constraints {
            if !names.contains(&constraint.name.as_str()) {
                names.push(&constraint.name);
            }
        }
        names
    }
}

impl Constraint {
    /// Prepares a polynomial for evaluation.
    ///
    /// # Panics
    /// If it contains a virtual selector.
    pub fn new(name: &str, expression: Expression<Fr>) -> Self {
        let builder = RefCell::new(Builder::default());
        let push = |operation| builder.borrow_mut().push(operation);
        let query = |kind, column, rotation| {
            let query = builder.borrow_mut().query(Query { kind, column, rotation });
            push(Operation::Query(query))
        };
        let last = expression.evaluate(
            &|constant| push(Operation::Constant(constant)),
            &|_| panic!("constraint '{name}' contains a virtual selector"),
            &|fixed| query(Kind::Fixed, fixed.column_index(), fixed.rotation().0),
            &|advice| query(Kind::Advice, advice.column_index(), advice.rotation().0),
            &|instance| query(Kind::Instance, instance.column_index(), instance.rotation().0),
            &|challenge| push(Operation::Challenge(challenge.index())),
            &|a| push(Operation::Negated(a)),
            &|a, b| push(Operation::Sum(a, b)),
            &|a, b| push(Operation::Product(a, b)),
            &|a, scalar| push(Operation::Scaled(a, scalar)),
        );
        let mut builder = builder.into_inner();
        builder.operations.truncate(last + 1);
        Self { name: name.to_owned(), expression, queries: builder.queries, operations: builder.operations }
    }

    /// The fixed column every term is multiplied with, if the polynomial is written as such a product.
    pub fn selector(&self) -> Option<usize> {
        match &self.expression {
            Expression::Product(left, _) => match left.as_ref() {
                Expression::Fixed(query) if query.rotation().0 == 0 => Some(query.column_index()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the selector is on in a row.
    pub fn is_active(&self, grid: &Grid, row: usize) -> bool {
        self.selector().is_none_or(|column| grid.value(Cell::fixed(column, row)) != Fr::ZERO)
    }

    /// The value in a row, given each query's cell value.
    pub fn evaluate_with(&self, value: impl Fn(usize) -> Fr, challenges: &[Fr]) -> Fr {
        self.trace(value, challenges).pop().unwrap_or(Fr::ZERO)
    }

    /// The value in a row of the grid.
    pub fn evaluate(&self, grid: &Grid, row: usize) -> Fr {
        if !self.is_active(grid, row) {
            return Fr::ZERO;
        }
        let rows = grid.rows();
        self.evaluate_with(|query| grid.value(self.queries[query].cell(row, rows)), &grid.challenges)
    }

    /// The derivative in a row of the grid by every query.
    pub fn gradient(&self, grid: &Grid, row: usize) -> Vec<Fr> {
        let rows = grid.rows();
        let values = self.trace(|query| grid.value(self.queries[query].cell(row, rows)), &grid.challenges);
        let mut gradient = vec![Fr::ZERO; self.queries.len()];
        let mut sensitivity = vec![Fr::ZERO; values.len()];
        if let Some(last) = sensitivity.last_mut() {
            *last = Fr::ONE;
        }
        for (index, operation) in self.operations.iter().enumerate().rev() {
            let of = sensitivity[index];
            if of == Fr::ZERO {
                continue;
            }
            match *operation {
                Operation::Constant(_) | Operation::Challenge(_) => {}
                Operation::Query(query) => gradient[query] += of,
                Operation::Negated(a) => sensitivity[a] -= of,
                Operation::Sum(a, b) => {
                    sensitivity[a] += of;
                    sensitivity[b] += of;
                }
                Operation::Product(a, b) => {
                    sensitivity[a] += of * values[b];
                    sensitivity[b] += of * values[a];
                }
                Operation::Scaled(a, scalar) => sensitivity[a] += of * scalar,
            }
        }
        gradient
    }

    fn trace(&self, value: impl Fn(usize) -> Fr, challenges: &[Fr]) -> Vec<Fr> {
        let mut values: Vec<Fr> = Vec::with_capacity(self.operations.len());
        for operation in &self.operations {
            values.push(match *operation {
                Operation::Constant(constant) => constant,
                Operation::Query(query) => value(query),
                Operation::Challenge(index) => challenges[index],
                Operation::Negated(a) => -values[a],
                Operation::Sum(a, b) => values[a] + values[b],
                Operation::Product(a, b) => values[a] * values[b],
                Operation::Scaled(a, scalar) => values[a] * scalar,
            });
        }
        values
    }
}

/// Collects operations, each once.
#[derive(Default)]
struct Builder {
    queries: Vec<Query>,
    operations: Vec<Operation>,
    known: BTreeMap<(u8, usize, usize, [u8; 32]), usize>,
}

impl Builder {
    fn query(&mut self, query: Query) -> usize {
        self.queries.iter().position(|known| *known == query).unwrap_or_else(|| {
            self.queries.push(query);
            self.queries.len() - 1
        })
    }

    fn push(&mut self, operation: Operation) -> usize {
        let none = [0; 32];
        let key = match operation {
            Operation::Constant(constant) => (0, 0, 0, constant.to_repr()),
            Operation::Query(query) => (1, query, 0, none),
            Operation::Challenge(index) => (2, index, 0, none),
            Operation::Negated(a) => (3, a, 0, none),
            Operation::Sum(a, b) => (4, a, b, none),
            Operation::Product(a, b) => (5, a, b, none),
            Operation::Scaled(a, scalar) => (6, a, 0, scalar.to_repr()),
        };
        *self.known.entry(key).or_insert_with(|| {
            self.operations.push(operation);
            self.operations.len() - 1
        })
    }
}
