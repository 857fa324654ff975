//! The chips of a circuit and how they derive phase 1.

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{ConstraintSystem, Error},
};
use rayon::prelude::*;
use typed_index_collections::{TiVec, ti_vec};

use crate::{
    chip::{
        Handles, MAX_GATE_DEGREE, Role, Slot,
        bank::BankChip,
        equation,
        hints::Hints,
        lookup::{LookupChip, LookupWitness},
        power,
    },
    columns::{
        AdviceCells, BankColumns, BankLane, ByRow, Columns, LaneColumns, PositionColumns, PowerColumns,
    },
    equations::{Factor, Operand},
    index::{AdviceColumn, FixedColumn, Lane, LaneId, Position, RowId},
    integers::integer,
    layout::Layout,
    network::homes::Cell,
    place::{Block, Content},
    shape::Shape,
    statement::LANES_PER_INSTANCE,
};

use super::handles;

/// The chips of a shape.
#[derive(Clone, Debug)]
pub(crate) struct Chips {
    columns: Columns,
    banks: Vec<BankChip>,
    lookup: LookupChip,
}

/// The chips of the banks of a shape.
pub(crate) fn bank_chips(columns: &Columns, shape: &Shape) -> Vec<BankChip> {
    columns.banks.iter().map(|bank| BankChip::new(bank, shape)).collect()
}

/// What determines the cells of each advice column.
pub(crate) fn roles(shape: &Shape) -> TiVec<AdviceColumn, Role> {
    let columns = Columns::of(shape);
    let mut roles: TiVec<AdviceColumn, Role> = ti_vec![Role::Helper; columns.phases.len()];
    let mut set = |columns: &[AdviceColumn], role| columns.iter().for_each(|column| roles[*column] = role);
    for lane in columns.lanes() {
        set(lane.evaluation.as_slice(), Role::SliceEvaluation);
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
        if let Some(powers) = bank.powers() {
            set(&[powers.slice, powers.claim], Role::PowerCopy);
        }
        set(&[bank.claims], Role::ClaimEvaluation);
    }
    for way in &columns.ways {
        set(&[way.weight_evaluation], Role::WeightEvaluation);
        set(&[way.operand], Role::Operand);
        set(way.window.as_slice(), Role::Window);
    }
    set(&columns.lookup.multiplicities, Role::Multiplicity);
    set(&columns.lookup.helpers, Role::Helper);
    set(&columns.lookup.table_helpers, Role::TableHelper);
    set(&[columns.lookup.sum], Role::LookupSum);
    if let Some(positions) = &columns.positions {
        set(&[positions.powers], Role::Power);
        set(&[positions.factor], Role::PowerCopy);
    }
    set(&[columns.product], Role::ProductSum);
    roles
}

/// Puts derived columns where they belong.
fn place(advice: &mut AdviceCells, columns: Vec<(AdviceColumn, ByRow<Fr>)>) {
    for (column, values) in columns {
        advice[column] = values;
    }
}

impl Chips {
    /// Adds columns, gates and equality of a shape with these banks.
    pub(crate) fn configure(
        meta: &mut ConstraintSystem<Fr>,
        shape: &Shape,
        banks: Vec<BankChip>,
    ) -> (Handles, Self) {
        // Whatever MAX_DEGREE says, the quotient domain is that of degree 5.
        meta.set_minimum_degree(MAX_GATE_DEGREE);
        let columns = Columns::of(shape);
        let handles = handles(meta, columns.fixed, &columns.phases, columns.positions.is_some());
        let slots = banks.iter().flat_map(|bank| bank.slots.clone()).collect();
        let lookup = LookupChip::configure(meta, &handles, &columns.lookup, slots);
        banks.iter().for_each(|bank| bank.configure(meta, &handles, columns.lookup.rows));
        if let Some(positions) = &columns.positions {
            power::configure(meta, &handles, positions, columns.lookup.rows);
        }
        equation::configure(meta, &handles, &columns, shape);
        for column in columns.copied() {
            meta.enable_equality(handles.advice[column]);
        }
        (handles, Self { columns, banks, lookup })
    }

    /// The columns of phase 1, and those of phase 0 that operands copy; others stay empty.
    ///
    /// # Errors
    /// If the layout has positions and there is no challenge for them.
    pub(super) fn derive(
        &self,
        layout: &Layout,
        lookups: &LookupWitness<'_>,
        rho: Fr,
        space: Option<Fr>,
    ) -> Result<TiVec<AdviceColumn, ByRow<Fr>>, Error> {
        let (columns, fixed, hints) = (&self.columns, layout.fixed(), lookups.hints);
        let mut advice: TiVec<AdviceColumn, _> = ti_vec![ByRow::new(); columns.phases.len()];
        place(&mut advice, self.lookup.derive(&columns.lookup, fixed, lookups, layout.rows));
        match &columns.positions {
            Some(positions) => {
                advice[positions.powers] = power::powers(space.ok_or(Error::Synthesis)?, layout.rows);
                self.copy_powers(layout, positions, &mut advice);
            }
            None => columns.lanes().for_each(|lane| advice[lane.slice()] = hints.column(lane.slice())),
        }
        let evaluations = self.evaluations(layout, hints, &advice, rho);
        place(&mut advice, evaluations);
        let instances = layout.packed_statement(hints);
        let region = &layout.region;
        let sources = equation::Sources { region, columns, fixed, advice: &advice, instances: &instances };
        let region = sources.derive(rho, layout.rows);
        place(&mut advice, region);
        Ok(advice)
    }

    /// The powers of the rows of all banks.
    fn copy_powers(&self, layout: &Layout, positions: &PositionColumns, advice: &mut AdviceCells) {
        for powers in self.columns.banks.iter().filter_map(BankColumns::powers) {
            advice[powers.slice] = ti_vec![Fr::ZERO; layout.rows];
            advice[powers.claim] = ti_vec![Fr::ZERO; layout.rows];
        }
        layout.for_each_power(|bank, row, slice, claim| {
            let Some(powers) = self.columns.banks[bank].powers() else { return };
            advice[powers.slice][row] = advice[positions.powers][RowId::from(slice as usize)];
            advice[powers.claim][row] = advice[positions.powers][RowId::from(claim as usize)];
        });
    }

    /// The running columns of all banks by index, computed in parallel.
    fn evaluations(
        &self,
        layout: &Layout,
        hints: &Hints<'_>,
        advice: &AdviceCells,
        rho: Fr,
    ) -> Vec<(AdviceColumn, ByRow<Fr>)> {
        let banks = self.columns.banks.iter().zip(&self.banks).zip(&layout.placement.bank_rows);
        let tasks = banks.flat_map(|((columns, chip), used)| {
            // Where rows have no powers, nothing keeps the cells of an unused one out of the claims.
            let used = if columns.powers().is_some() { *used } else { layout.rows };
            let lanes = columns
                .lanes
                .iter_enumerated()
                .filter_map(|(lane, columns)| columns.evaluation.map(|evaluation| Some((lane, evaluation))));
            [None].into_iter().chain(lanes).map(move |lane| (columns, chip, used, lane))
        });
        let evaluation = |(columns, chip, used, lane): (&BankColumns, &BankChip, usize, Option<_>)| {
            let power = |of: fn(&PowerColumns) -> AdviceColumn| {
                columns.powers().map(|powers| advice[of(powers)].as_slice())
            };
            match lane {
                None => {
                    let powers = power(|powers| powers.claim);
                    let rows = [used, layout.rows];
                    (columns.claims, chip.claim_evaluations(layout.fixed(), hints, powers, rho, rows))
                }
                Some((lane, evaluation)) => {
                    let powers = power(|powers| powers.slice).unwrap_or_default();
                    (evaluation, chip.slice_evaluations(lane, layout.fixed(), hints, powers, used))
                }
            }
        };
        tasks.collect::<Vec<_>>().into_par_iter().map(evaluation).collect()
    }
}

impl Columns {
    /// For a column of copies, the fixed columns without all of which nothing reads a cell of it; none of columns that
    /// gates read in every row.
    pub(super) fn readers(&self, column: AdviceColumn) -> Vec<FixedColumn> {
        let copies_power = |bank: &&BankColumns| {
            bank.powers().is_some_and(|powers| [powers.slice, powers.claim].contains(&column))
        };
        if let Some(bank) = self.banks.iter().find(copies_power) {
            return vec![bank.first_cells().tag()];
        }
        let is_operand = self.ways.iter().any(|way| way.operand == column);
        match &self.positions {
            Some(positions) if is_operand => vec![positions.sign],
            Some(positions) if positions.factor == column => vec![self.end],
            None if is_operand => vec![self.end, self.statement],
            _ => Vec::new(),
        }
    }
}

impl Layout {
    /// The lookups of all lanes, in order.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        bank_chips(&self.columns, &self.shape).into_iter().flat_map(|bank| bank.slots).collect()
    }

    /// `2^shift` times every public input after the header, from the cells it is made of, where an equation reads it.
    fn packed_statement(&self, hints: &Hints<'_>) -> Vec<Fr> {
        if self.columns.positions.is_none() {
            return Vec::new();
        }
        let mut instances = vec![Fr::ZERO; self.network.instances];
        let scale = Fr::from(1 << self.shape.shift);
        let weights = std::iter::successors(Some(scale), |weight| Some(weight * Fr::from(256)));
        // Behind the last bytes of an input there may be idle lanes.
        let weights: Vec<Fr> = weights.take(2 * LANES_PER_INSTANCE).collect();
        let center = |block: &Block| integer(self.network.centers[block.tensor.0].into());
        for block in self.placement.blocks.iter().filter(|block| block.content == Content::Input) {
            let home = self.network.homes.home(block.tensor);
            for row in block.rows() {
                let Some((plane, position)) = block.at(row, Lane::default()) else { continue };
                let element = home.planes[plane].elements[position];
                let (instance, byte) = self.network.instance_of(block.tensor, element);
                for (lane, cell) in self.columns.banks[block.bank].lanes.iter_enumerated() {
                    let is_idle = block.at(row, lane).is_none();
                    let idle = if is_idle { center(block) } else { Fr::ZERO };
                    let byte_of_lane = hints.cell(cell.cells.activation(), row) - idle;
                    instances[instance] += weights[byte + usize::from(lane)] * byte_of_lane;
                }
            }
        }
        self.for_each_output(|instance, byte, column, row| {
            instances[instance] += weights[byte] * hints.cell(column, row);
        });
        instances
    }

    /// Every copy constraint, as pairs of (advice column, row), original first.
    pub(crate) fn for_each_copy(&self, mut copy: impl FnMut((AdviceColumn, RowId), (AdviceColumn, RowId))) {
        self.for_each_copied_output(&mut copy);
        let columns = &self.columns;
        let lanes: TiVec<LaneId, AdviceColumn> = columns.lanes().map(BankLane::slice).collect();
        if let Some(positions) = &columns.positions {
            self.for_each_power(|bank, row, slice, claim| {
                let Some(powers) = columns.banks[bank].powers() else { return };
                copy((positions.powers, RowId::from(slice as usize)), (powers.slice, row));
                copy((positions.powers, RowId::from(claim as usize)), (powers.claim, row));
            });
        }
        let mut idle = self.placement.idle_input_cells().map(|(lane, row)| (lanes[lane], row));
        if let Some(first) = idle.next() {
            idle.for_each(|other| copy(first, other));
        }
        for (row, content) in self.region.iter() {
            if let (Some(positions), Some(factor)) = (&columns.positions, content.factor) {
                let source = match factor {
                    Factor::Power(exponent) => (positions.powers, RowId::from(exponent as usize)),
                    Factor::Slice { lane, row } => (lanes[lane], row),
                };
                copy(source, (positions.factor, row));
            }
            for (way, operand) in columns.ways.iter().zip(&content.operands) {
                let source = match operand {
                    Operand::Slice { lane, row } => (lanes[*lane], *row),
                    Operand::Claims { bank, row } => (columns.banks[*bank].claims, *row),
                    Operand::First => (columns.ways[0].operand, row),
                    Operand::Instance => continue,
                };
                copy(source, (way.operand, row));
            }
        }
    }

    /// The copies of a flat layout's outputs.
    fn for_each_copied_output(&self, mut copy: impl FnMut((AdviceColumn, RowId), (AdviceColumn, RowId))) {
        for block in self.placement.blocks.iter().filter(|block| block.content == Content::Output) {
            let view = self.network.homes.view(block.tensor);
            // Row by row: the last member comes first.
            for (member, element) in block.planes.iter_enumerated().rev() {
                let Cell::Stored { tensor, element } = view.cell(usize::from(*element)) else {
                    unreachable!("outputs are stored, see `expand`")
                };
                let (lane, row) = block.spot(member, Position::default());
                let column = self.columns.banks[block.bank].lanes[lane].cells.activation();
                copy(self.activation(tensor, element), (column, row));
            }
        }
    }
}
