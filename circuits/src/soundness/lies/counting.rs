//! Lies about how often table entries are looked up.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{columns::LaneColumns, index::RowId};

use super::{Lie, unused};
use crate::{
    forms::tables::PAD,
    roles::Role,
    soundness::case::{Case, Caught, Told},
    testing::subject::hints,
    witness::LookupTables,
};

/// An honest inference with other multiplicities.
fn multiplicities(case: &Case, changes: &[((usize, RowId), i64)]) -> Option<Told> {
    let mut told = Told::new(case, case.honest(), Caught::By(&["lookup sum boundary"]));
    let mut counted = case.honest();
    counted.count_lookups(&LookupTables::of(&case.layout), &case.layout.slots());
    for &((set, row), by) in changes {
        let column = *case.layout.columns.lookup.multiplicities.get(set)?;
        let count = counted.columns[column][row] + by;
        told.overrides.insert((column, row), Fr::from(count.unsigned_abs()) * sign(count));
    }
    Some(told)
}

fn sign(value: i64) -> Fr {
    if value < 0 { -Fr::ONE } else { Fr::ONE }
}

/// Where the table entry with this tag and value is.
fn entry(case: &Case, wanted: impl Fn(&[i64; 4]) -> bool) -> Option<(usize, RowId)> {
    let sets = case.layout.tables.iter().enumerate();
    sets.flat_map(|(set, entries)| {
        entries.iter().enumerate().map(move |(row, entry)| ((set, RowId::from(row)), entry))
    })
    .find_map(|(at, entry)| wanted(entry).then_some(at))
}

/// An unused row looks the first filler entry up, which is also counted as if that were allowed.
fn looked_up_filler(case: &Case) -> Option<Told> {
    let pad = entry(case, |entry| entry[0] == PAD)?;
    let zero = entry(case, |entry| *entry == [0; 4])?;
    let [_, row, set, _] = case.layout.tables[pad.0][usize::from(pad.1)];
    let (cells, unused) =
        unused(case, |cells| matches!(cells, LaneColumns::Linear(_) | LaneColumns::Threshold(_)))?;
    let mut told = multiplicities(case, &[(pad, 1), (zero, -1)])?;
    let columns = hints(cells);
    // The filler's values, where the first lookup of the lane reads them.
    told.witness.columns[columns[0]][unused] = row;
    told.witness.columns[columns[1]][unused] = set;
    told.caught = Caught::Tables(vec![Role::Activation]);
    Some(told)
}

pub(super) const LIES: &[Lie] = &[
    Lie {
        role: Role::Multiplicity,
        what: "a lookup counted at another entry",
        tell: |case| {
            let entries =
                [entry(case, |entry| *entry == [1, 5, 0, 0])?, entry(case, |entry| *entry == [1, 6, 0, 0])?];
            multiplicities(case, &[(entries[0], 1), (entries[1], -1)])
        },
    },
    Lie {
        role: Role::Multiplicity,
        what: "an entry counted once more",
        tell: |case| multiplicities(case, &[(entry(case, |entry| *entry == [1, 5, 0, 0])?, 1)]),
    },
    Lie {
        role: Role::Multiplicity,
        what: "a filler entry counted",
        tell: |case| multiplicities(case, &[(entry(case, |entry| entry[0] == PAD)?, 1)]),
    },
    Lie { role: Role::Multiplicity, what: "a filler entry looked up", tell: looked_up_filler },
];
