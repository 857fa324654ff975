//! How long the circuit takes to assign phase 0, and to derive and assign phase 1 once the challenges are known.
//!
//! Both run in the current thread pool: with `RAYON_NUM_THREADS=1` the wall-clock time is the CPU time. The models are
//! those of `../shared/mlperf_tiny`, relative to the repository root.

use std::{fs, hint::black_box, path::PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use halo2_proofs::{
    circuit::Value,
    halo2curves::{
        bn256::Fr,
        ff::{Field, PrimeField},
    },
    plonk::{
        Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
        FloorPlanner, Instance, Selector,
    },
};
use lemma_circuits::{
    circuit::{CircuitConfig, LemmaCircuit},
    compile,
    import::import,
    ir::{Input, Model},
};
use lemma_verifier::scheme::Scheme;

/// Collects advice as the prover does and ignores everything else.
struct Collector {
    advice: Vec<Vec<Assigned<Fr>>>,
    /// Known in phase 1.
    challenges: Option<Vec<Fr>>,
}

impl Assignment<Fr> for Collector {
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

    fn query_instance(&self, _: Column<Instance>, _: usize) -> Result<Value<Fr>, Error> {
        Err(Error::BoundsFailure)
    }

    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        to.map(|value| self.advice[column.index()][row] = value);
        Value::unknown()
    }

    fn assign_fixed(&mut self, _: Column<Fixed>, _: usize, _: Assigned<Fr>) {}

    fn copy(&mut self, _: Column<Any>, _: usize, _: Column<Any>, _: usize) {}

    fn fill_from_row(&mut self, _: Column<Fixed>, _: usize, _: Value<Assigned<Fr>>) -> Result<(), Error> {
        Ok(())
    }

    fn get_challenge(&self, challenge: Challenge) -> Value<Fr> {
        self.challenges.as_ref().map_or(Value::unknown(), |known| Value::known(known[challenge.index()]))
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}
}

/// Inputs that differ from element to element and from byte to byte.
fn inputs(model: &Model) -> Vec<Vec<i32>> {
    let values = |input: &Input| {
        let tensor = model.tensor(input.tensor);
        let (lo, hi) = (tensor.elem.min(), tensor.elem.max());
        (0..).map(|index| lo + index * 89 % (hi - lo + 1)).take(tensor.len).collect()
    };
    model.inputs.iter().map(values).collect()
}

fn synthesize(collector: &mut Collector, circuit: &LemmaCircuit, config: &CircuitConfig) {
    <LemmaCircuit as Circuit<Fr>>::FloorPlanner::synthesize(collector, circuit, config.clone(), Vec::new())
        .expect("the circuit has a layout");
    black_box(&collector.advice);
}

fn phases(criterion: &mut Criterion) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/mlperf_tiny"));
    for name in ["ad01", "kws", "vww"] {
        let Ok(bytes) = fs::read(folder.join(format!("{name}.qop.onnx"))) else {
            eprintln!("SKIPPED: {name} is not in {}", folder.display());
            continue;
        };
        let model = import(&bytes, name).expect("a model of the benchmark");
        let inputs = inputs(&model);
        let compiled = compile(model, Scheme::Kzg).expect("the model has a circuit");
        let circuit = compiled.assign(&inputs).expect("inputs of the model").circuit;
        let mut constraints = ConstraintSystem::default();
        let config = LemmaCircuit::configure_with_params(&mut constraints, circuit.params());
        let advice = vec![vec![Assigned::Zero; 1 << compiled.k()]; constraints.num_advice_columns()];
        let mut collector = Collector { advice, challenges: None };
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        group.bench_function("phase 0", |bencher| {
            bencher.iter(|| synthesize(&mut collector, &circuit, &config));
        });
        let challenge = |index: usize| Fr::MULTIPLICATIVE_GENERATOR.pow_vartime([1_000_003 + index as u64]);
        collector.challenges = Some((0..constraints.num_challenges()).map(challenge).collect());
        group.bench_function("phase 1", |bencher| {
            bencher.iter(|| synthesize(&mut collector, &circuit, &config));
        });
    }
}

criterion_group!(benches, phases);
criterion_main!(benches);
