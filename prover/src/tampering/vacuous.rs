//! A key that constrains nothing, under an honest model's id.
//!
//! Whoever hands out a proof with its key can take any key. That the file names a model is no evidence: only the circuit id is, and it has to
//! come from somewhere else.

use halo2_proofs::{
    halo2curves::{bn256::G1Affine, group::GroupEncoding},
    plonk::VerifyingKey,
};
use lemma_circuits::testing::vacuous::Vacuous;
use lemma_plonk::watch::Unwatched;
use lemma_verifier::{
    artifact::{KeyParts, ProofBundle, VerifyingKeyFile},
    proof_system::Commitment,
    setup::Setup,
    statement::{Context, Statement},
    verify::{BareKey, Expect, VerifierKey, VerifyError, verify},
};
use rand::rngs::OsRng;
use serde_json::json;

use crate::{
    fixture::{self, Example, IPA, KZG},
    keys::SetupChoice,
    params::{Parameters, SrsChoice},
    progress::Silent,
    proof_system::{self, CircuitProver},
};

/// Parameters as a forger has them: with KZG a string of their own, not marked as one.
fn parameters(choice: SetupChoice, k: u32) -> (Commitment, Setup) {
    let (_directory, store) = fixture::store();
    let parameters = Parameters::new(store);
    match choice {
        SetupChoice::Transparent => {
            (Commitment::Ipa(parameters.ipa(k, &Silent).unwrap()), Setup::Transparent)
        }
        SetupChoice::Kzg(_) => {
            let drawn = parameters.choose_srs(SrsChoice::InsecureLocal, k).unwrap();
            let powers = parameters.kzg(drawn.id(), k, &Silent).unwrap();
            let mut unmarked = drawn.setup;
            unmarked.insecure = false;
            (Commitment::Kzg(powers), Setup::Kzg(unmarked))
        }
    }
}

/// The honest key's file with the commitments of another key and its setup.
fn file_of(honest: &VerifyingKeyFile, key: &VerifyingKey<G1Affine>, setup: Setup) -> VerifyingKeyFile {
    let compressed = |points: &[G1Affine]| {
        points.iter().map(|point| json!(point.to_bytes().as_ref().to_vec())).collect::<Vec<_>>()
    };
    let mut tree = serde_json::to_value(honest).unwrap();
    tree["fixed"] = compressed(key.fixed_commitments()).into();
    tree["permutation"] = compressed(key.permutation().commitments()).into();
    tree["setup"] = serde_json::to_value(setup).unwrap();
    let forged: KeyParts = serde_json::from_value(tree).unwrap();
    VerifyingKeyFile::decode(&forged.encode().unwrap()).unwrap()
}

/// A key file and a proof of a statement that is not true.
fn forged(choice: SetupChoice) -> (VerifyingKeyFile, Vec<u8>, Statement) {
    let example = Example::of(choice);
    let circuit = Vacuous(example.circuit.shape().clone());
    let (params, setup) = parameters(choice, example.circuit.k());
    let key = proof_system::verifying_key(&params, &circuit).unwrap();
    let file = file_of(example.keys.verifier().file(), &key, setup);
    let statement = Statement {
        circuit: file.circuit_id(),
        context: Context::default(),
        inputs: fixture::inputs(),
        outputs: vec![vec![-128, 127]],
    };
    let public = statement.public_inputs(file.interface()).unwrap();
    let key = proof_system::proving_key(&params, key, &circuit).unwrap();
    let prover = CircuitProver::Stock { key: key.into(), params };
    let bundle = ProofBundle {
        circuit: file.circuit_id(),
        scheme: file.setup().scheme(),
        insecure_srs: false,
        statement: statement.encode(file.interface()).unwrap(),
        proof: prover.prove(circuit, &public, &mut OsRng, &Unwatched).unwrap(),
    };
    (file, bundle.encode().unwrap(), statement)
}

#[test]
fn a_key_that_constrains_nothing_is_caught_by_the_circuit_id_alone() {
    for setup in [IPA, KZG] {
        let example = Example::of(setup);
        let (file, bundle, lie) = forged(setup);
        let truth = example.circuit.assign(&lie.inputs).unwrap().outputs;
        assert_ne!(lie.outputs, truth);
        assert_eq!(file.model_id(), example.circuit.model_id(), "the file names the honest model");

        let bytes = file.encode().unwrap();
        let key = VerifierKey::read(&bytes).unwrap();
        let itself = Expect {
            circuit: key.circuit_id(),
            context: Some(Context::default()),
            allow_insecure_srs: false,
        };
        // Nothing is left to refuse it when the id is the file's own.
        assert_eq!(verify(&bundle, &key, &itself).unwrap(), lie);

        let honest = Expect { circuit: example.keys.circuit_id(), ..itself };
        let caught = |refusal| matches!(refusal, Err(VerifyError::Key { expected, got }) if expected == honest.circuit && got == file.circuit_id());
        assert!(caught(verify(&bundle, &key, &honest).map(drop)));
        assert!(caught(BareKey::read(&bytes).unwrap().check_bundle(&bundle, &honest)));
        // Under the honest key it is a proof of another circuit.
        let allowed = Expect { allow_insecure_srs: true, ..honest.clone() };
        let refusal = verify(&bundle, example.keys.verifier(), &allowed);
        assert!(matches!(refusal, Err(VerifyError::Circuit { .. })), "{refusal:?}");
    }
}
