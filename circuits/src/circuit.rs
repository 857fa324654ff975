//! Layout and witness as a Halo2 circuit.
//!
//! One region with absolute rows; every row is the layout's. Fixed cells and copies are the same in every
//! synthesis pass; a pass assigns the advice columns of its own phase only.

use std::{collections::BTreeMap, sync::Arc};

use halo2_proofs::{
    circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value},
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Advice, Any, Circuit, Column, ConstraintSystem, Error, FirstPhase, SecondPhase},
};
use rayon::prelude::*;
use typed_index_collections::{TiSlice, TiVec};

pub(crate) mod chips;

use crate::{
    chip::{
        Handles, Role,
        hints::Hints,
        lookup::{LookupWitness, Positions},
    },
    columns::{AdviceCells, ByRow, Columns, FixedCells},
    index::{AdviceColumn, RowId},
    layout::Layout,
    shape::Shape,
    witness::{LookupTables, Witness},
};

use chips::{Chips, bank_chips};

/// The columns and gates of a circuit.
#[derive(Clone, Debug)]
pub struct CircuitConfig {
    handles: Handles,
    chips: Chips,
}

/// A witness with its multiplicities, and where they count each lookup.
#[derive(Clone, Debug)]
struct Counted {
    witness: Witness,
    positions: Positions,
}

/// The circuit of a layout, with the witness of one inference or without for key generation.
#[derive(Clone, Debug, Default)]
pub struct LemmaCircuit {
    shape: Shape,
    layout: Option<Arc<Layout>>,
    witness: Option<Arc<Counted>>,
    overrides: BTreeMap<(AdviceColumn, RowId), Fr>,
    /// What phase 1 is derived by, if not by the layout.
    derivation: Option<Arc<Layout>>,
}

impl LemmaCircuit {
    /// The circuit without a witness.
    pub fn new(layout: Arc<Layout>) -> Self {
        Self {
            shape: layout.shape.clone(),
            layout: Some(layout),
            witness: None,
            overrides: BTreeMap::new(),
            derivation: None,
        }
    }

    /// The circuit with the hints of one inference. Multiplicities are counted here.
    pub fn with_witness(layout: Arc<Layout>, mut witness: Witness) -> Self {
        let positions = witness.count_lookups(&LookupTables::of(&layout), &layout.slots());
        Self { witness: Some(Arc::new(Counted { witness, positions })), ..Self::new(layout) }
    }

    /// Derives phase 1 as if the layout were this one; fixed cells and copies stay those of the circuit's own. For
    /// soundness tests.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn derived_by(mut self, layout: Arc<Layout>) -> Self {
        if let Some(counted) = self.witness.take().map(Arc::unwrap_or_clone) {
            let positions = counted.witness.locate_lookups(&LookupTables::of(&layout), &layout.slots());
            self.witness = Some(Arc::new(Counted { positions, ..counted }));
        }
        self.derivation = Some(layout);
        self
    }

    /// What determines the cells of each advice column.
    pub fn roles(shape: &Shape) -> Vec<Role> {
        chips::roles(shape).into()
    }
}

impl Circuit<Fr> for LemmaCircuit {
    type Config = CircuitConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn params(&self) -> Shape {
        self.shape.clone()
    }

    fn without_witnesses(&self) -> Self {
        Self { witness: None, ..self.clone() }
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> CircuitConfig {
        Self::configure_with_params(meta, Shape::default())
    }

    /// # Panics
    /// If the shape is not valid; see [`Shape::validate`].
    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> CircuitConfig {
        if let Err(error) = shape.validate() {
            panic!("{error}");
        }
        let banks = bank_chips(&Columns::of(&shape), &shape);
        let (handles, chips) = Chips::configure(meta, &shape, banks);
        CircuitConfig { handles, chips }
    }

    fn synthesize(&self, config: CircuitConfig, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let layout = self.layout.as_ref().ok_or(Error::Synthesis)?;
        let handles = &config.handles;
        let challenges = [handles.alpha, handles.theta, handles.rho]
            .map(|challenge| known(layouter.get_challenge(challenge)));
        let space = handles.space.and_then(|challenge| known(layouter.get_challenge(challenge)));
        layouter.assign_region(
            || "circuit",
            |mut region| {
                assign_fixed(&mut region, handles, layout.fixed());
                constrain_copies(&mut region, handles, layout);
                let Some(counted) = &self.witness else { return Ok(()) };
                let hints = Hints::new(&counted.witness.columns, &self.overrides);
                let [Some(alpha), Some(theta), Some(rho)] = challenges else {
                    assign_hints(&mut region, handles, &hints, &layout.columns.phases);
                    return Ok(());
                };
                let lookups = LookupWitness { hints: &hints, positions: &counted.positions, alpha, theta };
                let derivation = self.derivation.as_ref().unwrap_or(layout);
                let mut advice = config.chips.derive(derivation, &lookups, rho, space)?;
                override_derived(&mut advice, &self.overrides, &layout.columns.phases);
                assign_derived(&mut region, handles, layout, &advice);
                Ok(())
            },
        )
    }
}

/// Cells of phase 1 that a soundness test replaces.
fn override_derived(
    advice: &mut AdviceCells,
    overrides: &BTreeMap<(AdviceColumn, RowId), Fr>,
    phases: &TiSlice<AdviceColumn, u8>,
) {
    for (&(column, row), value) in overrides {
        if phases.get(column) == Some(&1)
            && let Some(cell) = advice[column].get_mut(row)
        {
            *cell = *value;
        }
    }
}

fn known(value: Value<Fr>) -> Option<Fr> {
    let mut out = None;
    value.map(|value| out = Some(value));
    out
}

/// Takes the columns and challenges from the library, in the order the plan numbers them.
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

fn assign_fixed(region: &mut Region<'_, Fr>, handles: &Handles, fixed: &FixedCells) {
    for (column, values) in handles.fixed.iter().zip(fixed) {
        for (row, value) in values.iter().enumerate() {
            if *value != Fr::ZERO {
                region.assign_fixed(*column, row, *value);
            }
        }
    }
}

/// Columns that are converted at a time: enough for all threads, few in memory.
const HINT_COLUMNS: usize = 8;

/// Assigns the columns of phase 0.
fn assign_hints(
    region: &mut Region<'_, Fr>,
    handles: &Handles,
    hints: &Hints<'_>,
    phases: &TiSlice<AdviceColumn, u8>,
) {
    let columns: Vec<AdviceColumn> = phases.keys().filter(|column| phases[*column] == 0).collect();
    for columns in columns.chunks(HINT_COLUMNS) {
        let values: Vec<ByRow<Fr>> = columns.par_iter().map(|column| hints.column(*column)).collect();
        for (column, values) in columns.iter().zip(&values) {
            assign_column(region, handles.advice[*column], values, None::<fn(RowId) -> bool>);
        }
    }
}

/// Assigns the columns of phase 1, copies only where a gate reads them.
fn assign_derived(region: &mut Region<'_, Fr>, handles: &Handles, layout: &Layout, advice: &AdviceCells) {
    for (column, phase) in layout.columns.phases.iter_enumerated() {
        if *phase == 1 {
            let readers = layout.columns.readers(column);
            let is_read = |row: RowId| readers.iter().any(|reader| layout.fixed()[*reader][row] != Fr::ZERO);
            let is_read = (!readers.is_empty()).then_some(is_read);
            assign_column(region, handles.advice[column], &advice[column], is_read);
        }
    }
}

/// The only place that assigns advice.
fn assign_column(
    region: &mut Region<'_, Fr>,
    column: Column<Advice>,
    values: &TiSlice<RowId, Fr>,
    is_read: Option<impl Fn(RowId) -> bool>,
) {
    for (row, value) in values.iter_enumerated() {
        if is_read.as_ref().is_none_or(|is_read| is_read(row)) {
            region.assign_advice(column, row.into(), Value::known(*value));
        }
    }
}

fn constrain_copies(region: &mut Region<'_, Fr>, handles: &Handles, layout: &Layout) {
    let cell = |column: AdviceColumn, row: RowId| Cell {
        row_offset: row.into(),
        column: Column::<Any>::from(handles.advice[column]),
    };
    layout.for_each_copy(|(from, from_row), (to, to_row)| {
        region.constrain_equal(cell(from, from_row), cell(to, to_row));
    });
}

#[cfg(test)]
impl LemmaCircuit {
    /// Replaces single advice cells, by column and row, in the pass that assigns them: what later phases
    /// derive from them follows.
    #[must_use]
    pub(crate) fn with_overrides(mut self, overrides: BTreeMap<(AdviceColumn, RowId), Fr>) -> Self {
        self.overrides = overrides;
        self
    }
}
