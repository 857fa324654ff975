//! Finds looked-up tuples in the tables.
//!
//! Most tables count up: bytes, limbs and clamps differ from entry to entry by 1 in the first value. Such a run is
//! found by the rest of the tuple, which hardly ever changes from row to row.

use std::collections::HashMap;

use lemma_verifier::{chip::Slot, index::RowId};
use typed_index_collections::TiSlice;

use crate::{cells::HintCells, derive::lookup::Positions, forms::tables::Entry};

use super::values;

/// Entries in a row that differ in the first value alone, by 1.
#[derive(Clone, Copy, Debug)]
struct Run {
    first_value: i64,
    first_entry: u32,
    length: u32,
}

impl Run {
    fn is_followed_by(&self, value: i64) -> bool {
        value.checked_sub(self.first_value) == Some(self.length.into())
    }

    fn find(&self, value: i64) -> Option<u32> {
        let index = u32::try_from(value.checked_sub(self.first_value)?).ok()?;
        (index < self.length).then(|| self.first_entry + index)
    }
}

/// Tag and the values after the first.
type Rest = [i64; 3];

/// Where the entries of all table sets are, counted over all sets.
#[derive(Debug)]
pub(super) struct Places(HashMap<Rest, Vec<Run>>);

impl Places {
    /// # Panics
    /// If there are 2^32 entries.
    pub(super) fn of(tables: &[Vec<Entry>]) -> Self {
        let mut places: HashMap<Rest, Vec<Run>> = HashMap::new();
        let mut before = None;
        for (index, [tag, value, second, third]) in tables.iter().flatten().enumerate() {
            let rest = [*tag, *second, *third];
            let runs = places.entry(rest).or_default();
            match runs.last_mut() {
                Some(run) if before == Some(rest) && run.is_followed_by(*value) => run.length += 1,
                _ => {
                    let first_entry = u32::try_from(index).expect("a circuit has fewer rows");
                    runs.push(Run { first_value: *value, first_entry, length: 1 });
                }
            }
            before = Some(rest);
        }
        Self(places)
    }

    /// Per row the entry a slot looks up, or [`Positions::ABSENT`]. `tags` are the integers of its tag column.
    pub(super) fn locate(&self, columns: &HintCells, slot: &Slot, tags: &TiSlice<RowId, i64>) -> Vec<u32> {
        let mut recent: Option<(Rest, &[Run])> = None;
        let locate = |(row, tag): (RowId, &i64)| {
            let [value, second, third] = values(columns, slot, row)?;
            let rest = [tag * slot.factor, second, third];
            let runs = match recent {
                Some((of, runs)) if of == rest => runs,
                _ => self.0.get(&rest).map_or(&[][..], Vec::as_slice),
            };
            recent = Some((rest, runs));
            runs.iter().find_map(|run| run.find(value))
        };
        tags.iter_enumerated().map(locate).map(|entry| entry.unwrap_or(Positions::ABSENT)).collect()
    }
}

#[cfg(test)]
mod tests {
    use typed_index_collections::{TiVec, ti_vec};

    use super::*;
    use lemma_verifier::{
        chip::Terms,
        index::{AdviceColumn, FixedColumn},
    };

    /// Every entry is found where it is, and nothing else: runs that end, start anew or go on in the next set.
    #[test]
    fn entries_are_found_and_nothing_else() {
        let tables = [
            vec![[0, 0, 0, 0], [1, -2, 0, 0], [1, -1, 0, 0], [1, 0, 0, 0], [1, 5, 0, 0]],
            vec![[1, 6, 0, 0], [1, 6, 1, 0], [1, 7, 2, 3], [2, i64::MAX, 0, 0], [2, i64::MIN, 0, 0]],
        ];
        let places = Places::of(&tables);
        let entries: Vec<Entry> = tables.iter().flatten().copied().collect();
        let absent = [[1, -3, 0, 0], [1, 1, 0, 0], [1, 7, 0, 0], [1, 0, 1, 0], [3, 0, 0, 0], [2, 0, 0, 0]];
        let tuples: Vec<Entry> = entries.iter().chain(&absent).copied().collect();
        let values = |index: usize| tuples.iter().map(|tuple| tuple[index]).collect::<TiVec<RowId, i64>>();
        let columns: TiVec<AdviceColumn, _> = ti_vec![values(1), values(2), values(3)];
        let cells = [0, 1, 2].map(|column| Terms::cell(AdviceColumn::from(column)));
        let slot = Slot { tag: FixedColumn::default(), factor: 1, values: cells };
        let found = places.locate(&columns, &slot, &values(0));
        let expected = (0..entries.len() as u32).chain(absent.map(|_| Positions::ABSENT));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}
