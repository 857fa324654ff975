use halo2_proofs::halo2curves::{bn256::G1Affine, group::GroupEncoding};
use lemma_circuits::ir::{Elem, Quantization, Tail};
use lemma_verifier::{
    artifact::{
        ArtifactError, KeyParts, MAX_NAME_BYTES, MAX_PORTS, ProofBundle, VerifyingKeyFile, Visibility,
    },
    circuit_id::CircuitId,
    envelope::{self, EnvelopeError, Kind},
    interface::Port,
    proof_system::Domain,
    scheme::Scheme,
    setup::SetupError,
    shape::{Shape, ShapeError},
    transparent::{LARGEST_PINNED, TransparentError},
    verify::{VerifierKey, VerifierKeyError},
};
use proptest::prelude::*;

use crate::{
    fixture::{self, Example, IPA, KZG, ONNX},
    keys::{Keyring, ProverChoice},
    progress::Silent,
    proof_system::CircuitProver,
};

fn bundle() -> ProofBundle {
    ProofBundle {
        circuit: CircuitId([1; 32]),
        scheme: Scheme::Kzg,
        insecure_srs: true,
        statement: b"statement".to_vec(),
        proof: b"proof".to_vec(),
    }
}

#[test]
fn bundles_round_trip() {
    for (scheme, insecure_srs) in [(Scheme::Ipa, false), (Scheme::Kzg, false), (Scheme::Kzg, true)] {
        let bundle = ProofBundle { scheme, insecure_srs, ..bundle() };
        assert_eq!(ProofBundle::decode(&bundle.encode().unwrap()).unwrap(), bundle);
    }
    let impossible = ProofBundle { scheme: Scheme::Ipa, ..bundle() };
    assert!(matches!(impossible.encode(), Err(ArtifactError::Malformed { .. })));
    let large = ProofBundle { proof: vec![0; 17 << 20], ..bundle() };
    assert!(matches!(large.encode(), Err(ArtifactError::Envelope(EnvelopeError::TooLarge { .. }))));
}

#[test]
fn malformed_bundles_are_refused() {
    let good = bundle().encode().unwrap();
    let body = envelope::decode(Kind::Proof, &good).unwrap();
    let refused = |body: &[u8]| {
        let bytes = envelope::encode(Kind::Proof, body).unwrap();
        matches!(ProofBundle::decode(&bytes), Err(ArtifactError::Malformed { kind: Kind::Proof, .. }))
    };
    assert!(!refused(body));
    for length in 0..body.len() {
        assert!(refused(&body[..length]), "{length}");
    }
    assert!(refused(&[body, &[0]].concat()));
    for (position, value) in
        [(32, 0), (32, 2), (33, 2), (33, 255), (34, 8), (34, 10), (37, 255), (38, 4), (41, 255)]
    {
        let mut edited = body.to_vec();
        edited[position] = value;
        assert!(refused(&edited), "byte {position} = {value}");
    }
    assert!(matches!(
        ProofBundle::decode(b""),
        Err(ArtifactError::Envelope(EnvelopeError::NoHeader { got: 0 }))
    ));
}

fn key_body(setup: crate::keys::SetupChoice) -> Vec<u8> {
    let bytes = Example::of(setup).keys.verifier().file().encode().unwrap();
    envelope::decode(Kind::VerifyingKey, &bytes).unwrap().to_vec()
}

fn decode_key(body: &[u8]) -> Result<VerifyingKeyFile, ArtifactError> {
    VerifyingKeyFile::decode(&envelope::encode(Kind::VerifyingKey, body).unwrap())
}

#[test]
fn key_files_round_trip() {
    for setup in [IPA, KZG] {
        let verifier = Example::of(setup).keys.verifier();
        let file = VerifyingKeyFile::decode(&verifier.file().encode().unwrap()).unwrap();
        assert_eq!(file, *verifier.file());
        assert_eq!(file.circuit_id(), verifier.circuit_id());
        assert_eq!(
            (file.model_id(), file.shape(), file.interface()),
            (verifier.model_id(), verifier.shape(), verifier.interface())
        );
        assert_eq!((file.setup().scheme(), file.setup().insecure()), (setup.scheme(), setup == KZG));
        assert_eq!(file.visibilities().weights, Visibility::Public);
    }
}

/// Whatever byte of a key file is changed, the file is refused or is the key of another circuit; and reading what
/// is not refused never panics.
#[test]
fn every_byte_of_a_key_file_is_in_the_circuit_id() {
    for setup in [IPA, KZG] {
        let body = key_body(setup);
        let id = Example::of(setup).keys.circuit_id();
        for position in 0..body.len() {
            let mut edited = body.clone();
            edited[position] ^= 1 << (position % 8);
            if let Ok(file) = decode_key(&edited) {
                assert_ne!(file.circuit_id(), id, "byte {position}");
                // Other sizes of transparent parameters take long to derive and are not what is tested.
                if setup == KZG {
                    let bytes = file.encode().unwrap();
                    drop(VerifierKey::read(&bytes));
                }
            }
        }
        for length in 0..body.len() {
            assert!(decode_key(&body[..length]).is_err(), "{length}");
        }
        assert!(matches!(decode_key(&[&body[..], &[0]].concat()), Err(ArtifactError::Malformed { .. })));
    }
}

/// A file with one part changed, through its own serialization.
fn edited(
    setup: crate::keys::SetupChoice,
    edit: impl FnOnce(&mut KeyParts),
) -> Result<VerifyingKeyFile, ArtifactError> {
    let mut parts = Example::of(setup).keys.verifier().file().parts().clone();
    edit(&mut parts);
    VerifyingKeyFile::decode(&parts.encode().unwrap())
}

#[test]
fn key_files_whose_parts_do_not_fit_are_refused() {
    assert!(edited(KZG, |_| {}).is_ok());
    assert!(matches!(edited(KZG, |parts| parts.shape.k = 31), Err(ArtifactError::Shape(_))));
    assert!(matches!(edited(KZG, |parts| parts.shape.k = u32::MAX), Err(ArtifactError::Shape(_))));
    assert!(matches!(edited(KZG, |parts| parts.shape.linear_lanes = 1 << 30), Err(ArtifactError::Shape(_))));
    // Every number in its range, but sums of so many lookups that recursion over them takes a megabyte of stack.
    let deep = edited(KZG, |parts| {
        let of = Shape {
            linear_lanes: 250,
            shift: 48,
            limb_bits: 1,
            excess_bits: Some(18),
            ..parts.shape.clone()
        };
        parts.shape = of;
    });
    assert!(matches!(deep, Err(ArtifactError::Shape(ShapeError { field: "lookups", .. }))));
    assert!(matches!(
        edited(KZG, |parts| parts.fixed.truncate(1)),
        Err(ArtifactError::Columns { columns: "fixed", .. })
    ));
    assert!(matches!(
        edited(KZG, |parts| parts.permutation.push([0; 32])),
        Err(ArtifactError::Columns { columns: "permutation", .. })
    ));
    assert!(matches!(
        edited(KZG, |parts| parts.shape.weight_columns += 1),
        Err(ArtifactError::Columns { columns: "fixed", .. })
    ));
    for shape in [vec![1 << 20], vec![usize::MAX, usize::MAX]] {
        let large = edited(KZG, |parts| parts.interface.inputs[0].shape = shape);
        assert!(matches!(large, Err(ArtifactError::PublicInputs { .. })));
    }
}

/// A function of the integers that is the same for all of them.
fn table(elem: Elem, len: usize, value: f32, name: &str) -> Tail {
    Tail::Table { elem, values: vec![value; len], operators: vec![name.to_owned()] }
}

#[test]
fn key_files_with_impossible_tensors_are_refused() {
    let with = |edit: fn(&mut Port)| edited(KZG, |parts| edit(&mut parts.interface.inputs[0]));
    let scale = |scale| Quantization { scale, zero_point: 0 };
    assert!(with(|port| port.quantize = Some(Quantization { scale: 0.5, zero_point: -128 })).is_ok());
    assert!(with(|port| port.name = "n".repeat(MAX_NAME_BYTES)).is_ok());
    assert!(with(|port| port.tail = vec![table(port.elem, 256, 0.5, &"T".repeat(64))]).is_ok());
    let other = |elem| if elem == Elem::I8 { Elem::U8 } else { Elem::I8 };
    let of_other_type = edited(KZG, |parts| {
        let port = &mut parts.interface.inputs[0];
        port.tail = vec![table(other(port.elem), 256, 0.5, "Tanh")];
    });
    assert!(matches!(of_other_type, Err(ArtifactError::Port { index: 0, .. })));
    let impossible: [fn(&mut Port); 22] = [
        |port| port.bytes_per_instance = 0,
        |port| port.bytes_per_instance = 32,
        |port| port.name = "n".repeat(MAX_NAME_BYTES + 1),
        |port| port.name = "x\u{1b}[2J".into(),
        |port| port.name = "x\u{9b}2J".into(),
        // A reader that nests by recursion would overflow its stack.
        |port| port.shape = vec![1; 1_000_001],
        |port| port.shape = vec![1; 7],
        |port| port.shape = vec![3, 0],
        |port| port.tail = vec![Tail::Softmax { len: 1 }; 9],
        |port| port.tail = vec![Tail::Softmax { len: 2 }],
        |port| port.tail = vec![Tail::Softmax { len: 0 }],
        |port| port.tail = vec![Tail::LogSoftmax { len: 2 }],
        |port| port.tail = vec![Tail::LogSoftmax { len: 0 }],
        |port| port.tail = vec![Tail::Softmax { len: 1 }, table(port.elem, 256, 0.5, "Tanh")],
        |port| port.tail = vec![table(port.elem, 255, 0.5, "Tanh")],
        |port| port.tail = vec![table(port.elem, 257, 0.5, "Tanh")],
        |port| port.tail = vec![table(port.elem, 256, f32::NAN, "Tanh")],
        |port| port.tail = vec![table(port.elem, 256, 0.5, "Tanh\u{1b}[2J")],
        |port| port.tail = vec![table(port.elem, 256, 0.5, &"T".repeat(65))],
        |port| (port.elem, port.tail) = (Elem::I8, vec![Tail::Index]),
        |port| (port.elem, port.tail) = (Elem::U8, vec![Tail::Index, Tail::Softmax { len: 1 }]),
        |port| port.quantize = Some(Quantization { scale: 0.5, zero_point: 128 }),
    ];
    for (case, edit) in impossible.into_iter().enumerate() {
        assert!(matches!(with(edit), Err(ArtifactError::Port { index: 0, .. })), "case {case}");
    }
    for wrong in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let input = edited(KZG, |parts| parts.interface.inputs[0].quantize = Some(scale(wrong)));
        assert!(matches!(input, Err(ArtifactError::Port { index: 0, .. })), "{wrong}");
        let tail = vec![Tail::Dequantize(scale(wrong))];
        let output = edited(KZG, |parts| parts.interface.outputs[0].tail = tail);
        assert!(matches!(output, Err(ArtifactError::Port { index: 1, .. })), "{wrong}");
    }
    let many = edited(KZG, |parts| {
        let port = Port { shape: vec![1], ..parts.interface.inputs[0].clone() };
        parts.interface.inputs = vec![port; MAX_PORTS];
    });
    let many_tensors = matches!(many, Err(ArtifactError::Ports { got, .. }) if got == MAX_PORTS + 1);
    assert!(many_tensors || matches!(many, Err(ArtifactError::PublicInputs { .. })));
}

#[test]
fn transparent_keys_from_elsewhere_that_take_minutes_are_refused() {
    let large = edited(IPA, |parts| parts.shape.k = LARGEST_PINNED + 1).unwrap();
    let read = VerifierKey::read(&large.encode().unwrap());
    assert!(matches!(read, Err(VerifierKeyError::UnpinnedSize { k: 17 })));
    let kzg = edited(KZG, |parts| parts.shape.k = LARGEST_PINNED + 1).unwrap();
    assert!(VerifierKey::read(&kzg.encode().unwrap()).is_ok());
}

/// The encoding of a coordinate that no point has.
fn no_point() -> [u8; 32] {
    let has_point = |x: &[u8; 32]| {
        let mut repr = <G1Affine as GroupEncoding>::Repr::default();
        repr.as_mut().copy_from_slice(x);
        bool::from(G1Affine::from_bytes(&repr).is_some())
    };
    (2..).map(|x| [x; 32].map(|byte: u8| byte & 0x1f)).find(|x| !has_point(x)).unwrap()
}

/// The library's own checks come too late or not at all.
#[test]
fn key_files_that_the_library_would_take_are_refused() {
    let key = |setup, edit: fn(&mut KeyParts)| {
        let bytes = edited(setup, edit).unwrap().encode().unwrap();
        match VerifierKey::read(&bytes) {
            Err(VerifierKeyError::File(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    // Not a point; the identity's mark on a point; not reduced.
    assert!(matches!(
        key(KZG, |parts| parts.fixed[1] = no_point()),
        ArtifactError::Commitment { columns: "fixed", index: 1 }
    ));
    assert!(matches!(
        key(KZG, |parts| parts.permutation[0][31] |= 0x80),
        ArtifactError::Commitment { columns: "permutation", index: 0 }
    ));
    assert!(matches!(
        key(KZG, |parts| parts.permutation[2] = [0xff; 32]),
        ArtifactError::Commitment { columns: "permutation", index: 2 }
    ));
    let no_point = key(KZG, |parts| parts.setup = Example::with_secret_image([[1; 32]; 4]));
    assert!(matches!(no_point, ArtifactError::Setup(SetupError::Point)));
    let infinity = key(KZG, |parts| parts.setup = Example::with_secret_image([[0; 32]; 4]));
    assert!(matches!(infinity, ArtifactError::Setup(SetupError::TrivialSecret)));
    // More public inputs than usable rows, but not more than rows.
    let many = key(KZG, |parts| {
        // One more tensor, of as many public inputs as are missing.
        let missing = (1usize << parts.shape.k) - parts.interface.instances();
        let port = Port { shape: vec![1], ..parts.interface.inputs[0].clone() };
        let length =
            (1..).find(|length| Port { shape: vec![*length], ..port.clone() }.instances() == missing);
        parts.interface.inputs.push(Port { shape: vec![length.unwrap()], ..port });
    });
    assert!(matches!(many, ArtifactError::PublicInputs { .. }));
}

#[test]
fn the_rebuilt_key_is_the_generated_one() {
    for setup in [IPA, KZG] {
        let (_directory, store) = fixture::store();
        let keyring = Keyring::new(store).for_prover(ProverChoice::Stock);
        let keys = keyring.proving_keys(&fixture::circuit(3, setup), ONNX, setup, &Silent).unwrap();
        let CircuitProver::Stock { key, .. } = keys.prover() else {
            panic!("the library's prover was asked for")
        };
        let generated = key.get_vk();
        for domain in [Domain::Prover, Domain::Verifier] {
            let rebuilt = keys.verifier().file().library_key(domain).unwrap();
            assert_eq!(rebuilt.transcript_repr(), generated.transcript_repr());
            assert_eq!(format!("{:?}", rebuilt.pinned()), format!("{:?}", generated.pinned()));
        }
    }
}

#[test]
fn other_errors_of_verifier_keys_are_converted() {
    let environment = lemma_verifier::env::EnvError::MaxDegree { got: "x".into() };
    assert!(matches!(VerifierKeyError::from(environment), VerifierKeyError::Environment(_)));
    let transparent = TransparentError::Malformed { k: 5, reason: "x".into() };
    assert!(matches!(VerifierKeyError::from(transparent), VerifierKeyError::Transparent(_)));
}

proptest! {
    #[test]
    fn whatever_decodes_is_what_encode_makes(body in proptest::collection::vec(any::<u8>(), 0..120)) {
        let bytes = envelope::encode(Kind::Proof, &body).unwrap();
        if let Ok(bundle) = ProofBundle::decode(&bytes) {
            prop_assert_eq!(bundle.encode().unwrap(), bytes);
        }
        let bytes = envelope::encode(Kind::VerifyingKey, &body).unwrap();
        if let Ok(file) = VerifyingKeyFile::decode(&bytes) {
            prop_assert_eq!(file.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn edited_keys_are_refused_or_canonical(edits in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        let mut body = key_body(KZG);
        for (position, value) in edits {
            let position = position % body.len();
            body[position] = value;
        }
        if let Ok(file) = decode_key(&body) {
            prop_assert_eq!(file.encode().unwrap(), envelope::encode(Kind::VerifyingKey, &body).unwrap());
        }
    }
}
