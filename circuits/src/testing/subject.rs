//! A compiled network with its constraints, ready to be examined.

use std::collections::BTreeSet;

use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{Circuit, ConstraintSystem},
};

use super::{
    grid::{Cell, Grid},
    mutation::FixedUse,
    recorder::{challenges, record},
    system::System,
};
use crate::{
    CompiledCircuit, Role,
    circuit::LemmaCircuit,
    plan::Use,
    statement::{CircuitId, Context, HEADER_INSTANCES, Statement},
};

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
        cell.kind == super::grid::Kind::Advice && !self.roles[cell.column].is_hint()
    }

    /// What each fixed column is for.
    pub fn fixed_uses(&self) -> Vec<FixedUse> {
        FixedUse::of(&self.compiled.plan().columns)
    }

    /// The true inputs: their activation cells and the public inputs that pack them.
    pub fn inputs(&self) -> BTreeSet<Cell> {
        let plan = self.compiled.plan();
        let model = self.compiled.model();
        let homes = model.inputs.iter().flat_map(|input| &plan.placement.homes[input.tensor.0]);
        let packed: usize = self.compiled.interface().inputs.iter().map(|port| port.instances()).sum();
        homes
            .map(|spot| Cell::advice(plan.columns.activation(spot.lane), spot.row))
            .chain((HEADER_INSTANCES..HEADER_INSTANCES + packed).map(Cell::instance))
            .collect()
    }

    /// The rows of the public inputs that gates bind.
    pub fn bound_instances(&self) -> Vec<Cell> {
        (HEADER_INSTANCES..self.compiled.interface().instances()).map(Cell::instance).collect()
    }

    /// Hints that hold nothing: multiplicities, and the cells of lane rows without an activation.
    pub fn idle_hints(&self) -> BTreeSet<Cell> {
        let plan = self.compiled.plan();
        let busy = |column: usize, row: usize| {
            plan.placement.lanes.iter().enumerate().any(|(lane, rows)| {
                self.lane_columns(lane).contains(&column)
                    && matches!(
                        rows.rows.get(row).map(|used| used.content),
                        Some(Use::Byte { .. } | Use::Channel { .. })
                    )
            })
        };
        let hints = (0..self.roles.len()).filter(|column| self.roles[*column].is_hint());
        hints
            .flat_map(|column| (0..plan.rows).map(move |row| (column, row)))
            .filter(|(column, row)| !busy(*column, *row))
            .map(|(column, row)| Cell::advice(column, row))
            .collect()
    }

    /// The phase-0 columns of a lane.
    fn lane_columns(&self, lane: usize) -> Vec<usize> {
        let columns = &self.compiled.plan().columns;
        match lane.checked_sub(columns.linear.len()) {
            None => {
                let lane = &columns.linear[lane];
                [lane.cells.activation]
                    .into_iter()
                    .chain(lane.cells.excess.clone())
                    .chain(lane.cells.limbs.clone())
                    .collect()
            }
            Some(lane) => {
                let lane = &columns.threshold[lane];
                [lane.cells.activation, lane.cells.threshold]
                    .into_iter()
                    .chain(lane.cells.distance.clone())
                    .chain(lane.cells.complement.clone())
                    .collect()
            }
        }
    }
}

fn constraint_system(compiled: &CompiledCircuit) -> ConstraintSystem<Fr> {
    let mut constraints = ConstraintSystem::default();
    LemmaCircuit::configure_with_params(&mut constraints, compiled.shape().clone());
    constraints
}
