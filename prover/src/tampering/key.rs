//! Lies of a verifying key file.
//!
//! What no reader can tell is in the circuit id: a caller who names the circuit gets [`VerifyError::Key`] whatever was changed.
//! A caller who takes the key for what it is gets its own id, and no honest proof, sealed for it again, is a proof of that circuit.

use halo2_proofs::halo2curves::{bn256::G2Affine, group::Curve, serde::SerdeObject};
use lemma_circuits::ir::{Elem, Tail};
use lemma_verifier::{
    artifact::{ArtifactError, KeyParts, ProofBundle, VerifyingKeyFile},
    envelope::{self, Kind},
    setup::SetupError,
    setup::{KzgSetup, Setup},
    verify::{BareKey, Expect, VerifierKeyError, VerifyError, verify},
};
use serde_json::{Value, json};

use super::{
    assert_complete,
    honest::{Honest, QUANTIZATION, honest},
    tree::leaves,
};
use crate::{fixture::context, keys::KeysError, params::Parameters, progress::Silent};

/// How a field is changed.
enum Lie {
    /// The value itself.
    Value(fn(&Value) -> Value),
    /// In the whole file, for values that are only right together.
    File(fn(&mut Value)),
    /// The one visibility there is has no other value: a variant of a later version, by its number in the file.
    Visibility(usize),
}

/// What catches a lie when the caller names the circuit: one refusal, or one each for flat and other circuits, or for files with and without operators outside of
/// proofs. All but the last are refusals of the file, before any id is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caught {
    Malformed,
    Shape,
    Columns,
    Port,
    Setup,
    Id,
}

use Caught::{Columns, Id, Malformed, Port, Shape};
use Lie::{File, Value as Of, Visibility};

const fn more(by: u64) -> fn(&Value) -> Value {
    match by {
        1 => |value| json!(value.as_u64().unwrap() + 1),
        _ => |value| json!(value.as_u64().unwrap() + 1_000),
    }
}

/// Another byte, number, or text of the same form.
fn next(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => json!(number.as_f64().unwrap() * 2.0),
        Value::Number(number) => json!(number.as_i64().unwrap() ^ 1),
        Value::String(text) => json!(format!("{text}2")),
        Value::Bool(flag) => json!(!flag),
        other => other.clone(),
    }
}

fn other_elem(value: &Value) -> Value {
    json!(if value == "I8" { Elem::U8 } else { Elem::I8 })
}

/// A setup nobody knows the secret of but whoever chose it: 2.
fn chosen() -> Setup {
    let point = (G2Affine::generator() + G2Affine::generator()).to_affine().to_raw_bytes();
    let mut bytes = [[0; 32]; 4];
    bytes.as_flattened_mut().copy_from_slice(&point);
    Setup::Kzg(KzgSetup::of_bytes(bytes, true))
}

fn a_tail(_: &Value) -> Value {
    json!([Tail::Softmax { len: 1 }])
}

const MANIFEST: &[(&str, Lie, &[Caught])] = &[
    ("model[]", Of(next), &[Id]),
    ("shape.k", Of(more(1)), &[Id]),
    ("shape.k", Of(more(1_000)), &[Shape]),
    ("shape.linear_lanes", Of(more(1)), &[Columns, Shape]),
    ("shape.threshold_lanes", Of(more(1)), &[Columns, Shape]),
    ("shape.shift", Of(more(1)), &[Id]),
    ("shape.limb_bits", Of(more(1)), &[Id]),
    ("shape.excess_bits", Of(|value| if value.is_null() { json!(8) } else { Value::Null }), &[Id]),
    ("shape.threshold_limbs", Of(more(1)), &[Id]),
    ("shape.table_sets", Of(more(1)), &[Columns]),
    ("shape.weight_columns", Of(more(1)), &[Columns]),
    ("shape.banks", File(|file| file["shape"]["banks"] = banks_shape()), &[Columns]),
    ("shape.banks.lanes", Of(more(1)), &[Shape]),
    ("shape.banks.threshold_lanes", Of(more(1)), &[Id]),
    ("shape.banks.pair_lanes", Of(more(1)), &[Id]),
    ("shape.banks.maximum_banks", Of(more(1)), &[Columns]),
    ("shape.banks.product_banks", Of(more(1)), &[Columns]),
    ("shape.banks.base_bits", Of(more(1)), &[Id]),
    ("shape.banks.ways", Of(more(1)), &[Columns]),
    ("interface.inputs[].name", Of(next), &[Id]),
    ("interface.inputs[].shape[]", Of(more(1)), &[Id]),
    ("interface.inputs[].elem", Of(other_elem), &[Id]),
    ("interface.inputs[].quantize", Of(|_| json!(QUANTIZATION)), &[Id]),
    ("interface.inputs[].quantize.scale", Of(next), &[Id]),
    ("interface.inputs[].quantize.scale", Of(|_| json!(-1.0)), &[Port]),
    ("interface.inputs[].quantize.zero_point", Of(next), &[Id]),
    ("interface.inputs[].tail", Of(a_tail), &[Id]),
    ("interface.inputs[].bytes_per_instance", Of(next), &[Id]),
    ("interface.inputs[].bytes_per_instance", Of(|_| json!(0)), &[Port]),
    ("interface.outputs[].name", Of(next), &[Id]),
    ("interface.outputs[].shape[]", Of(more(1)), &[Id]),
    ("interface.outputs[].elem", Of(other_elem), &[Id, Port]),
    ("interface.outputs[].quantize", Of(|_| json!(QUANTIZATION)), &[Id]),
    ("interface.outputs[].tail", Of(a_tail), &[Id]),
    ("interface.outputs[].tail[]", Of(|_| json!(Tail::Softmax { len: 1 })), &[Id]),
    ("interface.outputs[].tail[].Dequantize.scale", Of(next), &[Id]),
    ("interface.outputs[].tail[].Dequantize.zero_point", Of(next), &[Id]),
    ("interface.outputs[].tail[].QuantizedSoftmax.from.scale", Of(next), &[Id]),
    ("interface.outputs[].tail[].QuantizedSoftmax.from.zero_point", Of(next), &[Id]),
    ("interface.outputs[].tail[].QuantizedSoftmax.len", Of(|_| json!(1)), &[Id]),
    ("interface.outputs[].tail[].QuantizedSoftmax.to.scale", Of(next), &[Id]),
    ("interface.outputs[].tail[].QuantizedSoftmax.to.zero_point", Of(next), &[Id]),
    ("interface.outputs[].tail[].QuantizedSoftmax.elem", Of(other_elem), &[Port]),
    ("interface.outputs[].tail[].Softmax.len", Of(|_| json!(1)), &[Id]),
    ("interface.outputs[].tail[].Table.elem", Of(other_elem), &[Port]),
    ("interface.outputs[].tail[].Table.values[]", Of(|_| json!(0.75)), &[Id]),
    ("interface.outputs[].tail[].Table.operators[]", Of(next), &[Id]),
    ("interface.outputs[].tail[].LogSoftmax.len", Of(|_| json!(1)), &[Id]),
    ("interface.outputs[].bytes_per_instance", Of(next), &[Id]),
    ("visibilities.input", Visibility(0), &[Malformed]),
    ("visibilities.weights", Visibility(1), &[Malformed]),
    ("visibilities.output", Visibility(2), &[Malformed]),
    ("setup", Of(|_| json!(chosen())), &[Id]),
    ("setup.Kzg.s_g2[][]", File(|file| file["setup"] = json!(chosen())), &[Id]),
    (
        "setup.Kzg.s_g2[][]",
        File(|file| file["setup"]["Kzg"]["s_g2"][0] = json!(vec![255; 32])),
        &[Caught::Setup],
    ),
    ("setup.Kzg.insecure", Of(next), &[Id]),
    ("fixed[][]", File(|file| file["fixed"][0] = file["fixed"][1].clone()), &[Id]),
    ("permutation[][]", File(|file| file["permutation"][0] = file["permutation"][1].clone()), &[Id]),
];

fn banks_shape() -> Value {
    json!(honest()[2].file.shape().banks)
}

/// The file after the lie, sealed; none where the honest file has no such field.
fn told(honest: &Honest, field: &str, lie: &Lie) -> Option<Vec<u8>> {
    let mut tree = serde_json::to_value(&honest.file).unwrap();
    let pointer = leaves(&tree).remove(field)?;
    match lie {
        Of(change) => {
            let place = tree.pointer_mut(&pointer).unwrap();
            *place = change(place);
        }
        File(change) => change(&mut tree),
        Visibility(index) => return Some(another_visibility(&honest.file, *index)),
    }
    let forged: KeyParts = serde_json::from_value(tree).unwrap();
    assert_ne!(&forged, honest.file.parts(), "{field} is as it was");
    Some(forged.encode().unwrap())
}

fn another_visibility(file: &VerifyingKeyFile, index: usize) -> Vec<u8> {
    let before = bincode::serialize(&(file.model_id(), file.shape(), file.interface())).unwrap().len();
    let bytes = file.encode().unwrap();
    let mut body = envelope::decode(Kind::VerifyingKey, &bytes).unwrap().to_vec();
    body[before + 4 * index] = 1;
    envelope::encode(Kind::VerifyingKey, &body).unwrap()
}

/// What a caller sees who trusts the honest file's circuit.
fn caught(honest: &Honest, bytes: &[u8]) -> Caught {
    let expected = honest.file.circuit_id();
    let key = match BareKey::read(bytes) {
        Ok(key) => key,
        Err(VerifierKeyError::File(error)) => return of_file(&error),
        Err(error) => panic!("{}: {error}", honest.name),
    };
    // Points of the second group are read with the parameters.
    if let Err(error) = key.file().secret_image() {
        assert!(matches!(error, ArtifactError::Setup(SetupError::Point)), "{error}");
        return Caught::Setup;
    }
    let expect = Expect { circuit: expected, context: None, allow_insecure_srs: true };
    match key.check_bundle(honest.bundle.as_deref().unwrap_or_default(), &expect) {
        Err(VerifyError::Key { expected: e, got }) if e == expected && got == key.circuit_id() => Id,
        other => panic!("{}: {other:?}", honest.name),
    }
}

fn of_file(error: &ArtifactError) -> Caught {
    match error {
        ArtifactError::Malformed { .. } => Malformed,
        ArtifactError::Shape(_) => Shape,
        ArtifactError::Columns { .. } => Columns,
        ArtifactError::Port { .. } => Port,
        ArtifactError::Setup(_) => Caught::Setup,
        other => panic!("no lie has this refusal: {other}"),
    }
}

#[test]
fn every_field_of_a_key_file_has_its_lie() {
    let fields: Vec<String> = honest()
        .iter()
        .flat_map(|honest| leaves(&serde_json::to_value(&honest.file).unwrap()).into_keys())
        .collect();
    assert_complete(fields.iter().map(String::as_str), MANIFEST.iter().map(|(field, ..)| *field));
    let mut wrong = Vec::new();
    for (field, lie, expected) in MANIFEST {
        let told = honest().iter().filter_map(|honest| Some((honest, told(honest, field, lie)?)));
        let found: Vec<_> = told.map(|(honest, bytes)| (honest.name, caught(honest, &bytes))).collect();
        let one_of_them = found.iter().all(|(_, caught)| expected.contains(caught));
        let all_of_them = expected.iter().all(|caught| found.iter().any(|(_, found)| found == caught));
        if !(one_of_them && all_of_them) {
            wrong.push(format!("{field}: {found:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The key is taken for what it is, and the honest proof sealed for it again: ids, scheme and mark.
#[test]
fn no_honest_proof_is_one_for_a_key_that_lies() {
    let parameters = Parameters::in_memory();
    for (field, lie, expected) in MANIFEST.iter().filter(|(.., caught)| caught.contains(&Id)) {
        for honest in honest() {
            let (Some(bundle), Some(bytes)) = (&honest.bundle, told(honest, field, lie)) else { continue };
            let key = BareKey::read(&bytes).unwrap();
            let circuit = key.circuit_id();
            let mut bundle = ProofBundle::decode(bundle).unwrap();
            bundle.circuit = circuit;
            bundle.statement[..32].copy_from_slice(&circuit.0);
            bundle.scheme = key.file().setup().scheme();
            bundle.insecure_srs = key.file().setup().insecure();
            let key = parameters.complete::<KeysError>(key, &Silent).unwrap();
            let expect = Expect { circuit, context: Some(context()), allow_insecure_srs: true };
            let error = verify(&bundle.encode().unwrap(), &key, &expect).unwrap_err();
            let right = matches!(
                error,
                VerifyError::Invalid
                    | VerifyError::ProofLength { .. }
                    | VerifyError::Statement(_)
                    | VerifyError::Encoding { .. }
            );
            assert!(right, "{}: {field}, caught by {expected:?}: {error}", honest.name);
        }
    }
}
