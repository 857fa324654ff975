//! Decides about a proof of a model that the caller has: `verify MODEL.onnx X.proof`.

use std::{env, error::Error, fs};

use lemma_prover::Verifier;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [model, proof] = arguments.as_slice() else { return Err("expected MODEL.onnx X.proof".into()) };
    // Without the model: `Verifier::of_key`, with a key file and the id of the circuit from somebody you believe.
    let verifier = Verifier::of_onnx(&fs::read(model)?)?;
    let answers = verifier.verify(&fs::read(proof)?)?;
    for tensor in answers.inputs.iter().chain(&answers.outputs) {
        println!("{} {:?}: {:?}", tensor.name, tensor.shape, tensor.integers);
    }
    Ok(())
}
