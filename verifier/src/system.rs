//! The constraint system of a shape.

use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{ConstraintSystem, FirstPhase, SecondPhase},
};
use typed_index_collections::{TiSlice, TiVec};

use crate::{
    chip::{Handles, MAX_GATE_DEGREE, Slot, bank::BankChip, equation, lookup, power},
    columns::Columns,
    index::AdviceColumn,
    shape::Shape,
};

/// The chips of a shape.
#[derive(Clone, Debug)]
pub struct Chips {
    /// The numbers of their columns.
    pub columns: Columns,
    /// The banks, with the cells of their lanes.
    pub banks: Vec<BankChip>,
    /// The lookups of all lanes, in order.
    pub slots: Vec<Slot>,
}

/// The chips of the banks of a shape.
pub fn bank_chips(columns: &Columns, shape: &Shape) -> Vec<BankChip> {
    columns.banks.iter().map(|bank| BankChip::new(bank, shape)).collect()
}

/// The constraint system of a shape: all that a proof is checked against, but for the commitments of its fixed and permutation
/// columns.
///
/// # Panics
/// If the shape is not valid; see [`Shape::validate`].
pub fn constraint_system(shape: &Shape) -> ConstraintSystem<Fr> {
    let mut system = ConstraintSystem::default();
    Chips::of(&mut system, shape);
    system
}

impl Chips {
    /// Adds columns, gates and equality of a shape.
    ///
    /// # Panics
    /// If the shape is not valid; see [`Shape::validate`].
    pub fn of(meta: &mut ConstraintSystem<Fr>, shape: &Shape) -> (Handles, Self) {
        Self::configure(meta, shape, bank_chips(&Columns::of(shape), shape))
    }

    /// Adds columns, gates and equality of a shape with these banks.
    pub fn configure(
        meta: &mut ConstraintSystem<Fr>,
        shape: &Shape,
        banks: Vec<BankChip>,
    ) -> (Handles, Self) {
        // Whatever MAX_DEGREE says, the quotient domain is that of degree 5.
        meta.set_minimum_degree(MAX_GATE_DEGREE);
        let columns = Columns::of(shape);
        let handles = handles(meta, columns.fixed, &columns.phases, columns.positions.is_some());
        let slots: Vec<Slot> = banks.iter().flat_map(|bank| bank.slots.clone()).collect();
        lookup::configure(meta, &handles, &columns.lookup, &slots);
        banks.iter().for_each(|bank| bank.configure(meta, &handles, columns.lookup.rows));
        if let Some(positions) = &columns.positions {
            power::configure(meta, &handles, positions, columns.lookup.rows);
        }
        equation::configure(meta, &handles, &columns, shape);
        for column in columns.copied() {
            meta.enable_equality(handles.advice(column));
        }
        (handles, Self { columns, banks, slots })
    }
}

/// Takes the columns and challenges from the library, in the order in which they are numbered.
fn handles(
    meta: &mut ConstraintSystem<Fr>,
    fixed: usize,
    phases: &TiSlice<AdviceColumn, u8>,
    in_space: bool,
) -> Handles {
    let fixed = (0..fixed).map(|_| meta.fixed_column()).collect();
    let mut advice = TiVec::with_capacity(phases.len());
    let of_phase = |phase: u8| phases.iter().filter(|each| **each == phase).count();
    advice.extend((0..of_phase(0)).map(|_| meta.advice_column_in(FirstPhase)));
    let [alpha, theta, rho] = [(); 3].map(|()| meta.challenge_usable_after(FirstPhase));
    let space = in_space.then(|| meta.challenge_usable_after(FirstPhase));
    advice.extend((0..of_phase(1)).map(|_| meta.advice_column_in(SecondPhase)));
    Handles { fixed, advice, instance: meta.instance_column(), alpha, theta, rho, space }
}
