//! Layout and witness as a Halo2 circuit.
//!
//! One region with absolute rows; every row is the layout's. Fixed cells and copies are the same in every
//! synthesis pass; a pass assigns the advice columns of its own phase only.

use std::{collections::BTreeMap, sync::Arc};

use halo2_proofs::{
    circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value},
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Advice, Any, Circuit, Column, ConstraintSystem, Error},
};
use lemma_verifier::{
    chip::Handles,
    columns::{BankColumns, Columns},
    index::{AdviceColumn, FixedColumn, Lane, RowId},
    shape::Shape,
    system::Chips,
};
use rayon::prelude::*;
use typed_index_collections::TiSlice;

use crate::{
    cells::{AdviceCells, ByRow, FixedCells},
    derive::{
        Derivation,
        hints::Hints,
        lookup::{LookupWitness, Positions},
        overrides::Overrides,
    },
    layout::Layout,
    roles::{Role, roles},
    witness::{LookupTables, Witness},
};

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
    overrides: Overrides,
    /// What phase 1 is derived by, if not by the layout.
    #[cfg(test)]
    derivation: Option<Arc<Layout>>,
}

impl LemmaCircuit {
    /// The circuit without a witness.
    pub fn new(layout: Arc<Layout>) -> Self {
        Self { shape: layout.shape.clone(), layout: Some(layout), ..Self::default() }
    }

    /// The circuit with the hints of one inference. Multiplicities are counted here.
    pub fn with_witness(layout: Arc<Layout>, mut witness: Witness) -> Self {
        let positions = witness.count_lookups(&LookupTables::of(&layout), &layout.slots());
        Self { witness: Some(Arc::new(Counted { witness, positions })), ..Self::new(layout) }
    }

    /// What determines the cells of each advice column.
    pub fn roles(shape: &Shape) -> Vec<Role> {
        roles(shape).into()
    }
}

#[cfg(not(test))]
impl LemmaCircuit {
    /// The layout by which phase 1 is derived.
    fn derivation<'a>(&self, own: &'a Layout) -> &'a Layout {
        own
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
        let (handles, chips) = Chips::of(meta, &shape);
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
                let derivation = Derivation {
                    chips: &config.chips,
                    layout: self.derivation(layout),
                    lookups: &lookups,
                    rho,
                };
                let mut advice = derivation.run(space)?;
                override_derived(&mut advice, self.overrides.cells(), &layout.columns.phases);
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
            let readers = readers(&layout.columns, column);
            let is_read = |row: RowId| readers.iter().any(|reader| layout.fixed()[*reader][row] != Fr::ZERO);
            let is_read = (!readers.is_empty()).then_some(is_read);
            assign_column(region, handles.advice[column], &advice[column], is_read);
        }
    }
}

/// For a column of copies, the fixed columns without all of which nothing reads a cell of it; none of columns that
/// gates read in every row.
fn readers(columns: &Columns, column: AdviceColumn) -> Vec<FixedColumn> {
    let copies_power = |bank: &&BankColumns| {
        bank.powers().is_some_and(|powers| [powers.slice, powers.claim].contains(&column))
    };
    if let Some(bank) = columns.banks.iter().find(copies_power) {
        return vec![bank.lanes[Lane::default()].cells.tag()];
    }
    let is_operand = columns.ways.iter().any(|way| way.operand == column);
    match &columns.positions {
        Some(positions) if is_operand => vec![positions.sign],
        Some(positions) if positions.factor == column => vec![columns.end],
        None if is_operand => vec![columns.end, columns.statement],
        _ => Vec::new(),
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
    pub(crate) fn with_overrides(mut self, cells: BTreeMap<(AdviceColumn, RowId), Fr>) -> Self {
        self.overrides = Overrides { cells };
        self
    }

    /// Derives phase 1 as if the layout were this one; fixed cells and copies stay those of the circuit's own.
    #[must_use]
    pub(crate) fn derived_by(mut self, layout: Arc<Layout>) -> Self {
        if let Some(counted) = self.witness.take().map(Arc::unwrap_or_clone) {
            let positions = counted.witness.locate_lookups(&LookupTables::of(&layout), &layout.slots());
            self.witness = Some(Arc::new(Counted { positions, ..counted }));
        }
        self.derivation = Some(layout);
        self
    }

    /// The layout by which phase 1 is derived.
    fn derivation<'a>(&'a self, own: &'a Layout) -> &'a Layout {
        self.derivation.as_deref().unwrap_or(own)
    }
}
