//! Every single-cell change of an honest circuit is noticed, by a constraint that names the cell's role.

use std::collections::BTreeMap;

use lemma_circuits::{
    Role,
    testing::{
        checker::Checker,
        grid::{Cell, Kind},
        mutation::{FixedUse, mutate_advice, mutate_instances, undefended_fixed_cells},
        networks,
    },
};

#[test]
fn tiny_networks_are_satisfied_and_cover_every_role() {
    let mut covered: BTreeMap<Role, usize> = BTreeMap::new();
    for tiny in networks::all() {
        println!(
            "{}: {:?} rows {}",
            tiny.name,
            tiny.subject.compiled.shape(),
            tiny.subject.compiled.layout().rows()
        );
        for (draw, inputs) in tiny.samples().iter().enumerate() {
            let grid = tiny.subject.grid(inputs, draw as u64);
            let failures = Checker::new(&tiny.subject.system, grid).check();
            assert_eq!(failures, [], "{}", tiny.name);
        }
        tiny.subject.roles.iter().for_each(|role| *covered.entry(*role).or_default() += 1);
    }
    assert_eq!(covered.len(), 13, "{covered:?}");
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
        let grids: Vec<_> =
            tiny.samples().iter().zip(0..).map(|(inputs, draw)| tiny.subject.grid(inputs, draw)).collect();
        let used = |cell: Cell, set: usize| {
            let sets = tiny.subject.roles.iter().enumerate();
            let column = sets.filter(|(_, role)| **role == Role::Multiplicity).nth(set).unwrap().0;
            let zero = |grid: &lemma_circuits::testing::grid::Grid| {
                grid.value(Cell::advice(column, cell.row)) == Default::default()
            };
            !grids.iter().all(zero)
        };
        let mut checkers: Vec<_> =
            grids.iter().map(|grid| Checker::new(&tiny.subject.system, grid.clone())).collect();
        let (tried, undefended) = undefended_fixed_cells(&mut checkers, &tiny.subject.fixed_uses());
        println!("{}: {tried} fixed cells, {} undefended table cells", tiny.name, undefended.len());
        for (cell, of) in undefended {
            let FixedUse::Table(set) = of else { panic!("{}: {of:?} {cell} is not defended", tiny.name) };
            assert!(!used(cell, set), "{}: {cell} is looked up and not defended", tiny.name);
        }
    }
}
