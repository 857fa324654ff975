//! Verifies a proof with a key file, for the circuit of a known id: `offline KEY CIRCUIT PROOF`.

use std::{env, error::Error, fs};

use lemma_verifier::verify::{Expect, VerifierKey, verify};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [key, circuit, proof] = arguments.as_slice() else { return Err("give KEY CIRCUIT PROOF".into()) };
    // The id is what the caller trusts: the key is anybody's, and what it accepts is a proof of that circuit only if it is its key.
    let expect = Expect { circuit: circuit.parse()?, context: None, allow_insecure_srs: false };
    let key = VerifierKey::read(&fs::read(key)?)?;
    let statement = verify(&fs::read(proof)?, &key, &expect)?;
    for (port, integers) in key.interface().outputs.iter().zip(&statement.outputs) {
        println!("{} = {integers:?}", port.name);
    }
    Ok(())
}
