//! The front door and the examples of the crate's page.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use lemma_prover::{
    Circuit, FacadeError, Tensor, Verifier,
    keys::{Keyring, SetupChoice},
    params::SrsChoice,
    store::Store,
};
use lemma_verifier::{circuit_id::CircuitId, statement::Context, verify::VerifyError};
use tempfile::TempDir;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

fn digits() -> Vec<u8> {
    fs::read(fixture("digits/s8s8.qop.onnx")).expect("the model is there")
}

fn store() -> (TempDir, Keyring) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let keyring = Keyring::new(Store::open(folder.path()).expect("a store"));
    (folder, keyring)
}

/// An example that was built beside this test.
fn example(name: &str, arguments: &[&Path], home: &Path) -> Output {
    let tests = std::env::current_exe().expect("tests know where they are");
    let built =
        tests.ancestors().nth(2).expect("tests lie in a folder of the build").join("examples").join(name);
    assert!(
        built.exists(),
        "{} is not there: `cargo test -p lemma-prover` builds the examples",
        built.display()
    );
    Command::new(built).args(arguments).env("LEMMA_HOME", home).output().expect("the example starts")
}

#[test]
fn the_examples_plan_prove_and_verify() {
    let (folder, _) = store();
    let run = |name: &str, arguments: &[&Path]| {
        let output = example(name, arguments, folder.path());
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("examples print text")
    };
    let (model, input) = (fixture("digits/s8s8.qop.onnx"), fixture("digits/example.json"));
    let plan = run("plan", &[&model]);
    assert!(plan.contains("2368 multiply-accumulates") && plan.contains("Kzg: 2^9 rows"), "{plan}");
    let bundle = folder.path().join("x.proof");
    let proved = run("prove", &[&model, &input, Path::new("0"), &bundle]);
    let verified = run("verify", &[&model, &bundle]);
    let (id, answers) =
        (proved.lines().last().expect("a circuit"), verified.lines().last().expect("an output"));
    assert!(id.starts_with("circuit "), "{proved}");
    assert!(answers.contains("[1, 10]: ["), "{verified}");

    let mut bytes = fs::read(&bundle).expect("a proof");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&bundle, bytes).expect("a writable folder");
    let refused = example("verify", &[&model, &bundle], folder.path());
    assert!(!refused.status.success() && refused.stdout.is_empty(), "a changed proof is refused");
}

#[test]
fn a_proof_is_for_its_circuit_and_context() {
    let (_folder, keyring) = store();
    let circuit = Circuit::with_setup(&digits(), SetupChoice::Transparent, &keyring).expect("a circuit");
    let pixels: Vec<i32> = (0..64).map(|pixel| pixel % 17).collect();
    let context = Context::new(b"occasion".to_vec()).expect("a short context");
    let proof = circuit.prove_in(&[Tensor::Integers(&pixels)], context.clone()).expect("a proof");
    assert_eq!(proof.answers.inputs[0].integers, pixels);

    let key = circuit.key_file().expect("a key");
    let verifier = Verifier::of_key(&key, circuit.id()).expect("the circuit's key");
    let answers = verifier.verify_in(&proof.bundle, context).expect("the proof is valid");
    assert_eq!(answers, proof.answers);
    let elsewhere = verifier.verify(&proof.bundle);
    assert!(matches!(elsewhere, Err(FacadeError::Verify(VerifyError::Context { .. }))), "{elsewhere:?}");

    let other = Verifier::of_key(&key, CircuitId([7; 32])).map(|verifier| verifier.circuit());
    assert!(matches!(other, Err(FacadeError::Verify(VerifyError::Key { .. }))), "{other:?}");
}

#[test]
fn inputs_that_are_not_the_models_are_refused() {
    let (_folder, keyring) = store();
    let setup = SetupChoice::Kzg(SrsChoice::InsecureLocal);
    let circuit = Circuit::with_setup(&digits(), setup, &keyring).expect("a circuit");
    let none = circuit.prove(&[]).map(|proof| proof.bundle);
    assert!(matches!(none, Err(FacadeError::InputCount { expected: 1, got: 0 })), "{none:?}");
    for wrong in [vec![0; 63], vec![300; 64]] {
        let refused = circuit.prove(&[Tensor::Integers(&wrong)]).map(|proof| proof.bundle);
        assert!(matches!(refused, Err(FacadeError::Prove(_))), "{refused:?}");
    }
    let pixels = [1.0; 64];
    match (circuit.interface().inputs[0].quantize, circuit.prove(&[Tensor::Floats(&pixels)])) {
        (None, refused) => assert!(matches!(refused, Err(FacadeError::Floats { .. })), "{refused:?}"),
        (Some(_), proof) => {
            // A string drawn here proves nothing to anybody.
            let verifier = Verifier::with_setup(&digits(), setup, &keyring).expect("a key");
            let refused = verifier.verify(&proof.expect("a proof").bundle);
            assert!(matches!(refused, Err(FacadeError::Verify(VerifyError::InsecureSrs))), "{refused:?}");
        }
    }
}
