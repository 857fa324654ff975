//! The tables of circuits with banks: nothing more, nothing less, nothing twice, and the fixed columns hold them.

use std::collections::BTreeSet;

use super::case::Case;
use crate::{
    plan::{Entry, PAD},
    soundness::tables::assert_fixed_columns_hold,
    testing::tables::{definition, entries, tags},
};

#[test]
fn the_tables_are_what_the_model_defines() {
    for case in Case::all() {
        let (reachable, others) = entries(case.compiled.layout());
        let expected = definition(case.compiled.layout(), case.model());
        let (missing, surplus) = (expected.difference(&reachable), reachable.difference(&expected));
        let (missing, surplus): (Vec<_>, Vec<_>) = (missing.take(9).collect(), surplus.take(9).collect());
        assert!(missing.is_empty() && surplus.is_empty(), "{}: {missing:?}, {surplus:?}", case.name);
        println!("{}: {} entries, {} that nobody looks up", case.name, expected.len(), others.len());
    }
}

/// What fills the tables is under a tag that no slot has in any row, its multiples included.
#[test]
fn entries_that_nobody_looks_up_are_the_filler() {
    for case in Case::all() {
        let (_, others) = entries(case.compiled.layout());
        assert!(others.iter().all(|entry| entry[0] == PAD), "{}", case.name);
        assert!(!tags(case.compiled.layout()).contains(&PAD), "{}", case.name);
    }
}

#[test]
fn no_entry_occurs_twice_and_only_zeros_are_under_tag_0() {
    for case in Case::all() {
        let table: BTreeSet<Entry> = case.plan.tables.iter().flatten().copied().collect();
        assert_eq!(table.len(), case.plan.tables.iter().map(Vec::len).sum::<usize>(), "{}", case.name);
        assert_eq!(
            table.iter().filter(|entry| entry[0] == 0).collect::<Vec<_>>(),
            [&[0; 4]],
            "{}",
            case.name
        );
    }
}

#[test]
fn the_fixed_columns_hold_the_tables() {
    for case in Case::all() {
        let plan = &case.plan;
        assert_fixed_columns_hold(&plan.columns.lookup, &plan.tables, &plan.fixed, plan.rows);
    }
}
