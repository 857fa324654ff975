//! The harness' checker and the library's agree.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    dev::{FailureLocation, MockProver, VerifyFailure},
    halo2curves::bn256::Fr,
    plonk::{Advice, Challenge, Circuit, Column, ConstraintSystem, Error, FirstPhase, SecondPhase},
};
use lemma_circuits::testing::{
    checker::{COPY, Checker},
    grid::{Cell, Grid, Kind},
    mutation::lies,
    networks::{self, Tiny},
    recorder::record,
    replay::Replay,
};

/// Asks the library's checker for its challenges, which are the same for every circuit.
#[derive(Clone, Debug, Default)]
struct Probe(Arc<Mutex<Vec<Fr>>>);

impl Circuit<Fr> for Probe {
    type Config = (Vec<Column<Advice>>, [Challenge; 4]);
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        let first = meta.advice_column_in(FirstPhase);
        let challenges = [(); 4].map(|()| meta.challenge_usable_after(FirstPhase));
        (vec![first, meta.advice_column_in(SecondPhase)], challenges)
    }

    fn synthesize(
        &self,
        (columns, challenges): Self::Config,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        for challenge in challenges {
            layouter.get_challenge(challenge).map(|value| self.0.lock().unwrap().push(value));
        }
        layouter.assign_region(
            || "probe",
            |mut region| {
                columns.iter().for_each(|column| {
                    region.assign_advice(*column, 0, Value::known(Fr::one()));
                });
                Ok(())
            },
        )
    }
}

fn mock_challenges() -> Vec<Fr> {
    let probe = Probe::default();
    MockProver::run(6, &probe, vec![]).unwrap();
    let challenges = probe.0.lock().unwrap().clone();
    assert_eq!(challenges.len(), 4);
    challenges
}

/// Gates that fail with their rows, and whether a copy fails.
type Verdict = (BTreeSet<(String, usize)>, bool);

fn library_verdict(tiny: &Tiny, grid: &Grid) -> Verdict {
    let instances = grid.assigned(Kind::Instance).into_iter().map(|cell| grid.value(cell)).collect();
    let replay = Replay::new(tiny.subject.compiled.shape().clone(), grid.clone());
    let prover = MockProver::run(tiny.subject.compiled.k(), &replay, vec![instances]).unwrap();
    let mut verdict = Verdict::default();
    for failure in prover.verify().err().unwrap_or_default() {
        match failure {
            VerifyFailure::ConstraintNotSatisfied { constraint, location, .. } => {
                let row = match location {
                    FailureLocation::InRegion { offset, .. } => offset,
                    FailureLocation::OutsideRegion { row } => row,
                };
                let text = constraint.to_string();
                let name = text.rsplit_once("('").unwrap().1.trim_end_matches("')");
                verdict.0.insert((name.to_owned(), row));
            }
            VerifyFailure::Permutation { .. } => verdict.1 = true,
            other => panic!("unexpected failure {other}"),
        }
    }
    verdict
}

fn own_verdict(tiny: &Tiny, grid: &Grid) -> Verdict {
    let failures = Checker::new(&tiny.subject.system, grid.clone()).check();
    let (copies, gates): (Vec<_>, Vec<_>) =
        failures.into_iter().partition(|failure| failure.constraint == COPY);
    let gates = gates.into_iter().map(|failure| (failure.constraint, failure.row));
    (gates.collect(), !copies.is_empty())
}

#[test]
fn both_checkers_give_the_same_verdict_on_honest_and_mutated_grids() {
    let challenges = mock_challenges();
    let banks = [networks::padded(), networks::strided(), networks::bytes()];
    for tiny in networks::fully_connected().into_iter().chain(banks) {
        let inputs = &tiny.samples()[0];
        let circuit = tiny.subject.compiled.assign(inputs).unwrap().circuit;
        let instance = tiny.subject.instance(inputs);
        let recording =
            record(tiny.subject.compiled.k(), &circuit, &instance, |index| challenges[index]).unwrap();
        let honest = recording.grid;
        assert_eq!(library_verdict(&tiny, &honest), Verdict::default(), "{}", tiny.name);
        assert_eq!(own_verdict(&tiny, &honest), Verdict::default(), "{}", tiny.name);

        let kinds = [Kind::Fixed, Kind::Advice, Kind::Instance];
        let mut cells: Vec<Cell> = kinds.iter().flat_map(|kind| honest.assigned(*kind)).collect();
        cells.retain(|cell| cell.row > 0);
        cells.dedup_by_key(|cell| (cell.kind, cell.column, cell.row / 40));
        let mut local = Checker::new(&tiny.subject.system, honest.clone());
        let mut compared = 0;
        for cell in &cells {
            let lie = lies(*cell, honest.value(*cell))[0];
            let mut grid = honest.clone();
            grid.set(*cell, lie);
            let own = own_verdict(&tiny, &grid);
            // In the first row a gate also queries the last row, which is blinded. That query has the factor
            // 0, but the library panics when it prints such a failure.
            if own.0.iter().any(|(_, row)| *row == 0) {
                continue;
            }
            compared += 1;
            assert_eq!(library_verdict(&tiny, &grid), own, "{}: {cell}", tiny.name);
            let nearby = local.check_with(*cell, lie);
            assert_eq!(nearby.is_empty(), own == Verdict::default(), "{}: {cell}", tiny.name);
            let whole = Checker::new(&tiny.subject.system, grid).check();
            let (nearby, whole): (BTreeSet<_>, BTreeSet<_>) =
                (nearby.into_iter().collect(), whole.into_iter().collect());
            assert_eq!(nearby, whole, "{}: {cell}", tiny.name);
        }
        println!("{}: {compared} mutated grids", tiny.name);
        assert!(compared > 50, "{}: {compared} comparisons", tiny.name);
    }
}
