//! Advice columns, phase by phase: the circuit computes their cells, unusable rows are filled with random elements.

use std::collections::{BTreeMap, HashMap};

use ff::{BatchInvert, Field};
use halo2_proofs::{
    circuit::Value,
    halo2curves::bn256::{Fr, G1},
    plonk::{
        Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
        FloorPlanner, Instance, Selector,
    },
};
use rand::RngCore;

use super::{Committed, Context, Messages, ProveError, random};
use crate::{
    arithmetic::Backend,
    committed::{Registration, Rerandomization},
    watch::Stage,
};

/// A circuit that computes its cells. What a proof does besides knows nothing of the circuit's type, so that it is
/// compiled once.
pub(crate) trait Synthesis {
    /// Runs the circuit.
    fn synthesize(&self, cells: &mut Cells<'_>) -> Result<(), Error>;
}

/// A configured circuit.
pub(crate) struct Configured<'a, C: Circuit<Fr>> {
    circuit: &'a C,
    config: C::Config,
    constants: Vec<Column<Fixed>>,
}

impl<'a, C: Circuit<Fr>> Configured<'a, C> {
    /// Configures a circuit as its key was.
    pub(crate) fn new(circuit: &'a C) -> Self {
        let mut system = ConstraintSystem::default();
        let config = C::configure_with_params(&mut system, circuit.params());
        Self { circuit, config, constants: system.constants().clone() }
    }
}

impl<C: Circuit<Fr>> Synthesis for Configured<'_, C> {
    fn synthesize(&self, cells: &mut Cells<'_>) -> Result<(), Error> {
        C::FloorPlanner::synthesize(cells, self.circuit, self.config.clone(), self.constants.clone())
    }
}

/// What the phases leave.
pub(super) struct Columns {
    /// Every advice column.
    pub(super) advice: Vec<Committed<Vec<Fr>>>,
    /// The circuit's challenges.
    pub(super) challenges: Vec<Fr>,
    /// Of the registered columns.
    pub(super) rerandomization: Rerandomization,
}

/// Runs the circuit once a phase, and commits to the phase's columns.
///
/// Random elements are drawn in the library's order: the unusable rows of all columns of the phase, then a blind for
/// each column.
pub(super) fn assign<B: Backend>(
    context: &Context<'_, B>,
    circuit: &dyn Synthesis,
    instances: &[&[Fr]],
    registration: &Registration,
    rng: &mut dyn RngCore,
    messages: &mut Messages,
) -> Result<Columns, ProveError> {
    let key = context.key;
    let phases = key.system.advice_column_phase();
    let challenge_phases = key.system.challenge_phase();
    let usable = key.usable_rows();
    let last = phases.iter().chain(&challenge_phases).max().copied().unwrap_or(0);
    let mut challenges = HashMap::new();
    let mut advice: Vec<Option<Committed<Vec<Fr>>>> = phases.iter().map(|_| None).collect();
    let mut rerandomization = Rerandomization { masks: Vec::new() };
    for phase in 0..=last {
        context.watch().check()?;
        context.meter.begin(Stage::Assign);
        let taken = |column: usize| phases[column] == phase && registration.get(column).is_none();
        let mut cells = Cells::new(taken, phases.len(), key.fft.n(), usable, instances, &challenges);
        circuit.synthesize(&mut cells).map_err(ProveError::Synthesis)?;
        let columns = cells.finish()?;
        context.meter.advance(Stage::Assign, 1);
        context.meter.begin(Stage::Commit);
        let columns = blind(columns, usable, rng);
        let to_commit: Vec<(&[Fr], Fr)> =
            columns.iter().map(|(_, committed)| (&committed.column[..], committed.blind)).collect();
        let points = context.commit(Stage::Commit, &to_commit)?;
        let mut points: BTreeMap<usize, G1> = columns.iter().map(|column| column.0).zip(points).collect();
        for (index, committed) in columns {
            advice[index] = Some(committed);
        }
        if phase == 0 {
            for column in registration.columns() {
                let fresh = registration.refresh(column, rng);
                points.insert(column.index, fresh.commitment);
                advice[column.index] = Some(Committed { column: fresh.values, blind: fresh.blind });
                rerandomization.masks.push(fresh.masks);
            }
        }
        messages.points(&points.into_values().collect::<Vec<_>>())?;
        for (index, _) in challenge_phases.iter().enumerate().filter(|(_, of)| **of == phase) {
            challenges.insert(index, messages.challenge());
        }
    }
    Ok(Columns {
        advice: advice.into_iter().map(|column| column.expect("every column has a phase")).collect(),
        challenges: (0..challenge_phases.len()).map(|index| challenges[&index]).collect(),
        rerandomization,
    })
}

fn blind(
    columns: Vec<(usize, Vec<Fr>)>,
    usable: usize,
    rng: &mut dyn RngCore,
) -> Vec<(usize, Committed<Vec<Fr>>)> {
    let mut columns = columns;
    for (_, column) in &mut columns {
        let rows = column.len() - usable;
        column[usable..].copy_from_slice(&random(rng, rows));
    }
    let blinds = random(rng, columns.len());
    columns
        .into_iter()
        .zip(blinds)
        .map(|((index, column), blind)| (index, Committed { column, blind }))
        .collect()
}

/// A cell whose value is a fraction that has not been computed.
struct Fraction {
    column: usize,
    row: usize,
    numerator: Fr,
    denominator: Fr,
}

/// Takes the cells of the columns of one phase that are not registered, and ignores all others.
pub(crate) struct Cells<'a> {
    /// The columns that are taken.
    columns: Vec<Option<Vec<Fr>>>,
    fractions: Vec<Fraction>,
    usable: usize,
    instances: &'a [&'a [Fr]],
    challenges: &'a HashMap<usize, Fr>,
    fault: Option<ProveError>,
}

impl<'a> Cells<'a> {
    fn new(
        taken: impl Fn(usize) -> bool,
        columns: usize,
        rows: usize,
        usable: usize,
        instances: &'a [&'a [Fr]],
        challenges: &'a HashMap<usize, Fr>,
    ) -> Self {
        let columns = (0..columns).map(|column| taken(column).then(|| vec![Fr::ZERO; rows])).collect();
        Self { columns, fractions: Vec::new(), usable, instances, challenges, fault: None }
    }

    /// The columns of the phase with their indices.
    fn finish(mut self) -> Result<Vec<(usize, Vec<Fr>)>, ProveError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut inverses: Vec<Fr> = self.fractions.iter().map(|fraction| fraction.denominator).collect();
        inverses.iter_mut().batch_invert();
        for (fraction, inverse) in self.fractions.iter().zip(inverses) {
            if let Some(column) = &mut self.columns[fraction.column] {
                column[fraction.row] = fraction.numerator * inverse;
            }
        }
        Ok(self
            .columns
            .into_iter()
            .enumerate()
            .filter_map(|(index, column)| Some((index, column?)))
            .collect())
    }

    fn assign(&mut self, column: usize, row: usize, value: Value<Assigned<Fr>>) -> Result<(), ProveError> {
        let limit = self.usable;
        if column >= self.columns.len() || row >= limit {
            return Err(ProveError::NoCell { column, row, limit });
        }
        let Some(values) = &mut self.columns[column] else { return Ok(()) };
        let mut known = false;
        value.map(|value| {
            known = true;
            match value {
                Assigned::Zero => values[row] = Fr::ZERO,
                Assigned::Trivial(value) => values[row] = value,
                Assigned::Rational(numerator, denominator) => {
                    self.fractions.push(Fraction { column, row, numerator, denominator });
                }
            }
        });
        if known { Ok(()) } else { Err(ProveError::NoValue { column, row }) }
    }
}

impl Assignment<Fr> for Cells<'_> {
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
        Ok(())
    }

    fn query_instance(&self, column: Column<Instance>, row: usize) -> Result<Value<Fr>, Error> {
        let value = self.instances.get(column.index()).and_then(|values| values.get(row));
        value.map(|value| Value::known(*value)).ok_or(Error::BoundsFailure)
    }

    /// The value that is answered is unknown: halo2 wants a reference that outlives this call, which only unsafe code
    /// could give. A circuit that reads a cell it has assigned must remember its value.
    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        if let Err(fault) = self.assign(column.index(), row, to) {
            self.fault.get_or_insert(fault);
        }
        Value::unknown()
    }

    fn assign_fixed(&mut self, _: Column<Fixed>, _: usize, _: Assigned<Fr>) {}

    fn copy(&mut self, _: Column<Any>, _: usize, _: Column<Any>, _: usize) {}

    fn fill_from_row(&mut self, _: Column<Fixed>, _: usize, _: Value<Assigned<Fr>>) -> Result<(), Error> {
        Ok(())
    }

    fn get_challenge(&self, challenge: Challenge) -> Value<Fr> {
        self.challenges.get(&challenge.index()).map_or_else(Value::unknown, |value| Value::known(*value))
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}
}
