//! Networks built directly in the intermediate representation: reference = witness = circuit.

use halo2_proofs::{dev::MockProver, halo2curves::bn256::Fr};
use lemma_circuits::{
    CompiledCircuit, compile,
    ir::{ChannelSteps, Elem, FullyConnected, Input, Model, Node, Op, Output, Requantize, Tensor, TensorId},
    reference,
};
use lemma_verifier::{
    circuit_id::CircuitId,
    scheme::Scheme,
    statement::{Context, Statement},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// A random multi-layer network; `multiplier` chooses each channel's.
fn network(
    rng: &mut ChaCha20Rng,
    widths: &[usize],
    multiplier: impl Fn(&mut ChaCha20Rng, usize) -> f32,
) -> Model {
    let mut tensors = vec![Tensor { elem: Elem::I8, len: widths[0], range: (-128, 127) }];
    let mut nodes = Vec::new();
    for (index, pair) in widths.windows(2).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        let zero_point = rng.gen_range(-20..20);
        let lo = if index % 2 == 0 { zero_point } else { -128 };
        nodes.push(Node {
            name: format!("layer {index}"),
            op: Op::FullyConnected(FullyConnected {
                inputs,
                outputs,
                weights: (0..inputs * outputs).map(|_| rng.gen_range(-128..=127)).collect(),
                bias: (0..outputs).map(|_| rng.gen_range(-3000..3000)).collect(),
                input_zero_point: rng.gen_range(-128..127),
                requantize: Requantize {
                    channels: ChannelSteps::Multipliers(
                        (0..outputs).map(|_| multiplier(rng, inputs)).collect(),
                    ),
                    zero_point,
                    lo,
                    hi: 127,
                },
            }),
            inputs: vec![TensorId(index)],
            output: TensorId(index + 1),
        });
        tensors.push(Tensor { elem: Elem::I8, len: outputs, range: (lo, 127) });
    }
    let port = |name: &str, len: usize| (name.to_owned(), vec![1, len]);
    let (input, output) = (port("x", widths[0]), port("y", widths[widths.len() - 1]));
    Model {
        tensors,
        nodes,
        inputs: vec![Input { name: input.0, shape: input.1, tensor: TensorId(0), quantize: None }],
        outputs: vec![Output {
            name: output.0,
            shape: output.1,
            tensor: TensorId(widths.len() - 1),
            tail: Vec::new(),
        }],
    }
}

fn check(compiled: &CompiledCircuit, input: Vec<i32>) {
    let expected = reference::run(compiled.model(), std::slice::from_ref(&input)).unwrap();
    let assignment = compiled.assign(std::slice::from_ref(&input)).unwrap();
    assert_eq!(expected.outputs(), assignment.outputs.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let statement = Statement {
        circuit: CircuitId([7; 32]),
        context: Context::default(),
        inputs: vec![input],
        outputs: assignment.outputs.clone(),
    };
    let public = statement.public_inputs(compiled.interface()).unwrap();
    let prover = MockProver::<Fr>::run(compiled.k(), &assignment.circuit, vec![public]).unwrap();
    if let Err(failures) = prover.verify() {
        panic!("{} failures, first: {}", failures.len(), failures[0]);
    }
    let mut other = statement;
    other.outputs[0][0] = if other.outputs[0][0] == 127 { 126 } else { other.outputs[0][0] + 1 };
    let public = other.public_inputs(compiled.interface()).unwrap();
    let prover = MockProver::<Fr>::run(compiled.k(), &assignment.circuit, vec![public]).unwrap();
    assert!(prover.verify().is_err(), "another output was accepted");
}

fn linear_multiplier(rng: &mut ChaCha20Rng, inputs: usize) -> f32 {
    rng.gen_range(0.5f32..2.0) / (60.0 * (inputs as f32).sqrt())
}

fn random_input(rng: &mut ChaCha20Rng, len: usize) -> Vec<i32> {
    (0..len).map(|_| rng.gen_range(-128..=127)).collect()
}

#[test]
fn linear_networks_satisfy_their_circuits() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for widths in [&[3, 2][..], &[2, 3, 2], &[40, 17, 9, 33]] {
        let compiled = compile(network(&mut rng, widths, linear_multiplier), Scheme::Kzg).unwrap();
        println!("{widths:?}: {:?} rows {}", compiled.shape(), compiled.layout().rows());
        for _ in 0..3 {
            check(&compiled, random_input(&mut rng, widths[0]));
        }
        check(&compiled, vec![-128; widths[0]]);
        check(&compiled, vec![127; widths[0]]);
    }
}

/// Thresholds of the model's own, which nothing but a search would find.
#[test]
fn networks_of_listed_thresholds_satisfy_their_circuits() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    for widths in [&[3, 2][..], &[2, 3, 2], &[40, 17, 9, 33]] {
        let mut model = network(&mut rng, widths, linear_multiplier);
        for node in &mut model.nodes {
            let Op::FullyConnected(FullyConnected { requantize, outputs, .. }) = &mut node.op else {
                panic!("a layer")
            };
            let channel = |_| {
                let mut thresholds: Vec<i64> =
                    (requantize.lo..requantize.hi).map(|_| rng.gen_range(-20_000..20_000)).collect();
                thresholds.sort_unstable();
                thresholds
            };
            requantize.channels = ChannelSteps::Thresholds((0..*outputs).map(channel).collect());
        }
        let compiled = compile(model, Scheme::Kzg).unwrap();
        for input in [random_input(&mut rng, widths[0]), vec![-128; widths[0]], vec![127; widths[0]]] {
            check(&compiled, input);
        }
    }
}

#[test]
fn threshold_and_mixed_networks_satisfy_their_circuits() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let ties = |_: &mut ChaCha20Rng, _: usize| 1.0 / 512.0;
    let mixed = |rng: &mut ChaCha20Rng, inputs: usize| {
        if rng.r#gen() { 1.0 / 256.0 } else { linear_multiplier(rng, inputs) }
    };
    for widths in [&[3, 2][..], &[2, 3, 2], &[40, 17, 9, 33]] {
        for model in [network(&mut rng, widths, ties), network(&mut rng, widths, mixed)] {
            let compiled = compile(model, Scheme::Ipa).unwrap();
            println!("{widths:?}: {:?} rows {}", compiled.shape(), compiled.layout().rows());
            for _ in 0..3 {
                check(&compiled, random_input(&mut rng, widths[0]));
            }
            check(&compiled, vec![-128; widths[0]]);
            check(&compiled, vec![127; widths[0]]);
        }
    }
}
