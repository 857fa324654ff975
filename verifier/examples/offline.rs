//! Verifies a proof with a key file, for the circuit of a known id: `offline KEY CIRCUIT PROOF`.

use std::{env, error::Error, fs};

use lemma_verifier::{
    statement::Context,
    verify::{Expect, VerifierKey, verify},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [key, circuit, proof] = arguments.as_slice() else { return Err("give KEY CIRCUIT PROOF".into()) };
    let expect = Expect {
        // The id is what the caller trusts: the key is anybody's, and what it accepts is a proof of that circuit only if it is its key.
        circuit: circuit.parse()?,
        // A proof can be shown again. Who must know that it is new has it made in a context of their own, and names it here.
        context: Some(Context::default()),
        allow_insecure_srs: false,
    };
    let key = VerifierKey::read(&fs::read(key)?)?;
    let statement = verify(&fs::read(proof)?, &key, &expect)?;
    // Whether these are the inputs that were meant is the caller's to see.
    for (port, integers) in key.interface().ports().zip(statement.inputs.iter().chain(&statement.outputs)) {
        println!("{} = {integers:?}", port.name);
    }
    Ok(())
}
