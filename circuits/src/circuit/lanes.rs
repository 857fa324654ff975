//! The chips of a circuit whose lanes stand alone and how they derive phase 1.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::ConstraintSystem,
};
use rayon::prelude::*;

use crate::{
    chip::{
        MAX_GATE_DEGREE, Role, contraction,
        lane::LaneChip,
        linear::linear_lane,
        lookup::{LookupChip, LookupWitness},
        statement,
        threshold::threshold_lane,
    },
    plan::{Columns, Operand, Plan, Shape, Spot, Use},
    statement::HEADER_INSTANCES,
};

use super::{Chips, CircuitConfig, handles, place};

/// The chips of a shape whose lanes stand alone.
#[derive(Clone, Debug)]
pub(super) struct LaneChips {
    columns: Columns,
    lanes: Vec<LaneChip>,
    lookup: LookupChip,
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

/// What determines the cells of each advice column.
pub(super) fn roles(shape: &Shape) -> Vec<Role> {
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

impl LaneChips {
    /// The columns of phase 1; those of phase 0 stay empty.
    pub(super) fn derive(&self, plan: &Plan, lookups: &LookupWitness<'_>, rho: Fr) -> Vec<Vec<Fr>> {
        let (columns, fixed, hints) = (&self.columns, &plan.fixed, lookups.hints);
        let mut advice = vec![Vec::new(); columns.phases.len()];
        place(&mut advice, self.lookup.derive(&columns.lookup, fixed, lookups, plan.rows));
        let evaluations = |lane: &LaneChip| (lane.evaluation, lane.evaluations(fixed, hints, rho, plan.rows));
        place(&mut advice, self.lanes.par_iter().map(evaluations).collect());
        advice[columns.operand] = vec![Fr::ZERO; plan.rows];
        statement::fill(&plan.placement, columns, &mut advice);
        contraction::fill_operands(&plan.contraction, columns, hints, &mut advice);
        let evaluations = contraction::weight_evaluations(columns, fixed, rho, plan.rows);
        let (ends, operands) = (&fixed[columns.end], &advice[columns.operand]);
        advice[columns.product] = contraction::product_sums(ends, &evaluations, operands, plan.rows);
        advice[columns.weight_evaluation] = evaluations;
        advice
    }
}

impl Plan {
    /// Whether a gate reads the operand in this row.
    pub(super) fn reads_operand(&self, row: usize) -> bool {
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
