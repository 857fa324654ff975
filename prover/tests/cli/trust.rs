//! What a verdict rests on: a model, a circuit id, or a key that anybody can have made.

use std::path::PathBuf;

use halo2_proofs::{
    halo2curves::{
        bn256::{Bn256, Fr, G1Affine},
        group::GroupEncoding,
        serde::SerdeObject,
    },
    plonk::{create_proof, keygen_pk, keygen_vk},
    poly::kzg::{
        commitment::{KZGCommitmentScheme, ParamsKZG},
        multiopen::ProverSHPLONK,
    },
    transcript::{Blake2bWrite, Challenge255, TranscriptWriterBuffer},
};
use lemma_circuits::testing::vacuous::Vacuous;
use lemma_verifier::{
    artifact::{KeyParts, ProofBundle, VerifyingKeyFile},
    scheme::Scheme,
    statement::Statement,
};
use rand::rngs::OsRng;
use serde_json::{Value, json};

use crate::{
    arguments,
    session::{Proof, digit, digits, directory, fixture, insecure_kzg, ipa, lemma, lemma_json, refusal},
};

#[test]
fn a_key_and_its_circuits_id_are_trusted_together() {
    let Proof { circuit, bundle, vk, .. } = ipa();
    let empty = tempfile::tempdir().unwrap();
    let named = |id: &str| {
        arguments!["--store", empty.path(), "verify", bundle, "--vk", vk, "--circuit", id].to_vec()
    };
    let (code, verdict) = lemma_json(&named(circuit));
    assert_eq!((code, &verdict["valid"], &verdict["trusted"]), (0, &true.into(), &"circuit".into()));
    assert_eq!(verdict["network"], ipa().json["network"]);
    let other = &insecure_kzg().circuit;
    let message = refusal(&named(other), 2);
    assert!(message.contains("ipa.vk") && message.contains(&format!("expected {other}")), "{message}");
    let short = refusal(&named(&circuit[..12]), 2);
    assert!(short.contains("64 hexadecimal digits"), "{short}");
}

#[test]
fn a_verdict_for_a_key_alone_names_no_model() {
    for (proof, extra, compile) in [
        (ipa(), &[][..], "`lemma compile MODEL`"),
        (insecure_kzg(), &["--allow-insecure-srs"], "`lemma compile MODEL --scheme kzg`"),
    ] {
        let Proof { circuit, bundle, vk, json } = proof;
        let mut arguments = arguments!["verify", bundle, "--vk", vk].to_vec();
        arguments.extend(extra.iter().map(std::ffi::OsString::from));
        let (code, verdict) = lemma_json(&arguments);
        assert_eq!((code, &verdict["trusted"]), (0, &"key file".into()), "{verdict}");
        let network = json["network"].as_str().unwrap();
        assert!(verdict.get("network").is_none() && !verdict.to_string().contains(network), "{verdict}");
        let note = format!("for the key you passed, circuit {circuit}: compare with {compile}");
        assert_eq!(verdict["note"], note.as_str());
        let person = lemma(&arguments).stdout;
        assert!(person.starts_with(&format!("VALID\n{note}\n")) && !person.contains(network), "{person}");
    }
}

#[test]
fn a_model_is_enough_to_verify() {
    let Proof { circuit, bundle, json, .. } = ipa();
    let empty = tempfile::tempdir().unwrap();
    // Once with keys made on the way, once with those of the store.
    for _ in 0..2 {
        let (code, verdict) =
            lemma_json(arguments!["--store", empty.path(), "verify", bundle, "--onnx", digits()]);
        assert_eq!((code, &verdict["valid"], &verdict["trusted"]), (0, &true.into(), &"model".into()));
        assert_eq!((&verdict["circuit"], &verdict["network"]), (&circuit.as_str().into(), &json["network"]));
    }
    let (code, verdict) = lemma_json(arguments!["verify", bundle, "--onnx", fixture("digits/u8u8.qop.onnx")]);
    assert_eq!((code, &verdict["valid"]), (1, &false.into()), "{verdict}");
    assert!(verdict["reason"].as_str().unwrap().contains("the proof is of another model"), "{verdict}");
    // What is no whole proof is refused before the model is read.
    let mut damaged = std::fs::read(bundle).unwrap();
    damaged.pop();
    let path = directory().join("no-model.proof");
    std::fs::write(&path, damaged).unwrap();
    let (code, verdict) = lemma_json(arguments!["verify", path, "--onnx", "absent.onnx"]);
    assert_eq!((code, &verdict["circuit"]), (1, &Value::Null), "{verdict}");
}

#[test]
fn a_model_with_parameters_of_one_machine_needs_consent_and_that_machine() {
    let Proof { circuit, bundle, .. } = insecure_kzg();
    let (code, verdict) = lemma_json(arguments!["verify", bundle, "--onnx", digits()]);
    assert_eq!(code, 1, "{verdict}");
    assert!(verdict["reason"].as_str().unwrap().contains("--allow-insecure-srs"), "{verdict}");
    let allowed = arguments!["verify", bundle, "--onnx", digits(), "--allow-insecure-srs"];
    let (code, verdict) = lemma_json(allowed);
    assert_eq!((code, &verdict["circuit"]), (0, &circuit.as_str().into()), "{verdict}");
    assert!(lemma(allowed).stdout.contains("INSECURE, made on one machine; SRS id"), "it is said");
    let empty = tempfile::tempdir().unwrap();
    let elsewhere = [arguments!["--store", empty.path()].as_slice(), allowed].concat();
    assert!(refusal(&elsewhere, 2).contains("made on another machine"));
}

/// The proof with another scheme and mark of an insecure string, in a file without a fault.
fn relabelled(name: &str, of: &Proof, scheme: Scheme, insecure_srs: bool) -> PathBuf {
    let bundle = ProofBundle::decode(&std::fs::read(&of.bundle).unwrap()).unwrap();
    let path = directory().join(name);
    let bundle = ProofBundle { scheme, insecure_srs, ..bundle };
    std::fs::write(&path, bundle.encode().unwrap()).unwrap();
    path
}

/// The scheme is a bundle's own word: that it is another one than the circuit's is seen without any ceremony.
#[test]
fn a_proof_that_claims_another_scheme_is_invalid_and_needs_no_ceremony() {
    let kzg = relabelled("claims-kzg.proof", ipa(), Scheme::Kzg, false);
    let insecure = relabelled("claims-insecure.proof", ipa(), Scheme::Kzg, true);
    let secure = relabelled("claims-ceremony.proof", insecure_kzg(), Scheme::Kzg, false);
    let transparent = relabelled("claims-ipa.proof", insecure_kzg(), Scheme::Ipa, false);
    let empty = tempfile::tempdir().unwrap();
    let elsewhere = arguments!["--store", empty.path()].to_vec();
    for (proof, store, reason) in [
        (&kzg, &[][..], "uses the scheme Kzg, its circuit uses Ipa"),
        (&insecure, &[], "uses the scheme Kzg, its circuit uses Ipa"),
        (&transparent, &[], "uses the scheme Ipa, its circuit uses Kzg"),
        (&secure, &[], "mark of an insecure string is false"),
        (&transparent, &elsewhere, "the proof is of another model"),
    ] {
        let verify = arguments!["verify", proof, "--onnx", digits(), "--allow-insecure-srs"];
        let (code, verdict) = lemma_json(&[store, verify].concat());
        assert_eq!((code, &verdict["valid"]), (1, &false.into()), "{}: {verdict}", proof.display());
        assert!(verdict["reason"].as_str().unwrap().contains(reason), "{}: {verdict}", proof.display());
    }
    // Whose circuit cannot be derived without the ceremony is told the way that needs none, whatever the scheme in truth: nothing is derived
    // for what a file says.
    let nowhere = empty.path().join("nowhere");
    for proof in [secure, kzg] {
        let verify = arguments!["--store", nowhere, "verify", proof, "--onnx", digits()];
        let message = refusal(verify, 2);
        let both = message.contains("lemma srs import FILE") && message.contains("--circuit ID --vk FILE");
        assert!(both, "{message}");
    }
    assert!(!nowhere.exists());
}

/// Keys that a store has made are enough, also where the ceremony is gone.
#[test]
fn a_model_whose_kzg_key_is_in_the_store_needs_no_string() {
    let store = tempfile::tempdir().unwrap();
    let root = store.path();
    let proof = root.join("x.proof");
    let kzg = ["--scheme", "kzg", "--insecure-local-srs"].map(std::ffi::OsString::from);
    let prove = arguments!["--store", root, "prove", digits(), "--input", digit(), "-o", proof];
    assert_eq!(lemma(&[prove.as_slice(), &kzg].concat()).code, Some(0));
    std::fs::remove_dir_all(root.join("records/srs")).unwrap();
    let verify = arguments!["--store", root, "verify", proof, "--onnx", digits(), "--allow-insecure-srs"];
    let (code, verdict) = lemma_json(verify);
    assert_eq!(
        (code, &verdict["valid"], &verdict["trusted"]),
        (0, &true.into(), &"model".into()),
        "{verdict}"
    );
}

/// A key that constrains nothing, under the id of the honest model, and a proof of what that model never answers. The KZG string is the forger's own, and
/// not marked as one.
fn forged() -> (PathBuf, PathBuf, Value) {
    let honest = VerifyingKeyFile::decode(&std::fs::read(&insecure_kzg().vk).unwrap()).unwrap();
    let circuit = Vacuous(honest.shape().clone());
    let params = ParamsKZG::<Bn256>::setup(honest.shape().k, OsRng);
    let key = keygen_vk(&params, &circuit).unwrap();
    let compressed = |points: &[G1Affine]| {
        points.iter().map(|point| json!(point.to_bytes().as_ref().to_vec())).collect::<Vec<_>>()
    };
    let image = params.s_g2().to_raw_bytes();
    let mut tree = serde_json::to_value(&honest).unwrap();
    tree["fixed"] = compressed(key.fixed_commitments()).into();
    tree["permutation"] = compressed(key.permutation().commitments()).into();
    tree["setup"]["Kzg"] = json!({ "s_g2": image.chunks(32).collect::<Vec<_>>(), "insecure": false });
    let forged: KeyParts = serde_json::from_value(tree).unwrap();
    let file = VerifyingKeyFile::decode(&forged.encode().unwrap()).unwrap();

    let bundle = ProofBundle::decode(&std::fs::read(&insecure_kzg().bundle).unwrap()).unwrap();
    let mut statement = Statement::decode(&bundle.statement, honest.interface()).unwrap();
    statement.circuit = file.circuit_id();
    statement.outputs[0].reverse();
    let public = statement.public_inputs(file.interface()).unwrap();
    let pk = keygen_pk(&params, key, &circuit).unwrap();
    let mut transcript = Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new());
    let instances: &[&[&[Fr]]] = &[&[&public]];
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        &params,
        &pk,
        &[circuit],
        instances,
        OsRng,
        &mut transcript,
    )
    .unwrap();
    let bundle = ProofBundle {
        circuit: file.circuit_id(),
        scheme: Scheme::Kzg,
        insecure_srs: false,
        statement: statement.encode(file.interface()).unwrap(),
        proof: transcript.finalize(),
    };
    let (vk, proof) = (directory().join("forged.vk"), directory().join("forged.proof"));
    std::fs::write(&vk, file.encode().unwrap()).unwrap();
    std::fs::write(&proof, bundle.encode().unwrap()).unwrap();
    (vk, proof, json!(file.setup().srs().unwrap().to_string()))
}

#[test]
fn a_key_that_constrains_nothing_does_not_speak_for_the_model_it_names() {
    let (vk, proof, srs) = forged();
    let (network, circuit) = (insecure_kzg().json["network"].as_str().unwrap(), &insecure_kzg().circuit);
    let (_, claims) = lemma_json(arguments!["inspect", vk]);
    assert_eq!(claims["claimed_network"], network);

    // For itself it is valid; nothing in the verdict is the honest model's, and its string has no name.
    let (code, verdict) = lemma_json(arguments!["verify", proof, "--vk", vk]);
    assert_eq!((code, &verdict["valid"], &verdict["trusted"]), (0, &true.into(), &"key file".into()));
    assert_ne!(verdict["outputs"], insecure_kzg().json["outputs"]);
    assert_eq!((&verdict["srs"], &verdict["ceremony"]), (&srs, &Value::Null));
    for honest in [network, circuit] {
        assert!(!verdict.to_string().contains(honest), "{verdict}");
    }
    let person = lemma(arguments!["verify", proof, "--vk", vk]).stdout;
    assert!(person.contains("for the key you passed") && person.contains("unknown ceremony"), "{person}");

    // With what the caller knows it is refused, whatever is allowed.
    for extra in [&[][..], &["--allow-insecure-srs"]] {
        let mut named = arguments!["verify", proof, "--vk", vk, "--circuit", circuit].to_vec();
        named.extend(extra.iter().map(std::ffi::OsString::from));
        let message = refusal(&named, 2);
        assert!(message.contains(&format!("expected {circuit}")), "{message}");
    }
    let (code, verdict) =
        lemma_json(arguments!["verify", proof, "--circuit", circuit, "--allow-insecure-srs"]);
    assert_eq!((code, &verdict["valid"]), (1, &false.into()), "{verdict}");
}
