//! Runs the synthesis of a circuit and captures what it assigns.

use std::collections::BTreeSet;

use halo2_proofs::{
    circuit::Value,
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
        FloorPlanner, Instance, Selector,
    },
};

use super::{
    grid::{Cell, Grid, Kind},
    pseudorandom,
    system::System,
};

/// What synthesis may not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Two writes of one cell in one pass.
    #[error("{cell} is assigned twice in the pass of phase {phase}")]
    SecondWrite {
        /// The cell.
        cell: Cell,
        /// The pass.
        phase: u8,
    },
    /// Advice is assigned in the pass of its own phase and no other.
    #[error("{cell} belongs to phase {expected} and is assigned in the pass of phase {got}")]
    WrongPhase {
        /// The cell.
        cell: Cell,
        /// Phase of its column.
        expected: u8,
        /// The pass.
        got: u8,
    },
    /// The prover would panic.
    #[error("{cell} is assigned an unknown value in the pass of its own phase")]
    Unknown {
        /// The cell.
        cell: Cell,
    },
    /// A row that holds blinding values.
    #[error("{cell} is assigned, but only rows below {usable} can be used")]
    Row {
        /// The cell.
        cell: Cell,
        /// First row that cannot be used.
        usable: usize,
    },
    /// A copy the permutation argument does not see.
    #[error("{cell} is copied, but equality is not enabled in its column")]
    Equality {
        /// The cell.
        cell: Cell,
    },
    /// Fixed cells and copies of a later pass differ from those of the first.
    #[error("the pass of phase {phase} has other fixed cells or copies than the first pass")]
    LayoutDiffers {
        /// The pass.
        phase: u8,
    },
    /// Something this circuit does not use.
    #[error("synthesis uses {what}, which the recorder does not model")]
    Unsupported {
        /// What it is.
        what: &'static str,
    },
    /// The circuit or the library refused.
    #[error("synthesis failed: {0}")]
    Synthesis(String),
}

/// A circuit with everything it assigned.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its constraints.
    pub system: System,
    /// Its cells.
    pub grid: Grid,
}

/// Challenges that are a function of `draw`, as many as a circuit asks for.
pub fn challenges(draw: u64) -> impl Fn(usize) -> Fr {
    move |index| pseudorandom("challenge", draw * 1000 + index as u64)
}

/// Synthesizes `circuit` in 2^k rows once per phase.
///
/// `challenge` gives each challenge by its index. A circuit without a witness leaves advice unassigned.
///
/// # Errors
/// [`RecordError`] names the first thing synthesis may not do.
pub fn record<C: Circuit<Fr>>(
    k: u32,
    circuit: &C,
    instance: &[Fr],
    challenge: impl Fn(usize) -> Fr,
) -> Result<Recording, RecordError> {
    let mut constraints = ConstraintSystem::default();
    let config = C::configure_with_params(&mut constraints, circuit.params());
    let system = System::of(&constraints);
    let rows = 1 << k;
    let usable = rows - (constraints.blinding_factors() + 1);
    let columns = [
        constraints.num_fixed_columns(),
        constraints.num_advice_columns(),
        constraints.num_instance_columns(),
    ];
    let challenges: Vec<Fr> = (0..constraints.num_challenges()).map(challenge).collect();
    let mut grid = Grid::empty(columns, rows, usable, challenges);
    for (row, value) in instance.iter().enumerate() {
        grid.assign(Cell::instance(row), *value);
    }
    let mut first: Option<Pass> = None;
    for phase in system.phases() {
        let mut recorder = Recorder { grid: &mut grid, system: &system, phase, pass: Pass::default() };
        C::FloorPlanner::synthesize(&mut recorder, circuit, config.clone(), constraints.constants().clone())
            .map_err(|error| RecordError::Synthesis(error.to_string()))?;
        let pass = recorder.pass;
        if let Some(error) = pass.error {
            return Err(error);
        }
        match &first {
            None => first = Some(pass),
            Some(first) if (&first.fixed, &first.copies) != (&pass.fixed, &pass.copies) => {
                return Err(RecordError::LayoutDiffers { phase });
            }
            Some(_) => {}
        }
    }
    let layout = first.unwrap_or_default();
    for (cell, value) in layout.fixed {
        grid.assign(cell, value);
    }
    grid.copies = layout.copies;
    Ok(Recording { system, grid })
}

/// What one pass did.
#[derive(Debug, Default)]
struct Pass {
    fixed: Vec<(Cell, Fr)>,
    copies: Vec<[Cell; 2]>,
    written: BTreeSet<Cell>,
    error: Option<RecordError>,
}

struct Recorder<'a> {
    grid: &'a mut Grid,
    system: &'a System,
    phase: u8,
    pass: Pass,
}

impl Recorder<'_> {
    fn fail(&mut self, error: RecordError) {
        self.pass.error.get_or_insert(error);
    }

    /// Notes a write; false if it is none that may happen.
    fn write(&mut self, cell: Cell) -> bool {
        let usable = self.grid.usable;
        if cell.row >= usable {
            self.fail(RecordError::Row { cell, usable });
            return false;
        }
        let new = self.pass.written.insert(cell);
        if !new {
            self.fail(RecordError::SecondWrite { cell, phase: self.phase });
        }
        new
    }
}

fn known<V>(value: Value<V>) -> Option<V> {
    let mut out = None;
    value.map(|value| out = Some(value));
    out
}

/// The cell of a column of any kind.
pub(super) fn cell(column: Column<Any>, row: usize) -> Cell {
    let kind = match column.column_type() {
        Any::Advice(_) => Kind::Advice,
        Any::Fixed => Kind::Fixed,
        Any::Instance => Kind::Instance,
    };
    Cell { kind, column: column.index(), row }
}

impl Assignment<Fr> for Recorder<'_> {
    fn enter_region<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn annotate_column<A, AR>(&mut self, _: A, _: Column<Any>)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
    }

    fn exit_region(&mut self) {}

    fn enable_selector<A, AR>(&mut self, _: A, _: &Selector, _: usize) -> Result<(), Error>
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.fail(RecordError::Unsupported { what: "a selector" });
        Ok(())
    }

    fn query_instance(&self, column: Column<Instance>, row: usize) -> Result<Value<Fr>, Error> {
        let cell = Cell { kind: Kind::Instance, column: column.index(), row };
        Ok(Value::known(self.grid.value(cell)))
    }

    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        let cell = Cell::advice(column.index(), row);
        let expected = self.system.advice_phases[cell.column];
        if expected != self.phase {
            self.fail(RecordError::WrongPhase { cell, expected, got: self.phase });
        } else if self.write(cell) {
            match known(to) {
                Some(value) => self.grid.assign(cell, value.evaluate()),
                None => self.fail(RecordError::Unknown { cell }),
            }
        }
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        let cell = Cell::fixed(column.index(), row);
        if self.write(cell) {
            self.pass.fixed.push((cell, to.evaluate()));
        }
    }

    fn copy(
        &mut self,
        left_column: Column<Any>,
        left_row: usize,
        right_column: Column<Any>,
        right_row: usize,
    ) {
        let pair = [cell(left_column, left_row), cell(right_column, right_row)];
        for end in pair {
            if end.row >= self.grid.usable {
                self.fail(RecordError::Row { cell: end, usable: self.grid.usable });
            }
            if !self.system.permutation.contains(&(end.kind, end.column)) {
                self.fail(RecordError::Equality { cell: end });
            }
        }
        self.pass.copies.push(pair);
    }

    fn fill_from_row(&mut self, _: Column<Fixed>, _: usize, _: Value<Assigned<Fr>>) -> Result<(), Error> {
        self.fail(RecordError::Unsupported { what: "a library lookup table" });
        Ok(())
    }

    fn get_challenge(&self, challenge: Challenge) -> Value<Fr> {
        if self.phase > challenge.phase() {
            Value::known(self.grid.challenges[challenge.index()])
        } else {
            Value::unknown()
        }
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}
}
