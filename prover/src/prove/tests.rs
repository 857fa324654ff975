use super::*;
use crate::{
    envelope,
    fixture::{Example, IPA, KZG, circuit, context, inputs},
    progress::{Recorder, Silent},
};

#[test]
fn reports_its_steps() {
    let example = Example::of(IPA);
    let recorder = Recorder::default();
    let proven = prove(&example.keys, &example.circuit, &inputs(), context(), &recorder).unwrap();
    assert_eq!(proven.statement.circuit, example.keys.circuit_id());
    let steps: Vec<_> = recorder.steps().into_iter().map(|step| step.0).collect();
    assert_eq!(steps, [Phase::Witness, Phase::Prove, Phase::Verify]);
}

/// Fresh randomness: of two proofs of one statement no commitment that hides a witness is the same.
#[test]
fn proofs_of_one_statement_differ_in_every_advice_commitment() {
    for setup in [IPA, KZG] {
        let example = Example::of(setup);
        let proof = |bundle: &[u8]| ProofBundle::decode(bundle).unwrap().proof;
        let first = proof(&example.bundle);
        let again = prove(&example.keys, &example.circuit, &inputs(), context(), &Silent).unwrap();
        let columns = example.circuit.shape().num_advice() as usize;
        for (column, (a, b)) in
            first.chunks(32).zip(proof(&again.bundle).chunks(32)).take(columns).enumerate()
        {
            assert_ne!(a, b, "advice column {column}");
        }
    }
}

#[test]
fn a_damaged_proof_is_never_released() {
    for setup in [IPA, KZG] {
        let example = Example::of(setup);
        let statement =
            crate::verify::verify(&example.bundle, example.keys.verifier(), &example.expect()).unwrap();
        assert!(release(&example.keys, example.bundle.clone(), statement.clone()).is_ok());
        for position in (0..example.bundle.len()).step_by(97) {
            let mut damaged = example.bundle.clone();
            damaged[position] ^= 1;
            let released = release(&example.keys, damaged, statement.clone());
            assert!(matches!(released, Err(ProveError::SelfCheck(_))), "byte {position}");
        }
        // Damage before the envelope is made.
        let mut bundle = ProofBundle::decode(&example.bundle).unwrap();
        bundle.proof[100] ^= 1;
        let released = release(&example.keys, bundle.encode().unwrap(), statement.clone());
        assert!(matches!(released, Err(ProveError::SelfCheck(_))));
        // A valid proof of another statement.
        let mut other = inputs();
        other[0][0] += 1;
        let proven = prove(&example.keys, &example.circuit, &other, context(), &Silent).unwrap();
        assert!(matches!(
            release(&example.keys, proven.bundle, statement),
            Err(ProveError::SelfCheck(VerifyError::Invalid))
        ));
    }
}

#[test]
fn refuses_what_it_cannot_prove() {
    let example = Example::of(IPA);
    let refused = |circuit: &CompiledCircuit, inputs: &[Vec<i32>]| {
        prove(&example.keys, circuit, inputs, context(), &Silent).unwrap_err()
    };
    assert!(matches!(refused(&example.circuit, &[]), ProveError::Witness(_)));
    assert!(matches!(refused(&example.circuit, &[vec![0, 0, 128]]), ProveError::Witness(_)));
    assert!(matches!(refused(&circuit(4, IPA), &inputs()), ProveError::OtherCircuit));
    assert!(matches!(refused(&circuit(3, KZG), &inputs()), ProveError::OtherCircuit));
}

#[test]
fn other_errors_are_converted() {
    let environment = EnvError::MaxDegree { got: "x".into() };
    assert!(matches!(ProveError::from(environment), ProveError::Environment(_)));
    let statement = StatementError::ContextEncoding;
    assert!(matches!(ProveError::from(statement), ProveError::Statement(_)));
    let bundle = ArtifactError::from(envelope::decode(envelope::Kind::Proof, b"").unwrap_err());
    assert!(matches!(ProveError::from(bundle), ProveError::Bundle(_)));
    assert!(ProveError::Library(plonk::Error::Synthesis).to_string().starts_with("cannot prove"));
}
