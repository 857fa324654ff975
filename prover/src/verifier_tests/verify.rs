use std::{env, process::Command, time::Instant};

use lemma_verifier::{
    artifact::ProofBundle,
    circuit_id::CircuitId,
    env::EnvError,
    envelope::{self, HEADER_LEN, Kind},
    proof_system::{self, Refusal},
    scheme::Scheme,
    statement::{Context, Statement},
    transparent::Transparent,
    verify::{BareKey, Expect, VerifierKey, VerifierKeyError, VerifyError, verify},
};
use proptest::prelude::*;

use crate::{
    fixture::{Example, IPA, KZG, context},
    keys::SetupChoice,
    progress::Silent,
};

const SETUPS: [SetupChoice; 2] = [IPA, KZG];

/// The refusal of an edited bundle whose envelope is made right again.
fn refusal(setup: SetupChoice, edit: impl FnOnce(&mut ProofBundle)) -> VerifyError {
    let example = Example::of(setup);
    let mut bundle = ProofBundle::decode(&example.bundle).unwrap();
    edit(&mut bundle);
    verify(&bundle.encode().unwrap(), example.keys.verifier(), &example.expect()).unwrap_err()
}

#[test]
fn accepts_an_honest_proof() {
    for setup in SETUPS {
        let example = Example::of(setup);
        let mut expect = example.expect();
        let statement = verify(&example.bundle, example.keys.verifier(), &expect).unwrap();
        assert_eq!(statement.inputs, crate::fixture::inputs());
        assert_eq!(statement.outputs, example.circuit.assign(&statement.inputs).unwrap().outputs);
        assert_eq!(statement.context, context());
        expect.context = None;
        assert_eq!(verify(&example.bundle, example.keys.verifier(), &expect).unwrap(), statement);
    }
}

#[test]
fn refuses_another_circuit_key_or_context() {
    for setup in SETUPS {
        let example = Example::of(setup);
        let other = CircuitId([7; 32]);
        let verifier = example.keys.verifier();
        let expect = Expect { circuit: other, ..example.expect() };
        assert!(
            matches!(verify(&example.bundle, verifier, &expect), Err(VerifyError::Key { expected, .. }) if expected == other)
        );
        assert!(
            matches!(refusal(setup, |b| b.circuit = other), VerifyError::Circuit { got, .. } if got == other)
        );
        assert!(matches!(
            refusal(setup, |b| b.statement[..32].fill(7)),
            VerifyError::StatementCircuit { got, .. } if got == other
        ));
        let expect = Expect { context: Some(Context::default()), ..example.expect() };
        assert!(matches!(verify(&example.bundle, verifier, &expect), Err(VerifyError::Context { .. })));
    }
}

#[test]
fn refuses_false_claims_about_the_setup() {
    assert!(matches!(
        refusal(KZG, |bundle| bundle.insecure_srs = false),
        VerifyError::InsecureMark { expected: true, got: false }
    ));
    assert!(matches!(
        refusal(IPA, |bundle| bundle.scheme = Scheme::Kzg),
        VerifyError::Scheme { expected: Scheme::Ipa, got: Scheme::Kzg }
    ));
    let example = Example::of(KZG);
    let expect = Expect { allow_insecure_srs: false, ..example.expect() };
    assert!(matches!(
        verify(&example.bundle, example.keys.verifier(), &expect),
        Err(VerifyError::InsecureSrs)
    ));
    let example = Example::of(IPA);
    let expect = Expect { allow_insecure_srs: false, ..example.expect() };
    assert!(verify(&example.bundle, example.keys.verifier(), &expect).is_ok());
}

#[test]
fn refuses_every_changed_statement() {
    for setup in SETUPS {
        let length = ProofBundle::decode(&Example::of(setup).bundle).unwrap().statement.len();
        for position in 32..length {
            let error = refusal(setup, |bundle| bundle.statement[position] ^= 1);
            assert!(
                matches!(
                    error,
                    VerifyError::Invalid | VerifyError::Context { .. } | VerifyError::Statement(_)
                ),
                "byte {position}: {error}"
            );
        }
        assert!(matches!(refusal(setup, |b| b.statement.push(0)), VerifyError::Statement(_)));
        assert!(matches!(refusal(setup, |b| b.statement.truncate(length - 1)), VerifyError::Statement(_)));
        assert!(matches!(refusal(setup, |b| b.statement.clear()), VerifyError::Statement(_)));
    }
}

#[test]
fn refuses_a_proof_of_another_length() {
    for setup in SETUPS {
        let expected = Example::of(setup).keys.verifier().proof_len();
        for got in [0, 31, 32, expected - 32, expected - 1, expected + 1, expected + 32, 2 * expected] {
            assert!(matches!(
                refusal(setup, |bundle| bundle.proof.resize(got, 0)),
                VerifyError::ProofLength { expected: e, got: g } if e == expected && g == got
            ));
        }
    }
}

/// One edit in each 32-byte element, in turn at its start, in the middle and in the flags at its end.
#[test]
fn refuses_a_changed_proof() {
    for setup in SETUPS {
        let length = Example::of(setup).keys.verifier().proof_len();
        for (element, position) in (0..length).step_by(32).zip([0, 17, 31].into_iter().cycle()) {
            let error = refusal(setup, |bundle| bundle.proof[element + position] ^= 1);
            assert!(
                matches!(error, VerifyError::Invalid)
                    || matches!(error, VerifyError::Encoding { offset } if offset == element),
                "byte {}: {error}",
                element + position
            );
        }
    }
}

#[test]
fn refuses_second_encodings() {
    for setup in SETUPS {
        // The mark of the identity on another point, which the library does not look at.
        assert!(matches!(refusal(setup, |b| b.proof[31] |= 0x80), VerifyError::Encoding { offset: 0 }));
        // The identity itself.
        let identity = refusal(setup, |bundle| {
            bundle.proof[..32].fill(0);
            bundle.proof[31] = 0x80;
        });
        assert!(matches!(identity, VerifyError::Encoding { offset: 0 }));
        // A scalar that is not reduced: the last element is one with ipa, a point with kzg.
        let last = Example::of(setup).keys.verifier().proof_len() - 32;
        let unreduced = refusal(setup, |bundle| bundle.proof[last..].fill(0xff));
        assert!(matches!(unreduced, VerifyError::Encoding { offset } if offset == last));
    }
}

#[test]
fn refuses_spliced_proofs() {
    for setup in SETUPS {
        let example = Example::of(setup);
        let again = crate::prove::prove(
            &example.keys,
            &example.circuit,
            &crate::fixture::inputs(),
            context(),
            &Silent,
        );
        let again = ProofBundle::decode(&again.unwrap().bundle).unwrap().proof;
        let first = ProofBundle::decode(&example.bundle).unwrap().proof;
        assert_ne!(first, again);
        for cut in [32, first.len() / 64 * 32, first.len() - 32] {
            let spliced = [&first[..cut], &again[cut..]].concat();
            assert!(matches!(refusal(setup, |bundle| bundle.proof = spliced), VerifyError::Invalid));
        }
    }
}

/// The library itself takes appended zeros in the public inputs and leftover proof bytes for granted.
#[test]
fn the_check_below_refuses_what_the_library_ignores() {
    for setup in SETUPS {
        let example = Example::of(setup);
        let verifier = example.keys.verifier();
        let bundle = ProofBundle::decode(&example.bundle).unwrap();
        let statement = Statement::decode(&bundle.statement, verifier.interface()).unwrap();
        let inputs = statement.public_inputs(verifier.interface()).unwrap();
        let check =
            |proof: &[u8]| proof_system::check(verifier.commitment(), verifier.library_key(), &inputs, proof);
        assert_eq!(check(&bundle.proof), Ok(()));
        assert_eq!(check(&[&bundle.proof[..], &[0]].concat()), Err(Refusal::Trailing));
        assert_eq!(check(&[]), Err(Refusal::Encoding { offset: 0 }));
    }
}

#[test]
fn refuses_every_truncation_and_append_of_the_file() {
    for setup in SETUPS {
        let example = Example::of(setup);
        let verifier = example.keys.verifier();
        for length in 0..example.bundle.len() {
            assert!(verify(&example.bundle[..length], verifier, &example.expect()).is_err());
        }
        for extra in 1..=64 {
            let longer = [&example.bundle[..], &vec![0; extra]].concat();
            assert!(matches!(verify(&longer, verifier, &example.expect()), Err(VerifyError::Bundle(_))));
        }
        for position in 0..example.bundle.len() {
            let mut edited = example.bundle.clone();
            edited[position] ^= 0x40;
            assert!(matches!(verify(&edited, verifier, &example.expect()), Err(VerifyError::Bundle(_))));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn is_total(bytes in proptest::collection::vec(any::<u8>(), 0..300), kzg: bool) {
        let example = Example::of(if kzg { KZG } else { IPA });
        let bundle = envelope::encode(Kind::Proof, &bytes).unwrap();
        prop_assert!(verify(&bytes, example.keys.verifier(), &example.expect()).is_err());
        prop_assert!(verify(&bundle, example.keys.verifier(), &example.expect()).is_err());
    }

    #[test]
    fn is_total_about_proofs(seed: u64, edits in 1usize..6, kzg: bool) {
        let setup = if kzg { KZG } else { IPA };
        let error = refusal(setup, |bundle| {
            let mut state = seed;
            for _ in 0..edits {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let position = (state >> 33) as usize % bundle.proof.len();
                bundle.proof[position] = bundle.proof[position].wrapping_add(1 + (state as u8 & 0x7f));
            }
        });
        let refused = matches!(error, VerifyError::Invalid | VerifyError::Encoding { .. });
        prop_assert!(refused, "{error}");
    }
}

/// The variable can be set only for a process of one's own: the parent runs this test again with each value.
#[test]
fn any_max_degree_is_survived() {
    const ANSWER: &str = "LEMMA_TEST_MAX_DEGREE_ANSWER";
    if let Ok(answer) = env::var(ANSWER) {
        for setup in SETUPS {
            let (_directory, store) = crate::fixture::store();
            let circuit = crate::fixture::circuit(3, setup);
            let keys =
                crate::keys::Keyring::new(store).proving_keys(&circuit, crate::fixture::ONNX, setup, &Silent);
            if answer == "refused" {
                assert!(matches!(keys, Err(crate::keys::KeysError::Environment(EnvError::MaxDegree { .. }))));
            } else {
                let keys = keys.unwrap();
                let proven =
                    crate::prove::prove(&keys, &circuit, &crate::fixture::inputs(), context(), &Silent)
                        .unwrap();
                let expect = Expect { circuit: keys.circuit_id(), context: None, allow_insecure_srs: true };
                assert!(verify(&proven.bundle, keys.verifier(), &expect).is_ok());
                if setup == IPA {
                    println!("circuit {}", keys.circuit_id());
                }
            }
        }
        return;
    }
    let mut ids = Vec::new();
    for (value, answer) in
        [("4", "proven"), ("5", "proven"), ("9", "proven"), ("x", "refused"), ("", "refused")]
    {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "verifier_tests::verify::any_max_degree_is_survived", "--nocapture"])
            .env("MAX_DEGREE", value)
            .env(ANSWER, answer)
            .output()
            .unwrap();
        assert!(output.status.success(), "MAX_DEGREE={value}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        ids.extend(text.lines().filter_map(|line| line.split_once("circuit ")).map(|(_, id)| id.to_owned()));
    }
    assert_eq!(ids, vec![Example::of(IPA).keys.circuit_id().to_string(); 3]);
}

/// The refusals that cannot be caused through `MAX_DEGREE` in this process.
#[test]
fn environment_refusals_are_converted() {
    let error: VerifyError = EnvError::MaxDegree { got: "x".into() }.into();
    assert!(matches!(error, VerifyError::Environment(_)));
}

#[test]
fn a_kzg_key_file_is_enough_without_any_store() {
    let example = Example::of(KZG);
    let file = example.keys.verifier().file().encode().unwrap();
    assert_eq!(file.len(), example.keys.verifier().file_len());
    let start = Instant::now();
    let key = VerifierKey::read(&file).unwrap();
    verify(&example.bundle, &key, &example.expect()).unwrap();
    let elapsed = start.elapsed();
    assert_eq!(key.circuit_id(), example.keys.circuit_id());
    // Ten milliseconds in a release build; the margin is for a busy machine and a debug build.
    assert!(elapsed.as_millis() < 500, "{elapsed:?}");
}

#[test]
fn an_ipa_key_file_is_enough_without_any_store() {
    let example = Example::of(IPA);
    let file = example.keys.verifier().file().encode().unwrap();
    let key = VerifierKey::read(&file).unwrap();
    assert!(file.len() > HEADER_LEN);
    verify(&example.bundle, &key, &example.expect()).unwrap();
}

/// What a bundle says about itself decides before the parameters, which this key does not have.
#[test]
fn claims_are_checked_without_parameters() {
    let example = Example::of(IPA);
    let bytes = example.keys.verifier().file().encode().unwrap();
    let key = lemma_verifier::verify::BareKey::read(&bytes).unwrap();
    assert!(key.check_bundle(&example.bundle, &example.expect()).is_ok());
    let of_another = &Example::of(KZG).bundle;
    let refused = key.check_bundle(of_another, &example.expect());
    assert!(matches!(refused, Err(VerifyError::Circuit { .. })));
    let other_context = Expect { context: Some(Context::default()), ..example.expect() };
    let refused = key.check_bundle(&example.bundle, &other_context).unwrap_err();
    assert!(refused.to_string().ends_with("expected none"), "{refused}");
}

/// Lagrange points that are not there would leave public inputs out of what is committed to.
#[test]
fn parameters_of_another_key_are_refused() {
    let bytes = Example::of(IPA).keys.verifier().file().encode().unwrap();
    let key = || BareKey::read(&bytes).unwrap();
    let (k, public_inputs) = (key().file().shape().k, key().file().interface().instances());
    let with = |k, public_inputs| {
        key().with_parameters::<VerifierKeyError>(|_, _| Ok(Transparent::derive(k, public_inputs)?))
    };
    assert!(with(k, public_inputs).is_ok() && with(k, public_inputs + 1).is_ok());
    for (other, points) in [(k, public_inputs - 1), (k, 0), (k + 1, public_inputs)] {
        assert!(matches!(with(other, points), Err(VerifierKeyError::OtherParameters { .. })));
    }
}
