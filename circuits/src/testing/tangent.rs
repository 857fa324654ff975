//! In which directions can a satisfied grid move to first order?
//!
//! Under-constrained cells show up as directions. At an honest witness every constraint is linearized. The
//! hints, committed before the challenges, are unknowns common to all challenges; the derived cells are fresh
//! unknowns for each draw of challenges. Per draw the derived unknowns are eliminated, which leaves a few
//! dense equations between hints; these are stacked over independent draws until a draw adds nothing. What
//! the equations of all challenges together span is spanned then: if some challenges gave an equation outside
//! the span, a nonzero polynomial in the challenges of degree below 2^20 would vanish at the random draw,
//! which has probability below 2^-230. No more draws are needed than there are unknowns.
//!
//! Copies are built in: equal cells are one unknown. Input activations and the public inputs that pack them
//! are held; outputs are not.
//!
//! The lookup argument leaves first-order freedom by nature: two lookups of one entry may move apart, because
//! the sum of `1/(alpha + f)` sees their sum only. So the kernel is not empty. Three things are demanded:
//! - no derived cell is loose, that is, left open when all hints stand still;
//! - every unknown in the support of the kernel is a hint that a lookup checks; multiplicities are not in it;
//! - the equations span exactly what the plan predicts ([`super::ideal`]), no less and no more.
//!
//! A cell that alone looks up an entry cannot move at all, whatever else binds it. So the audit is repeated
//! without the lookup gates ([`relaxed`]): then operator equations, copies and public inputs must span what is
//! predicted of them.
//!
//! What no derivative sees: ranges that are too wide, and second solutions apart from the honest one.

use std::collections::{BTreeMap, BTreeSet};

use crate::roles::Role;
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::{
    elimination::{Echelon, Elimination, Numbering, derived_numbers, eliminate_free, linearize},
    grid::{Cell, Grid, Kind},
    system::{Constraint, System},
};

/// A linear form in cells.
pub type Form = Vec<(Cell, Fr)>;

/// What to audit.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The constraints.
    pub system: &'a System,
    /// Per advice column, its role.
    pub roles: &'a [Role],
    /// Hints of phases up to this one are common to all draws. Draws share the challenges of earlier phases;
    /// hints of later phases are fresh in each, and are audited at their own level.
    pub level: u8,
    /// Cells that stand still.
    pub held: &'a BTreeSet<Cell>,
    /// The equations the constraints should amount to.
    pub ideal: &'a [Form],
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Hints and outputs that may move, copies counted once.
    pub unknowns: usize,
    /// Draws of challenges used.
    pub draws: usize,
    /// Independent equations between the unknowns.
    pub rank: usize,
    /// Independent equations the plan predicts.
    pub ideal_rank: usize,
    /// Predicted equations that the constraints do not imply.
    pub missing: usize,
    /// Derived cells that the constraints leave open although all hints stand still.
    pub loose: BTreeSet<Cell>,
    /// Unknowns in the support of the kernel, per role; instances under no role.
    pub support: BTreeMap<Option<Role>, usize>,
    /// Cells in the support of the kernel that are no hint under a lookup.
    pub unchecked: BTreeSet<Cell>,
}

impl Audit {
    /// Dimension of the kernel.
    pub fn kernel(&self) -> usize {
        self.unknowns - self.rank
    }

    /// Whether the constraints imply what is predicted, and leave no derived cell open.
    pub fn is_complete(&self) -> bool {
        self.loose.is_empty() && self.missing == 0
    }

    /// Whether, further, only hints under lookups move.
    pub fn is_sound(&self) -> bool {
        self.is_complete() && self.unchecked.is_empty()
    }
}

/// Audits the grids that `draw` gives: one witness under independent challenges.
pub fn audit(question: &Question<'_>, mut draw: impl FnMut(u64) -> Grid) -> Audit {
    let Question { system, roles, level, held, ideal } = question;
    let mut grid = draw(0);
    let numbering = Numbering::of(&grid);
    let phases = &system.advice_phases;
    let is_common = |cell: Cell| match cell.kind {
        Kind::Advice => roles[cell.column].is_hint() && phases[cell.column] <= *level,
        _ => true,
    };
    let derived = derived_numbers(&grid, &numbering, |cell| !is_common(cell));
    let held: BTreeSet<usize> = held.iter().map(|cell| numbering.number(*cell)).collect();
    let columns = unknowns(system, &grid, &numbering, |number| !derived[number] && !held.contains(&number));
    let dense = |form: &BTreeMap<usize, Fr>| {
        let mut row = vec![Fr::ZERO; columns.len()];
        for (number, coefficient) in form {
            if let Some(column) = columns.get(number) {
                row[*column] += coefficient;
            }
        }
        row
    };
    let mut out = Audit { unknowns: columns.len(), ..Audit::default() };
    let mut span = Echelon::default();
    loop {
        let equations = linearize(system, &grid, &numbering);
        let order = Elimination::of(&equations, numbering.len(), |number| derived[number]);
        let (rows, loose) = eliminate_free(order.reduce(&equations, numbering.len()), &order.free);
        let is_hint = |cell: &Cell| cell.kind == Kind::Advice && roles[cell.column].is_hint();
        let loose = loose.iter().flat_map(|number| numbering.members(*number));
        out.loose.extend(loose.filter(|cell| !is_hint(cell)));
        out.draws += 1;
        let added = rows.iter().filter(|row| span.insert(dense(row))).count();
        if added == 0 || span.rank() == columns.len() {
            break;
        }
        grid = draw(out.draws as u64);
    }
    out.rank = span.rank();
    let mut predicted = Echelon::default();
    for form in ideal.iter() {
        let mut numbered: BTreeMap<usize, Fr> = BTreeMap::new();
        for (cell, coefficient) in form {
            *numbered.entry(numbering.number(*cell)).or_default() += coefficient;
        }
        let mut row = dense(&numbered);
        predicted.insert(row.clone());
        span.reduce(&mut row);
        out.missing += usize::from(row.iter().any(|cell| *cell != Fr::ZERO));
    }
    out.ideal_rank = predicted.rank();
    let support = span.kernel_support(columns.len());
    let checked = checked_columns(system);
    for (number, _) in columns.iter().filter(|(_, column)| support.contains(column)) {
        let members = numbering.members(*number);
        let is_checked = |cell: &Cell| cell.kind == Kind::Advice && checked.contains(&cell.column);
        let hint = members.iter().find(|cell| is_checked(cell) && is_common(**cell));
        if hint.is_none() && !only_packed(system, &grid, &members) {
            out.unchecked.extend(&members);
        }
        let role = members.iter().find(|cell| cell.kind == Kind::Advice).map(|cell| roles[cell.column]);
        *out.support.entry(role).or_default() += 1;
    }
    out
}

/// The unknowns with their column in the stacked equations: those that some active constraint reads, and every
/// assigned hint.
fn unknowns(
    system: &System,
    grid: &Grid,
    numbering: &Numbering,
    is_unknown: impl Fn(usize) -> bool,
) -> BTreeMap<usize, usize> {
    let mut numbers: BTreeSet<usize> =
        grid.assigned(Kind::Advice).into_iter().map(|cell| numbering.number(cell)).collect();
    for constraint in &system.constraints {
        for row in (0..grid.rows()).filter(|row| constraint.is_active(grid, *row)) {
            let cells = constraint.queries.iter().filter(|query| query.kind == Kind::Instance);
            numbers.extend(cells.map(|query| numbering.number(query.cell(row, grid.rows()))));
        }
    }
    numbers.into_iter().filter(|number| is_unknown(*number)).zip(0..).collect()
}

/// The system without its lookups.
#[must_use]
pub fn relaxed(system: &System) -> System {
    LOOKUP_GATES.iter().fold(system.clone(), |system, gate| system.without(gate))
}

/// The gates of the lookup argument.
pub const LOOKUP_GATES: [&str; 4] = ["lookup helper", "table helper", "lookup sum", "lookup sum boundary"];

/// The advice columns that a lookup reads, or the product of two that a lookup reads.
pub fn checked_columns(system: &System) -> BTreeSet<usize> {
    let is_check =
        |constraint: &&Constraint| [LOOKUP_GATES[0], "product"].contains(&constraint.name.as_str());
    let lookups = system.constraints.iter().filter(is_check);
    lookups
        .flat_map(|constraint| &constraint.queries)
        .filter(|query| query.kind == Kind::Advice)
        .map(|query| query.column)
        .collect()
}

/// Whether these cells are one public output: it moves with the bytes it packs.
fn only_packed(system: &System, grid: &Grid, members: &[Cell]) -> bool {
    let binds = |cell: &Cell| {
        system.constraints.iter().filter(|constraint| constraint.name == "public input").any(|constraint| {
            let reads = |query: &super::system::Query| {
                query.kind == Kind::Instance
                    && constraint.is_active(grid, query.gate_row(cell.row, grid.rows()))
            };
            constraint.queries.iter().any(reads)
        })
    };
    members.iter().all(|cell| cell.kind == Kind::Instance && binds(cell))
}
