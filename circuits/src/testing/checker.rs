//! Does a grid satisfy a constraint system?

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::{
    grid::{Cell, Grid, Kind},
    system::System,
};

/// The name under which unequal copies are reported.
pub const COPY: &str = "copy";

/// A constraint that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// Name of the constraint, [`COPY`] for a copy.
    pub constraint: String,
    /// Row of the gate, or of the first cell of the copy.
    pub row: usize,
}

/// A system and a grid, indexed by the cells that constraints read.
#[derive(Clone, Debug)]
pub struct Checker<'a> {
    system: &'a System,
    grid: Grid,
    /// Per column, the constraints that read it with the index of the query.
    readers: BTreeMap<(Kind, usize), Vec<(usize, usize)>>,
    /// Per cell, the copies it takes part in.
    copies: BTreeMap<Cell, Vec<usize>>,
}

impl<'a> Checker<'a> {
    /// Indexes a grid.
    pub fn new(system: &'a System, grid: Grid) -> Self {
        let mut readers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, constraint) in system.constraints.iter().enumerate() {
            for (position, query) in constraint.queries.iter().enumerate() {
                readers.entry((query.kind, query.column)).or_default().push((index, position));
            }
        }
        let mut copies: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, pair) in grid.copies.iter().enumerate() {
            pair.iter().for_each(|cell| copies.entry(*cell).or_default().push(index));
        }
        Self { system, grid, readers, copies }
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Every failure, in all rows, those with blinding values included.
    pub fn check(&self) -> Vec<Failure> {
        let gates = (0..self.grid.rows())
            .flat_map(|row| (0..self.system.constraints.len()).map(move |constraint| (constraint, row)));
        let gates = gates.filter_map(|(constraint, row)| self.gate(constraint, row));
        gates.chain((0..self.grid.copies.len()).filter_map(|copy| self.copy(copy))).collect()
    }

    /// The failures among the constraints and copies that read `cell` when it holds `value`.
    ///
    /// On a grid that satisfies everything these are all failures of the changed grid.
    pub fn check_with(&mut self, cell: Cell, value: Fr) -> Vec<Failure> {
        let before = self.grid.set(cell, value);
        let failures = self.check_around(cell);
        self.grid.set(cell, before);
        failures
    }

    /// The failures among the constraints and copies that read `cell`.
    pub fn check_around(&self, cell: Cell) -> Vec<Failure> {
        let rows = self.grid.rows();
        let readers = self.readers.get(&(cell.kind, cell.column));
        let mut gates: Vec<(usize, usize)> = readers
            .into_iter()
            .flatten()
            .map(|&(constraint, query)| {
                (constraint, self.system.constraints[constraint].queries[query].gate_row(cell.row, rows))
            })
            .collect();
        gates.sort_unstable();
        gates.dedup();
        let gates = gates.into_iter().filter_map(|(constraint, row)| self.gate(constraint, row));
        let copies = self.copies.get(&cell).into_iter().flatten();
        gates.chain(copies.filter_map(|copy| self.copy(*copy))).collect()
    }

    fn gate(&self, constraint: usize, row: usize) -> Option<Failure> {
        let constraint = &self.system.constraints[constraint];
        let holds = constraint.evaluate(&self.grid, row) == Fr::ZERO;
        (!holds).then(|| Failure { constraint: constraint.name.clone(), row })
    }

    fn copy(&self, copy: usize) -> Option<Failure> {
        let [from, to] = self.grid.copies[copy];
        let holds = self.grid.value(from) == self.grid.value(to);
        (!holds).then(|| Failure { constraint: COPY.to_owned(), row: from.row })
    }
}
