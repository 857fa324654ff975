//! The cells of many columns.

use halo2_proofs::halo2curves::bn256::Fr;
use lemma_verifier::{
    chip::Terms,
    index::{AdviceColumn, FixedColumn, RowId},
};
use typed_index_collections::{TiSlice, TiVec};

/// The cells of a column.
pub(crate) type ByRow<T> = TiVec<RowId, T>;

/// The cells of the fixed columns.
pub(crate) type FixedCells = TiSlice<FixedColumn, ByRow<Fr>>;

/// The cells of advice columns.
pub(crate) type AdviceCells = TiSlice<AdviceColumn, ByRow<Fr>>;

/// The integers in the columns of phase 0.
pub(crate) type HintCells = TiSlice<AdviceColumn, ByRow<i64>>;

/// A combination of cells that hold hints, in integers.
#[inline]
pub(crate) fn integer_of(terms: &Terms, columns: &HintCells, row: RowId) -> i128 {
    terms.0.iter().map(|&(column, coefficient)| i128::from(columns[column][row]) * coefficient).sum()
}
