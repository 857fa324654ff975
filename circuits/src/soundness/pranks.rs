//! Every lie of the table is rejected, by the constraint that it names and by no other.

use std::collections::BTreeSet;

use halo2_proofs::{
    dev::{MockProver, VerifyFailure},
    halo2curves::bn256::Fr,
    plonk::Circuit,
};

use super::{
    case::Case,
    lies::{self, Caught, Told},
};
use crate::{Role, circuit::LemmaCircuit};

pub(super) const COPY: &str = "copy";

fn rejecting(case: &Case, told: Told) -> BTreeSet<String> {
    let circuit = LemmaCircuit::with_witness(case.plan.clone(), told.witness).with_overrides(told.overrides);
    constraints_against(&circuit, told.public)
}

/// The names of the constraints that reject a circuit.
pub(super) fn constraints_against(circuit: &LemmaCircuit, public: Vec<Fr>) -> BTreeSet<String> {
    let prover = MockProver::run(circuit.params().k, circuit, vec![public]).unwrap();
    let failures = prover.verify().err().unwrap_or_default();
    failures
        .into_iter()
        .map(|failure| match failure {
            VerifyFailure::ConstraintNotSatisfied { constraint, .. } => {
                // "Constraint 0 ('name') in gate 3 ('name')"
                constraint.to_string().split('\'').nth(1).unwrap_or_default().to_owned()
            }
            VerifyFailure::Permutation { .. } => COPY.to_owned(),
            other => other.to_string(),
        })
        .collect()
}

fn expected(caught: &Caught) -> &'static str {
    match caught {
        Caught::LayerEquation => "layer equation",
        Caught::Tables(_) | Caught::LookupSum => "lookup sum boundary",
        Caught::PublicInput => "public input",
        Caught::Copy => COPY,
    }
}

#[test]
fn honest_inferences_are_accepted() {
    for case in Case::all() {
        for input in [case.input.clone(), vec![-128; 6], vec![127; 6]] {
            let witness = case.of(&input);
            let public = case.public(&input, &witness.outputs);
            let told = Told { witness, overrides: [].into(), public, caught: Caught::LayerEquation };
            assert_eq!(rejecting(&case, told), BTreeSet::new(), "{}", case.name);
        }
    }
}

#[test]
fn every_lie_is_rejected_by_its_constraint() {
    let mut wrong = Vec::new();
    for case in Case::all() {
        for lie in lies::all() {
            let Some(told) = (lie.tell)(&case) else { continue };
            let caught = told.caught.clone();
            let missing = case.missing(&told.witness);
            let tables: BTreeSet<Role> = match &caught {
                Caught::Tables(roles) => roles.iter().copied().collect(),
                _ => BTreeSet::new(),
            };
            let rejecting = rejecting(&case, told);
            if missing != tables || rejecting != BTreeSet::from([expected(&caught).to_owned()]) {
                wrong.push(format!("{}, {}: {caught:?}, but {rejecting:?} {missing:?}", case.name, lie.what));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The manifest: a new hint without lies fails here, and so does a lie that no case can tell.
#[test]
fn every_hint_of_every_case_is_lied_about() {
    let cases = Case::all();
    for case in &cases {
        let told: BTreeSet<Role> =
            lies::all().into_iter().filter(|lie| (lie.tell)(case).is_some()).map(|lie| lie.role).collect();
        let hints: BTreeSet<Role> =
            LemmaCircuit::roles(&case.plan.shape).into_iter().filter(|role| role.is_hint()).collect();
        assert!(hints.is_subset(&told), "{}: no lie about {:?}", case.name, hints.difference(&told));
    }
    for lie in lies::all() {
        assert!(cases.iter().any(|case| (lie.tell)(case).is_some()), "never told: {}", lie.what);
    }
}
