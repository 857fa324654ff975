//! Honest key files, between which there is every field.

use std::sync::OnceLock;

use lemma_circuits::{
    compile,
    import::import,
    ir::{Elem, Quantization, Tail},
};
use lemma_verifier::{
    artifact::{KeyParts, VerifyingKeyFile},
    scheme::Scheme,
};
use serde_json::json;

use crate::{
    fixture::{self, Example, IPA, KZG, ONNX, context},
    keys::Keyring,
    progress::Silent,
    prove::prove,
};

/// An honest key file, with a proof where there is one.
pub(super) struct Honest {
    pub(super) name: &'static str,
    pub(super) file: VerifyingKeyFile,
    pub(super) bundle: Option<Vec<u8>>,
}

/// Files which have every field there is between them.
pub(super) fn honest() -> &'static [Honest] {
    static FILES: OnceLock<Vec<Honest>> = OnceLock::new();
    FILES.get_or_init(|| {
        let of = |name, setup| {
            let example = Example::of(setup);
            let file = example.keys.verifier().file().clone();
            Honest { name, file, bundle: Some(example.bundle.clone()) }
        };
        let mut files = vec![of("ipa", IPA), of("kzg", KZG), banks()];
        files.extend(tails().map(|tail| {
            let mut tree = serde_json::to_value(&files[0].file).unwrap();
            if tail == [Tail::Index] {
                tree["interface"]["outputs"][0]["elem"] = json!(Elem::U8);
            }
            tree["interface"]["outputs"][0]["tail"] = json!(tail);
            tree["interface"]["inputs"][0]["quantize"] = json!(QUANTIZATION);
            let forged: KeyParts = serde_json::from_value(tree).unwrap();
            let file = VerifyingKeyFile::decode(&forged.encode().unwrap()).unwrap();
            Honest { name: "tails", file, bundle: None }
        }));
        files
    })
}

pub(super) const QUANTIZATION: Quantization = Quantization { scale: 0.5, zero_point: 3 };

/// Every operator there is outside of proofs; another one does not compile until it stands here.
fn tails() -> [Vec<Tail>; 3] {
    let values = (0..256).map(|value| value as f32 / 256.0).collect();
    let table = Tail::Table { elem: Elem::I8, values, operators: vec!["Sigmoid".to_owned()] };
    let with_table = [table, Tail::LogSoftmax { len: 2 }];
    let all = [
        Tail::Dequantize(QUANTIZATION),
        Tail::QuantizedSoftmax { from: QUANTIZATION, len: 2, to: QUANTIZATION, elem: Elem::I8 },
        Tail::Softmax { len: 2 },
    ];
    for tail in all.iter().chain(&with_table) {
        match tail {
            Tail::Dequantize(_)
            | Tail::QuantizedSoftmax { .. }
            | Tail::Softmax { .. }
            | Tail::Index
            | Tail::LogSoftmax { .. }
            | Tail::Table { .. } => {}
        }
    }
    [all.to_vec(), vec![Tail::Index], with_table.to_vec()]
}

/// A convolution: a circuit with banks.
fn banks() -> Honest {
    let onnx =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/operators/conv_depthwise.qop.onnx"));
    let circuit = compile(import(onnx, "banks").unwrap(), Scheme::Kzg).unwrap();
    let (_directory, store) = fixture::store();
    let keys = Keyring::new(store).proving_keys(&circuit, ONNX, KZG, &Silent).unwrap();
    let inputs: Vec<Vec<i32>> =
        circuit.interface().inputs.iter().map(|port| vec![port.elem.min() + 3; port.len()]).collect();
    let proven = prove(&keys, &circuit, &inputs, context(), &Silent).unwrap();
    Honest { name: "banks", file: keys.verifier().file().clone(), bundle: Some(proven.bundle) }
}
