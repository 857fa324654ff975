//! Lies of a proof bundle and of the statement in it.

use lemma_verifier::{
    artifact::{ArtifactError, ProofBundle},
    circuit_id::CircuitId,
    scheme::Scheme,
    statement::{Context, Statement, StatementError},
    verify::{Expect, VerifyError, verify},
};

use super::{assert_complete, fields};
use crate::{
    fixture::{Example, IPA, KZG},
    keys::SetupChoice,
};

const OTHER: CircuitId = CircuitId([7; 32]);

/// One field changed, and whether the refusal is the right one.
type Lie<T> = (&'static str, fn(&mut T), fn(&VerifyError) -> bool);

const BUNDLE: &[Lie<ProofBundle>] = &[
    ("circuit", |b| b.circuit = OTHER, |e| matches!(e, VerifyError::Circuit { got: OTHER, .. })),
    ("scheme", |b| b.scheme = other(b.scheme), |e| matches!(e, VerifyError::Scheme { .. })),
    (
        "insecure_srs",
        |b| b.insecure_srs = !b.insecure_srs,
        |e| {
            // The mark is impossible with the transparent scheme.
            matches!(
                e,
                VerifyError::InsecureMark { got: false, expected: true }
                    | VerifyError::Bundle(ArtifactError::Malformed { .. })
            )
        },
    ),
    (
        "statement",
        |b| b.statement.push(0),
        |e| matches!(e, VerifyError::Statement(StatementError::Length { .. })),
    ),
    ("statement", |b| flip_last(&mut b.statement), |e| matches!(e, VerifyError::Invalid)),
    ("proof", |b| b.proof.push(0), |e| matches!(e, VerifyError::ProofLength { .. })),
    ("proof", |b| b.proof[..32].fill(0xff), |e| matches!(e, VerifyError::Encoding { offset: 0 })),
    // A commitment of the proof in another's place: a point still, but not this proof's.
    ("proof", |b| b.proof.copy_within(32..64, 0), |e| matches!(e, VerifyError::Invalid)),
];

const STATEMENT: &[Lie<Statement>] = &[
    ("circuit", |s| s.circuit = OTHER, |e| matches!(e, VerifyError::StatementCircuit { got: OTHER, .. })),
    ("context", |s| s.context = Context::default(), |e| matches!(e, VerifyError::Context { .. })),
    ("inputs", |s| s.inputs[0][0] += 1, |e| matches!(e, VerifyError::Invalid)),
    ("outputs", |s| s.outputs[0][0] -= 1, |e| matches!(e, VerifyError::Invalid)),
];

fn other(scheme: Scheme) -> Scheme {
    match scheme {
        Scheme::Ipa => Scheme::Kzg,
        Scheme::Kzg => Scheme::Ipa,
    }
}

fn flip_last(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

fn honest(setup: SetupChoice) -> (ProofBundle, Statement) {
    let example = Example::of(setup);
    let bundle = ProofBundle::decode(&example.bundle).unwrap();
    let statement = Statement::decode(&bundle.statement, example.circuit.interface()).unwrap();
    (bundle, statement)
}

fn judged(setup: SetupChoice, bundle: &ProofBundle, expect: &Expect) -> Result<Statement, VerifyError> {
    verify(&bundle.encode()?, Example::of(setup).keys.verifier(), expect)
}

#[test]
fn every_field_of_a_bundle_has_its_lie() {
    let (bundle, _) = honest(KZG);
    let names = fields!(bundle, ProofBundle { circuit, scheme, insecure_srs, statement, proof });
    assert_complete(names, BUNDLE.iter().map(|(field, ..)| *field));
    for setup in [IPA, KZG] {
        let expect = Example::of(setup).expect();
        let (honest, _) = honest(setup);
        assert!(judged(setup, &honest, &expect).is_ok());
        for (field, lie, caught) in BUNDLE {
            let mut bundle = honest.clone();
            lie(&mut bundle);
            // An insecure mark does not fit the other scheme: the forger drops it with the scheme.
            bundle.insecure_srs &= *field != "scheme";
            let error = judged(setup, &bundle, &expect).unwrap_err();
            assert!(caught(&error), "{setup:?}, {field}: {error}");
        }
    }
}

#[test]
fn every_field_of_a_statement_has_its_lie() {
    let (_, statement) = honest(KZG);
    let names = fields!(statement, Statement { circuit, context, inputs, outputs });
    assert_complete(names, STATEMENT.iter().map(|(field, ..)| *field));
    for setup in [IPA, KZG] {
        let example = Example::of(setup);
        let (bundle, honest) = honest(setup);
        for (field, lie, caught) in STATEMENT {
            let mut statement = honest.clone();
            lie(&mut statement);
            let statement = statement.encode(example.circuit.interface()).unwrap();
            let bundle = ProofBundle { statement, ..bundle.clone() };
            let error = judged(setup, &bundle, &example.expect()).unwrap_err();
            assert!(caught(&error), "{setup:?}, {field}: {error}");
            // Whoever accepts any context still gets none that is not the proof's.
            if *field == "context" {
                let any = Expect { context: None, ..example.expect() };
                assert!(matches!(judged(setup, &bundle, &any), Err(VerifyError::Invalid)));
            }
            // The bundle's id changed along with the statement's.
            if *field == "circuit" {
                let both = ProofBundle { circuit: OTHER, ..bundle };
                let error = judged(setup, &both, &example.expect()).unwrap_err();
                assert!(matches!(error, VerifyError::Circuit { got: OTHER, .. }), "{error}");
            }
        }
    }
}
