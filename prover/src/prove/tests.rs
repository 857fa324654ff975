use std::{sync::Mutex, time::Duration};

use lemma_verifier::envelope;

use super::*;
use crate::{
    cancellation::Cancellation,
    fixture::{self, Example, IPA, KZG, ONNX, circuit, context, inputs},
    keys::{Keyring, ProverChoice},
    progress::{Advance, Progress, Recorder, Silent, Stage},
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
            lemma_verifier::verify::verify(&example.bundle, example.keys.verifier(), &example.expect())
                .unwrap();
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
    // The public tensors alone differ.
    let mut renamed = crate::fixture::model(3);
    renamed.outputs[0].name = "z".into();
    let renamed = lemma_circuits::compile(renamed, example.circuit.scheme()).unwrap();
    assert_eq!(renamed.shape(), example.circuit.shape());
    assert!(matches!(refused(&renamed, &inputs()), ProveError::OtherCircuit));
}

/// Stops a proof as soon as a part of it is done.
struct Impatient {
    cancellation: Cancellation,
    told: Mutex<Vec<Advance>>,
}

impl Progress for Impatient {
    fn begin(&self, _: Phase) {}

    fn end(&self, _: Phase, _: Duration) {}

    fn advance(&self, advance: Advance) {
        self.told.lock().unwrap().push(advance);
        self.cancellation.cancel();
    }
}

#[test]
fn a_set_flag_stops_a_proof() {
    for setup in [IPA, KZG] {
        let example = Example::of(setup);
        let impatient = Impatient { cancellation: Cancellation::new(), told: Mutex::default() };
        let proven = || {
            let options = ProveOptions::telling(&impatient).until(&impatient.cancellation);
            prove(&example.keys, &example.circuit, &inputs(), context(), options)
        };
        // In the middle of it, then before it.
        assert!(matches!(proven(), Err(ProveError::Cancelled)));
        let told = impatient.told.lock().unwrap().len();
        assert!(told > 0);
        assert!(matches!(proven(), Err(ProveError::Cancelled)));
        assert_eq!(impatient.told.lock().unwrap().len(), told);
    }
}

/// Remembers how far proofs were said to be.
#[derive(Default)]
struct Shares(Mutex<Vec<Advance>>);

impl Progress for Shares {
    fn begin(&self, _: Phase) {}

    fn end(&self, _: Phase, _: Duration) {}

    fn advance(&self, advance: Advance) {
        self.0.lock().unwrap().push(advance);
    }
}

#[test]
fn a_proof_says_how_far_it_is() {
    let example = Example::of(KZG);
    let shares = Shares::default();
    prove(&example.keys, &example.circuit, &inputs(), context(), &shares).unwrap();
    let told = shares.0.into_inner().unwrap();
    assert!(told.iter().all(|advance| advance.done <= advance.of && (0.0..=1.0).contains(&advance.share)));
    assert!(told.windows(2).all(|pair| pair[0].share <= pair[1].share));
    assert_eq!(told.last().map(|advance| (advance.stage, advance.share)), Some((Stage::Open, 1.0)));
}

#[test]
fn the_own_prover_and_the_library_s_are_accepted_alike() {
    for setup in [IPA, KZG] {
        let (_directory, store) = fixture::store();
        let circuit = circuit(3, setup);
        let [own, stock] = [ProverChoice::Own, ProverChoice::Stock].map(|prover| {
            let keyring = Keyring::new(store.clone()).for_prover(prover);
            keyring.proving_keys(&circuit, ONNX, setup, &Silent).unwrap()
        });
        assert_eq!(own.circuit_id(), stock.circuit_id());
        // The library's prover blinds no quotient.
        assert_eq!((own.hides(), stock.hides()), (true, setup == IPA));
        let bundles =
            [&own, &stock].map(|keys| prove(keys, &circuit, &inputs(), context(), &Silent).unwrap().bundle);
        let expect = Expect { circuit: own.circuit_id(), context: Some(context()), allow_insecure_srs: true };
        for bundle in &bundles {
            for keys in [&own, &stock] {
                assert!(verify(bundle, keys.verifier(), &expect).is_ok());
            }
        }
        assert_eq!(bundles[0].len(), bundles[1].len());
    }
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
