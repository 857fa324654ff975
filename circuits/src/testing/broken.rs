//! Deliberately broken circuits: the harness must notice each.

use halo2_proofs::plonk::ConstraintSystem;
use lemma_verifier::{
    chip::Slot,
    integers::integer,
    system::{Chips, bank_chips},
};

use super::{
    elimination::derive,
    grid::{Cell, Grid},
    subject::Subject,
    system::System,
};
use crate::{
    layout::Layout,
    witness::{LookupTables, run},
};

/// A circuit in which one lookup ignores its last value and looks up 0 in its place.
#[derive(Clone, Debug)]
pub struct BlindLookup<'a> {
    subject: &'a Subject,
    slots: Vec<Slot>,
    /// The constraints.
    pub system: System,
    /// The advice columns of the value that is ignored.
    pub columns: Vec<usize>,
}

impl<'a> BlindLookup<'a> {
    /// One circuit for each lookup of a limb or of an excess. The lookup of a threshold has no entry with a
    /// value left out, so no witness would satisfy a circuit without it.
    pub fn all(subject: &'a Subject) -> Vec<Self> {
        let count = subject.compiled.layout().slots().len();
        (0..count).filter_map(|slot| Self::of(subject, slot)).collect()
    }

    fn of(subject: &'a Subject, slot: usize) -> Option<Self> {
        let mut slots = subject.compiled.layout().slots();
        let values = &mut slots[slot].values;
        let last = values.iter().rposition(|terms| !terms.0.is_empty());
        let blinded = std::mem::take(&mut values[last.filter(|value| *value < 2)?]);
        let columns = blinded.0.iter().map(|(column, _)| usize::from(*column)).collect();
        Some(Self { subject, system: configure(subject.compiled.layout(), &slots), slots, columns })
    }

    /// The grid of an honest inference: multiplicities count the remaining lookups, and the derived cells
    /// follow from the constraints.
    ///
    /// # Panics
    /// If the inputs are not integers of the model's inputs.
    pub fn grid(&self, inputs: &[Vec<i32>], draw: u64) -> Grid {
        let compiled = &self.subject.compiled;
        let mut witness = run(compiled.layout(), inputs, &mut |_, _, _| {});
        let tables = LookupTables::of(compiled.layout());
        witness.count_lookups(&tables, &self.slots);
        let mut grid = self.subject.grid(inputs, draw);
        for &multiplicity in tables.multiplicities {
            for (row, value) in witness.columns[multiplicity].iter_enumerated() {
                grid.set(Cell::of(multiplicity, row), integer((*value).into()));
            }
        }
        derive(&self.system, &mut grid, |cell| self.subject.is_derived(cell));
        grid
    }
}

/// The constraints of a layout with other lookups, as many per bank as before.
fn configure(layout: &Layout, slots: &[Slot]) -> System {
    let mut constraints = ConstraintSystem::default();
    let mut chips = bank_chips(&layout.columns, &layout.shape);
    chips.iter_mut().flat_map(|chip| &mut chip.slots).zip(slots).for_each(|(old, new)| *old = new.clone());
    Chips::configure(&mut constraints, &layout.shape, chips);
    System::of(&constraints)
}
