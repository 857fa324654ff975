//! What the columns of the lookup argument hold.
//!
//! An honest lookup is a table entry, and the witness knows which one from counting multiplicities. So nothing is
//! inverted but the poles of entries that are looked up, each once, and a helper sums up inverses it finds by
//! position. A lie may be in no table; only its pole is inverted on its own.

use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{BatchInvert, Field},
};
use lemma_verifier::{
    chip::{Slot, lookup::GROUP},
    columns::LookupColumns,
    index::{AdviceColumn, RowId},
    integers::natural,
};
use rayon::prelude::*;
use typed_index_collections::ti_vec;

use crate::{
    cells::{ByRow, FixedCells},
    derive::hints::Hints,
};

/// Where the tables hold what each row looks up.
#[derive(Clone, Debug)]
pub(crate) struct Positions {
    /// Per slot and row the entry, counted over all table sets, or [`Positions::ABSENT`].
    entries: Vec<Vec<u32>>,
    /// Per entry how often it is looked up.
    counts: Vec<i64>,
    /// Entries of a table set.
    rows: usize,
}

impl Positions {
    /// Of a tuple that is no entry.
    pub(crate) const ABSENT: u32 = u32::MAX;

    /// Of lookups in `sets` table sets of `rows` entries each; per slot and row the entry, counted over all sets.
    pub(crate) fn new(entries: Vec<Vec<u32>>, sets: usize, rows: usize) -> Self {
        let mut counts = vec![0; sets * rows];
        for entry in entries.iter().flatten() {
            if let Some(count) = counts.get_mut(*entry as usize) {
                *count += 1;
            }
        }
        Self { entries, counts, rows }
    }

    /// Per table set the multiplicities.
    pub(crate) fn counts(&self) -> impl Iterator<Item = &[i64]> {
        self.counts.chunks(self.rows)
    }
}

/// What the argument's columns of phase 1 depend on, beside the layout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LookupWitness<'a> {
    pub(crate) hints: &'a Hints<'a>,
    pub(crate) positions: &'a Positions,
    pub(crate) alpha: Fr,
    pub(crate) theta: Fr,
}

impl LookupWitness<'_> {
    /// `alpha + f`. Most tuples end in zeros.
    fn pole(&self, tag: Fr, values: [Fr; 3]) -> Fr {
        let compressed = values.into_iter().rev().fold(Fr::ZERO, |sum, value| {
            let sum = sum + value;
            if sum == Fr::ZERO { sum } else { sum * self.theta }
        });
        self.alpha + tag + compressed
    }
}

/// Rows that are worth a task, and an inversion, of their own.
const CHUNK: usize = 1 << 10;

/// The helper and sum columns by index, `rows` values each, the sum one more.
///
/// A pole at `alpha` has negligible probability; its helper is then 0, the proof does not verify, and the
/// prover says so.
pub(super) fn derive(
    slots: &[Slot],
    columns: &LookupColumns,
    fixed: &FixedCells,
    witness: &LookupWitness<'_>,
    rows: usize,
) -> Vec<(AdviceColumn, ByRow<Fr>)> {
    let inverses = table_inverses(columns, fixed, witness, rows);
    let groups = slots.par_chunks(GROUP).zip(witness.positions.entries.par_chunks(GROUP));
    let helpers = groups.map(|(slots, entries)| helper(slots, entries, fixed, witness, &inverses, rows));
    let helpers: Vec<Vec<Fr>> = helpers.collect();
    let multiplicities = columns.multiplicities.par_chunks(GROUP).zip(inverses.par_chunks(GROUP * rows));
    let counted =
        multiplicities.map(|(columns, inverses)| table_helper(columns, inverses, witness.hints, rows));
    let counted: Vec<Vec<Fr>> = counted.collect();
    let sums = running_sums(&helpers, &counted, rows);
    let helpers = columns.helpers.iter().copied().zip(helpers);
    let counted = columns.table_helpers.iter().copied().zip(counted);
    let all = helpers.chain(counted).chain([(columns.sum, sums)]);
    all.map(|(column, cells)| (column, cells.into())).collect()
}
/// Per entry of all table sets `1/(alpha + f)`, or 0 where nobody asks: the entry is neither looked up nor counted.
fn table_inverses(
    columns: &LookupColumns,
    fixed: &FixedCells,
    witness: &LookupWitness<'_>,
    rows: usize,
) -> Vec<Fr> {
    let mut inverses = vec![Fr::ZERO; columns.tables.len() * rows];
    for (set, inverses) in inverses.chunks_mut(rows).enumerate() {
        let (table, multiplicities) = (&columns.tables[set], columns.multiplicities[set]);
        let counts = &witness.positions.counts[set * rows..];
        let asked = |row: &usize| {
            counts[*row] != 0 || witness.hints.cell(multiplicities, RowId::from(*row)) != Fr::ZERO
        };
        let pole = |row: RowId| {
            let value = |index: usize| table.get(index).map_or(Fr::ZERO, |column| fixed[*column][row]);
            witness.pole(value(0), [value(1), value(2), value(3)])
        };
        inverses.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, inverses)| {
            let first = chunk * CHUNK;
            let rows = (first..first + inverses.len()).filter(asked);
            let (at, mut poles): (Vec<usize>, Vec<Fr>) =
                rows.map(|row| (row - first, pole(RowId::from(row)))).unzip();
            poles.iter_mut().batch_invert();
            at.into_iter().zip(poles).for_each(|(at, inverse)| inverses[at] = inverse);
        });
    }
    inverses
}

/// `sum_i 1/(alpha + f_i)` over the slots of a group.
fn helper(
    slots: &[Slot],
    entries: &[Vec<u32>],
    fixed: &FixedCells,
    witness: &LookupWitness<'_>,
    inverses: &[Fr],
    rows: usize,
) -> Vec<Fr> {
    let mut sums: ByRow<Fr> = ti_vec![Fr::ZERO; rows];
    for (slot, entries) in slots.iter().zip(entries) {
        let mut absent = Vec::new();
        for ((row, sum), entry) in sums.iter_mut_enumerated().zip(entries) {
            match inverses.get(*entry as usize) {
                Some(inverse) if !witness.hints.is_overridden(row) => *sum += inverse,
                _ => absent.push(row),
            }
        }
        let factor = natural(slot.factor.unsigned_abs());
        let pole = |row: &RowId| {
            let values = [0, 1, 2].map(|index| witness.hints.evaluate(&slot.values[index], *row));
            witness.pole(fixed[slot.tag][*row] * factor, values)
        };
        let mut poles: Vec<Fr> = absent.iter().map(pole).collect();
        poles.iter_mut().batch_invert();
        absent.into_iter().zip(poles).for_each(|(row, inverse)| sums[row] += inverse);
    }
    sums.into()
}

/// `sum_i count_i/(alpha + f_i)` over the table sets of a helper.
fn table_helper(multiplicities: &[AdviceColumn], inverses: &[Fr], hints: &Hints<'_>, rows: usize) -> Vec<Fr> {
    let mut sums: ByRow<Fr> = ti_vec![Fr::ZERO; rows];
    for (column, inverses) in multiplicities.iter().zip(inverses.chunks(rows)) {
        for ((row, sum), inverse) in sums.iter_mut_enumerated().zip(inverses) {
            // An inverse of 0 is that of an entry nobody counts.
            if *inverse != Fr::ZERO {
                *sum += hints.cell(*column, row) * inverse;
            }
        }
    }
    sums.into()
}

/// Lookups minus entries up to each row.
fn running_sums(helpers: &[Vec<Fr>], counted: &[Vec<Fr>], rows: usize) -> Vec<Fr> {
    let mut sums = vec![Fr::ZERO; rows + 1];
    sums[1..].par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, steps)| {
        for (row, step) in (chunk * CHUNK..).zip(steps) {
            let looked_up: Fr = helpers.iter().map(|helper| helper[row]).sum();
            *step = counted.iter().fold(looked_up, |step, counted| step - counted[row]);
        }
    });
    let mut running = Fr::ZERO;
    for sum in &mut sums {
        running += *sum;
        *sum = running;
    }
    sums
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use typed_index_collections::TiVec;

    use super::*;
    use crate::derive::overrides::Overrides;
    use lemma_verifier::{
        chip::Terms,
        index::{FixedColumn, first},
    };

    const ROWS: usize = 2 * CHUNK + 100;
    const SETS: usize = 4;
    const SLOTS: usize = 4;

    /// Table set t holds `(t + 1, row, t row, 0)`; slot i of row r looks a pseudorandom entry up, or a lie.
    struct Case {
        columns: LookupColumns,
        fixed: TiVec<FixedColumn, ByRow<Fr>>,
        slots: Vec<Slot>,
        hints: TiVec<AdviceColumn, ByRow<i64>>,
        positions: Positions,
    }

    /// The tag column of all slots.
    const TAG: usize = 3 * SETS;

    /// The fixed columns of a table set.
    fn table_of(set: usize) -> [FixedColumn; 3] {
        [0, 1, 2].map(|index| FixedColumn::from(3 * set + index))
    }

    /// The columns of the values that a slot looks up.
    fn values_of(slot: usize) -> [AdviceColumn; 2] {
        [0, 1].map(|index| AdviceColumn::from(2 * slot + index))
    }

    /// The column that counts the lookups in a table set.
    fn multiplicities_of(set: usize) -> AdviceColumn {
        AdviceColumn::from(2 * SLOTS + set)
    }

    fn column(cell: impl Fn(i64) -> i64) -> Vec<Fr> {
        (0..ROWS as i64).map(|row| Fr::from(cell(row).unsigned_abs())).collect()
    }

    fn case() -> Case {
        // Per set tag, row and product; then the tag of all slots.
        let set = |set: i64| [column(move |_| set + 1), column(|row| row), column(move |row| set * row)];
        let mut fixed: Vec<Vec<Fr>> = (0..SETS as i64).flat_map(set).collect();
        fixed.push(column(|row| row % SETS as i64 + 1));
        let mut hints = vec![Vec::new(); 2 * SLOTS];
        let mut entries = vec![Vec::new(); SLOTS];
        for (slot, entries) in entries.iter_mut().enumerate() {
            for row in 0..ROWS {
                let (set, value) = (row % SETS, (row * 7919 + slot * 104_729) % ROWS);
                let is_lie = row % 97 == slot;
                hints[2 * slot].push(value as i64);
                hints[2 * slot + 1].push((set * value) as i64 + i64::from(is_lie));
                entries.push(if is_lie { Positions::ABSENT } else { (set * ROWS + value) as u32 });
            }
        }
        let positions = Positions::new(entries, SETS, ROWS);
        hints.extend(positions.counts().map(<[i64]>::to_vec));
        let slot = |index: usize| {
            let [first, second] = values_of(index);
            let values = [Terms::cell(first), Terms::cell(second), Terms::default()];
            Slot { tag: TAG.into(), factor: 1, values }
        };
        let columns = LookupColumns {
            rows: FixedColumn::default(),
            boundary: FixedColumn::default(),
            tables: (0..SETS).map(|set| table_of(set).to_vec()).collect(),
            multiplicities: (0..SETS).map(multiplicities_of).collect(),
            helpers: [20, 21].map(AdviceColumn::from).to_vec(),
            table_helpers: [22, 23].map(AdviceColumn::from).to_vec(),
            sum: AdviceColumn::from(24),
        };
        Case {
            columns,
            fixed: fixed.into_iter().map(ByRow::from).collect(),
            slots: (0..SLOTS).map(slot).collect(),
            hints: hints.into_iter().map(ByRow::from).collect(),
            positions,
        }
    }

    /// The columns from the equations alone: every pole inverted where it occurs.
    fn defined(case: &Case, hints: &Hints<'_>, alpha: Fr, theta: Fr) -> BTreeMap<AdviceColumn, ByRow<Fr>> {
        let inverse = |tag: Fr, first: Fr, second: Fr| {
            (alpha + tag + theta * first + theta.square() * second).invert().unwrap_or(Fr::ZERO)
        };
        let looked_up = |slot: usize, row: RowId| {
            let [first, second] = values_of(slot).map(|column| hints.cell(column, row));
            inverse(case.fixed[FixedColumn::from(TAG)][row], first, second)
        };
        let counted = |set: usize, row: RowId| {
            let [tag, first, second] = table_of(set).map(|column| case.fixed[column][row]);
            hints.cell(multiplicities_of(set), row) * inverse(tag, first, second)
        };
        let column = |cell: &dyn Fn(RowId) -> Fr| first(ROWS).map(cell).collect::<ByRow<Fr>>();
        let columns = [
            (20, column(&|row| (0..3).map(|slot| looked_up(slot, row)).sum())),
            (21, column(&|row| looked_up(3, row))),
            (22, column(&|row| (0..3).map(|set| counted(set, row)).sum())),
            (23, column(&|row| counted(3, row))),
        ];
        let mut columns: BTreeMap<AdviceColumn, ByRow<Fr>> =
            columns.into_iter().map(|(column, cells)| (AdviceColumn::from(column), cells)).collect();
        let mut sums: ByRow<Fr> = ti_vec![Fr::ZERO];
        for row in first::<RowId>(ROWS) {
            let [looked_up, counted] = [&case.columns.helpers, &case.columns.table_helpers]
                .map(|of| columns[&of[0]][row] + columns[&of[1]][row]);
            sums.push(sums[row] + looked_up - counted);
        }
        columns.insert(case.columns.sum, sums);
        columns
    }

    #[test]
    fn the_columns_are_those_of_the_definition() {
        let case = case();
        let [alpha, theta] = [5, 7].map(|seed| Fr::from(seed).pow_vartime([1_000_003]));
        let unused = case.positions.counts.iter().position(|count| *count == 0).unwrap();
        let replaced = |cell: (AdviceColumn, RowId), by: Fr| BTreeMap::from([(cell, by)]);
        for overrides in [
            BTreeMap::new(),
            replaced((AdviceColumn::from(3), RowId::from(1500)), -Fr::from(3)),
            replaced((multiplicities_of(unused / ROWS), RowId::from(unused % ROWS)), Fr::from(9)),
        ] {
            let cells = Overrides { cells: overrides.clone() };
            let hints = Hints::new(&case.hints, &cells);
            let witness = LookupWitness { hints: &hints, positions: &case.positions, alpha, theta };
            let derived = derive(&case.slots, &case.columns, &case.fixed, &witness, ROWS);
            let derived: BTreeMap<AdviceColumn, ByRow<Fr>> = derived.into_iter().collect();
            assert!(derived == defined(&case, &hints, alpha, theta), "{overrides:?}");
        }
    }
}
