//! Cells that a soundness test puts in place of a witness's: a build without tests has none, and no way to make any.

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::bn256::Fr;
use lemma_verifier::index::{AdviceColumn, RowId};

/// Field elements in place of cells, by column and row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    #[cfg(test)]
    pub(crate) cells: BTreeMap<(AdviceColumn, RowId), Fr>,
}

impl Overrides {
    /// All of them.
    #[cfg(test)]
    pub(crate) fn cells(&self) -> &BTreeMap<(AdviceColumn, RowId), Fr> {
        &self.cells
    }

    /// None.
    #[cfg(not(test))]
    pub(crate) fn cells(&self) -> &BTreeMap<(AdviceColumn, RowId), Fr> {
        static NONE: BTreeMap<(AdviceColumn, RowId), Fr> = BTreeMap::new();
        &NONE
    }
}
