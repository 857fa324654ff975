//! The stock verifier accepts, and nothing else.

use std::sync::Mutex;

use halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::ProvingKey,
};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{
    setups::Setup,
    toy::{Shape, Toy},
};
use crate::{
    Prover, Registration, Settings, Tables,
    arithmetic::Backend,
    backends::{Choice, on_all_backends},
    bases::Bases,
    key::Key,
    progress::Meter,
    prove::{Configured, Context, prove},
    scalar::Scalar,
    watch::{Advance, Stage, Unwatched, Watch},
};

pub(super) fn prove_with<B: Backend>(
    backend: B,
    setup: &Setup,
    key: &ProvingKey<G1Affine>,
    toy: &Toy,
    keep: bool,
    seed: u64,
) -> Vec<u8> {
    prove_from(backend, setup, key, toy, keep, &mut ChaCha20Rng::seed_from_u64(seed))
}

pub(super) fn prove_from<B: Backend>(
    backend: B,
    setup: &Setup,
    key: &ProvingKey<G1Affine>,
    toy: &Toy,
    keep: bool,
    rng: &mut dyn RngCore,
) -> Vec<u8> {
    let settings = Settings { keep_cosets: keep, prefix_table: keep, stride: if keep { 1 } else { 3 } };
    let bases = Bases::new(backend, &setup.points(), settings);
    let key = Key::new(backend, key.clone(), keep);
    let context = Context { key: &key, bases: &bases, meter: Meter::new(&key, &Unwatched) };
    prove(context, &Configured::new(toy), &[&toy.public()], &Registration::none(), rng).unwrap().0
}

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for degree in 3..=9 {
        for phases in 1..=3 {
            shapes.push(Shape {
                degree,
                phases,
                copied: 1 + degree % 4 + phases,
                weights: phases + degree % 3,
            });
        }
    }
    shapes
}

#[test]
fn every_degree_and_phase_is_accepted() {
    for k in [4, 6] {
        for setup in [Setup::kzg(k), Setup::ipa(k)] {
            for shape in shapes() {
                let toy = Toy { shape, seed: Some(7) };
                let key = setup.key(&toy);
                let proof = prove_with(Scalar, &setup, &key, &toy, shape.degree % 2 == 0, 3);
                assert!(setup.accepts(&key, &toy.public(), &proof), "{shape:?}, k {k}");
                let mut other = toy.public();
                other[1] += Fr::one();
                assert!(!setup.accepts(&key, &other, &proof));
                if shape.phases < 3 {
                    // The library's prover panics after the third phase.
                    let stock = setup.stock(&key, toy.clone(), &toy.public(), 3);
                    assert_eq!(stock.len(), proof.len());
                    assert!(setup.accepts(&key, &toy.public(), &stock));
                }
            }
        }
    }
}

#[test]
fn backends_write_the_same_bytes() {
    let k = 9;
    for setup in [Setup::kzg(k), Setup::ipa(k)] {
        let toy = Toy { shape: Shape { degree: 5, phases: 2, copied: 5, weights: 3 }, seed: Some(9) };
        let key = setup.key(&toy);
        let want = prove_with(Scalar, &setup, &key, &toy, true, 5);
        assert!(setup.accepts(&key, &toy.public(), &want));
        on_all_backends!(|backend| for keep in [true, false] {
            assert_eq!(prove_with(backend, &setup, &key, &toy, keep, 5), want);
        });
    }
}

#[test]
fn every_changed_byte_is_rejected() {
    for setup in [Setup::kzg(5), Setup::ipa(5)] {
        let toy = Toy { shape: Shape { degree: 4, phases: 2, copied: 3, weights: 2 }, seed: Some(5) };
        let key = setup.key(&toy);
        let proof = prove_with(Scalar, &setup, &key, &toy, true, 1);
        assert!(setup.accepts(&key, &toy.public(), &proof));
        for at in 0..proof.len() {
            let mut changed = proof.clone();
            // Not the highest bit, which the library ignores in points; who reads proofs has to refuse it.
            changed[at] ^= 1 << (at % 7);
            assert!(!setup.accepts(&key, &toy.public(), &changed), "byte {at} of {}", proof.len());
        }
        assert!(!setup.accepts(&key, &toy.public(), &proof[..proof.len() - 1]));
    }
}

#[test]
fn faults_of_circuits_and_callers_are_told() {
    let setup = Setup::kzg(5);
    let toy = Toy { shape: Shape { degree: 4, phases: 1, copied: 1, weights: 0 }, seed: Some(5) };
    let key = setup.key(&toy);
    let tables = Tables::new(Choice::Fastest, &setup.points(), Settings::FASTEST);
    let prover = Prover::new(&tables, key.clone(), Settings::FASTEST).unwrap();
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut refused = |toy: &Toy, public: &[&[Fr]], watch: &dyn Watch| {
        prover.prove(toy, public, rng, watch).unwrap_err().to_string()
    };
    let public = toy.public();
    assert_eq!(
        refused(&toy, &[], &Unwatched),
        "the circuit has 1 instance columns, but 0 lists of public inputs were passed"
    );
    let long = vec![Fr::one(); 32];
    assert!(refused(&toy, &[&long], &Unwatched).contains("holds at most 26 values, but 32 were passed"));
    let blank = Toy { seed: None, ..toy.clone() };
    assert!(refused(&blank, &[&public], &Unwatched).contains("advice column 0, row 0 without a value"));
    struct Stopped;
    impl Watch for Stopped {
        fn cancelled(&self) -> bool {
            true
        }
    }
    assert_eq!(refused(&toy, &[&public], &Stopped), "the proof was cancelled");
}

/// Stages in order, shares that only grow, and an end.
#[test]
fn progress_is_told() {
    #[derive(Default)]
    struct Heard(Mutex<(Vec<Stage>, Vec<Advance>)>);
    impl Watch for Heard {
        fn began(&self, stage: Stage) {
            self.0.lock().unwrap().0.push(stage);
        }

        fn advanced(&self, advance: Advance) {
            self.0.lock().unwrap().1.push(advance);
        }
    }
    let setup = Setup::kzg(6);
    let toy = Toy { shape: Shape { degree: 5, phases: 2, copied: 4, weights: 2 }, seed: Some(5) };
    let key = setup.key(&toy);
    let tables = Tables::new(Choice::Fastest, &setup.points(), Settings::FASTEST);
    let prover = Prover::new(&tables, key.clone(), Settings::FASTEST).unwrap();
    let heard = Heard::default();
    prover.prove(&toy, &[&toy.public()], &mut ChaCha20Rng::seed_from_u64(1), &heard).unwrap();
    let (stages, advances) = heard.0.into_inner().unwrap();
    use Stage::{Assign, Commit, Interpolate, Open, Permutation, Quotient};
    assert_eq!(stages, [Assign, Commit, Assign, Commit, Permutation, Interpolate, Quotient, Open]);
    assert!(advances.windows(2).all(|pair| pair[0].share <= pair[1].share), "{advances:?}");
    let last = advances.last().unwrap();
    assert_eq!((last.stage, last.share, last.done), (Open, 1.0, last.of));
}
