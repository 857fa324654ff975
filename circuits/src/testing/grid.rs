//! Every cell of a circuit with its value.

use std::fmt;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::index::{AdviceColumn, RowId};

use super::pseudorandom;

/// The three kinds of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The same for every input.
    Fixed,
    /// Chosen by the prover.
    Advice,
    /// Given by the verifier.
    Instance,
}

/// Address of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// Kind of the column.
    pub kind: Kind,
    /// Index of the column among its kind.
    pub column: usize,
    /// Absolute row.
    pub row: usize,
}

impl Cell {
    /// An advice cell.
    pub fn advice(column: usize, row: usize) -> Self {
        Self { kind: Kind::Advice, column, row }
    }

    /// An advice cell of a layout.
    pub(crate) fn of(column: AdviceColumn, row: RowId) -> Self {
        Self::advice(column.into(), row.into())
    }

    /// A fixed cell.
    pub fn fixed(column: usize, row: usize) -> Self {
        Self { kind: Kind::Fixed, column, row }
    }

    /// A cell of the only instance column.
    pub fn instance(row: usize) -> Self {
        Self { kind: Kind::Instance, column: 0, row }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} column {} row {}", self.kind, self.column, self.row)
    }
}

/// The columns of one kind: values, and which cells were assigned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) values: Vec<Vec<Fr>>,
    pub(super) assigned: Vec<Vec<bool>>,
}

impl Table {
    fn new(columns: usize, rows: usize) -> Self {
        Self { values: vec![vec![Fr::ZERO; rows]; columns], assigned: vec![vec![false; rows]; columns] }
    }
}

/// All columns of a circuit, its copies and the challenges it was synthesized with.
///
/// Cells nobody assigned are 0; the advice cells of the rows that the library blinds hold pseudorandom
/// values, so a gate that reads them fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    pub(super) tables: [Table; 3],
    /// Pairs of cells that must be equal.
    pub copies: Vec<[Cell; 2]>,
    /// Challenges by index.
    pub challenges: Vec<Fr>,
    /// Rows below this can be assigned.
    pub usable: usize,
}

impl Grid {
    /// A grid without assigned cells: `columns` per kind in the order of [`Kind`].
    pub(super) fn empty(columns: [usize; 3], rows: usize, usable: usize, challenges: Vec<Fr>) -> Self {
        let mut grid = Self {
            tables: columns.map(|columns| Table::new(columns, rows)),
            copies: Vec::new(),
            challenges,
            usable,
        };
        for column in 0..columns[Kind::Advice as usize] {
            for row in usable..rows {
                *grid.cell_mut(Cell::advice(column, row)) =
                    pseudorandom("blinding", (column * rows + row) as u64);
            }
        }
        grid
    }

    /// Number of rows, a power of two.
    pub fn rows(&self) -> usize {
        self.table(Kind::Fixed).values.first().map_or(0, Vec::len)
    }

    /// Number of columns of a kind.
    pub fn columns(&self, kind: Kind) -> usize {
        self.table(kind).values.len()
    }

    /// The value of a cell.
    pub fn value(&self, cell: Cell) -> Fr {
        self.table(cell.kind).values[cell.column][cell.row]
    }

    /// Changes a cell and returns what it held.
    pub fn set(&mut self, cell: Cell, value: Fr) -> Fr {
        std::mem::replace(self.cell_mut(cell), value)
    }

    /// Whether synthesis, or the statement for instances, assigned the cell.
    pub fn is_assigned(&self, cell: Cell) -> bool {
        self.table(cell.kind).assigned[cell.column][cell.row]
    }

    /// Every assigned cell of a kind, column by column.
    pub fn assigned(&self, kind: Kind) -> Vec<Cell> {
        let columns = self.table(kind).assigned.iter().enumerate();
        let cells = columns.flat_map(|(column, rows)| {
            rows.iter().enumerate().filter(|(_, assigned)| **assigned).map(move |(row, _)| Cell {
                kind,
                column,
                row,
            })
        });
        cells.collect()
    }

    pub(super) fn assign(&mut self, cell: Cell, value: Fr) {
        self.tables[cell.kind as usize].assigned[cell.column][cell.row] = true;
        *self.cell_mut(cell) = value;
    }

    fn table(&self, kind: Kind) -> &Table {
        &self.tables[kind as usize]
    }

    fn cell_mut(&mut self, cell: Cell) -> &mut Fr {
        &mut self.tables[cell.kind as usize].values[cell.column][cell.row]
    }
}
