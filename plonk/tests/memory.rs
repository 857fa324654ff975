//! Memory is what was predicted. A process of its own: the allocator counts everything.

#[path = "../src/tests/string.rs"]
mod string;
#[path = "../src/tests/toy.rs"]
mod toy;

use halo2_proofs::plonk::{keygen_pk, keygen_vk};
use lemma_plonk::{Points, Prover, Settings, Shape, Tables, backends::Choice, watch::Unwatched};
use peak_alloc::PeakAlloc;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use string::string;
use toy::Toy;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const K: u32 = 14;

#[test]
#[cfg_attr(debug_assertions, ignore = "slow without optimization")]
fn memory_is_within_15_percent_of_the_prediction() {
    let toy = Toy { shape: toy::Shape { degree: 5, phases: 2, copied: 20, weights: 12 }, seed: Some(5) };
    let (params, powers, lagrange) = string(K);
    let key = keygen_pk(&params, keygen_vk(&params, &toy).unwrap(), &toy).unwrap();
    let shape = Shape::of_key(Choice::Fastest, &key);
    let without_cosets = Settings { keep_cosets: false, ..Settings::BALANCED };
    for settings in [Settings::FASTEST, Settings::BALANCED, without_cosets] {
        let start = MEMORY.current_usage();
        let tables =
            Tables::new(Choice::Fastest, &Points::Kzg { powers: &powers, lagrange: &lagrange }, settings);
        let with_tables = MEMORY.current_usage();
        let prover = Prover::new(&tables, key.clone(), settings).unwrap();
        let with_key = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        prover.prove(&toy, &[&toy.public()], &mut rng, &Unwatched).unwrap();
        let peak = MEMORY.peak_usage();
        let predicted = shape.memory(settings);
        let parts = [with_tables - start, with_key - with_tables, peak - with_key];
        println!("{settings:?}: measured {parts:?}, predicted {predicted:?}");
        let ratio = (peak - start) as f64 / predicted.peak() as f64;
        assert!((0.85..1.15).contains(&ratio), "{ratio:.2} of what was predicted");
    }
}
