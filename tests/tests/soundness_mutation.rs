//! Every single-cell change of an honest circuit is noticed, by a constraint that names the cell's role.

use std::collections::BTreeSet;

use lemma_circuits::{
    Role,
    testing::{
        checker::Checker,
        grid::{Cell, Grid, Kind},
        mutation::{FixedUse, mutate_advice, mutate_instances, undefended_fixed_cells},
        networks::{self, Tiny},
    },
};

fn grids(tiny: &Tiny) -> Vec<Grid> {
    let samples = tiny.samples();
    samples.iter().zip(0..).map(|(inputs, draw)| tiny.subject.grid(inputs, draw)).collect()
}

/// The roles of the networks' columns, whose honest grids satisfy every constraint.
fn roles_of(networks: &[Tiny]) -> BTreeSet<Role> {
    for tiny in networks {
        let layout = tiny.subject.compiled.layout();
        println!("{}: {:?} rows {}", tiny.name, layout.shape(), layout.rows());
        for grid in grids(tiny) {
            assert_eq!(Checker::new(&tiny.subject.system, grid).check(), [], "{}", tiny.name);
        }
    }
    networks.iter().flat_map(|tiny| tiny.subject.roles.iter().copied()).collect()
}

#[test]
fn tiny_networks_are_satisfied_and_cover_every_role() {
    let fully_connected = roles_of(&networks::fully_connected());
    assert_eq!(fully_connected.len(), 13, "{fully_connected:?}");
    let of_positions = [Role::SliceEvaluation, Role::Window, Role::Power, Role::PowerCopy];
    assert!(of_positions.iter().all(|role| !fully_connected.contains(role)), "{fully_connected:?}");
    let convolutional = roles_of(&networks::convolutional());
    assert_eq!(convolutional.len(), 21, "{convolutional:?}");
}

#[test]
fn no_mutant_of_an_advice_or_instance_cell_survives() {
    for tiny in networks::all() {
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
    for tiny in networks::all() {
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
        let has_positions = tiny.subject.roles.contains(&Role::SliceEvaluation);
        for (cell, of) in undefended {
            match of {
                FixedUse::Table(set) => {
                    assert!(!used(cell, set), "{}: {cell} is looked up and not defended", tiny.name);
                }
                // With positions the tangent audit misses every coefficient that these witnesses do not.
                other => assert!(has_positions, "{}: {other:?} {cell} is not defended", tiny.name),
            }
        }
    }
}
