//! To first order, honest grids of tiny networks move only where hints under lookups may, and a circuit with
//! anything taken away moves where it should not.

use std::{collections::BTreeSet, time::Instant};

use halo2_proofs::halo2curves::bn256::Fr;
use lemma_circuits::{
    Role,
    testing::{
        broken,
        checker::Checker,
        elimination::derive,
        grid::{Cell, Grid, Kind},
        ideal,
        mutation::{FixedUse, mutate_advice, undefended_fixed_cells},
        networks::{self, Tiny},
        pseudorandom,
        system::System,
        tangent::{Audit, Question, audit, relaxed},
    },
};

/// Audits a system at the honest witness of the first sample, with the inputs and `still` held.
fn examine(tiny: &Tiny, system: &System, still: &BTreeSet<Cell>, draw: impl FnMut(u64) -> Grid) -> Audit {
    let honest = tiny.subject.grid(&tiny.samples()[0], 0);
    let ideal = ideal::forms(&tiny.subject, &honest);
    let held = &tiny.subject.inputs() | still;
    let question = Question { system, roles: &tiny.subject.roles, level: 0, held: &held, ideal: &ideal };
    audit(&question, draw)
}

/// The same without lookups.
fn examine_relaxed(tiny: &Tiny, system: &System, draw: impl FnMut(u64) -> Grid) -> Audit {
    let honest = tiny.subject.grid(&tiny.samples()[0], 0);
    let ideal = ideal::forms_without_lookups(&tiny.subject, &honest);
    let system = relaxed(system);
    let question = Question {
        system: &system,
        roles: &tiny.subject.roles,
        level: 0,
        held: &tiny.subject.inputs(),
        ideal: &ideal,
    };
    audit(&question, draw)
}

/// Whether one of the two audits notices what is missing. The one with lookups is restricted to the cells that hold
/// something, which is quicker.
fn is_noticed(tiny: &Tiny, system: &System, change: impl Fn(&mut Grid)) -> bool {
    let draw = |draw| {
        let mut grid = tiny.subject.grid(&tiny.samples()[0], draw);
        change(&mut grid);
        grid
    };
    !examine_relaxed(tiny, system, draw).is_complete()
        || !examine(tiny, system, &tiny.subject.idle_hints(), draw).is_sound()
}

/// The audit with the inputs and `still` held, and the one without lookups.
fn moves_as_predicted(tiny: &Tiny, still: &BTreeSet<Cell>) -> Audit {
    let start = Instant::now();
    let inputs = &tiny.samples()[0];
    let draw = |draw| tiny.subject.grid(inputs, draw);
    let audit = examine(tiny, &tiny.subject.system, still, draw);
    println!(
        "{}: {} unknowns, {} draws, rank {} (predicted {}), kernel {}, support {:?}, {:.1?}",
        tiny.name,
        audit.unknowns,
        audit.draws,
        audit.rank,
        audit.ideal_rank,
        audit.kernel(),
        audit.support,
        start.elapsed()
    );
    assert!(audit.is_sound(), "{}: {audit:?}", tiny.name);
    assert_eq!(audit.rank, audit.ideal_rank, "{}", tiny.name);
    let relaxed = examine_relaxed(tiny, &tiny.subject.system, draw);
    println!("{}: without lookups {} draws, rank {}", tiny.name, relaxed.draws, relaxed.rank);
    assert!(relaxed.is_complete(), "{}: {relaxed:?}", tiny.name);
    assert_eq!(relaxed.rank, relaxed.ideal_rank, "{}", tiny.name);
    audit
}

/// Every cell of a fully connected network moves as predicted, and no multiplicity does.
fn every_cell_moves_as_predicted(tiny: &Tiny) {
    let audit = moves_as_predicted(tiny, &BTreeSet::new());
    assert!(!audit.support.contains_key(&Some(Role::Multiplicity)), "{}", tiny.name);
}

#[test]
fn the_linear_form_moves_as_predicted() {
    [networks::linear(), networks::lanes(), networks::groups()]
        .iter()
        .for_each(every_cell_moves_as_predicted);
}

#[test]
fn the_split_form_moves_as_predicted() {
    every_cell_moves_as_predicted(&networks::split());
}

#[test]
fn the_threshold_form_moves_as_predicted() {
    [networks::threshold(), networks::mixed()].iter().for_each(every_cell_moves_as_predicted);
}

/// Rows that hold something, all lanes of them; then a few rows that hold nothing.
#[test]
fn circuits_with_banks_move_as_predicted() {
    for tiny in networks::convolutional() {
        moves_as_predicted(&tiny, &tiny.subject.idle_hints());
        let draw = |draw| tiny.subject.grid(&tiny.samples()[0], draw);
        let unused = examine(&tiny, &tiny.subject.system, &all_but_unused_rows(&tiny, 3), draw);
        println!("{}: in unused rows {} unknowns, rank {}", tiny.name, unused.unknowns, unused.rank);
        assert!(unused.is_sound(), "{}: {unused:?}", tiny.name);
        assert_eq!(unused.rank, unused.ideal_rank, "{}", tiny.name);
    }
}

/// Every hint but those of the last few rows, which no bank uses.
fn all_but_unused_rows(tiny: &Tiny, rows: usize) -> BTreeSet<Cell> {
    let honest = tiny.subject.grid(&tiny.samples()[0], 0);
    let first = tiny.subject.compiled.layout().rows() - rows;
    let idle = tiny.subject.idle_hints();
    let is_hint = |cell: &Cell| tiny.subject.roles[cell.column].is_hint();
    let hints: Vec<Cell> = honest.assigned(Kind::Advice).into_iter().filter(is_hint).collect();
    assert!(hints.iter().filter(|cell| cell.row >= first).all(|cell| idle.contains(cell)), "{}", tiny.name);
    let outputs = honest.assigned(Kind::Instance);
    hints.into_iter().filter(|cell| cell.row < first).chain(outputs).collect()
}

/// Fixed cells that no honest witness defends, because what they multiply is 0 in each, are missed by the audit.
#[test]
fn undefended_coefficients_are_missed_by_the_audit() {
    for tiny in networks::convolutional() {
        let grids: Vec<_> =
            tiny.samples().iter().zip(0..).map(|(inputs, draw)| tiny.subject.grid(inputs, draw)).collect();
        let mut checkers: Vec<_> =
            grids.iter().map(|grid| Checker::new(&tiny.subject.system, grid.clone())).collect();
        let (_, undefended) = undefended_fixed_cells(&mut checkers, &tiny.subject.fixed_uses());
        let coefficients: Vec<Cell> = undefended
            .into_iter()
            .filter_map(|(cell, of)| (of == FixedUse::Coefficient).then_some(cell))
            .collect();
        println!("{}: {} undefended coefficients", tiny.name, coefficients.len());
        // An audit takes a second; they are alike.
        let step = coefficients.len().div_ceil(10).max(1);
        for cell in coefficients.into_iter().step_by(step) {
            let off = |grid: &mut Grid| {
                grid.set(cell, Fr::zero());
            };
            let noticed = is_noticed(&tiny, &tiny.subject.system, off);
            let is_known =
                || carries_zero(&tiny, &grids, cell) || makes_idle_lanes_zero(&tiny, &grids[0], cell);
            assert!(noticed || is_known(), "{}: nobody misses {cell}", tiny.name);
        }
    }
}

/// Whether a fixed cell carries a weight evaluation that is 0 for every challenge on.
fn carries_zero(tiny: &Tiny, grids: &[Grid], cell: Cell) -> bool {
    let evaluations = tiny.subject.roles.iter().enumerate();
    let mut evaluations = evaluations.filter(|(_, role)| **role == Role::WeightEvaluation);
    let is_zero = |column: usize| {
        let before = Cell::advice(column, cell.row - 1);
        grids.iter().all(|grid| grid.value(before) == Fr::zero())
    };
    tiny.subject.reads("weight evaluation", cell.column) && evaluations.all(|(column, _)| is_zero(column))
}

/// Whether a fixed cell is part of the product that makes the idle lanes of inputs 0. The audit holds inputs, so the statement
/// alone keeps an idle byte where it is: only who moves the byte beside it too, as lies do, runs into this product.
/// `soundness/algebra.rs` reads it off.
fn makes_idle_lanes_zero(tiny: &Tiny, grid: &Grid, cell: Cell) -> bool {
    let idle = tiny.subject.idle_evaluations();
    grid.copies.iter().any(|[from, to]| {
        let is_operand = tiny.subject.roles[to.column] == Role::Operand;
        is_operand && idle.contains(from) && (to.row == cell.row || to.row == cell.row + 1)
    })
}

#[test]
fn derived_cells_follow_from_the_hints() {
    for tiny in networks::all() {
        let honest = tiny.subject.grid(&tiny.samples()[1], 3);
        let mut grid = honest.clone();
        let derived = |cell: &Cell| tiny.subject.is_derived(*cell);
        for (cell, index) in honest.assigned(Kind::Advice).into_iter().filter(derived).zip(0..) {
            grid.set(cell, pseudorandom("erased", index));
        }
        // A copy of an activation is that hint.
        for [from, to] in &honest.copies {
            if derived(to) && !derived(from) {
                grid.set(*to, honest.value(*from));
            }
        }
        let open = derive(&tiny.subject.system, &mut grid, |cell| tiny.subject.is_derived(cell));
        assert!(open.is_empty(), "{}: {open:?}", tiny.name);
        assert!(grid == honest, "{}: derived cells differ", tiny.name);
    }
}

#[test]
fn a_missing_gate_is_noticed() {
    let lanes = [networks::linear(), networks::threshold(), networks::mixed()];
    for tiny in lanes.into_iter().chain([networks::padded(), networks::strided(), networks::branches()]) {
        assert!(!is_noticed(&tiny, &tiny.subject.system, |_| ()), "{}", tiny.name);
        for name in tiny.subject.system.names() {
            let noticed = is_noticed(&tiny, &tiny.subject.system.without(name), |_| ());
            assert!(noticed, "{}: nobody misses '{name}'", tiny.name);
        }
    }
}

#[test]
fn a_missing_copy_is_noticed() {
    let lanes = [networks::linear(), networks::lanes(), networks::mixed()];
    for tiny in lanes.into_iter().chain([networks::residual(), networks::branches()]) {
        let copies = tiny.subject.grid(&tiny.samples()[0], 0).copies;
        for (copy, [from, _]) in copies.iter().enumerate() {
            let noticed = is_noticed(&tiny, &tiny.subject.system, |grid| {
                grid.copies.remove(copy);
            });
            // A power that multiplies a sum of idle cells is multiplied with 0 in every honest grid, so no derivative sees
            // it; then the copy itself is what a single changed cell runs into. Nor does one see those of idle evaluations: with
            // the inputs held the statement keeps idle bytes where they are. Lies move the byte beside them too, and
            // `soundness/algebra.rs` looks for every one of these copies.
            let is_idle = tiny.subject.idle_evaluations().contains(from);
            assert!(
                noticed || is_idle || a_power_is_open_without(&tiny, copy),
                "{}: nobody misses copy {copy}",
                tiny.name
            );
        }
        println!("{}: {} copies", tiny.name, copies.len());
    }
}

/// Whether the copy is of a power of s and mutants of the cell survive without it.
fn a_power_is_open_without(tiny: &Tiny, copy: usize) -> bool {
    let mut grid = tiny.subject.grid(&tiny.samples()[0], 0);
    let [_, cell] = grid.copies.remove(copy);
    let outcome = mutate_advice(&mut Checker::new(&tiny.subject.system, grid), &tiny.subject.roles, &[cell]);
    tiny.subject.roles[cell.column] == Role::PowerCopy && outcome.survivors.len() == outcome.mutants
}

#[test]
fn a_missing_lookup_is_noticed() {
    let lanes = [networks::linear(), networks::split(), networks::threshold(), networks::mixed()];
    for tiny in lanes.into_iter().chain([networks::residual(), networks::branches()]) {
        let inputs = &tiny.samples()[0];
        for blind in broken::BlindLookup::all(&tiny.subject) {
            let draw = |draw| blind.grid(inputs, draw);
            let failures = Checker::new(&blind.system, draw(0)).check();
            assert_eq!(failures, [], "{}: {:?}", tiny.name, blind.columns);
            let audit = examine(&tiny, &blind.system, &tiny.subject.idle_hints(), draw);
            assert!(!audit.is_sound(), "{}: nobody misses the lookup of {:?}", tiny.name, blind.columns);
        }
    }
}

#[test]
fn a_selector_that_is_off_is_noticed() {
    for tiny in [networks::linear(), networks::mixed(), networks::residual(), networks::branches()] {
        let uses = tiny.subject.fixed_uses();
        let honest = tiny.subject.grid(&tiny.samples()[0], 0);
        let rows = tiny.subject.compiled.layout().rows();
        let on = honest.assigned(Kind::Fixed).into_iter();
        let on = on.filter(|cell| uses[cell.column] == FixedUse::Selector);
        let (mut switched, mut missed) = (0, 0);
        for cell in on {
            let everywhere = (0..rows).all(|row| honest.is_assigned(Cell { row, ..cell }));
            if everywhere {
                assert!(a_lie_passes_without(&tiny, &honest, cell), "{}: nobody misses {cell}", tiny.name);
            } else {
                let off = |grid: &mut Grid| {
                    grid.set(cell, Fr::zero());
                };
                let noticed = is_noticed(&tiny, &tiny.subject.system, off);
                let separates = tiny.subject.reads("operator equation", cell.column) && cell.row > 0;
                // Two equations without a common power of s and rho may as well be one.
                assert!(noticed || separates, "{}: nobody misses {cell}", tiny.name);
                missed += usize::from(separates && noticed);
            }
            switched += 1;
        }
        println!("{}: {switched} selector cells", tiny.name);
        assert!(missed > 0 || tiny.subject.compiled.shape().banks.is_none(), "{}", tiny.name);
    }
}

/// Whether a mutant of a derived cell in the row survives when the fixed cell is 0.
fn a_lie_passes_without(tiny: &Tiny, honest: &Grid, fixed: Cell) -> bool {
    let mut grid = honest.clone();
    grid.set(fixed, Fr::zero());
    let in_row = |cell: &Cell| cell.row == fixed.row && tiny.subject.is_derived(*cell);
    let cells: Vec<Cell> = honest.assigned(Kind::Advice).into_iter().filter(in_row).collect();
    let mut checker = Checker::new(&tiny.subject.system, grid);
    !mutate_advice(&mut checker, &tiny.subject.roles, &cells).survivors.is_empty()
}
