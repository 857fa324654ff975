//! A compiled network with its constraints, ready to be examined.

use std::collections::BTreeSet;

use halo2_proofs::{
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Circuit, ConstraintSystem},
};
use lemma_verifier::{
    circuit_id::CircuitId,
    columns::{BankColumns, BankLane, LaneColumns, LinearCells, ThresholdCells},
    index::{AdviceColumn, FixedColumn, Lane, LaneId, RowId, first},
    interface::HEADER_INSTANCES,
    shape::BankKind,
    statement::{Context, Statement},
};
use typed_index_collections::TiVec;

use super::{
    grid::{Cell, Grid, Kind},
    mutation::FixedUse,
    recorder::{challenges, record},
    spot::Spot,
    system::{Constraint, System},
};
use crate::{CompiledCircuit, circuit::LemmaCircuit, ir::TensorId, layout::Layout, roles::Role};

/// A compiled network with its constraints.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The network.
    pub compiled: CompiledCircuit,
    /// Its constraints.
    pub system: System,
    /// Per advice column, its role.
    pub roles: Vec<Role>,
}

impl Subject {
    /// Configures the circuit of a compiled network.
    pub fn new(compiled: CompiledCircuit) -> Self {
        let system = System::of(&constraint_system(&compiled));
        let roles = LemmaCircuit::roles(compiled.shape());
        Self { compiled, system, roles }
    }

    /// The library's constraint system.
    pub fn constraint_system(&self) -> ConstraintSystem<Fr> {
        constraint_system(&self.compiled)
    }

    /// The public inputs of an inference.
    ///
    /// # Panics
    /// If the inputs are not integers of the model's inputs.
    pub fn instance(&self, inputs: &[Vec<i32>]) -> Vec<Fr> {
        let assignment = self.compiled.assign(inputs).expect("integers of the model's inputs");
        let statement = Statement {
            circuit: CircuitId([7; 32]),
            context: Context::default(),
            inputs: inputs.to_vec(),
            outputs: assignment.outputs,
        };
        statement.public_inputs(self.compiled.interface()).expect("a statement of this circuit")
    }

    /// The grid of an honest inference under the challenges of a draw.
    ///
    /// # Panics
    /// If the inputs are not integers of the model's inputs, or synthesis does what it may not.
    pub fn grid(&self, inputs: &[Vec<i32>], draw: u64) -> Grid {
        let circuit = self.compiled.assign(inputs).expect("integers of the model's inputs").circuit;
        self.grid_of(&circuit, &self.instance(inputs), draw)
    }

    /// The grid of any circuit of this shape.
    ///
    /// # Panics
    /// If synthesis does what it may not.
    pub fn grid_of(&self, circuit: &LemmaCircuit, instance: &[Fr], draw: u64) -> Grid {
        match record(self.compiled.k(), circuit, instance, challenges(draw)) {
            Ok(recording) => recording.grid,
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether the prover computes the cell from others.
    pub fn is_derived(&self, cell: Cell) -> bool {
        cell.kind == Kind::Advice && !self.roles[cell.column].is_hint()
    }

    /// What each fixed column is for.
    pub fn fixed_uses(&self) -> Vec<FixedUse> {
        let columns = &self.compiled.layout().columns;
        FixedUse::of(columns.fixed, &columns.lookup, [columns.zero, columns.statement])
    }

    /// The true inputs: their activation cells and the public inputs that pack them.
    pub fn inputs(&self) -> BTreeSet<Cell> {
        let model = self.compiled.model();
        let elements = model
            .inputs
            .iter()
            .flat_map(|input| (0..model.tensor(input.tensor).len).map(|element| (input.tensor, element)));
        let packed: usize = self.compiled.interface().inputs.iter().map(|port| port.instances()).sum();
        elements
            .map(|(tensor, element)| self.activation(tensor, element))
            .chain((HEADER_INSTANCES..HEADER_INSTANCES + packed).map(Cell::instance))
            .collect()
    }

    /// The activation cell of an element of a stored tensor.
    fn activation(&self, tensor: TensorId, element: usize) -> Cell {
        let layout = self.compiled.layout();
        Spot::of(layout, tensor, element).expect("inputs are stored").activation(layout)
    }

    /// The rows of the public inputs that gates bind.
    pub fn bound_instances(&self) -> Vec<Cell> {
        (HEADER_INSTANCES..self.compiled.interface().instances()).map(Cell::instance).collect()
    }

    /// Hints that hold nothing: multiplicities, and the cells of rows without an activation. The idle lanes of a bank
    /// hold something in the rows that its other lanes use.
    pub fn idle_hints(&self) -> BTreeSet<Cell> {
        let busy = busy_cells(self.compiled.layout());
        let columns = self.roles.iter().enumerate().filter(|(_, role)| role.is_hint());
        let hints = columns.map(|(column, _)| AdviceColumn::from(column));
        hints
            .flat_map(|column| first(self.compiled.layout().rows()).map(move |row: RowId| (column, row)))
            .filter(|cell| !busy.contains(cell))
            .map(|(column, row)| Cell::of(column, row))
            .collect()
    }

    /// The evaluations of the idle lanes of model inputs, all of which are 0.
    pub fn idle_evaluations(&self) -> BTreeSet<Cell> {
        let layout = self.compiled.layout();
        let lanes: TiVec<LaneId, AdviceColumn> = layout.columns.lanes().map(BankLane::slice).collect();
        layout.placement.idle_input_cells().map(|(lane, row)| Cell::of(lanes[lane], row)).collect()
    }

    /// Whether this constraint, and no other, reads the fixed column.
    pub fn reads(&self, constraint: &str, column: usize) -> bool {
        let reads = |each: &&Constraint| {
            each.queries.iter().any(|query| (query.kind, query.column) == (Kind::Fixed, column))
        };
        let mut readers = self.system.constraints.iter().filter(reads).peekable();
        readers.peek().is_some() && readers.all(|each| each.name == constraint)
    }

    /// Whether a fixed column is a switch of range checks in a bank that has no remainders.
    pub fn is_idle_switch(&self, kind: Kind, column: usize) -> bool {
        let layout = self.compiled.layout();
        let mut banks = layout.columns.banks.iter().filter(|bank| bank.kind == BankKind::Linear);
        kind == Kind::Fixed
            && layout.shape.remainder_limbs() == 0
            && banks.any(|bank| bank.channel == Some(FixedColumn::from(column)))
    }

    /// Whether the cell is a power of s in a row of a bank that no block uses: it is multiplied with cells that are 0.
    pub fn is_unused_power(&self, cell: Cell) -> bool {
        let layout = self.compiled.layout();
        let powers = |bank: &&BankColumns| {
            let is_power = |column: AdviceColumn| {
                bank.powers().is_some_and(|powers| [powers.slice, powers.claim].contains(&column))
            };
            cell.kind == Kind::Advice && is_power(cell.column.into())
        };
        let bank = layout.columns.banks.iter().find(powers);
        bank.is_some_and(|bank| {
            layout.fixed()[bank.lanes[Lane::default()].cells.tag()][RowId::from(cell.row)] == Fr::ZERO
        })
    }
}

fn busy_cells(layout: &Layout) -> BTreeSet<(AdviceColumn, RowId)> {
    let mut out = BTreeSet::new();
    for block in &layout.placement.blocks {
        let lanes = &layout.columns.banks[block.bank].lanes;
        let columns: Vec<AdviceColumn> = lanes.iter().flat_map(|lane| hints(&lane.cells)).collect();
        out.extend(block.rows().flat_map(|row| columns.iter().map(move |column| (*column, row))));
    }
    out
}

/// The phase-0 columns of a lane.
pub(crate) fn hints(lane: &LaneColumns) -> Vec<AdviceColumn> {
    match lane {
        LaneColumns::Linear(cells) => linear_cells(cells),
        LaneColumns::Threshold(cells) => threshold_cells(cells),
        LaneColumns::Product(cells) => [vec![cells.activation], cells.factors.to_vec()].concat(),
        LaneColumns::Maximum(cells) => [vec![cells.activation], cells.distances.to_vec()].concat(),
    }
}

fn linear_cells(cells: &LinearCells) -> Vec<AdviceColumn> {
    [vec![cells.activation], cells.excess.clone(), cells.limbs.clone()].concat()
}

fn threshold_cells(cells: &ThresholdCells) -> Vec<AdviceColumn> {
    [vec![cells.activation, cells.threshold], cells.distance.clone(), cells.complement.clone()].concat()
}

fn constraint_system(compiled: &CompiledCircuit) -> ConstraintSystem<Fr> {
    let mut constraints = ConstraintSystem::default();
    LemmaCircuit::configure_with_params(&mut constraints, compiled.shape().clone());
    constraints
}
