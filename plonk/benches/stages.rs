//! The quotient (constraints as a program, and the transforms to cosets) and the opening of a whole proof, on a circuit with
//! everything: `cargo bench -p lemma-plonk --bench stages`.

#[path = "../src/tests/string.rs"]
mod string;
#[path = "../src/tests/toy.rs"]
mod toy;

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use halo2_proofs::plonk::{keygen_pk, keygen_vk};
use lemma_plonk::{
    Points, Prover, Settings, Tables,
    backends::Choice,
    watch::{Stage, Watch},
};
use string::string;
use toy::{Shape, Toy};

const K: u32 = 12;

/// When each stage began.
#[derive(Default)]
struct Times(Mutex<Vec<(Stage, Instant)>>);

impl Watch for Times {
    fn began(&self, stage: Stage) {
        self.0.lock().unwrap().push((stage, Instant::now()));
    }
}

impl Times {
    fn of(self, stage: Stage) -> Duration {
        let mut times = self.0.into_inner().unwrap();
        times.push((stage, Instant::now()));
        let lasted = times.windows(2).filter(|pair| pair[0].0 == stage).map(|pair| pair[1].1 - pair[0].1);
        lasted.sum()
    }
}

fn stages(criterion: &mut Criterion) {
    let toy = Toy { shape: Shape { degree: 5, phases: 2, copied: 15, weights: 20 }, seed: Some(5) };
    let (params, powers, lagrange) = string(K);
    let key = keygen_pk(&params, keygen_vk(&params, &toy).unwrap(), &toy).unwrap();
    for (name, choice) in [("elements", Choice::Scalar), ("fastest", Choice::Fastest)] {
        let points = Points::Kzg { powers: &powers, lagrange: &lagrange };
        let tables = Tables::new(choice, &points, Settings::FASTEST);
        let prover = Prover::new(&tables, key.clone(), Settings::FASTEST).unwrap();
        let once = |stage: Stage| {
            let times = Times::default();
            prover.prove(&toy, &[&toy.public()], &mut rand::rngs::OsRng, &times).unwrap();
            times.of(stage)
        };
        let mut group = criterion.benchmark_group(format!("{name}, 2^{K} rows"));
        for stage in Stage::ALL {
            group.bench_function(stage.as_str(), |bencher| {
                bencher.iter_custom(|runs| (0..runs).map(|_| once(stage)).sum());
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = stages
}
criterion_main!(benches);
