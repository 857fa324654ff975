//! Fixture models in the shapes the planner chooses: structure in full, mutation by sample.

use lemma_circuits::{
    Role, compile,
    edge::quantize_input,
    import::import,
    ir::Model,
    testing::{
        checker::Checker,
        commitment::violations,
        grid::{Cell, Kind},
        mutation::{mutate_advice, mutate_instances},
        structure,
        subject::Subject,
    },
};
use lemma_tests::Fixture;
use lemma_verifier::scheme::Scheme;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// The integers of one stored inference.
fn inputs(fixture: &Fixture, model: &Model, row: usize) -> Vec<Vec<i32>> {
    let integers = model.inputs.iter().map(|input| {
        let stored = fixture.inputs[&input.name].row(row);
        match input.quantize {
            None => stored.integers(),
            Some(quantization) => {
                quantize_input(stored.floats(), quantization, model.tensor(input.tensor).elem).unwrap()
            }
        }
    });
    integers.collect()
}

/// All hints of rows that hold an activation, and one other advice cell in a hundred.
fn sample(path: &str) -> Vec<Role> {
    let fixture = Fixture::load(path);
    let model = import(&fixture.model, path).unwrap();
    let inputs = inputs(&fixture, &model, 0);
    let subject = Subject::new(compile(model, Scheme::Kzg).unwrap());
    let grid = subject.grid(&inputs, 0);
    assert_eq!(structure::complaints(&subject, &grid), Vec::<String>::new(), "{path}");
    mutate(path, &subject, &inputs, [[1, 1], [1, 100]])
}

/// Mutates a share of the hints of rows that hold an activation, and one of the other advice cells.
fn mutate(path: &str, subject: &Subject, inputs: &[Vec<i32>], [busy, others]: [[u32; 2]; 2]) -> Vec<Role> {
    let grid = subject.grid(inputs, 0);
    let late = violations(&subject.system, &subject.roles, &subject.system.advice_phases, &grid.copies);
    assert!(late.is_empty(), "{path}: {late:?}");

    let idle = subject.idle_hints();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut chosen = |cell: &Cell| {
        let is_busy_hint = subject.roles[cell.column].is_hint() && !idle.contains(cell);
        let [chosen, of] = if is_busy_hint { busy } else { others };
        rng.gen_ratio(chosen, of)
    };
    let cells: Vec<Cell> = grid.assigned(Kind::Advice).into_iter().filter(&mut chosen).collect();
    let mut checker = Checker::new(&subject.system, grid);
    assert_eq!(checker.check(), [], "{path}");
    let outcome = mutate_advice(&mut checker, &subject.roles, &cells);
    println!("{path}: k {}, {} cells, {} mutants", subject.compiled.k(), cells.len(), outcome.mutants);
    assert_eq!(outcome.survivors, [], "{path}");
    assert_eq!(outcome.misattributed, [], "{path}");
    let outcome = mutate_instances(&mut checker, &subject.bound_instances());
    assert_eq!(outcome.survivors, [], "{path}");
    cells.iter().map(|cell| subject.roles[cell.column]).collect()
}

#[test]
fn digits_classifiers_have_no_surviving_mutant() {
    for name in ["s8s8.qop", "s8s8_per_channel.qdq", "u8u8.qop"] {
        let roles = sample(&format!("digits/{name}.onnx"));
        assert!(roles.contains(&Role::Remainder) && roles.contains(&Role::Excess), "{name}");
    }
}

#[test]
fn edge_cases_have_no_surviving_mutant() {
    let mut roles = Vec::new();
    for fixture in Fixture::all().filter(|fixture| fixture.path.starts_with("edge_cases/")) {
        roles.extend(sample(&fixture.path));
    }
    assert!(roles.contains(&Role::Threshold) && roles.contains(&Role::Complement));
}

#[test]
fn convolutional_networks_have_no_surviving_mutant() {
    for name in ["cnn_s8s8_per_channel.qop", "lenet5_u8u8.qop"] {
        let path = format!("convolutional/{name}.onnx");
        let fixture = Fixture::load(&path);
        let model = import(&fixture.model, &path).unwrap();
        let inputs = inputs(&fixture, &model, 0);
        let subject = Subject::new(compile(model, Scheme::Kzg).unwrap());
        let roles = mutate(&path, &subject, &inputs, [[1, 100], [1, 400]]);
        assert!(roles.contains(&Role::Remainder) && roles.contains(&Role::Window), "{path}");
    }
}

#[test]
fn the_keyword_spotter_has_no_surviving_mutant_in_a_sample() {
    let Some(directory) = lemma_tests::mlperf_tiny() else { return };
    let path = "kws.qop.onnx";
    let model = import(&std::fs::read(directory.join(path)).unwrap(), path).unwrap();
    let len = model.tensor(model.inputs[0].tensor).len;
    let input: Vec<i32> = (0..len).map(|index| i32::try_from(index * 37 % 256).unwrap() - 128).collect();
    let subject = Subject::new(compile(model, Scheme::Kzg).unwrap());
    let roles = mutate(path, &subject, &[input], [[1, 200], [1, 2000]]);
    assert!(roles.contains(&Role::Remainder) && roles.contains(&Role::Window));
}
