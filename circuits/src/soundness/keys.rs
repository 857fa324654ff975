//! Pinned verifying keys. A key that changes makes every proof before it invalid: that is a new format version.
//!
//! `LEMMA_PIN_KEYS=1 cargo test -p lemma-circuits keys` writes `fixtures/vk` anew. The keys are of the
//! transparent scheme, whose parameters are a function of k alone.

use std::{collections::BTreeMap, path::PathBuf};

use halo2_proofs::{
    SerdeFormat,
    halo2curves::bn256::G1Affine,
    plonk::{Circuit, ConstraintSystem, VerifyingKey, keygen_vk},
    poly::{commitment::ParamsProver, ipa::commitment::ParamsIPA},
};
use lemma_verifier::scheme::Scheme;
use sha2::{Digest, Sha256};

use crate::{CompiledCircuit, circuit::LemmaCircuit, compile, import::import};

/// Name of the pin, model.
const PINNED: [(&str, &str); 6] = [
    ("tiny_linear", "edge_cases/tiny_2_3_2_linear.onnx"),
    ("tiny_threshold", "edge_cases/tiny_2_3_2_threshold.onnx"),
    ("ties", "edge_cases/ties.onnx"),
    ("digits", "digits/s8s8.qop.onnx"),
    ("digits_per_channel", "digits/s8s8_per_channel.qop.onnx"),
    ("cnn", "convolutional/cnn_s8s8.qop.onnx"),
];

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn compiled(model: &str) -> CompiledCircuit {
    let bytes = std::fs::read(fixtures().join(model)).unwrap();
    compile(import(&bytes, model).unwrap(), Scheme::Ipa).unwrap()
}

/// The parameters of each k, made once.
#[derive(Default)]
struct Parameters(BTreeMap<u32, ParamsIPA<G1Affine>>);

impl Parameters {
    fn key(&mut self, circuit: &LemmaCircuit) -> VerifyingKey<G1Affine> {
        let k = circuit.params().k;
        let params = self.0.entry(k).or_insert_with(|| ParamsIPA::new(k));
        keygen_vk(params, circuit).unwrap()
    }
}

/// What a person wants to see change, then digests of everything.
fn text(compiled: &CompiledCircuit, key: &VerifyingKey<G1Affine>) -> String {
    let mut cs = ConstraintSystem::default();
    LemmaCircuit::configure_with_params(&mut cs, compiled.shape().clone());
    let mut out = vec![format!("model {}", compiled.model_id())];
    out.push(format!("shape {:#?}", compiled.shape()));
    out.push(format!("rows {}", compiled.layout().rows()));
    out.push(format!("degree {}", cs.degree()));
    for gate in cs.gates() {
        for polynomial in gate.polynomials() {
            out.push(format!("gate '{}' degree {}", gate.name(), polynomial.degree()));
        }
    }
    out.push(format!("constraint system {}", digest(format!("{:?}", cs.pinned()).as_bytes())));
    out.push(format!("key text {}", digest(format!("{:?}", key.pinned()).as_bytes())));
    out.push(format!("key bytes {}", digest(&key.to_bytes(SerdeFormat::RawBytes))));
    out.join("\n") + "\n"
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[test]
fn keys_are_pinned() {
    let mut parameters = Parameters::default();
    let write = std::env::var_os("LEMMA_PIN_KEYS").is_some();
    for (name, model) in PINNED {
        let compiled = compiled(model);
        let text = text(&compiled, &parameters.key(&compiled.circuit()));
        let path = fixtures().join("vk").join(name).with_extension("txt");
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let pinned = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, pinned, "the verifying key of {model} is not the one in {}", path.display());
    }
}

#[test]
fn keys_depend_on_no_input_and_no_number_of_threads() {
    let mut parameters = Parameters::default();
    for (_, model) in &PINNED[..4] {
        let compiled = compiled(model);
        let len = compiled.model().tensor(compiled.model().inputs[0].tensor).len;
        let elem = compiled.model().tensor(compiled.model().inputs[0].tensor).elem;
        let mut bytes = |circuit: &LemmaCircuit| parameters.key(circuit).to_bytes(SerdeFormat::RawBytes);
        let expected = bytes(&compiled.circuit());
        for value in [elem.min(), elem.max(), elem.min() + 100] {
            assert_eq!(bytes(&compiled.assign(&[vec![value; len]]).unwrap().circuit), expected, "{model}");
        }
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let again = pool.install(|| {
                let compiled = self::compiled(model);
                parameters.key(&compiled.circuit()).to_bytes(SerdeFormat::RawBytes)
            });
            assert_eq!(again, expected, "{model} with {threads} threads");
        }
    }
}
