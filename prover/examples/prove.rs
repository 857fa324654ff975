//! Proves what a model answers to a row of inputs: `prove MODEL.onnx INPUTS.npz ROW OUT.proof`.

use std::{env, error::Error, fs};

use lemma_prover::{Circuit, Tensor, inputs};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [model, rows, row, out] = arguments.as_slice() else {
        return Err("expected MODEL.onnx INPUTS.npz ROW OUT.proof".into());
    };
    // Plans the circuit and makes its keys, or finds them in the store.
    let circuit = Circuit::of_onnx(&fs::read(model)?)?;
    // A program that has its numbers in memory passes them as `Tensor::Floats`.
    let integers = inputs::read(&fs::read(rows)?, circuit.interface(), Some(row.parse()?))?;
    let tensors: Vec<Tensor<'_>> = integers.iter().map(|tensor| Tensor::Integers(tensor)).collect();
    let proof = circuit.prove(&tensors)?;
    fs::write(out, &proof.bundle)?;
    for output in &proof.answers.outputs {
        println!("{}: {:?}", output.name, output.values);
    }
    println!("circuit {}", circuit.id());
    Ok(())
}
