//! Single-cell changes, and the constraints that must notice them.

use std::collections::BTreeMap;

use crate::roles::Role;
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{columns::LookupColumns, index::FixedColumn};
use typed_index_collections::{TiVec, ti_vec};

use super::{
    checker::{COPY, Checker, Failure},
    grid::{Cell, Kind},
    pseudorandom,
};

/// The other values a cell is given: plus and minus one, doubled, and a pseudorandom one.
pub fn lies(cell: Cell, value: Fr) -> Vec<Fr> {
    let index = ((cell.column as u64) << 32) + cell.row as u64;
    let lies = [value + Fr::ONE, value - Fr::ONE, value.double(), pseudorandom("lie", index)];
    lies.into_iter().filter(|lie| *lie != value).collect()
}

/// Per role, the constraint that must fail, and the others that may fail with it.
pub fn expected(role: Role) -> (&'static str, &'static [&'static str]) {
    match role {
        Role::Activation => ("lookup helper", &["slice evaluation", "claim evaluation", COPY]),
        Role::Excess | Role::Remainder | Role::Distance | Role::Threshold => {
            ("lookup helper", &["claim evaluation"])
        }
        Role::Complement => ("lookup helper", &[]),
        Role::Product => ("product", &["slice evaluation"]),
        Role::Factor => ("lookup helper", &["product", "claim evaluation"]),
        Role::OperandDistance => ("lookup helper", &["claim evaluation"]),
        Role::Multiplicity => ("lookup sum", &[]),
        Role::Helper => ("lookup helper", &["lookup sum"]),
        Role::TableHelper => ("table helper", &["lookup sum"]),
        Role::LookupSum => ("lookup sum", &["lookup sum boundary"]),
        Role::WeightEvaluation => ("weight evaluation", &["product sum"]),
        Role::Operand => (COPY, &["product sum", "public input"]),
        Role::ProductSum => ("product sum", &["operator equation"]),
        Role::SliceEvaluation => ("slice evaluation", &[COPY]),
        Role::ClaimEvaluation => ("claim evaluation", &[COPY]),
        Role::Window => ("window", &["product sum"]),
        Role::Power => ("power", &[COPY]),
        Role::PowerCopy => (COPY, &["slice evaluation", "claim evaluation", "product sum"]),
    }
}

/// The same in circuits with positions, where an operand enters a window.
fn expected_with_positions(role: Role) -> (&'static str, &'static [&'static str]) {
    match role {
        Role::Operand => ("window", &[COPY, "public input"]),
        role => expected(role),
    }
}

/// What became of the mutants of a set of cells.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Mutants tried.
    pub mutants: usize,
    /// Cells with a mutant that nothing noticed.
    pub survivors: Vec<Cell>,
    /// Cells with a mutant that an unexpected set of constraints noticed.
    pub misattributed: Vec<(Cell, Vec<Failure>)>,
}

/// Mutates advice cells of an honest grid one at a time; the other cells keep their values, those that
/// honest synthesis would derive from the changed one included.
pub fn mutate_advice(checker: &mut Checker<'_>, roles: &[Role], cells: &[Cell]) -> Outcome {
    let mut outcome = Outcome::default();
    let expected = |role: Role| match role {
        Role::Multiplicity if roles.contains(&Role::TableHelper) => ("table helper", &[][..]),
        role if roles.contains(&Role::Power) => expected_with_positions(role),
        role => expected(role),
    };
    for &cell in cells {
        let (must, may) = expected(roles[cell.column]);
        let fits = |failures: &[Failure]| {
            let is = |failure: &Failure| failure.constraint == must;
            failures.iter().any(is)
                && failures.iter().all(|failure| is(failure) || may.contains(&failure.constraint.as_str()))
        };
        mutate(checker, cell, fits, &mut outcome);
    }
    outcome
}

/// Mutates the instance cells that a gate reads.
pub fn mutate_instances(checker: &mut Checker<'_>, cells: &[Cell]) -> Outcome {
    let mut outcome = Outcome::default();
    let fits = |failures: &[Failure]| failures.iter().all(|failure| failure.constraint == "public input");
    for &cell in cells {
        mutate(checker, cell, fits, &mut outcome);
    }
    outcome
}

/// Mutates a fixed cell; which constraints notice is left open.
pub fn survives(checker: &mut Checker<'_>, cell: Cell) -> bool {
    let mut outcome = Outcome::default();
    mutate(checker, cell, |_| true, &mut outcome);
    !outcome.survivors.is_empty()
}

fn mutate(checker: &mut Checker<'_>, cell: Cell, fits: impl Fn(&[Failure]) -> bool, outcome: &mut Outcome) {
    for lie in lies(cell, checker.grid().value(cell)) {
        outcome.mutants += 1;
        let failures = checker.check_with(cell, lie);
        if failures.is_empty() {
            outcome.survivors.push(cell);
        } else if !fits(&failures) {
            outcome.misattributed.push((cell, failures));
        }
    }
}

/// What a fixed column is for, which decides how its cells can be tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FixedUse {
    /// Turns constraints on: any nonzero value does the same, and 0 never hurts an honest witness. That the
    /// cell is needed shows when it is set to 0 and a lie passes.
    Selector,
    /// A lookup table entry: honest witnesses that look it up notice.
    Table(usize),
    /// Chooses or scales what a constraint equates: honest witnesses notice.
    Coefficient,
}

impl FixedUse {
    /// The use of every fixed column, `equations` and those of the lookup argument being selectors.
    pub(crate) fn of(columns: usize, lookup: &LookupColumns, equations: [FixedColumn; 2]) -> Vec<Self> {
        let mut uses: TiVec<FixedColumn, Self> = ti_vec![Self::Coefficient; columns];
        for selector in [lookup.rows, lookup.boundary].into_iter().chain(equations) {
            uses[selector] = Self::Selector;
        }
        for (set, table) in lookup.tables.iter().enumerate() {
            table.iter().for_each(|column| uses[*column] = Self::Table(set));
        }
        uses.into()
    }
}

/// Per fixed cell that several honest grids together could not defend, its use.
///
/// `checkers` hold honest grids of one circuit for different inputs.
pub fn undefended_fixed_cells(
    checkers: &mut [Checker<'_>],
    uses: &[FixedUse],
) -> (usize, BTreeMap<Cell, FixedUse>) {
    let Some(first) = checkers.first() else { return (0, BTreeMap::new()) };
    let cells = first.grid().assigned(Kind::Fixed);
    let tried = cells.iter().filter(|cell| uses[cell.column] != FixedUse::Selector).count();
    let undefended = cells
        .into_iter()
        .filter(|cell| uses[cell.column] != FixedUse::Selector)
        .filter(|cell| checkers.iter_mut().all(|checker| survives(checker, *cell)))
        .map(|cell| (cell, uses[cell.column]))
        .collect();
    (tried, undefended)
}
