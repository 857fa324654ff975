//! The inner loops of a proof: `cargo bench -p lemma-plonk --features measure`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lemma_plonk::{backends::Choice, measure::loops};

fn inner_loops(criterion: &mut Criterion) {
    for (name, choice) in [("elements", Choice::Scalar), ("lanes", Choice::Fastest)] {
        for k in [11, 14, 15] {
            let Some(loops) = loops(choice, k) else {
                println!("this processor has no AVX-512 IFMA: {name} are not measured");
                continue;
            };
            let mut group = criterion.benchmark_group(format!("{name}, 2^{k} rows"));
            for mut inner in loops {
                group.throughput(Throughput::Elements(inner.operations as u64));
                group.bench_function(inner.name, |bencher| bencher.iter(|| inner.run()));
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = inner_loops
}
criterion_main!(benches);
