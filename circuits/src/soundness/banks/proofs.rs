//! Lies through the real prover: a proof of each is made, and the verifier rejects it, under both schemes.

use super::{case::Case, lies};
use crate::{
    circuit::LemmaCircuit,
    soundness::proofs::{Ipa, Kzg, Scheme},
};

/// Proves the truth and the lies of a case that `keep` lets through; returns how many.
fn reject<S: Scheme>(case: &Case, keep: impl Fn(&str) -> bool) -> usize {
    let scheme = S::new(case.compiled.k());
    let key = scheme.key(&case.compiled.circuit());
    let honest = case.honest();
    let public = case.public(&case.input, &honest.outputs);
    let circuit = LemmaCircuit::with_witness(case.plan.clone(), honest);
    assert!(scheme.accepts(&key, circuit, &public), "{}: the truth is rejected", case.name);
    let mut told_lies = 0;
    for lie in lies::all().into_iter().filter(|lie| keep(lie.what)) {
        let Some(told) = (lie.tell)(case) else { continue };
        told_lies += 1;
        let public = told.public.clone();
        assert!(!scheme.accepts(&key, told.circuit(case), &public), "{}: accepted: {}", case.name, lie.what);
    }
    told_lies
}

const CHOSEN: [&str; 8] = [
    "errors that cancel between blocks of a group",
    "every output of a plane in its neighbor's place",
    "two channels in each other's place",
    "an idle lane of an input holds part of another byte",
    "an idle lane claims one more, a channel one less",
    "quotient minus one, remainder plus 2^shift",
    "a sum with its operands' scales exchanged",
    "two positions exchanged with their powers of s",
];

#[test]
fn kzg_rejects_every_lie_of_a_case_and_the_chosen_ones_of_all() {
    for case in Case::all() {
        let told = reject::<Kzg>(&case, |what| case.name == "padded" || CHOSEN.contains(&what));
        println!("{}: {told} lies", case.name);
        assert!(told > 2, "{}: {told} lies", case.name);
    }
}

#[test]
fn ipa_rejects_the_chosen_lies() {
    for case in Case::all().iter().filter(|case| ["padded", "residual"].contains(&case.name)) {
        let told = reject::<Ipa>(case, |what| CHOSEN.contains(&what));
        assert!(told > 2, "{}: {told} lies", case.name);
    }
}

#[test]
#[ignore = "minutes; cargo test --release -p lemma-circuits --lib rejects_every_lie -- --ignored"]
fn kzg_rejects_every_lie_of_every_case() {
    let told: usize = Case::all().iter().map(|case| reject::<Kzg>(case, |_| true)).sum();
    assert!(told > 250, "{told} lies");
}

#[test]
#[ignore = "minutes; cargo test --release -p lemma-circuits --lib rejects_every_lie -- --ignored"]
fn ipa_rejects_every_lie_of_every_case() {
    let told: usize = Case::all().iter().map(|case| reject::<Ipa>(case, |_| true)).sum();
    assert!(told > 250, "{told} lies");
}
