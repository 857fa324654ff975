//! Deliberately broken circuits: the harness must notice each.

use halo2_proofs::plonk::ConstraintSystem;

use super::{
    elimination::derive,
    grid::{Cell, Grid},
    subject::Subject,
    system::System,
};
use crate::{
    chip::lane::LaneChip,
    circuit::{configure_lanes, lanes},
    plan::integer,
    witness::Witness,
};

/// A circuit in which one lookup ignores its last value and looks up 0 in its place.
#[derive(Clone, Debug)]
pub struct BlindLookup<'a> {
    subject: &'a Subject,
    lanes: Vec<LaneChip>,
    /// The constraints.
    pub system: System,
    /// The advice columns of the value that is ignored.
    pub columns: Vec<usize>,
}

impl<'a> BlindLookup<'a> {
    /// One circuit for each lookup of a limb or of an excess. The lookup of a threshold has no entry with a
    /// value left out, so no witness would satisfy a circuit without it.
    pub fn all(subject: &'a Subject) -> Vec<Self> {
        let plan = subject.compiled.plan();
        let honest = lanes(&plan.columns, &plan.shape);
        let mut out = Vec::new();
        for (lane, chip) in honest.iter().enumerate() {
            for (slot, values) in chip.slots.iter().map(|slot| &slot.values).enumerate() {
                let last = values.iter().rposition(|terms| !terms.0.is_empty());
                let Some(value) = last.filter(|value| *value < 2) else { continue };
                let mut lanes = honest.clone();
                let blinded = std::mem::take(&mut lanes[lane].slots[slot].values[value]);
                let mut constraints = ConstraintSystem::default();
                configure_lanes(&mut constraints, &plan.shape, lanes.clone());
                let columns = blinded.0.iter().map(|(column, _)| *column).collect();
                out.push(Self { subject, lanes, system: System::of(&constraints), columns });
            }
        }
        out
    }

    /// The grid of an honest inference: multiplicities count the remaining lookups, and the derived cells
    /// follow from the constraints.
    ///
    /// # Panics
    /// If the inputs are not integers of the model's inputs.
    pub fn grid(&self, inputs: &[Vec<i32>], draw: u64) -> Grid {
        let compiled = &self.subject.compiled;
        let plan = compiled.plan();
        let slots: Vec<_> = self.lanes.iter().flat_map(|lane| lane.slots.clone()).collect();
        let mut witness = Witness::new(compiled.model(), plan, inputs).expect("inputs of the model");
        witness.count_lookups(&compiled.layout().lookup_tables(), &slots);
        let mut grid = self.subject.grid(inputs, draw);
        for &multiplicity in &plan.columns.lookup.multiplicities {
            for (row, value) in witness.columns[multiplicity].iter().enumerate() {
                grid.set(Cell::advice(multiplicity, row), integer((*value).into()));
            }
        }
        derive(&self.system, &mut grid, |cell| self.subject.is_derived(cell));
        grid
    }
}
