//! Predicts what proving a model costs, without proving anything: `plan MODEL.onnx`.

use std::{env, error::Error, fs};

use lemma_prover::circuits::{compile, import::import};
use lemma_verifier::scheme::Scheme;

fn main() -> Result<(), Box<dyn Error>> {
    let model = env::args().nth(1).ok_or("expected MODEL.onnx")?;
    let model = import(&fs::read(&model)?, &model)?;
    println!("{} multiply-accumulates, {} activations", model.macs(), model.activations());
    for scheme in [Scheme::Kzg, Scheme::Ipa] {
        let circuit = compile(model.clone(), scheme)?;
        let (shape, cost) = (circuit.shape(), circuit.layout().cost());
        println!(
            "{scheme:?}: 2^{} rows, {} advice and {} fixed columns, {:.2} CPU seconds on the reference machine",
            shape.k,
            shape.num_advice(),
            shape.num_fixed(),
            cost.microseconds as f64 * 1e-6,
        );
    }
    Ok(())
}
