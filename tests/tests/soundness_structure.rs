//! What can be read off the constraint systems of tiny networks.

use std::collections::BTreeSet;

use lemma_circuits::testing::{
    commitment::{Violation, violations},
    networks, structure, tables,
};

#[test]
fn nothing_is_unused_unbound_or_read_unassigned() {
    for tiny in networks::all() {
        let grid = tiny.subject.grid(&tiny.samples()[0], 0);
        let complaints = structure::complaints(&tiny.subject, &grid);
        assert!(complaints.is_empty(), "{}: {complaints:#?}", tiny.name);
    }
}

#[test]
fn every_identity_is_about_cells_committed_before_its_challenges() {
    for tiny in networks::all() {
        let grid = tiny.subject.grid(&tiny.samples()[0], 0);
        let of = |phases: &[u8]| violations(&tiny.subject.system, &tiny.subject.roles, phases, &grid.copies);
        let phases = &tiny.subject.system.advice_phases;
        assert_eq!(of(phases), BTreeSet::new(), "{}", tiny.name);
        let challenges = &tiny.subject.system.challenge_phases;
        assert!(challenges.iter().all(|phase| *phase == 0), "{}: {challenges:?}", tiny.name);
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
fn the_tables_hold_exactly_what_may_be_looked_up() {
    for tiny in networks::all() {
        let (expected, reachable) = (tables::expected(&tiny.subject), tables::reachable(&tiny.subject));
        assert_eq!(reachable, expected, "{}", tiny.name);
        println!("{}: {} entries", tiny.name, expected.len());
    }
}
