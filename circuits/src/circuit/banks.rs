//! The chips of a circuit with banks and how they derive phase 1.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::ConstraintSystem,
};
use rayon::prelude::*;

use crate::{
    banks::{BankColumns, BankPlan, Columns, Factor, LaneColumns, Operand, Region},
    chip::{
        Handles, MAX_GATE_DEGREE, Role, Slot,
        bank::BankChip,
        equation,
        hints::Hints,
        lookup::{LookupChip, LookupWitness},
        power,
    },
    plan::Shape,
    statement::LANES_PER_INSTANCE,
};

use super::{handles, place};

/// The chips of a shape with banks.
#[derive(Clone, Debug)]
pub(crate) struct BankChips {
    pub(super) columns: Columns,
    banks: Vec<BankChip>,
    lookup: LookupChip,
}

/// The lookups of all lanes, in order.
pub(crate) fn bank_slots(columns: &Columns, shape: &Shape) -> Vec<Slot> {
    bank_chips(columns, shape).into_iter().flat_map(|bank| bank.slots).collect()
}

/// The chips of the banks of a shape.
pub(crate) fn bank_chips(columns: &Columns, shape: &Shape) -> Vec<BankChip> {
    columns.banks.iter().map(|bank| BankChip::new(bank, shape)).collect()
}

/// Adds columns, gates and equality of a shape with these banks.
pub(crate) fn configure_banks(
    meta: &mut ConstraintSystem<Fr>,
    shape: &Shape,
    banks: Vec<BankChip>,
) -> (Handles, BankChips) {
    // Whatever MAX_DEGREE says, the quotient domain is that of degree 5.
    meta.set_minimum_degree(MAX_GATE_DEGREE);
    let columns = Columns::of(shape);
    let handles = handles(meta, columns.fixed, &columns.phases, true);
    let slots = banks.iter().flat_map(|bank| bank.slots.clone()).collect();
    let lookup = LookupChip::configure(meta, &handles, &columns.lookup, slots);
    banks.iter().for_each(|bank| bank.configure(meta, &handles, columns.lookup.rows));
    power::configure(meta, &handles, &columns);
    equation::configure(meta, &handles, &columns, shape);
    for column in columns.copied() {
        meta.enable_equality(handles.advice[column]);
    }
    (handles, BankChips { columns, banks, lookup })
}

/// What determines the cells of each advice column.
pub(super) fn roles(shape: &Shape) -> Vec<Role> {
    let columns = Columns::of(shape);
    let mut roles = vec![Role::Helper; columns.phases.len()];
    let mut set = |columns: &[usize], role| columns.iter().for_each(|column| roles[*column] = role);
    for lane in columns.lanes() {
        set(&[lane.evaluation], Role::SliceEvaluation);
        set(&[lane.cells.activation()], Role::Activation);
        match &lane.cells {
            LaneColumns::Linear(cells) => {
                set(&cells.excess, Role::Excess);
                set(&cells.limbs, Role::Remainder);
            }
            LaneColumns::Threshold(cells) => {
                set(&[cells.threshold], Role::Threshold);
                set(&cells.distance, Role::Distance);
                set(&cells.complement, Role::Complement);
            }
            LaneColumns::Maximum(cells) => set(&cells.distances, Role::OperandDistance),
            LaneColumns::Product(cells) => {
                set(&[cells.activation], Role::Product);
                set(&cells.factors, Role::Factor);
            }
        }
    }
    for bank in &columns.banks {
        set(&[bank.slice_power, bank.claim_power], Role::PowerCopy);
        set(&[bank.claims], Role::ClaimEvaluation);
    }
    for way in &columns.ways {
        set(&[way.weight_evaluation], Role::WeightEvaluation);
        set(&[way.operand], Role::Operand);
        set(&[way.window], Role::Window);
    }
    set(&columns.lookup.multiplicities, Role::Multiplicity);
    set(&columns.lookup.helpers, Role::Helper);
    set(&columns.lookup.table_helpers, Role::TableHelper);
    set(&[columns.lookup.sum], Role::LookupSum);
    set(&[columns.powers], Role::Power);
    set(&[columns.factor], Role::PowerCopy);
    set(&[columns.product], Role::ProductSum);
    roles
}

impl BankChips {
    /// The columns of phase 1; those of phase 0 stay empty.
    pub(super) fn derive(
        &self,
        plan: &BankPlan,
        lookups: &LookupWitness<'_>,
        rho: Fr,
        space: Fr,
    ) -> Vec<Vec<Fr>> {
        let (columns, fixed, hints) = (&self.columns, &plan.fixed, lookups.hints);
        let mut advice = vec![Vec::new(); columns.phases.len()];
        place(&mut advice, self.lookup.derive(&columns.lookup, fixed, lookups, plan.rows));
        advice[columns.powers] = power::powers(space, plan.rows);
        self.copy_powers(plan, &mut advice);
        let evaluations = self.evaluations(plan, hints, &advice, rho);
        place(&mut advice, evaluations);
        let instances = plan.packed_statement(hints);
        let sources = equation::Sources {
            region: &plan.region,
            columns,
            fixed,
            advice: &advice,
            instances: &instances,
        };
        let region = sources.derive(rho, plan.rows);
        place(&mut advice, region);
        advice
    }

    /// The powers of the rows of all banks.
    fn copy_powers(&self, plan: &BankPlan, advice: &mut [Vec<Fr>]) {
        let columns = &self.columns;
        for bank in &columns.banks {
            advice[bank.slice_power] = vec![Fr::ZERO; plan.rows];
            advice[bank.claim_power] = vec![Fr::ZERO; plan.rows];
        }
        plan.for_each_power(|bank, row, slice, claim| {
            let bank = &columns.banks[bank];
            advice[bank.slice_power][row] = advice[columns.powers][slice as usize];
            advice[bank.claim_power][row] = advice[columns.powers][claim as usize];
        });
    }

    /// The running columns of all banks by index, computed in parallel.
    fn evaluations(
        &self,
        plan: &BankPlan,
        hints: &Hints<'_>,
        advice: &[Vec<Fr>],
        rho: Fr,
    ) -> Vec<(usize, Vec<Fr>)> {
        let banks = self.columns.banks.iter().zip(&self.banks).zip(&plan.placement.bank_rows);
        let tasks = banks.flat_map(|((columns, chip), used)| {
            let lanes = (0..columns.lanes.len()).map(Some);
            [None].into_iter().chain(lanes).map(move |lane| (columns, chip, *used, lane))
        });
        let evaluation = |(columns, chip, used, lane): (&BankColumns, &BankChip, usize, Option<usize>)| {
            let (slice_powers, claim_powers) = (&advice[columns.slice_power], &advice[columns.claim_power]);
            match lane {
                None => (columns.claims, chip.claim_evaluations(&plan.fixed, hints, claim_powers, rho, used)),
                Some(lane) => (
                    columns.lanes[lane].evaluation,
                    chip.slice_evaluations(lane, &plan.fixed, hints, slice_powers, used),
                ),
            }
        };
        tasks.collect::<Vec<_>>().into_par_iter().map(evaluation).collect()
    }
}

impl Columns {
    /// For a column of copies, the fixed column without which nothing reads a cell of it.
    pub(super) fn reading(&self, column: usize) -> Option<usize> {
        let powers = |bank: &&BankColumns| [bank.slice_power, bank.claim_power].contains(&column);
        let is_operand = self.ways.iter().any(|way| way.operand == column);
        let of_ways = is_operand.then_some(self.sign).or_else(|| (column == self.factor).then_some(self.end));
        self.banks.iter().find(powers).map(|bank| bank.lanes[0].cells.tag()).or(of_ways)
    }
}

impl BankPlan {
    /// `2^shift` times every public input after the header, from the cells it is made of.
    fn packed_statement(&self, hints: &Hints<'_>) -> Vec<Fr> {
        let mut instances = vec![Fr::ZERO; self.network.instances];
        let scale = Fr::from(1 << self.shape.shift);
        let weights = std::iter::successors(Some(scale), |weight| Some(weight * Fr::from(256)));
        // Behind the last bytes of an input there may be idle lanes.
        let weights: Vec<Fr> = weights.take(2 * LANES_PER_INSTANCE).collect();
        for block in self.placement.blocks.iter().filter(|block| block.node.is_none()) {
            let home = self.network.homes.home(block.tensor);
            let first = &home.planes[block.planes[0]].elements;
            for (row, position) in block.rows().zip(block.positions()) {
                let (instance, byte) = self.network.instance_of(block.tensor, first[*position]);
                for (lane, cell) in self.columns.banks[block.bank].lanes.iter().enumerate() {
                    instances[instance] += weights[byte + lane] * hints.cell(cell.cells.activation(), row);
                }
            }
        }
        self.for_each_output(|instance, byte, column, row| {
            instances[instance] += weights[byte] * hints.cell(column, row);
        });
        instances
    }

    /// Every copy constraint, as pairs of (advice column, row), original first.
    pub(crate) fn for_each_copy(&self, mut copy: impl FnMut((usize, usize), (usize, usize))) {
        let columns = &self.columns;
        self.for_each_power(|bank, row, slice, claim| {
            let bank = &columns.banks[bank];
            copy((columns.powers, slice as usize), (bank.slice_power, row));
            copy((columns.powers, claim as usize), (bank.claim_power, row));
        });
        for (row, content) in (Region::FIRST_ROW..).zip(&self.region.rows) {
            let factor = content.factor.map(|factor| match factor {
                Factor::Power(exponent) => (columns.powers, exponent as usize),
                Factor::Slice { lane, row } => (columns.lane(lane).evaluation, row),
            });
            if let Some(source) = factor {
                copy(source, (columns.factor, row));
            }
            for (way, operand) in columns.ways.iter().zip(&content.operands) {
                let source = match operand {
                    Operand::Slice { lane, row } => (columns.lane(*lane).evaluation, *row),
                    Operand::Claims { bank, row } => (columns.banks[*bank].claims, *row),
                    Operand::First => (columns.ways[0].operand, row),
                    Operand::Instance => continue,
                };
                copy(source, (way.operand, row));
            }
        }
    }
}
