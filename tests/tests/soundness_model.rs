//! A classifier of the digits' size in the shape the planner chooses, sampled.

use lemma_circuits::{
    Role, compile,
    ir::{Elem, FullyConnected, Input, Model, Node, Op, Output, Requantize, Tensor, TensorId},
    plan::Scheme,
    testing::{
        checker::Checker,
        commitment::violations,
        grid::{Cell, Kind},
        mutation::{mutate_advice, mutate_instances},
        structure,
        subject::Subject,
    },
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

const WIDTHS: [usize; 3] = [64, 32, 10];

/// Random weights; a few channels have multipliers that make ties, so both forms occur.
fn model(rng: &mut ChaCha20Rng) -> Model {
    let mut tensors = vec![Tensor { elem: Elem::U8, len: WIDTHS[0], range: (0, 255) }];
    let mut nodes = Vec::new();
    for (index, pair) in WIDTHS.windows(2).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        let multiplier =
            |channel: usize| if channel % 9 == 4 { 1.0 / 512.0 } else { 0.0013 + channel as f32 * 1e-5 };
        nodes.push(Node {
            name: format!("layer {index}"),
            op: Op::FullyConnected(FullyConnected {
                inputs,
                outputs,
                weights: (0..inputs * outputs).map(|_| rng.gen_range(-127..=127)).collect(),
                bias: (0..outputs).map(|_| rng.gen_range(-2000..2000)).collect(),
                input_zero_point: if index == 0 { 0 } else { 3 },
                requantize: Requantize {
                    multipliers: (0..outputs).map(multiplier).collect(),
                    zero_point: 3,
                    lo: 0,
                    hi: 255,
                },
            }),
            input: TensorId(index),
            output: TensorId(index + 1),
        });
        tensors.push(Tensor { elem: Elem::U8, len: outputs, range: (0, 255) });
    }
    let shape = |len| vec![1, len];
    Model {
        tensors,
        nodes,
        inputs: vec![Input { name: "x".into(), shape: shape(64), tensor: TensorId(0), quantize: None }],
        outputs: vec![Output { name: "y".into(), shape: shape(10), tensor: TensorId(2), tail: Vec::new() }],
    }
}

#[test]
fn all_active_hints_and_one_derived_cell_in_a_hundred_of_a_classifier() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let subject = Subject::new(compile(model(&mut rng), Scheme::Kzg).unwrap());
    let inputs = vec![(0..WIDTHS[0]).map(|_| rng.gen_range(0..=255)).collect()];
    let grid = subject.grid(&inputs, 0);
    assert_eq!(structure::complaints(&subject, &grid), Vec::<String>::new());
    let late = violations(&subject.system, &subject.roles, &subject.system.advice_phases, &grid.copies);
    assert!(late.is_empty(), "{late:?}");

    let idle = subject.idle_hints();
    let mut chosen = |cell: &Cell| {
        let is_busy_hint = subject.roles[cell.column].is_hint() && !idle.contains(cell);
        is_busy_hint || rng.gen_ratio(1, 100)
    };
    let cells: Vec<Cell> = grid.assigned(Kind::Advice).into_iter().filter(&mut chosen).collect();
    let mut checker = Checker::new(&subject.system, grid);
    assert_eq!(checker.check(), []);
    let outcome = mutate_advice(&mut checker, &subject.roles, &cells);
    println!("{:?}: {} cells, {} mutants", subject.compiled.shape(), cells.len(), outcome.mutants);
    assert_eq!(outcome.survivors, []);
    assert_eq!(outcome.misattributed, []);
    assert!(cells.iter().any(|cell| subject.roles[cell.column] == Role::Threshold));
    assert!(cells.iter().any(|cell| subject.roles[cell.column] == Role::Excess));
    let outcome = mutate_instances(&mut checker, &subject.bound_instances());
    assert_eq!(outcome.survivors, []);
}
