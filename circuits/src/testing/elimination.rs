//! Linear algebra over the cells of a grid: linearized constraints, elimination of derived cells, echelon
//! forms.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{BatchInvert, Field},
};

use super::{
    grid::{Cell, Grid, Kind},
    system::System,
};

/// Numbers the advice and instance cells of a grid; cells that copies make equal share a number.
#[derive(Clone, Debug)]
pub struct Numbering {
    rows: usize,
    advice_columns: usize,
    representative: Vec<usize>,
}

impl Numbering {
    /// The numbering of a grid with its copies.
    pub fn of(grid: &Grid) -> Self {
        let (rows, advice_columns) = (grid.rows(), grid.columns(Kind::Advice));
        let cells = (advice_columns + grid.columns(Kind::Instance)) * rows;
        let mut out = Self { rows, advice_columns, representative: (0..cells).collect() };
        for [from, to] in &grid.copies {
            let (from, to) = (out.number(*from), out.number(*to));
            let (low, high) = (from.min(to), from.max(to));
            out.representative.iter_mut().filter(|each| **each == high).for_each(|each| *each = low);
        }
        out
    }

    /// The number of a cell.
    ///
    /// # Panics
    /// If the cell is fixed: constants have none.
    pub fn number(&self, cell: Cell) -> usize {
        let column = match cell.kind {
            Kind::Advice => cell.column,
            Kind::Instance => self.advice_columns + cell.column,
            Kind::Fixed => panic!("{cell} is no unknown"),
        };
        self.representative[column * self.rows + cell.row]
    }

    /// How many numbers there are, used or not.
    pub fn len(&self) -> usize {
        self.representative.len()
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.representative.is_empty()
    }

    /// All cells with this number.
    pub fn members(&self, number: usize) -> Vec<Cell> {
        let same = self.representative.iter().enumerate().filter(|(_, each)| **each == number);
        same.map(|(index, _)| self.cell(index)).collect()
    }

    fn cell(&self, index: usize) -> Cell {
        let (column, row) = (index / self.rows, index % self.rows);
        match column.checked_sub(self.advice_columns) {
            None => Cell::advice(column, row),
            Some(column) => Cell { kind: Kind::Instance, column, row },
        }
    }
}

/// `sum terms = 0`, the linearization of one constraint in one row.
#[derive(Clone, Debug)]
pub struct Equation {
    /// Index of the constraint.
    pub constraint: usize,
    /// Row of the gate.
    pub row: usize,
    /// Unknowns with nonzero coefficients.
    pub terms: Vec<(usize, Fr)>,
}

/// Linearizes every constraint in every row where it is on.
pub fn linearize(system: &System, grid: &Grid, numbering: &Numbering) -> Vec<Equation> {
    let mut equations = Vec::new();
    for (index, constraint) in system.constraints.iter().enumerate() {
        for row in (0..grid.rows()).filter(|row| constraint.is_active(grid, *row)) {
            let mut terms: BTreeMap<usize, Fr> = BTreeMap::new();
            for (query, derivative) in constraint.queries.iter().zip(constraint.gradient(grid, row)) {
                if query.kind != Kind::Fixed && derivative != Fr::ZERO {
                    let number = numbering.number(query.cell(row, grid.rows()));
                    *terms.entry(number).or_default() += derivative;
                }
            }
            terms.retain(|_, coefficient| *coefficient != Fr::ZERO);
            equations.push(Equation { constraint: index, row, terms: terms.into_iter().collect() });
        }
    }
    equations
}

/// In which order the equations determine the derived unknowns.
#[derive(Clone, Debug, Default)]
pub struct Elimination {
    /// Unknown and the equation that determines it from those before it, from the others and from free ones.
    pub determined: Vec<(usize, usize)>,
    /// Unknowns that had to be taken as given to go on.
    pub free: Vec<usize>,
    /// Equations that determine nothing.
    pub rest: Vec<usize>,
}

impl Elimination {
    /// Takes equations with a single derived unknown left, one after another.
    pub fn of(equations: &[Equation], numbers: usize, is_derived: impl Fn(usize) -> bool) -> Self {
        let mut occurs: Vec<Vec<usize>> = vec![Vec::new(); numbers];
        let mut left: Vec<usize> = vec![0; equations.len()];
        for (index, equation) in equations.iter().enumerate() {
            for (unknown, _) in equation.terms.iter().filter(|(unknown, _)| is_derived(*unknown)) {
                occurs[*unknown].push(index);
                left[index] += 1;
            }
        }
        let mut open: Vec<bool> = occurs.iter().map(|equations| !equations.is_empty()).collect();
        let mut used = vec![false; equations.len()];
        let mut out = Self::default();
        let mut ready: Vec<usize> = (0..equations.len()).filter(|index| left[*index] == 1).collect();
        ready.reverse();
        let first_open = |index: usize, open: &[bool]| {
            equations[index].terms.iter().map(|(unknown, _)| *unknown).find(|unknown| open[*unknown])
        };
        loop {
            let unknown = if let Some(index) = ready.pop() {
                let Some(unknown) = first_open(index, &open) else { continue };
                used[index] = true;
                out.determined.push((unknown, index));
                unknown
            } else {
                let smallest =
                    (0..equations.len()).filter(|index| left[*index] > 0).min_by_key(|index| left[*index]);
                let Some(unknown) = smallest.and_then(|index| first_open(index, &open)) else { break };
                out.free.push(unknown);
                unknown
            };
            open[unknown] = false;
            for &index in &occurs[unknown] {
                left[index] -= 1;
                if left[index] == 1 {
                    ready.push(index);
                }
            }
        }
        out.rest = (0..equations.len()).filter(|index| !used[*index]).collect();
        out
    }

    /// The remaining equations with every determined unknown replaced.
    pub fn reduce(&self, equations: &[Equation], numbers: usize) -> Vec<BTreeMap<usize, Fr>> {
        let mut order: Vec<Option<usize>> = vec![None; numbers];
        for (position, (unknown, _)) in self.determined.iter().enumerate() {
            order[*unknown] = Some(position);
        }
        let coefficient = |(unknown, index): &(usize, usize)| {
            let term = equations[*index].terms.iter().find(|(each, _)| each == unknown);
            term.map_or(Fr::ONE, |(_, coefficient)| *coefficient)
        };
        let mut inverses: Vec<Fr> = self.determined.iter().map(coefficient).collect();
        inverses.iter_mut().batch_invert();
        let substitute = |index: &usize| {
            let mut out: BTreeMap<usize, Fr> = BTreeMap::new();
            let mut pending: BTreeMap<usize, Fr> = BTreeMap::new();
            let mut add = |terms: &[(usize, Fr)], factor: Fr, pending: &mut BTreeMap<usize, Fr>| {
                for (unknown, coefficient) in terms {
                    let into = match order[*unknown] {
                        Some(position) => pending.entry(position).or_default(),
                        None => out.entry(*unknown).or_default(),
                    };
                    *into += factor * coefficient;
                }
            };
            add(&equations[*index].terms, Fr::ONE, &mut pending);
            while let Some((position, coefficient)) = pending.pop_last() {
                if coefficient != Fr::ZERO {
                    let (unknown, by) = self.determined[position];
                    let factor = -coefficient * inverses[position];
                    let others: Vec<_> =
                        equations[by].terms.iter().filter(|(each, _)| *each != unknown).copied().collect();
                    add(&others, factor, &mut pending);
                }
            }
            out.retain(|_, coefficient| *coefficient != Fr::ZERO);
            out
        };
        self.rest.iter().map(substitute).collect()
    }
}

/// Eliminates `unknowns` from sparse rows; returns the rows without them, and the unknowns no row determines.
pub fn eliminate_free(
    mut rows: Vec<BTreeMap<usize, Fr>>,
    unknowns: &[usize],
) -> (Vec<BTreeMap<usize, Fr>>, BTreeSet<usize>) {
    let mut loose = BTreeSet::new();
    for unknown in unknowns {
        let Some(position) = rows.iter().position(|row| row.contains_key(unknown)) else {
            loose.insert(*unknown);
            continue;
        };
        let pivot = rows.swap_remove(position);
        let inverse = pivot[unknown].invert().unwrap_or(Fr::ZERO);
        for row in &mut rows {
            let Some(coefficient) = row.get(unknown).copied() else { continue };
            for (each, value) in &pivot {
                *row.entry(*each).or_default() -= coefficient * inverse * value;
            }
            row.retain(|_, value| *value != Fr::ZERO);
        }
    }
    (rows, loose)
}

/// Linearly independent rows over the field, in echelon form.
#[derive(Clone, Debug, Default)]
pub struct Echelon {
    /// Pivot column and row; the row is 1 there and 0 at the pivots before it.
    rows: Vec<(usize, Vec<Fr>)>,
}

impl Echelon {
    /// Number of independent rows.
    pub fn rank(&self) -> usize {
        self.rows.len()
    }

    /// Subtracts the rows from `row` until it is 0 at every pivot.
    pub fn reduce(&self, row: &mut [Fr]) {
        for (pivot, by) in &self.rows {
            let factor = row[*pivot];
            if factor != Fr::ZERO {
                for (cell, value) in row[*pivot..].iter_mut().zip(&by[*pivot..]) {
                    *cell -= factor * value;
                }
                // The pivot is the first nonzero entry, so nothing before it changes.
            }
        }
    }

    /// Adds a row; false if it depends on those present.
    pub fn insert(&mut self, mut row: Vec<Fr>) -> bool {
        self.reduce(&mut row);
        let Some(pivot) = row.iter().position(|cell| *cell != Fr::ZERO) else { return false };
        let inverse = row[pivot].invert().unwrap_or(Fr::ZERO);
        row.iter_mut().for_each(|cell| *cell *= inverse);
        self.rows.push((pivot, row));
        true
    }

    /// The columns that are nonzero in some vector orthogonal to all rows.
    pub fn kernel_support(&self, columns: usize) -> BTreeSet<usize> {
        let mut rows = self.rows.clone();
        rows.sort_unstable_by_key(|(pivot, _)| *pivot);
        for index in (0..rows.len()).rev() {
            let (above, below) = rows.split_at_mut(index);
            let (pivot, row) = &below[0];
            for (_, other) in above {
                let factor = other[*pivot];
                if factor != Fr::ZERO {
                    other[*pivot..].iter_mut().zip(&row[*pivot..]).for_each(|(a, b)| *a -= factor * b);
                }
            }
        }
        let pivots: BTreeSet<usize> = rows.iter().map(|(pivot, _)| *pivot).collect();
        let moved = rows.iter().filter(|(pivot, row)| {
            row.iter().enumerate().any(|(column, cell)| column != *pivot && *cell != Fr::ZERO)
        });
        (0..columns).filter(|column| !pivots.contains(column)).chain(moved.map(|(pivot, _)| *pivot)).collect()
    }
}

/// Computes the derived cells of a grid from its constraints alone, whatever they held.
///
/// Returns the unknowns that the constraints leave open, which keep their values.
pub fn derive(system: &System, grid: &mut Grid, is_derived: impl Fn(Cell) -> bool) -> Vec<Vec<Cell>> {
    let numbering = Numbering::of(grid);
    let derived: Vec<bool> = derived_numbers(grid, &numbering, is_derived);
    let equations = linearize(system, grid, &numbering);
    let order = Elimination::of(&equations, numbering.len(), |number| derived[number]);
    for (unknown, equation) in &order.determined {
        let Equation { constraint, row, .. } = &equations[*equation];
        let constraint = &system.constraints[*constraint];
        let members = numbering.members(*unknown);
        members.iter().for_each(|cell| {
            grid.set(*cell, Fr::ZERO);
        });
        let at_zero = constraint.evaluate(grid, *row);
        // Earlier unknowns moved since the linearization, so the slope is taken anew.
        let slope = constraint
            .queries
            .iter()
            .zip(constraint.gradient(grid, *row))
            .filter(|(query, _)| query.kind != Kind::Fixed)
            .filter(|(query, _)| members.contains(&query.cell(*row, grid.rows())))
            .map(|(_, derivative)| derivative)
            .sum::<Fr>();
        let value = -at_zero * slope.invert().unwrap_or(Fr::ZERO);
        members.iter().for_each(|cell| {
            grid.set(*cell, value);
        });
    }
    order.free.iter().map(|unknown| numbering.members(*unknown)).collect()
}

/// Per number, whether all its cells are derived: a derived cell copied from a hint is that hint.
pub(super) fn derived_numbers(
    grid: &Grid,
    numbering: &Numbering,
    is_derived: impl Fn(Cell) -> bool,
) -> Vec<bool> {
    let mut derived = vec![true; numbering.len()];
    for index in 0..numbering.len() {
        let cell = numbering.cell(index);
        let counts = grid.is_assigned(cell) || cell.row < grid.usable;
        if counts && !is_derived(cell) {
            derived[numbering.number(cell)] = false;
        }
    }
    derived
}
