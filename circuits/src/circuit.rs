//! Plan and witness as a Halo2 circuit.
//!
//! One region with absolute rows; every row is the plan's. Fixed cells and copies are the same in every
//! synthesis pass; a pass assigns the advice columns of its own phase only.

use std::{collections::BTreeMap, sync::Arc};

use halo2_proofs::{
    circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value},
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Advice, Any, Circuit, Column, ConstraintSystem, Error, FirstPhase, SecondPhase},
};
use rayon::prelude::*;

pub(crate) mod banks;
mod lanes;

pub(crate) use lanes::{configure_lanes, lanes};

use crate::{
    banks::BankPlan,
    chip::{
        Handles, Role, Slot,
        hints::Hints,
        lookup::{LookupWitness, Positions},
    },
    plan::{Columns, Cost, Plan, Shape},
    witness::{LookupTables, Witness},
};

/// The columns and gates of a circuit.
#[derive(Clone, Debug)]
pub struct CircuitConfig {
    handles: Handles,
    chips: Chips,
}

/// The chips of a shape.
#[derive(Clone, Debug)]
enum Chips {
    Lanes(lanes::LaneChips),
    Banks(banks::BankChips),
}

/// A plan of either kind.
#[derive(Clone, Debug)]
pub enum Layout {
    /// Fully connected layers: every lane on its own.
    Lanes(Arc<Plan>),
    /// Convolutional networks: lanes in banks.
    Banks(Arc<BankPlan>),
}

impl From<Arc<Plan>> for Layout {
    fn from(plan: Arc<Plan>) -> Self {
        Self::Lanes(plan)
    }
}

impl From<Arc<BankPlan>> for Layout {
    fn from(plan: Arc<BankPlan>) -> Self {
        Self::Banks(plan)
    }
}

impl Layout {
    /// Columns and gate constants.
    pub fn shape(&self) -> &Shape {
        match self {
            Self::Lanes(plan) => &plan.shape,
            Self::Banks(plan) => &plan.shape,
        }
    }

    /// Rows in use, of `2^k`.
    pub fn rows(&self) -> usize {
        match self {
            Self::Lanes(plan) => plan.rows,
            Self::Banks(plan) => plan.rows,
        }
    }

    /// Predicted proving cost.
    pub fn cost(&self) -> Cost {
        match self {
            Self::Lanes(plan) => plan.cost(),
            Self::Banks(plan) => plan.cost,
        }
    }

    /// Advice cells that hold something, of `2^k` per advice column.
    pub fn used_cells(&self) -> usize {
        match self {
            Self::Lanes(plan) => plan.used_cells(),
            Self::Banks(plan) => plan.used_cells(),
        }
    }

    /// All advice cells.
    pub fn all_cells(&self) -> usize {
        (self.shape().num_advice() as usize) << self.shape().k
    }

    /// Fixed columns, one value per row in use and one more.
    pub(crate) fn fixed(&self) -> &[Vec<Fr>] {
        match self {
            Self::Lanes(plan) => &plan.fixed,
            Self::Banks(plan) => &plan.fixed,
        }
    }

    fn phases(&self) -> &[u8] {
        match self {
            Self::Lanes(plan) => &plan.columns.phases,
            Self::Banks(plan) => &plan.columns.phases,
        }
    }

    /// What the lookups of a witness are counted in.
    pub(crate) fn lookup_tables(&self) -> LookupTables<'_> {
        let (tables, lookup) = match self {
            Self::Lanes(plan) => (&plan.tables, &plan.columns.lookup),
            Self::Banks(plan) => (&plan.tables, &plan.columns.lookup),
        };
        let multiplicities = &lookup.multiplicities;
        LookupTables { tables, fixed: self.fixed(), multiplicities, rows: self.rows() }
    }

    pub(crate) fn slots(&self) -> Vec<Slot> {
        match self {
            Self::Lanes(plan) => {
                lanes(&plan.columns, &plan.shape).into_iter().flat_map(|lane| lane.slots).collect()
            }
            Self::Banks(plan) => banks::bank_slots(&plan.columns, &plan.shape),
        }
    }

    /// Every copy constraint, as pairs of (advice column, row), original first.
    pub(crate) fn for_each_copy(&self, copy: impl FnMut((usize, usize), (usize, usize))) {
        match self {
            Self::Lanes(plan) => plan.for_each_copy(copy),
            Self::Banks(plan) => plan.for_each_copy(copy),
        }
    }

    /// Per row of an advice column, whether a gate reads the cell: copies are assigned where one does. `None` where
    /// gates read every row.
    fn rows_read<'a>(&'a self, column: usize) -> Option<Box<dyn Fn(usize) -> bool + 'a>> {
        match self {
            Self::Lanes(plan) if column == plan.columns.operand => {
                Some(Box::new(move |row| plan.reads_operand(row)))
            }
            Self::Lanes(_) => None,
            Self::Banks(plan) => {
                let fixed = &plan.fixed[plan.columns.reading(column)?];
                Some(Box::new(move |row| fixed[row] != Fr::ZERO))
            }
        }
    }
}

/// A witness with its multiplicities, and where they count each lookup.
#[derive(Clone, Debug)]
struct Counted {
    witness: Witness,
    positions: Positions,
}

/// The circuit of a plan, with the witness of one inference or without for key generation.
#[derive(Clone, Debug, Default)]
pub struct LemmaCircuit {
    shape: Shape,
    layout: Option<Layout>,
    witness: Option<Arc<Counted>>,
    overrides: BTreeMap<(usize, usize), Fr>,
    /// What phase 1 is derived by, if not by the layout.
    derivation: Option<Layout>,
}

impl LemmaCircuit {
    /// The circuit without a witness.
    pub fn new(layout: impl Into<Layout>) -> Self {
        let layout = layout.into();
        Self {
            shape: layout.shape().clone(),
            layout: Some(layout),
            witness: None,
            overrides: BTreeMap::new(),
            derivation: None,
        }
    }

    /// The circuit with the hints of one inference. Multiplicities are counted here.
    pub fn with_witness(layout: impl Into<Layout>, mut witness: Witness) -> Self {
        let layout = layout.into();
        let positions = witness.count_lookups(&layout.lookup_tables(), &layout.slots());
        Self { witness: Some(Arc::new(Counted { witness, positions })), ..Self::new(layout) }
    }

    /// Replaces single advice cells, by column and row, in the pass that assigns them: what later phases
    /// derive from them follows. For soundness tests.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn with_overrides(mut self, overrides: BTreeMap<(usize, usize), Fr>) -> Self {
        self.overrides = overrides;
        self
    }

    /// Derives phase 1 as if the layout were this one; fixed cells and copies stay those of the circuit's own. For
    /// soundness tests.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn derived_by(mut self, layout: impl Into<Layout>) -> Self {
        let layout = layout.into();
        if let Some(counted) = self.witness.take().map(Arc::unwrap_or_clone) {
            let positions = counted.witness.locate_lookups(&layout.lookup_tables(), &layout.slots());
            self.witness = Some(Arc::new(Counted { positions, ..counted }));
        }
        self.derivation = Some(layout);
        self
    }

    /// What determines the cells of each advice column.
    pub fn roles(shape: &Shape) -> Vec<Role> {
        if shape.banks.is_some() {
            return banks::roles(shape);
        }
        lanes::roles(shape)
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
        if shape.banks.is_some() {
            let chips = banks::bank_chips(&crate::banks::Columns::of(&shape), &shape);
            let (handles, chips) = banks::configure_banks(meta, &shape, chips);
            return CircuitConfig { handles, chips: Chips::Banks(chips) };
        }
        let lanes = lanes(&Columns::of(&shape), &shape);
        configure_lanes(meta, &shape, lanes)
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
                    assign_hints(&mut region, handles, &hints, layout.phases());
                    return Ok(());
                };
                let lookups = LookupWitness { hints: &hints, positions: &counted.positions, alpha, theta };
                let mut advice = match (&config.chips, self.derivation.as_ref().unwrap_or(layout), space) {
                    (Chips::Lanes(chips), Layout::Lanes(plan), None) => chips.derive(plan, &lookups, rho),
                    (Chips::Banks(chips), Layout::Banks(plan), Some(space)) => {
                        chips.derive(plan, &lookups, rho, space)
                    }
                    _ => return Err(Error::Synthesis),
                };
                override_derived(&mut advice, &self.overrides, layout.phases());
                assign_derived(&mut region, handles, layout, &advice);
                Ok(())
            },
        )
    }
}

/// Puts derived columns where they belong.
fn place(advice: &mut [Vec<Fr>], columns: Vec<(usize, Vec<Fr>)>) {
    for (column, values) in columns {
        advice[column] = values;
    }
}

/// Cells of phase 1 that a soundness test replaces.
fn override_derived(advice: &mut [Vec<Fr>], overrides: &BTreeMap<(usize, usize), Fr>, phases: &[u8]) {
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
fn handles(meta: &mut ConstraintSystem<Fr>, fixed: usize, phases: &[u8], in_space: bool) -> Handles {
    let fixed = (0..fixed).map(|_| meta.fixed_column()).collect();
    let mut advice = Vec::with_capacity(phases.len());
    let of_phase = |phase: u8| phases.iter().filter(|each| **each == phase).count();
    advice.extend((0..of_phase(0)).map(|_| meta.advice_column_in(FirstPhase)));
    let [alpha, theta, rho] = [(); 3].map(|()| meta.challenge_usable_after(FirstPhase));
    let space = in_space.then(|| meta.challenge_usable_after(FirstPhase));
    advice.extend((0..of_phase(1)).map(|_| meta.advice_column_in(SecondPhase)));
    Handles { fixed, advice, instance: meta.instance_column(), alpha, theta, rho, space }
}

fn assign_fixed(region: &mut Region<'_, Fr>, handles: &Handles, fixed: &[Vec<Fr>]) {
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
fn assign_hints(region: &mut Region<'_, Fr>, handles: &Handles, hints: &Hints<'_>, phases: &[u8]) {
    let columns: Vec<usize> = (0..phases.len()).filter(|column| phases[*column] == 0).collect();
    for columns in columns.chunks(HINT_COLUMNS) {
        let values: Vec<Vec<Fr>> = columns.par_iter().map(|column| hints.column(*column)).collect();
        for (column, values) in columns.iter().zip(&values) {
            assign_column(region, handles.advice[*column], values, None);
        }
    }
}

/// Assigns the columns of phase 1.
fn assign_derived(region: &mut Region<'_, Fr>, handles: &Handles, layout: &Layout, advice: &[Vec<Fr>]) {
    for (index, phase) in layout.phases().iter().enumerate() {
        if *phase == 1 {
            assign_column(region, handles.advice[index], &advice[index], layout.rows_read(index));
        }
    }
}

/// The only place that assigns advice.
fn assign_column(
    region: &mut Region<'_, Fr>,
    column: Column<Advice>,
    values: &[Fr],
    is_read: Option<Box<dyn Fn(usize) -> bool + '_>>,
) {
    for (row, value) in values.iter().enumerate() {
        if is_read.as_ref().is_none_or(|is_read| is_read(row)) {
            region.assign_advice(column, row, Value::known(*value));
        }
    }
}

fn constrain_copies(region: &mut Region<'_, Fr>, handles: &Handles, layout: &Layout) {
    let cell = |column: usize, row: usize| Cell {
        row_offset: row,
        column: Column::<Any>::from(handles.advice[column]),
    };
    layout.for_each_copy(|(from, from_row), (to, to_row)| {
        region.constrain_equal(cell(from, from_row), cell(to, to_row));
    });
}
