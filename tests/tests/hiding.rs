//! The counts that SOUNDNESS.md, section 9, rests on, for every committed model and every tiny network.

use std::collections::BTreeSet;

use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{Circuit, ConstraintSystem},
};
use lemma_circuits::{circuit::LemmaCircuit, compile, import::import, testing::networks};
use lemma_plonk::hiding::{Polynomial, margins};
use lemma_tests::Fixture;
use lemma_verifier::scheme::Scheme;
use rayon::prelude::*;

/// Unusable rows of every circuit, but for the row where permutation products end.
const BLINDING_FACTORS: usize = 5;

/// Points of one advice column that a proof opens, at most.
const MAX_OPENINGS: usize = 2;

/// Sets of the numbers of openings of advice columns, so that a count of nothing is noticed.
fn openings(name: &str, system: &ConstraintSystem<Fr>) -> BTreeSet<usize> {
    assert_eq!(system.blinding_factors(), BLINDING_FACTORS, "{name}");
    // Without copies there is no product whose next row masks the quotient; without a column in the first phase no
    // challenge is of something uniform.
    assert!(!system.permutation().get_columns().is_empty(), "{name}");
    assert!(system.advice_column_phase().contains(&0), "{name}");
    let margins = margins(system);
    let products = margins.iter().filter(|margin| matches!(margin.polynomial, Polynomial::Product(_)));
    assert!(products.count() > 0, "{name}");
    for margin in &margins {
        assert!(margin.suffices(), "{name}: {margin:?}");
    }
    let advice = margins.iter().filter(|margin| matches!(margin.polynomial, Polynomial::Advice(_)));
    // One functional is told besides, by the commitment or in the joined polynomial.
    let openings: BTreeSet<usize> = advice.map(|margin| margin.functionals - 1).collect();
    assert!(openings.iter().all(|count| (1..=MAX_OPENINGS).contains(count)), "{name}: {openings:?}");
    openings
}

#[test]
fn every_circuit_masks_more_than_its_proofs_tell() {
    let fixtures: Vec<Fixture> = Fixture::all().collect();
    let circuits: Vec<(&Fixture, Scheme)> = fixtures
        .iter()
        .flat_map(|fixture| [Scheme::Ipa, Scheme::Kzg].map(|scheme| (fixture, scheme)))
        .collect();
    let seen: BTreeSet<usize> = circuits
        .par_iter()
        .with_max_len(1)
        .flat_map_iter(|(Fixture { path, model, .. }, scheme)| {
            let model = import(model, path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let compiled = compile(model, *scheme).unwrap_or_else(|error| panic!("{path}: {error}"));
            let mut system = ConstraintSystem::default();
            LemmaCircuit::configure_with_params(&mut system, compiled.shape().clone());
            openings(path, &system)
        })
        .collect();
    assert!(fixtures.len() > 50, "only {} models", fixtures.len());
    assert_eq!(seen, BTreeSet::from([1, 2]));
    for tiny in networks::all() {
        openings(tiny.name, &tiny.subject.constraint_system());
    }
}
