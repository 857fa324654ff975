//! The cells of phase 0, as the chips read them when they derive phase 1.
//!
//! Hints are integers, and what gates make of them before a challenge enters is cheaper in integers than in the
//! field: a claim, or many claims packed by powers of two, is one conversion instead of a product per cell.

use std::collections::{BTreeMap, BTreeSet};

use super::overrides::Overrides;
use crate::cells::{ByRow, HintCells, integer_of};
use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use lemma_verifier::{
    chip::Terms,
    index::{AdviceColumn, RowId},
    integers::{integer, natural},
};

/// The phase-0 columns of one inference.
#[derive(Debug)]
pub(crate) struct Hints<'a> {
    columns: &'a HintCells,
    /// Field elements a soundness test put in place of hints, by column and row.
    overrides: &'a BTreeMap<(AdviceColumn, RowId), Fr>,
    /// The rows they are in.
    overridden: BTreeSet<RowId>,
}

impl<'a> Hints<'a> {
    /// Overrides of other columns, or beyond the rows in use, are none of these cells'.
    pub(crate) fn new(columns: &'a HintCells, overrides: &'a Overrides) -> Self {
        let overrides = overrides.cells();
        let cells = overrides.keys();
        let hints =
            cells.filter(|(column, row)| columns.get(*column).is_some_and(|cells| *row < cells.next_key()));
        Self { columns, overrides, overridden: hints.map(|(_, row)| *row).collect() }
    }

    /// Whether a cell of the row is not the integer the witness has.
    #[inline]
    pub(crate) fn is_overridden(&self, row: RowId) -> bool {
        self.overridden.contains(&row)
    }

    /// A cell.
    #[inline]
    pub(crate) fn cell(&self, column: AdviceColumn, row: RowId) -> Fr {
        if self.is_overridden(row)
            && let Some(value) = self.overrides.get(&(column, row))
        {
            return *value;
        }
        element(self.columns[column][row])
    }

    /// All cells of a column.
    pub(crate) fn column(&self, column: AdviceColumn) -> ByRow<Fr> {
        let mut cells: ByRow<Fr> = self.columns[column].iter().map(|value| element(*value)).collect();
        for ((_, row), value) in self.overrides.range((column, RowId::default())..(column, cells.next_key()))
        {
            cells[*row] = *value;
        }
        cells
    }

    /// The value of a combination.
    pub(crate) fn evaluate(&self, terms: &Terms, row: RowId) -> Fr {
        if self.is_overridden(row) {
            terms.0.iter().map(|(column, factor)| self.cell(*column, row) * integer(*factor)).sum()
        } else {
            integer(integer_of(terms, self.columns, row))
        }
    }

    /// `sum_i 2^(bits i) values_i`.
    pub(crate) fn pack(&self, values: &[Terms], bits: u32, row: RowId) -> Fr {
        let integers = || {
            let integers =
                values.iter().map(|terms| i64::try_from(integer_of(terms, self.columns, row)).ok());
            packed(integers, bits)
        };
        (!self.is_overridden(row)).then(integers).flatten().unwrap_or_else(|| {
            let base = natural(2).pow_vartime([bits.into()]);
            values.iter().rev().fold(Fr::ZERO, |sum, terms| sum * base + self.evaluate(terms, row))
        })
    }
}

/// A hint as a field element.
#[inline]
fn element(hint: i64) -> Fr {
    let magnitude = natural(hint.unsigned_abs());
    if hint < 0 { -magnitude } else { magnitude }
}

/// Words of a packed sum: those of a field element and one that can only hold the sign.
const WORDS: usize = Fr::NUM_BITS.div_ceil(u64::BITS) as usize + 1;

/// `sum_i 2^(bits i) values_i`, or `None` if there is no value or the sum needs more than 256 bits, which no honest
/// inference does.
fn packed(values: impl Iterator<Item = Option<i64>>, bits: u32) -> Option<Fr> {
    // Every word sums up parts of few values, far from the ends of 128 bits.
    let mut words = [0i128; WORDS];
    for (index, value) in values.enumerate() {
        let offset = index * bits as usize;
        let shifted = i128::from(value?) << (offset % 64);
        let [low, high] = words.get_mut(offset / 64..offset / 64 + 2)? else { return None };
        *low += i128::from(shifted as u64);
        *high += shifted >> 64;
    }
    let mut carry = 0;
    let words = words.map(|word| {
        let word = word + carry;
        carry = word >> 64;
        word as u64
    });
    let (sign, magnitude) = words.split_last()?;
    let magnitude: [u64; 4] = magnitude.try_into().ok()?;
    match sign {
        0 => Some(Fr::from_raw(magnitude)),
        // Two's complement: what is missing to 2^256.
        &u64::MAX => Some(-(Fr::from_raw(magnitude.map(|word| !word)) + Fr::ONE)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use typed_index_collections::{TiVec, ti_vec};

    use super::*;

    fn defined(values: &[i64], bits: u32) -> Fr {
        let base = Fr::from(2).pow_vartime([bits.into()]);
        values.iter().rev().fold(Fr::ZERO, |sum, value| sum * base + integer((*value).into()))
    }

    #[test]
    fn packing_is_the_sum_in_the_field() {
        let small = [5, -7, 0, 1 << 40, -(1 << 40)];
        for values in [&small[..], &[-1], &[0], &[i64::MIN, i64::MAX, -1], &[-3, -2, -1, 0, 0]] {
            for bits in [0, 1, 8, 43, 48, 63] {
                let columns: TiVec<AdviceColumn, ByRow<i64>> =
                    values.iter().map(|value| ti_vec![*value]).collect();
                let terms: Vec<Terms> = columns.keys().map(Terms::cell).collect();
                let overrides = Overrides::default();
                let hints = Hints::new(&columns, &overrides);
                assert_eq!(
                    hints.pack(&terms, bits, RowId::default()),
                    defined(values, bits),
                    "{values:?} by {bits} bits"
                );
            }
        }
    }

    #[test]
    fn sums_that_do_not_fit_are_left_to_the_field() {
        assert_eq!(packed([Some(1), None].into_iter(), 8), None);
        assert_eq!(packed((0..5).map(|_| Some(i64::MAX)), 64), None);
        assert_eq!(packed((0..6).map(|_| Some(1)), 64), None);
        assert!(packed((0..4).map(|_| Some(-1)), 64).is_some());
    }

    #[test]
    fn an_override_takes_the_place_of_its_cell_alone() {
        let columns: TiVec<AdviceColumn, _> = ti_vec![ti_vec![1, 2], ti_vec![3, 4]];
        let rows = [0, 1, 7].map(RowId::from);
        let [first, second, third] = [0, 1, 2].map(AdviceColumn::from);
        let overrides = BTreeMap::from([
            ((first, rows[1]), -Fr::from(9)),
            ((second, rows[2]), Fr::ONE),
            ((third, rows[0]), Fr::ONE),
        ]);
        let overrides = Overrides { cells: overrides };
        let hints = Hints::new(&columns, &overrides);
        assert_eq!(rows.map(|row| hints.is_overridden(row)), [false, true, false]);
        assert_eq!(hints.column(first).raw, [Fr::ONE, -Fr::from(9)]);
        assert_eq!(hints.column(second).raw, [Fr::from(3), Fr::from(4)]);
        let terms = Terms::cell(first).times(2).plus(Terms::cell(second));
        assert_eq!([rows[0], rows[1]].map(|row| hints.evaluate(&terms, row)), [Fr::from(5), -Fr::from(14)]);
        let packed = hints.pack(&[Terms::cell(first), terms], 8, rows[1]);
        assert_eq!(packed, -Fr::from(9 + 256 * 14));
    }
}
