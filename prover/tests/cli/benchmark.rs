//! `lemma bench`.

use serde_json::Value;

use crate::{
    arguments,
    session::{fixture, lemma, lemma_json, refusal},
};

const NUMBERS: [&str; 23] = [
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
    "verify_with_loading_s",
    "parameters_s",
    "tables_s",
    "prepare_key_s",
    "proof_bytes",
    "vk_bytes",
    "pk_bytes",
    "msm_unit_s",
    "prove_units",
    "macs",
    "activations",
    "lookups",
];

fn assert_complete(model: &Value) {
    for field in NUMBERS {
        assert!(model[field].is_number(), "{field}: {model}");
    }
    // What is predicted is our own prover.
    for field in ["predicted_units", "predicted_prove_s", "predicted_memory_bytes"] {
        assert_eq!(model[field].is_number(), model["prover"] == "own", "{field}: {model}");
    }
    for field in ["circuit", "network", "scheme", "name", "prover"] {
        assert!(model[field].is_string(), "{field}: {model}");
    }
    if cfg!(target_os = "linux") {
        assert!(model["peak_rss_bytes"].as_u64().unwrap() > 1 << 20, "{model}");
    }
    let phases: Vec<&str> =
        model["phases"].as_array().unwrap().iter().map(|phase| phase["phase"].as_str().unwrap()).collect();
    assert_eq!(
        phases,
        ["parameters", "verifying key", "proving key", "tables", "prepare key", "witness", "prove", "verify"]
    );
    let units = model["prove_cpu_s"].as_f64().unwrap() / model["msm_unit_s"].as_f64().unwrap();
    assert!((units - model["prove_units"].as_f64().unwrap()).abs() < 1e-6 * units, "{model}");
}

#[test]
fn measures_each_scheme() {
    let model = fixture("edge_cases/tiny_2_3_2_linear.onnx");
    let bench = arguments!["bench", model, "--runs", "2", "--scheme", "both", "--insecure-local-srs"];
    let (code, json) = lemma_json(bench);
    assert_eq!(code, 0, "{json}");
    let models = json["models"].as_array().unwrap();
    models.iter().for_each(assert_complete);
    let schemes: Vec<&Value> = models.iter().map(|model| &model["scheme"]).collect();
    assert_eq!(schemes, ["kzg", "ipa"]);
    assert_eq!((&json["runs"], &models[0]["name"]), (&2.into(), &"tiny_2_3_2_linear".into()));
    let person = lemma(arguments!["bench", model, "--runs", "1"]);
    assert_eq!(person.code, Some(0));
    assert!(person.stdout.contains("tiny_2_3_2_linear") && person.stdout.contains("units"), "{person:?}");
}

#[test]
fn measures_the_prover_that_is_asked_for() {
    let model = fixture("edge_cases/tiny_2_3_2_linear.onnx");
    for (prover, prepares) in [("own", true), ("stock", false)] {
        let (code, json) = lemma_json(arguments!["bench", model, "--runs", "1", "--prover", prover]);
        assert_eq!(code, 0, "{json}");
        let measured = &json["models"][0];
        assert_complete(measured);
        assert_eq!((&json["prover"], &measured["prover"]), (&prover.into(), &prover.into()));
        assert_eq!(measured["tables_s"].as_f64().unwrap() > 0.0, prepares, "{json}");
    }
}

#[test]
fn measures_the_bundled_digits() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = crate::session::command();
    bench.current_dir(directory.path()).args(["--json", "bench", "--runs", "1"]);
    let (code, json) = crate::session::read_json(&crate::session::finish(&mut bench));
    assert_eq!(code, 0, "{json}");
    assert_eq!(json["models"][0]["name"], "digits");
    assert_complete(&json["models"][0]);
}

#[test]
fn kzg_without_parameters_is_refused() {
    let store = tempfile::tempdir().unwrap();
    let model = fixture("edge_cases/tiny_2_3_2_linear.onnx");
    let message = refusal(arguments!["--store", store.path(), "bench", model, "--scheme", "kzg"], 2);
    assert!(message.contains("lemma srs import"), "{message}");
}

#[test]
fn a_refused_model_does_not_keep_others_from_being_measured() {
    let model = fixture("edge_cases/tiny_2_3_2_linear.onnx");
    let (code, json) = lemma_json(arguments!["bench", "absent.onnx", model, "--runs", "1"]);
    assert_eq!(code, 2, "{json}");
    assert_complete(&json["models"][0]);
    assert!(json["refused"][0]["message"].as_str().unwrap().contains("absent.onnx"), "{json}");
}
