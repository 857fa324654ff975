//! Compiling, proving, verifying, and everything about keys and proofs.

use std::path::Path;

use serde_json::Value;

use crate::{
    arguments,
    session::{
        Proof, command, digit, digits, directory, finish, fixture, insecure_kzg, ipa, lemma, lemma_json,
        read_json, refusal,
    },
};

fn verify(proof: &Path, vk: &Path, extra: &[&str]) -> (i32, Value) {
    let mut verify = command();
    verify.args(["--json", "verify"]).arg(proof).arg("--vk").arg(vk).args(extra);
    read_json(&finish(&mut verify))
}

/// Writes changed bytes beside the proof.
fn changed(name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = directory().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn compile_says_what_proving_will_cost() {
    let (code, json) = lemma_json(arguments!["compile", digits()]);
    assert_eq!(code, 0, "{json}");
    for field in [
        "k",
        "advice_columns",
        "fixed_columns",
        "rows_used",
        "lookups",
        "macs",
        "activations",
        "compile_s",
        "keygen_s",
        "vk_bytes",
        "proof_bytes",
        "predicted_prove_s",
        "predicted_prove_cpu_s",
        "predicted_units",
        "predicted_memory_bytes",
    ] {
        assert!(json[field].is_number(), "{field}: {json}");
    }
    assert_eq!(json["circuit"], ipa().circuit.as_str());
    assert_eq!((&json["macs"], &json["activations"]), (&2368.into(), &106.into()));
    assert_eq!(json["proof_bytes"], std::fs::metadata(&ipa().bundle).unwrap().len());
    assert_eq!(json["vk_bytes"], std::fs::metadata(&ipa().vk).unwrap().len());
    let (code, again) = lemma_json(arguments!["compile", ipa().circuit[..20]]);
    assert_eq!((code, &again["circuit"]), (0, &json["circuit"]), "{again}");
    let (_, kzg) = lemma_json(arguments!["compile", insecure_kzg().circuit, "--insecure-local-srs"]);
    assert_eq!(kzg["circuit"], insecure_kzg().circuit.as_str(), "{kzg}");
    let person = lemma(arguments!["compile", digits()]).stdout;
    let position = |text: &str| person.find(text).unwrap_or_else(|| panic!("{text} missing in {person}"));
    assert!(position("predicted") < position(&ipa().circuit), "{person}");
}

#[test]
fn a_prover_keeps_to_the_memory_it_may_take() {
    let prove = |mebibytes: &str| {
        let out = directory().join("small.proof");
        arguments!["prove", digits(), "--input", digit(), "-o", out, "--memory", mebibytes].to_vec()
    };
    let message = refusal(&prove("1"), 2);
    assert!(message.contains("MiB at least, but may take 1 MiB only"), "{message}");
    // Less than the fastest takes.
    let (code, json) = lemma_json(&prove("16"));
    assert_eq!(code, 0, "{json}");
    assert_eq!(verify(&directory().join("small.proof"), &ipa().vk, &[]).0, 0);
}

#[test]
fn prove_reports_its_figures_and_outputs() {
    let Proof { json, bundle, .. } = ipa();
    for field in [
        "k",
        "advice_columns",
        "fixed_columns",
        "rows_used",
        "compile_s",
        "keygen_s",
        "keygen_cpu_s",
        "witness_s",
        "prove_s",
        "prove_cpu_s",
        "verify_s",
        "proof_bytes",
        "vk_bytes",
        "pk_bytes",
    ] {
        assert!(json[field].is_number(), "{field}: {json}");
    }
    for field in ["circuit", "network", "scheme", "proof"] {
        assert!(json[field].is_string(), "{field}: {json}");
    }
    if cfg!(target_os = "linux") {
        assert!(json["peak_rss_bytes"].as_u64().unwrap() > 1 << 20, "{json}");
    }
    assert_eq!(json["scheme"], "ipa");
    assert_eq!(json["proof_bytes"], std::fs::metadata(bundle).unwrap().len());
    assert!(json["pk_bytes"].as_u64().unwrap() > json["vk_bytes"].as_u64().unwrap());
    let (_, run) = lemma_json(arguments!["run", digits(), "--input", digit()]);
    assert_eq!(json["outputs"], run["outputs"]);
}

#[test]
fn a_proof_verifies_by_id_and_by_key() {
    let Proof { circuit, bundle, vk, json } = ipa();
    for arguments in [
        arguments!["verify", bundle, "--circuit", circuit],
        arguments!["verify", bundle, "--circuit", circuit.to_uppercase()],
        arguments!["verify", bundle, "--vk", vk],
    ] {
        let (code, verdict) = lemma_json(arguments);
        assert_eq!((code, &verdict["valid"]), (0, &true.into()), "{verdict}");
        assert_eq!(verdict["circuit"], circuit.as_str());
        assert_eq!(verdict["outputs"], json["outputs"]);
        assert_eq!(verdict["inputs"][0]["integers"][0].as_array().unwrap().len(), 64);
        assert!(verdict["inputs"][0]["quantize"]["scale"].is_number());
        assert!(verdict["verify_s"].is_number());
        let person = lemma(arguments);
        assert_eq!(person.code, Some(0));
        assert!(person.stdout.starts_with("VALID\n") && person.stdout.contains(circuit), "{person:?}");
    }
}

#[test]
fn trust_needs_the_whole_id_and_other_uses_8_digits() {
    let Proof { circuit, bundle, .. } = ipa();
    for short in ["", "a", &circuit[..12], &circuit[..63], &"g".repeat(64)] {
        let message = refusal(arguments!["verify", bundle, "--circuit", short], 2);
        assert!(message.contains("64 hexadecimal digits") && message.contains("lemma compile"), "{message}");
    }
    for short in ["", &circuit[..7]] {
        let vk = directory().join("short.vk");
        let message = refusal(arguments!["vk", short, "-o", vk], 2);
        assert!(message.contains("at least 8"), "{message}");
    }
    let message = refusal(arguments!["compile", circuit[..7]], 2);
    assert!(message.contains("at least 8"), "{message}");
    assert_eq!(lemma(arguments!["compile", circuit[..8]]).code, Some(0));
}

#[test]
fn changed_proofs_are_invalid() {
    let good = std::fs::read(&ipa().bundle).unwrap();
    let mut texts = Vec::new();
    for (index, position) in (0..good.len()).step_by(good.len() / 24).enumerate() {
        let mut bytes = good.clone();
        bytes[position] ^= 0x40;
        texts.push(changed(&format!("edited-{index}.proof"), &bytes));
    }
    texts.push(changed("short.proof", &good[..good.len() - 1]));
    texts.push(changed("long.proof", &[good.as_slice(), &[0]].concat()));
    // In the mark of a proof file it is none: see `what_is_no_proof_is_an_unusable_file`.
    let first = texts.remove(0);
    assert_eq!(verify(&first, &ipa().vk, &[]).0, 2);
    for path in texts {
        let (code, verdict) = verify(&path, &ipa().vk, &[]);
        assert_eq!((code, &verdict["valid"]), (1, &false.into()), "{}: {verdict}", path.display());
        assert!(verdict["reason"].is_string());
        let person = lemma(arguments!["verify", path, "--vk", ipa().vk]);
        assert_eq!(person.code, Some(1));
        assert!(person.stdout.starts_with("INVALID: "), "{person:?}");
    }
}

#[test]
fn a_proof_of_another_circuit_is_invalid() {
    let other = insecure_kzg();
    let (code, verdict) = verify(&other.bundle, &ipa().vk, &["--allow-insecure-srs"]);
    assert_eq!(code, 1, "{verdict}");
    assert!(verdict["reason"].as_str().unwrap().contains(&other.circuit), "{verdict}");
}

#[test]
fn the_context_is_part_of_what_is_proven() {
    let bundle = directory().join("context.proof");
    let prove = arguments!["prove", digits(), "--input", digit(), "-o", bundle, "--context", "c0ffee"];
    let (code, json) = lemma_json(prove);
    assert_eq!((code, &json["context"]), (0, &"c0ffee".into()), "{json}");
    let vk = &ipa().vk;
    let (code, verdict) = verify(&bundle, vk, &["--context", "C0FFEE"]);
    assert_eq!((code, &verdict["context"]), (0, &"c0ffee".into()), "{verdict}");
    for extra in [&["--context", "c0ffef"][..], &["--context", "c0ffee00"], &[]] {
        let (code, verdict) = verify(&bundle, vk, extra);
        assert_eq!(code, 1, "{verdict}");
        assert!(verdict["reason"].as_str().unwrap().contains("c0ffee"), "{verdict}");
    }
    assert_eq!(verify(&ipa().bundle, vk, &["--context", "00"]).0, 1);
}

#[test]
fn insecure_parameters_are_said_and_refused() {
    let Proof { circuit, bundle, vk, json } = insecure_kzg();
    assert_eq!((&json["scheme"], &json["insecure_srs"]), (&"kzg".into(), &true.into()));
    let (code, verdict) = verify(bundle, vk, &[]);
    assert_eq!(code, 1, "{verdict}");
    assert!(verdict["reason"].as_str().unwrap().contains("--allow-insecure-srs"), "{verdict}");
    let (code, verdict) = verify(bundle, vk, &["--allow-insecure-srs"]);
    assert_eq!((code, &verdict["insecure_srs"]), (0, &true.into()), "{verdict}");
    let message = refusal(arguments!["prove", circuit, "--input", digit()], 2);
    assert!(message.contains("--insecure-local-srs"), "{message}");
    let again = directory().join("again.proof");
    let prove = arguments!["prove", circuit, "--input", digit(), "--insecure-local-srs", "-o", again];
    assert!(lemma(prove).stdout.contains("INSECURE"));
    assert_eq!(verify(&again, vk, &["--allow-insecure-srs"]).0, 0);
}

#[test]
fn two_proofs_of_one_statement_differ() {
    let second = directory().join("second.proof");
    let prove = arguments!["prove", ipa().circuit, "--input", digit(), "-o", second];
    assert_eq!(lemma(prove).code, Some(0));
    assert_ne!(std::fs::read(&second).unwrap(), std::fs::read(&ipa().bundle).unwrap());
    assert_eq!(verify(&second, &ipa().vk, &[]).0, 0);
}

#[test]
fn a_circuit_id_is_the_same_in_another_store() {
    let store = tempfile::tempdir().unwrap();
    let (code, json) = lemma_json(arguments!["--store", store.path(), "compile", digits()]);
    assert_eq!((code, &json["circuit"]), (0, &ipa().circuit.as_str().into()), "{json}");
    let (code, verdict) =
        lemma_json(arguments!["--store", store.path(), "verify", ipa().bundle, "--circuit", ipa().circuit]);
    assert_eq!(code, 0, "{verdict}");
}

#[test]
fn concurrent_processes_share_a_store() {
    let store = tempfile::tempdir().unwrap();
    let start = |index: usize| {
        let mut prove = command();
        prove.arg("--store").arg(store.path()).arg("prove").arg(fixture("edge_cases/tiny_2_3_2_linear.onnx"));
        let input = store.path().join(format!("{index}.json"));
        std::fs::write(&input, format!(r#"{{"x": [{index}, -3]}}"#)).unwrap();
        prove.arg("--input").arg(input).arg("-o").arg(store.path().join(format!("{index}.proof")));
        prove.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = (0..3).map(start).collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let (_, listed) = lemma_json(arguments!["--store", store.path(), "store", "list"]);
    assert_eq!(listed["circuits"].as_array().unwrap().len(), 1, "{listed}");
}

#[test]
fn inspect_shows_proofs_keys_and_models() {
    let (code, json) = lemma_json(arguments!["inspect", ipa().bundle]);
    assert_eq!((code, &json["kind"], &json["verified"]), (0, &"proof".into(), &false.into()), "{json}");
    assert_eq!(json["circuit"], ipa().circuit.as_str());
    assert_eq!(json["statement"]["outputs"], ipa().json["outputs"]);
    assert!(lemma(arguments!["inspect", ipa().bundle]).stdout.contains("NOT VERIFIED"));

    let (code, json) = lemma_json(arguments!["inspect", ipa().vk]);
    assert_eq!((code, &json["kind"]), (0, &"verifying key".into()), "{json}");
    assert_eq!((&json["circuit"], &json["scheme"]), (&ipa().circuit.as_str().into(), &"ipa".into()));

    let (code, json) = lemma_json(arguments!["inspect", digits()]);
    assert_eq!((code, &json["kind"], &json["macs"]), (0, &"onnx".into(), &2368.into()), "{json}");
    assert_eq!(json["inputs"][0]["type"], "float32");
    assert_eq!(json["nodes"].as_array().unwrap().len(), 2);

    // A proof whose circuit nobody knows is still described.
    let empty = tempfile::tempdir().unwrap();
    let (code, json) = lemma_json(arguments!["--store", empty.path(), "inspect", ipa().bundle]);
    assert_eq!((code, &json["statement"]), (0, &Value::Null), "{json}");
    let person = lemma(arguments!["--store", empty.path(), "inspect", ipa().bundle]).stdout;
    assert!(person.contains("name its verifying key with --vk FILE"), "{person}");
    let named = arguments!["--store", empty.path(), "inspect", ipa().bundle, "--vk", ipa().vk];
    assert_eq!(lemma_json(named).1["statement"]["outputs"], ipa().json["outputs"]);
    let other = refusal(arguments!["inspect", ipa().bundle, "--vk", insecure_kzg().vk], 2);
    assert!(other.contains("is the key of circuit") && other.contains(&ipa().circuit), "{other}");
    let model = refusal(arguments!["inspect", digits(), "--vk", ipa().vk], 2);
    assert!(model.contains("--vk is for proofs"), "{model}");
}

#[test]
fn verifying_for_a_circuit_that_the_store_does_not_have_names_both_ways() {
    let empty = tempfile::tempdir().unwrap();
    let (_, json) =
        lemma_json(arguments!["--store", empty.path(), "verify", ipa().bundle, "--circuit", ipa().circuit]);
    let message = json["error"]["message"].as_str().unwrap();
    assert!(message.contains("lemma compile MODEL") && message.contains("--vk FILE"), "{message}");
}

#[test]
fn inspect_shows_a_node_of_the_file_once() {
    let model = fixture("operators/arg_max_classes.qop.onnx");
    let (_, json) = lemma_json(arguments!["inspect", model]);
    let nodes = json["nodes"].as_array().unwrap();
    assert_eq!((nodes.len(), &nodes[0]["operator"]), (1, &"argmax".into()), "{json}");
    assert!(nodes[0]["steps"].as_u64().unwrap() > 5, "{json}");
    assert!(lemma(arguments!["inspect", model]).stdout.contains("argmax ("));
}

#[test]
fn softmax_at_the_end_is_said_to_be_outside_the_proof() {
    let model = fixture("digits/s8s8_softmax.qop.onnx");
    let (_, json) = lemma_json(arguments!["inspect", model]);
    let outside = json["outputs"][0]["outside_proof"].as_array().unwrap();
    assert!(outside.contains(&"Softmax".into()), "{json}");
    let person = lemma(arguments!["inspect", model]).stdout;
    assert!(person.contains("in front of Softmax, which is outside the proof"), "{person}");
}

#[test]
fn the_demo_proves_verifies_and_refuses() {
    let (code, json) = lemma_json(&["demo"]);
    assert_eq!(code, 0, "{json}");
    assert_eq!((&json["digit"], &json["valid"]), (&0.into(), &true.into()));
    assert!(json["forgery_refused"].as_str().unwrap().contains("does not prove"), "{json}");
    let person = lemma(&["demo"]);
    assert_eq!((person.code, person.stderr.as_str()), (Some(0), ""));
    for text in ["@@", "answers 0", "VALID", "INVALID", "lemma verify"] {
        assert!(person.stdout.contains(text), "{text}: {}", person.stdout);
    }
    let insecure = lemma(&["demo", "--scheme", "kzg", "--insecure-local-srs"]);
    assert!(insecure.stdout.contains("INSECURE"), "{insecure:?}");
}
