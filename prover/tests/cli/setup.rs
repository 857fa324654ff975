//! Ceremony files and the store.

use halo2_proofs::{SerdeFormat, halo2curves::bn256::Bn256, poly::kzg::commitment::ParamsKZG};
use lemma_verifier::transparent;
use rand::rngs::OsRng;

use crate::{
    arguments,
    session::{digit, digits, lemma, lemma_json, refusal},
};

#[test]
fn kzg_needs_a_ceremony_and_uses_the_imported_one() {
    let store = tempfile::tempdir().unwrap();
    let root = store.path();
    // The prediction needs no ceremony, the id does.
    let (code, json) = lemma_json(arguments!["--store", root, "compile", digits(), "--scheme", "kzg"]);
    assert_eq!((code, json.get("circuit")), (0, None), "{json}");
    assert!(json["predicted_units"].is_number() && json["k"].is_number(), "{json}");
    assert!(json["no_circuit_id"].as_str().unwrap().contains("lemma srs import"), "{json}");
    let person = lemma(arguments!["--store", root, "compile", digits(), "--scheme", "kzg"]);
    assert_eq!(person.code, Some(0), "{person:?}");
    assert!(person.stdout.contains("predicted") && person.stdout.contains("lemma srs import"), "{person:?}");
    let proof = root.join("none.proof");
    let prove =
        arguments!["--store", root, "prove", digits(), "--input", digit(), "--scheme", "kzg", "-o", proof];
    assert!(refusal(prove, 2).contains("lemma srs import"));

    let file = root.join("ceremony.srs");
    let mut bytes = Vec::new();
    let params = ParamsKZG::<Bn256>::setup(11, OsRng);
    params.write_custom(&mut bytes, SerdeFormat::RawBytes).unwrap();
    std::fs::write(&file, &bytes).unwrap();
    let (code, imported) = lemma_json(arguments!["--store", root, "srs", "import", file]);
    assert_eq!((code, &imported["k"], &imported["insecure"]), (0, &11.into(), &false.into()), "{imported}");
    assert_eq!(imported["hiding_k"], 10, "{imported}");
    let (_, listed) = lemma_json(arguments!["--store", root, "srs", "list"]);
    assert_eq!(listed["srs"][0]["id"], imported["id"]);
    assert!(lemma(arguments!["--store", root, "srs", "list"]).stdout.contains("ceremony.srs"));

    let proof = root.join("x.proof");
    let prove =
        arguments!["--store", root, "prove", digits(), "--input", digit(), "--scheme", "kzg", "-o", proof];
    let (code, json) = lemma_json(prove);
    assert_eq!((code, &json["insecure_srs"], &json["hides"]), (0, &false.into(), &true.into()), "{json}");
    let circuit = json["circuit"].as_str().unwrap();
    let (code, verdict) = lemma_json(arguments!["--store", root, "verify", proof, "--circuit", circuit]);
    assert_eq!((code, &verdict["valid"]), (0, &true.into()), "{verdict}");

    // The key alone verifies it, in a store that has neither ceremony nor circuit.
    let (vk, other) = (root.join("x.vk"), root.join("other"));
    assert_eq!(lemma(arguments!["--store", root, "vk", circuit, "-o", vk]).code, Some(0));
    let (code, verdict) =
        lemma_json(arguments!["--store", other, "verify", proof, "--vk", vk, "--circuit", circuit]);
    assert_eq!((code, &verdict["valid"]), (0, &true.into()), "{verdict}");

    // So does the model, where the ceremony is, and the string is called what it is.
    let (code, verdict) = lemma_json(arguments!["--store", root, "verify", proof, "--onnx", digits()]);
    assert_eq!(
        (code, &verdict["valid"], &verdict["circuit"]),
        (0, &true.into(), &circuit.into()),
        "{verdict}"
    );
    assert_eq!((&verdict["srs"], &verdict["ceremony"]), (&imported["id"], &serde_json::Value::Null));
    let missing = refusal(arguments!["--store", other, "verify", proof, "--onnx", digits()], 2);
    assert!(missing.contains("lemma srs import"), "{missing}");
    let shown = format!("unknown ceremony; SRS id {}", imported["id"].as_str().unwrap());
    for arguments in [
        arguments!["--store", root, "verify", proof, "--onnx", digits()].to_vec(),
        arguments!["--store", root, "inspect", proof].to_vec(),
        arguments!["--store", other, "inspect", vk].to_vec(),
        arguments!["--store", root, "compile", circuit].to_vec(),
    ] {
        let person = lemma(&arguments);
        assert!(person.stdout.contains(&shown), "{arguments:?}: {person:?}");
    }

    // Of two ceremonies one has to be named, and with the other one the circuit is another.
    let (second, mut bytes) = (root.join("second.srs"), Vec::new());
    ParamsKZG::<Bn256>::setup(11, OsRng).write_custom(&mut bytes, SerdeFormat::RawBytes).unwrap();
    std::fs::write(&second, &bytes).unwrap();
    let (_, second) = lemma_json(arguments!["--store", root, "srs", "import", second]);
    let several = refusal(arguments!["--store", root, "verify", proof, "--onnx", digits()], 2);
    assert!(several.contains("--srs ID"), "{several}");
    for (srs, code) in [(&imported["id"], 0), (&second["id"], 1)] {
        let srs = srs.as_str().unwrap();
        let (found, verdict) =
            lemma_json(arguments!["--store", root, "verify", proof, "--onnx", digits(), "--srs", srs]);
        assert_eq!((found, &verdict["valid"]), (code, &(code == 0).into()), "{verdict}");
    }
}

/// A raw file of just the circuit's size proves, and it is said what the proof lacks.
#[test]
fn a_string_without_a_power_more_does_not_hide() {
    let store = tempfile::tempdir().unwrap();
    let root = store.path();
    let (_, compiled) = lemma_json(arguments!["--store", root, "compile", digits(), "--scheme", "kzg"]);
    let k = compiled["k"].as_u64().unwrap() as u32;
    let file = root.join("exact.srs");
    let mut bytes = Vec::new();
    ParamsKZG::<Bn256>::setup(k, OsRng).write_custom(&mut bytes, SerdeFormat::RawBytes).unwrap();
    std::fs::write(&file, &bytes).unwrap();
    let imported = lemma(arguments!["--store", root, "srs", "import", file]);
    assert!(imported.stdout.contains(".ptau"), "{imported:?}");
    let (_, listed) = lemma_json(arguments!["--store", root, "srs", "list"]);
    assert_eq!((&listed["srs"][0]["k"], &listed["srs"][0]["hiding_k"]), (&k.into(), &(k - 1).into()));
    let listed = lemma(arguments!["--store", root, "srs", "list"]);
    assert!(listed.stdout.contains("hides up to"), "{listed:?}");

    let proof = root.join("x.proof");
    let prove =
        arguments!["--store", root, "prove", digits(), "--input", digit(), "--scheme", "kzg", "-o", proof];
    let (code, json) = lemma_json(prove);
    assert_eq!((code, &json["hides"]), (0, &false.into()), "{json}");
    let person = lemma(prove);
    assert!(person.stdout.contains("DOES NOT HIDE") && person.stdout.contains(".ptau"), "{person:?}");
    let circuit = json["circuit"].as_str().unwrap();
    let (code, verdict) = lemma_json(arguments!["--store", root, "verify", proof, "--circuit", circuit]);
    assert_eq!((code, &verdict["valid"]), (0, &true.into()), "{verdict}");
}

#[test]
fn files_that_are_no_ceremony_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bad.ptau");
    let mut bytes = Vec::new();
    ParamsKZG::<Bn256>::setup(5, OsRng).write_custom(&mut bytes, SerdeFormat::RawBytes).unwrap();
    let middle = bytes.len() / 2;
    let mut edited = bytes.clone();
    edited[middle] ^= 1;
    for content in [b"".as_slice(), b"ptau", b"\xff\xff\xff\xff", &bytes[..middle], &edited] {
        std::fs::write(&file, content).unwrap();
        let message = refusal(arguments!["--store", directory.path(), "srs", "import", file], 2);
        assert!(message.contains("bad.ptau"), "{message}");
    }
}

#[test]
fn the_store_lists_and_cleans_itself() {
    let store = tempfile::tempdir().unwrap();
    let root = store.path();
    assert_eq!(lemma(arguments!["--store", root, "compile", digits()]).code, Some(0));
    let (code, before) = lemma_json(arguments!["--store", root, "store", "list"]);
    assert_eq!(code, 0);
    assert_eq!(before["circuits"].as_array().unwrap().len(), 1, "{before}");
    let objects = before["objects"].as_array().unwrap();
    assert!(objects.iter().any(|object| object["kind"] == "vk" && object["referenced"] == true), "{before}");

    std::fs::write(root.join("tmp").join("left-behind"), [0; 100]).unwrap();
    let (code, collected) = lemma_json(arguments!["--store", root, "store", "gc"]);
    assert_eq!((code, &collected["files"], &collected["bytes"]), (0, &1.into(), &100.into()), "{collected}");
    let (_, after) = lemma_json(arguments!["--store", root, "store", "list"]);
    assert_eq!(after["objects"], before["objects"]);
    assert!(
        lemma(arguments!["--store", root, "store", "list"]).stdout.contains("1 objects")
            || objects.len() != 1
    );
}

#[test]
fn parameters_of_the_ipa_scheme_are_derived_ahead() {
    let store = tempfile::tempdir().unwrap();
    let root = store.path();
    let (code, json) = lemma_json(arguments!["--store", root, "srs", "warm", "5", "6"]);
    assert_eq!((code, &json["ipa"]), (0, &serde_json::json!([5, 6])), "{json}");
    // Their content is their name: what this program knows their sha256 to be.
    for k in [5, 6] {
        let name = transparent::pinned_file(k).unwrap().to_string();
        let file = std::fs::metadata(root.join("objects/params").join(name)).unwrap();
        assert_eq!(file.len(), transparent::file_len(k), "2^{k} rows");
    }
    assert!(refusal(arguments!["--store", root, "srs", "warm", "17"], 2).contains("5..=16"));
}
