//! Plan and witness as a Halo2 circuit.
//!
//! One region with absolute rows; every row is the plan's. Fixed cells and copies are the same in every
//! synthesis pass; a pass assigns the advice columns of its own phase only.

use std::{collections::BTreeMap, sync::Arc};

use halo2_proofs::{
    circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value},
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Any, Circuit, Column, ConstraintSystem, Error, FirstPhase, SecondPhase},
};

pub(crate) mod banks;

use crate::{
    banks::BankPlan,
    chip::{
        Handles, MAX_GATE_DEGREE, Role, Slot, contraction, lane::LaneChip, linear::linear_lane,
        lookup::LookupChip, statement, threshold::threshold_lane,
    },
    plan::{Columns, Cost, Operand, Plan, Shape, Spot, Use, integer},
    statement::HEADER_INSTANCES,
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
    Lanes(LaneChips),
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

    /// Per row of an advice column, whether a gate reads the cell: copies are assigned where one does.
    fn rows_read<'a>(&'a self, column: usize) -> Box<dyn Fn(usize) -> bool + 'a> {
        match self {
            Self::Lanes(plan) => {
                Box::new(move |row| column != plan.columns.operand || plan.reads_operand(row))
            }
            Self::Banks(plan) => match plan.columns.reading(column) {
                None => Box::new(|_| true),
                Some(fixed) => Box::new(move |row| plan.fixed[fixed][row] != Fr::ZERO),
            },
        }
    }
}

/// The chips of a shape whose lanes stand alone.
#[derive(Clone, Debug)]
struct LaneChips {
    columns: Columns,
    lanes: Vec<LaneChip>,
    lookup: LookupChip,
}

/// The circuit of a plan, with the witness of one inference or without for key generation.
#[derive(Clone, Debug, Default)]
pub struct LemmaCircuit {
    shape: Shape,
    layout: Option<Layout>,
    witness: Option<Arc<Witness>>,
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
        witness.count_lookups(&layout.lookup_tables(), &layout.slots());
        Self { witness: Some(Arc::new(witness)), ..Self::new(layout) }
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
        self.derivation = Some(layout.into());
        self
    }

    /// What determines the cells of each advice column.
    pub fn roles(shape: &Shape) -> Vec<Role> {
        if shape.banks.is_some() {
            return banks::roles(shape);
        }
        let columns = Columns::of(shape);
        let mut roles = vec![Role::Helper; columns.phases.len()];
        let mut set = |columns: &[usize], role| columns.iter().for_each(|column| roles[*column] = role);
        for lane in &columns.linear {
            set(&[lane.cells.activation], Role::Activation);
            set(&lane.cells.excess, Role::Excess);
            set(&lane.cells.limbs, Role::Remainder);
            set(&[lane.evaluation], Role::Evaluation);
        }
        for lane in &columns.threshold {
            set(&[lane.cells.activation], Role::Activation);
            set(&[lane.cells.threshold], Role::Threshold);
            set(&lane.cells.distance, Role::Distance);
            set(&lane.cells.complement, Role::Complement);
            set(&[lane.evaluation], Role::Evaluation);
        }
        set(&columns.lookup.multiplicities, Role::Multiplicity);
        set(&columns.lookup.helpers, Role::Helper);
        set(&columns.lookup.table_helpers, Role::TableHelper);
        set(&[columns.lookup.sum], Role::LookupSum);
        set(&[columns.weight_evaluation], Role::WeightEvaluation);
        set(&[columns.operand], Role::Operand);
        set(&[columns.product], Role::ProductSum);
        roles
    }
}

/// The chips of the lanes, linear lanes first.
pub(crate) fn lanes(columns: &Columns, shape: &Shape) -> Vec<LaneChip> {
    let linear = columns.linear.iter().map(|lane| linear_lane(lane, shape));
    let threshold = columns.threshold.iter().map(|lane| threshold_lane(lane, shape));
    linear.chain(threshold).collect()
}

/// The columns and gates of a shape with these lanes.
pub(crate) fn configure_lanes(
    meta: &mut ConstraintSystem<Fr>,
    shape: &Shape,
    lanes: Vec<LaneChip>,
) -> CircuitConfig {
    // Whatever MAX_DEGREE says, the quotient domain is that of degree 5.
    meta.set_minimum_degree(MAX_GATE_DEGREE);
    let columns = Columns::of(shape);
    let handles = handles(meta, columns.fixed, &columns.phases, false);
    let slots = lanes.iter().flat_map(|lane| lane.slots.clone()).collect();
    let lookup = LookupChip::configure(meta, &handles, &columns.lookup, slots);
    lanes.iter().for_each(|lane| lane.configure(meta, &handles, &columns));
    contraction::configure(meta, &handles, &columns);
    statement::configure(meta, &handles, &columns, shape);
    let lane_count = lanes.len();
    for lane in 0..lane_count {
        meta.enable_equality(handles.advice[columns.activation(lane)]);
        meta.enable_equality(handles.advice[columns.evaluation(lane)]);
    }
    meta.enable_equality(handles.advice[columns.operand]);
    CircuitConfig { handles, chips: Chips::Lanes(LaneChips { columns, lanes, lookup }) }
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
                if let Some(witness) = &self.witness {
                    let mut advice = self.hints(layout.phases(), witness);
                    let derivation = self.derivation.as_ref().unwrap_or(layout);
                    let phase = match (&config.chips, derivation) {
                        (Chips::Lanes(chips), Layout::Lanes(plan)) => {
                            chips.derive(plan, &mut advice, challenges, &self.overrides)
                        }
                        (Chips::Banks(chips), Layout::Banks(plan)) => {
                            let [alpha, theta, rho] = challenges;
                            chips.derive(plan, &mut advice, [alpha, theta, rho, space], &self.overrides)
                        }
                        _ => return Err(Error::Synthesis),
                    };
                    assign_advice(&mut region, handles, layout, &advice, phase);
                }
                Ok(())
            },
        )
    }
}

impl LemmaCircuit {
    /// The phase-0 columns as field elements, the other columns empty.
    fn hints(&self, phases: &[u8], witness: &Witness) -> Vec<Vec<Fr>> {
        let hints =
            witness.columns.iter().map(|column| column.iter().map(|cell| integer((*cell).into())).collect());
        let mut advice: Vec<Vec<Fr>> = hints.collect();
        advice.resize(phases.len(), Vec::new());
        override_cells(&mut advice, &self.overrides, 0, phases);
        advice
    }
}

impl LaneChips {
    /// Derives the columns of phase 1 when the challenges are known, and returns the current phase.
    fn derive(
        &self,
        plan: &Plan,
        advice: &mut [Vec<Fr>],
        challenges: [Option<Fr>; 3],
        overrides: &BTreeMap<(usize, usize), Fr>,
    ) -> u8 {
        let [Some(alpha), Some(theta), Some(rho)] = challenges else { return 0 };
        self.lookup.fill(&self.columns.lookup, &plan.fixed, advice, alpha, theta, plan.rows);
        for lane in &self.lanes {
            lane.fill(&plan.fixed, advice, rho, plan.rows);
        }
        advice[self.columns.operand] = vec![Fr::ZERO; plan.rows];
        statement::fill(&plan.placement, &self.columns, advice);
        contraction::fill(&plan.contraction, &self.columns, &plan.fixed, advice, rho, plan.rows);
        override_cells(advice, overrides, 1, &plan.columns.phases);
        1
    }
}

fn override_cells(
    advice: &mut [Vec<Fr>],
    overrides: &BTreeMap<(usize, usize), Fr>,
    phase: u8,
    phases: &[u8],
) {
    for (&(column, row), value) in overrides {
        if phases.get(column) == Some(&phase)
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

/// The only place that assigns advice.
fn assign_advice(
    region: &mut Region<'_, Fr>,
    handles: &Handles,
    layout: &Layout,
    advice: &[Vec<Fr>],
    phase: u8,
) {
    let of_phase = layout.phases().iter().enumerate().filter(|(_, each)| **each == phase);
    for (index, _) in of_phase {
        let is_read = layout.rows_read(index);
        for (row, value) in advice[index].iter().enumerate() {
            if is_read(row) {
                region.assign_advice(handles.advice[index], row, Value::known(*value));
            }
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

impl Plan {
    /// Whether a gate reads the operand in this row.
    fn reads_operand(&self, row: usize) -> bool {
        match row.checked_sub(self.contraction.first_row) {
            None => row >= HEADER_INSTANCES,
            Some(index) => self.contraction.operands.get(index).is_some_and(Option::is_some),
        }
    }

    /// Every copy constraint, as pairs of (advice column, row), original first.
    pub(crate) fn for_each_copy(&self, mut copy: impl FnMut((usize, usize), (usize, usize))) {
        let columns = &self.columns;
        let activation = |spot: Spot| (columns.activation(spot.lane), spot.row);
        let evaluation = |spot: Spot| (columns.evaluation(spot.lane), spot.row);
        for (lane, rows) in self.placement.lanes.iter().enumerate() {
            for (row, used) in rows.rows.iter().enumerate() {
                if let Use::Byte { tensor, element, copied: true } = used.content {
                    let home = self.placement.homes[tensor.0][element];
                    copy(activation(home), activation(Spot { lane, row }));
                }
            }
        }
        for (row, spot) in (HEADER_INSTANCES..).zip(&self.placement.instances) {
            copy(evaluation(*spot), (columns.operand, row));
        }
        for (row, operand) in (self.contraction.first_row..).zip(&self.contraction.operands) {
            match operand {
                Some(Operand::Activation(spot)) => copy(activation(*spot), (columns.operand, row)),
                Some(Operand::Evaluation(spot)) => copy(evaluation(*spot), (columns.operand, row)),
                None => {}
            }
        }
    }
}
