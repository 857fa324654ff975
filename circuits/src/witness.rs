//! The witness of one inference: its hints, and where the tables hold what they look up.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::ff::PrimeField;
use lemma_verifier::{
    chip::Slot,
    index::{AdviceColumn, FixedColumn, RowId, first},
};
use rayon::prelude::*;
use typed_index_collections::TiVec;

use crate::{
    cells::{ByRow, FixedCells, HintCells, integer_of},
    derive::lookup::Positions,
    forms::tables::Entry,
    ir::Model,
    layout::Layout,
};

mod cells;
mod hints;
mod places;

use places::Places;

pub(crate) use cells::{Requantized, requantized, write_linear, write_threshold};
pub(crate) use hints::run;

/// Why there is no witness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// Wrong number of input tensors.
    #[error("the model has {expected} inputs, got {got}")]
    InputCount {
        /// Inputs of the model.
        expected: usize,
        /// Inputs given.
        got: usize,
    },
    /// An input of the wrong length.
    #[error("input '{name}' has {got} elements, expected {expected}")]
    InputLength {
        /// Name of the input.
        name: String,
        /// Elements of the input.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// An integer that is not a value of the input's type.
    #[error("input '{name}', element {index}: {value} is not in {lo}..={hi}")]
    InputRange {
        /// Name of the input.
        name: String,
        /// Flat index.
        index: usize,
        /// The value.
        value: i32,
        /// Type minimum.
        lo: i32,
        /// Type maximum.
        hi: i32,
    },
}

/// The hints of one inference, one value per used row.
///
/// Tests change values to lie coherently; everything derived in later phases follows the lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The values of the advice columns of phase 0.
    pub(crate) columns: TiVec<AdviceColumn, ByRow<i64>>,
    /// Per model output, its integers.
    pub outputs: Vec<Vec<i32>>,
}

impl Witness {
    /// Counts the lookups of `slots` into the multiplicity columns, replacing what they held.
    ///
    /// A lookup that is in no table set, a lie, is counted nowhere.
    pub(crate) fn count_lookups(&mut self, tables: &LookupTables<'_>, slots: &[Slot]) -> Positions {
        let positions = self.locate_lookups(tables, slots);
        for (column, counts) in tables.multiplicities.iter().zip(positions.counts()) {
            self.columns[*column] = counts.to_vec().into();
        }
        positions
    }

    /// Where the tables hold the lookups of `slots`.
    pub(crate) fn locate_lookups(&self, tables: &LookupTables<'_>, slots: &[Slot]) -> Positions {
        let places = Places::of(tables.tables);
        let integers =
            |column: FixedColumn| first(tables.rows).map(|row| tag(tables.fixed, column, row)).collect();
        let columns: BTreeSet<FixedColumn> = slots.iter().map(|slot| slot.tag).collect();
        let tags: BTreeMap<FixedColumn, ByRow<i64>> =
            columns.into_iter().map(|column| (column, integers(column))).collect();
        let locate = |slot: &Slot| places.locate(&self.columns, slot, &tags[&slot.tag]);
        Positions::new(slots.par_iter().map(locate).collect(), tables.tables.len(), tables.rows)
    }
}

/// The tables of a layout and where their multiplicities go.
pub(crate) struct LookupTables<'a> {
    pub(crate) tables: &'a [Vec<Entry>],
    pub(crate) fixed: &'a FixedCells,
    pub(crate) multiplicities: &'a [AdviceColumn],
    pub(crate) rows: usize,
}

impl<'a> LookupTables<'a> {
    pub(crate) fn of(layout: &'a Layout) -> Self {
        let multiplicities = &layout.columns.lookup.multiplicities;
        Self { tables: &layout.tables, fixed: layout.fixed(), multiplicities, rows: layout.rows }
    }
}

/// The tuple a slot looks up in a row; `None` if a lie leaves 64 bits.
#[cfg(test)]
pub(crate) fn lookup(fixed: &FixedCells, columns: &HintCells, slot: &Slot, row: RowId) -> Option<Entry> {
    let [first, second, third] = values(columns, slot, row)?;
    Some([tag(fixed, slot.tag, row) * slot.factor, first, second, third])
}

/// The values a slot looks up in a row; `None` if a lie leaves 64 bits.
fn values(columns: &HintCells, slot: &Slot, row: RowId) -> Option<[i64; 3]> {
    let value = |index: usize| i64::try_from(integer_of(&slot.values[index], columns, row)).ok();
    Some([value(0)?, value(1)?, value(2)?])
}

pub(crate) fn check_inputs(model: &Model, inputs: &[Vec<i32>]) -> Result<(), WitnessError> {
    if inputs.len() != model.inputs.len() {
        return Err(WitnessError::InputCount { expected: model.inputs.len(), got: inputs.len() });
    }
    for (input, values) in model.inputs.iter().zip(inputs) {
        let tensor = model.tensor(input.tensor);
        if values.len() != tensor.len {
            return Err(WitnessError::InputLength {
                name: input.name.clone(),
                expected: tensor.len,
                got: values.len(),
            });
        }
        if let Some(index) = values.iter().position(|value| !tensor.elem.contains(*value)) {
            return Err(WitnessError::InputRange {
                name: input.name.clone(),
                index,
                value: values[index],
                lo: tensor.elem.min(),
                hi: tensor.elem.max(),
            });
        }
    }
    Ok(())
}

/// What a tag column holds in a row: a small non-negative integer.
pub(crate) fn tag(fixed: &FixedCells, column: FixedColumn, row: RowId) -> i64 {
    let repr = fixed[column][row].to_repr();
    let (low, _) = repr.split_first_chunk::<8>().expect("a field element has 32 bytes");
    i64::from_le_bytes(*low)
}
