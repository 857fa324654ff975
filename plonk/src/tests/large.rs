//! What takes minutes and gigabytes; run by hand: `cargo test --release -p lemma-plonk large -- --ignored --nocapture`.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{
    setups::Setup,
    toy::{Shape as ToyShape, Toy},
};
use crate::{
    ProveError, Prover, Settings, Shape, Tables,
    backends::Choice,
    watch::{Unwatched, Watch},
};

/// A prover of at most so many bytes, or the smallest.
fn prover(setup: &Setup, toy: &Toy, budget: u64) -> Prover {
    let key = setup.key(toy);
    let settings = Settings::within(budget, &Shape::of_key(Choice::Fastest, &key));
    println!("{settings:?}");
    let tables = Tables::new(Choice::Fastest, &setup.points(), settings);
    Prover::new(&tables, key, settings).unwrap()
}

#[test]
#[ignore = "a quarter of an hour and 20 GB"]
fn large_sizes_are_accepted() {
    let toy = Toy { shape: ToyShape { degree: 4, phases: 2, copied: 2, weights: 1 }, seed: Some(3) };
    // Whole tables of large setups take longer than a proof without.
    for (k, budget) in [(16, 1 << 30), (18, 1 << 30), (20, 0), (22, 0)] {
        let start = Instant::now();
        let setup = Setup::kzg(k);
        let made = start.elapsed();
        let prover = prover(&setup, &toy, budget);
        let ready = start.elapsed();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut proof = prover.prove(&toy, &[&toy.public()], &mut rng, &Unwatched).unwrap();
        println!("k {k}: setup {made:.1?}, key {:.1?}, proof {:.1?}", ready - made, start.elapsed() - ready);
        let key = setup.key(&toy);
        assert!(setup.accepts(&key, &toy.public(), &proof), "k {k}");
        proof[40] ^= 1;
        assert!(!setup.accepts(&key, &toy.public(), &proof), "k {k}");
    }
}

/// Told to stop when it has worked for so long.
struct Flag(AtomicBool);

impl Watch for Flag {
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
#[ignore = "measures time"]
fn large_proofs_stop_soon() {
    for (setup, k) in [(Setup::kzg(15), 15), (Setup::ipa(15), 15), (Setup::kzg(17), 17)] {
        let toy = Toy { shape: ToyShape { degree: 5, phases: 2, copied: 20, weights: 12 }, seed: Some(3) };
        let prover = prover(&setup, &toy, 1 << 30);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let start = Instant::now();
        prover.prove(&toy, &[&toy.public()], &mut rng, &Unwatched).unwrap();
        let whole = start.elapsed();
        let mut late: Vec<Duration> = (1..40)
            .map(|part| {
                let flag = Flag(AtomicBool::new(false));
                thread::scope(|scope| {
                    let proving = scope.spawn(|| {
                        let mut rng = ChaCha20Rng::seed_from_u64(1);
                        let ended = prover.prove(&toy, &[&toy.public()], &mut rng, &flag);
                        (ended, Instant::now())
                    });
                    thread::sleep(whole * part / 40);
                    let told = Instant::now();
                    flag.0.store(true, Ordering::Relaxed);
                    let (ended, at) = proving.join().unwrap();
                    assert!(matches!(ended, Ok(_) | Err(ProveError::Stopped(_))));
                    at.saturating_duration_since(told)
                })
            })
            .collect();
        late.sort();
        println!("k {k}: {whole:.1?}; stops after {:.1?}, at most {:.1?}", late[19], late[38]);
    }
}
