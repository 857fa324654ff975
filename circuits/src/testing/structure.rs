//! What can be read off a constraint system and its fixed cells.

use std::collections::{BTreeMap, BTreeSet};

use crate::roles::Role;
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::chip::MAX_GATE_DEGREE;

use super::{
    grid::{Cell, Grid, Kind},
    pseudorandom,
    subject::Subject,
    system::Constraint,
};

/// Most rows of one column that constraints read from one row: more would need more blinding rows.
const MAX_ROTATIONS: usize = 2;

/// Everything that is wrong, one sentence each.
pub fn complaints(subject: &Subject, grid: &Grid) -> Vec<String> {
    let mut out = gates(subject, grid);
    out.extend(columns(subject, grid));
    out.extend(cells(subject, grid));
    out.extend(instances(subject, grid));
    out
}

/// Every gate has a selector, which is on somewhere, never in a row with blinding values, and without which the
/// gate is 0; and a bounded degree.
pub fn gates(subject: &Subject, grid: &Grid) -> Vec<String> {
    let mut out = Vec::new();
    for constraint in &subject.system.constraints {
        let name = &constraint.name;
        let degree = constraint.expression.degree();
        if degree > MAX_GATE_DEGREE {
            out.push(format!("constraint '{name}' has degree {degree}, at most {MAX_GATE_DEGREE}"));
        }
        let Some(selector) = constraint.selector() else {
            out.push(format!("constraint '{name}' is not a fixed column times something"));
            continue;
        };
        let off = |query: usize| match constraint.queries[query] {
            query if (query.kind, query.column, query.rotation) == (Kind::Fixed, selector, 0) => Fr::ZERO,
            _ => pseudorandom("cell", query as u64),
        };
        if constraint.evaluate_with(off, &grid.challenges) != Fr::ZERO {
            out.push(format!("constraint '{name}' is not 0 where fixed column {selector} is"));
        }
        if !(0..grid.rows()).any(|row| constraint.is_active(grid, row)) {
            out.push(format!("constraint '{name}' is on in no row"));
        }
        if (grid.usable..grid.rows()).any(|row| constraint.is_active(grid, row)) {
            out.push(format!("constraint '{name}' is on in a row with blinding values"));
        }
    }
    out
}

/// Every column is read, none from too many rows or twice from the same; equality is enabled where planned.
pub fn columns(subject: &Subject, grid: &Grid) -> Vec<String> {
    let mut out = Vec::new();
    let mut rotations: BTreeMap<(Kind, usize), BTreeSet<i32>> = BTreeMap::new();
    for query in subject.system.constraints.iter().flat_map(|constraint| &constraint.queries) {
        rotations.entry((query.kind, query.column)).or_default().insert(query.rotation);
    }
    for kind in [Kind::Fixed, Kind::Advice, Kind::Instance] {
        for column in 0..grid.columns(kind) {
            let read = rotations.get(&(kind, column)).map_or(0, BTreeSet::len);
            let is_missing = read == 0 && !subject.is_idle_switch(kind, column);
            if is_missing || read > MAX_ROTATIONS {
                out.push(format!("{kind:?} column {column} is read at {read} rotations"));
            }
        }
    }
    let library = subject.constraint_system();
    let lengths =
        [library.advice_queries().len(), library.fixed_queries().len(), library.instance_queries().len()];
    let distinct = [
        library.advice_queries().iter().map(|(column, at)| (column.index(), at.0)).collect::<BTreeSet<_>>(),
        library.fixed_queries().iter().map(|(column, at)| (column.index(), at.0)).collect(),
        library.instance_queries().iter().map(|(column, at)| (column.index(), at.0)).collect(),
    ];
    if lengths != distinct.map(|queries| queries.len()) {
        out.push("a column is queried twice at one rotation".to_owned());
    }
    let planned = |(column, role): (usize, &Role)| {
        let is_copied = match role {
            Role::Activation => subject.compiled.shape().banks.is_none(),
            Role::SliceEvaluation | Role::ClaimEvaluation => true,
            Role::Power | Role::PowerCopy | Role::Operand => true,
            _ => false,
        };
        is_copied.then_some((Kind::Advice, column))
    };
    let planned: BTreeSet<_> = subject.roles.iter().enumerate().filter_map(planned).collect();
    let permutation = &subject.system.permutation;
    if permutation.iter().copied().collect::<BTreeSet<_>>() != planned
        || permutation.len() != planned.len()
        || permutation.len() != subject.compiled.shape().num_permutation() as usize
    {
        out.push(format!("equality is enabled in {permutation:?}, planned in {planned:?}"));
    }
    out
}

/// Every assigned cell is read by a constraint or copied, and no constraint reads a cell nobody assigned.
///
/// A constraint reads a cell if its value, with the fixed cells of the row, depends on it: a cell multiplied
/// with a fixed 0 is not read. Powers of s where no block lies may be left out: they are multiplied with cells that
/// lookups force to 0.
pub fn cells(subject: &Subject, grid: &Grid) -> Vec<String> {
    let system = &subject.system;
    let mut read: BTreeSet<Cell> = BTreeSet::new();
    for constraint in &system.constraints {
        for row in (0..grid.rows()).filter(|row| constraint.is_active(grid, *row)) {
            read.extend(reads(constraint, grid, row));
        }
    }
    let copied: BTreeSet<Cell> = grid.copies.iter().flatten().copied().collect();
    let assigned: BTreeSet<Cell> =
        grid.assigned(Kind::Advice).into_iter().chain(grid.assigned(Kind::Fixed)).collect();
    let unread = assigned.iter().filter(|cell| !read.contains(cell) && !copied.contains(cell));
    let unread = unread.map(|cell| format!("{cell} is assigned and no constraint reads it"));
    let is_missing = |cell: &&Cell| {
        cell.kind != Kind::Fixed && !grid.is_assigned(**cell) && !subject.is_unused_power(**cell)
    };
    let unassigned = read.union(&copied).filter(is_missing);
    unread.chain(unassigned.map(|cell| format!("{cell} is constrained and not assigned"))).collect()
}

/// The cells that the value of a constraint in a row depends on, at a random point. Fixed cells count as read
/// if their query matters at that point.
fn reads(constraint: &Constraint, grid: &Grid, row: usize) -> Vec<Cell> {
    let rows = grid.rows();
    let point = |query: usize| match constraint.queries[query] {
        query if query.kind == Kind::Fixed => grid.value(query.cell(row, rows)),
        _ => pseudorandom("point", (row * 1000 + query) as u64),
    };
    let value = constraint.evaluate_with(point, &grid.challenges);
    let matters = |changed: usize| {
        let moved = |query: usize| point(query) + if query == changed { Fr::ONE } else { Fr::ZERO };
        constraint.evaluate_with(moved, &grid.challenges) != value
    };
    (0..constraint.queries.len())
        .filter(|query| matters(*query))
        .map(|query| constraint.queries[query].cell(row, rows))
        .collect()
}

/// Gates bind every public input after the header exactly once, and none of the header.
pub fn instances(subject: &Subject, grid: &Grid) -> Vec<String> {
    let mut bound: BTreeMap<Cell, usize> = BTreeMap::new();
    for constraint in &subject.system.constraints {
        for row in (0..grid.rows()).filter(|row| constraint.is_active(grid, *row)) {
            let cells = reads(constraint, grid, row);
            cells
                .into_iter()
                .filter(|cell| cell.kind == Kind::Instance)
                .for_each(|cell| *bound.entry(cell).or_default() += 1);
        }
    }
    let expected: BTreeMap<Cell, usize> =
        subject.bound_instances().into_iter().map(|cell| (cell, 1)).collect();
    if bound == expected {
        Vec::new()
    } else {
        vec![format!("public inputs are bound {bound:?} times, expected {expected:?}")]
    }
}
