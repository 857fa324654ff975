//! Circuits with banks: structure, order of commitments and every single-cell change, on tiny networks.

use std::collections::{BTreeMap, BTreeSet};

use lemma_circuits::{
    Role,
    testing::{
        checker::Checker,
        commitment::{Violation, violations},
        grid::{Cell, Grid, Kind},
        mutation::{FixedUse, mutate_advice, mutate_instances, undefended_fixed_cells},
        networks::{self, Tiny},
        structure,
    },
};

fn grids(tiny: &Tiny) -> Vec<Grid> {
    let samples = tiny.samples();
    samples.iter().zip(0..).map(|(inputs, draw)| tiny.subject.grid(inputs, draw)).collect()
}

#[test]
fn tiny_networks_are_satisfied_and_cover_every_role() {
    let mut covered: BTreeMap<Role, usize> = BTreeMap::new();
    for tiny in networks::convolutional() {
        let layout = tiny.subject.compiled.layout();
        println!("{}: {:?} rows {}", tiny.name, layout.shape(), layout.rows());
        for grid in grids(&tiny) {
            assert_eq!(Checker::new(&tiny.subject.system, grid).check(), [], "{}", tiny.name);
        }
        tiny.subject.roles.iter().for_each(|role| *covered.entry(*role).or_default() += 1);
    }
    assert!(!covered.contains_key(&Role::Evaluation), "{covered:?}");
    assert_eq!(covered.len(), 21, "{covered:?}");
}

#[test]
fn nothing_is_unused_unbound_or_read_unassigned() {
    for tiny in networks::convolutional() {
        let grid = tiny.subject.grid(&tiny.samples()[0], 0);
        let complaints = structure::complaints(&tiny.subject, &grid);
        assert!(complaints.is_empty(), "{}: {complaints:#?}", tiny.name);
    }
}

#[test]
fn every_identity_is_about_cells_committed_before_its_challenges() {
    for tiny in networks::convolutional() {
        let grid = tiny.subject.grid(&tiny.samples()[0], 0);
        let of = |phases: &[u8]| violations(&tiny.subject.system, &tiny.subject.roles, phases, &grid.copies);
        let phases = &tiny.subject.system.advice_phases;
        assert_eq!(of(phases), BTreeSet::new(), "{}", tiny.name);
        assert_eq!(tiny.subject.system.challenge_phases, [0; 4], "{}", tiny.name);
        for (column, role) in tiny.subject.roles.iter().enumerate().filter(|(_, role)| role.is_hint()) {
            let mut moved = phases.clone();
            moved[column] += 1;
            let noticed = of(&moved);
            let is_it =
                |violation: &Violation| matches!(violation, Violation::Late { hint, .. } if *hint == column);
            assert!(noticed.iter().any(is_it), "{}: late {role:?} column {column}", tiny.name);
            assert!(noticed.iter().all(is_it), "{}: {noticed:?}", tiny.name);
        }
    }
}

#[test]
fn no_mutant_of_an_advice_or_instance_cell_survives() {
    for tiny in networks::convolutional() {
        let grid = tiny.subject.grid(&tiny.samples()[0], 0);
        let cells = grid.assigned(Kind::Advice);
        let mut checker = Checker::new(&tiny.subject.system, grid);
        let outcome = mutate_advice(&mut checker, &tiny.subject.roles, &cells);
        println!("{}: {} cells, {} mutants", tiny.name, cells.len(), outcome.mutants);
        assert_eq!(outcome.survivors, [], "{}", tiny.name);
        assert_eq!(outcome.misattributed, [], "{}", tiny.name);
        let bound = tiny.subject.bound_instances();
        let outcome = mutate_instances(&mut checker, &bound);
        assert!(outcome.mutants >= 3 * bound.len());
        assert_eq!(outcome.survivors, [], "{}", tiny.name);
        assert_eq!(outcome.misattributed, [], "{}", tiny.name);
    }
}

#[test]
fn mutants_of_fixed_cells_survive_only_in_table_entries_nobody_looked_up() {
    for tiny in networks::convolutional() {
        let grids = grids(&tiny);
        let roles = tiny.subject.roles.iter().enumerate();
        let multiplicities: Vec<usize> =
            roles.filter(|(_, role)| **role == Role::Multiplicity).map(|(column, _)| column).collect();
        let used = |cell: Cell, set: usize| {
            let count = Cell::advice(multiplicities[set], cell.row);
            grids.iter().any(|grid| grid.value(count) != Default::default())
        };
        let mut checkers: Vec<_> =
            grids.iter().map(|grid| Checker::new(&tiny.subject.system, grid.clone())).collect();
        let (tried, undefended) = undefended_fixed_cells(&mut checkers, &tiny.subject.fixed_uses());
        println!("{}: {tried} fixed cells, {} undefended table cells", tiny.name, undefended.len());
        for (cell, of) in undefended {
            // The tangent audit misses every coefficient that these witnesses do not.
            let FixedUse::Table(set) = of else { continue };
            assert!(!used(cell, set), "{}: {cell} is looked up and not defended", tiny.name);
        }
    }
}
