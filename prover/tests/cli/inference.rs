//! `lemma run`.

use lemma_circuits::ir::Elem;
use lemma_circuits::statement::{Interface, Port};
use lemma_prover::inputs;
use serde_json::Value;

use crate::session::{digit, digits, directory, fixture, ipa, lemma, lemma_json, refusal};
use crate::{arguments, onnx};

/// One row of onnxruntime's integers from a fixture archive.
fn expected(archive: &str, array: &str, row: usize) -> Vec<i32> {
    let bytes = std::fs::read(fixture(archive)).unwrap();
    let port = Port {
        name: array.into(),
        shape: vec![1, 10],
        elem: Elem::I8,
        quantize: None,
        tail: Vec::new(),
        bytes_per_instance: 31,
    };
    let interface = Interface { inputs: vec![port], outputs: Vec::new() };
    inputs::read(&bytes, &interface, Some(row)).unwrap().remove(0)
}

fn integers(output: &Value) -> Vec<i64> {
    let row = output["integers"][0].as_array().expect("a nested list");
    row.iter().map(|value| value.as_i64().expect("an integer")).collect()
}

#[test]
fn prints_the_integers_of_onnxruntime() {
    for (form, output) in [("qop", "logits"), ("qdq", "logits")] {
        for row in [0, 7, 499] {
            let model = fixture(&format!("digits/s8s8.{form}.onnx"));
            let input = fixture("digits/s8s8.io.npz");
            let (code, json) =
                lemma_json(arguments!["run", model, "--input", input, "--row", row.to_string()]);
            assert_eq!(code, 0, "{json}");
            let wanted = expected("digits/s8s8.io.npz", &format!("integers.{output}"), row);
            let wanted: Vec<i64> = wanted.into_iter().map(i64::from).collect();
            assert_eq!(integers(&json["outputs"][0]), wanted, "{form}, row {row}");
            assert_eq!(json["outputs"][0]["type"], "int8");
            assert_eq!(json["outputs"][0]["shape"], serde_json::json!([1, 10]));
            assert_eq!(json["outputs"][0]["floats"][0].as_array().unwrap().len(), 10);
            assert_eq!(json["model"].as_str().unwrap().len(), 64);
        }
    }
}

#[test]
fn a_trailing_softmax_is_printed_outside_the_integers() {
    let model = fixture("digits/s8s8_softmax.qop.onnx");
    let person = lemma(arguments!["run", model, "--input", digit()]);
    assert_eq!(person.code, Some(0), "{person:?}");
    assert!(person.stdout.contains("integers ") && person.stdout.contains("softmax "), "{person:?}");
    let (_, json) = lemma_json(arguments!["run", model, "--input", digit()]);
    let probabilities = json["outputs"][0]["floats"][0].as_array().unwrap();
    let sum: f64 = probabilities.iter().map(|value| value.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
}

#[test]
fn writes_outputs_as_archive_or_json() {
    let archive = directory().join("outputs.npz");
    let run = |path: &std::path::Path| lemma(arguments!["run", digits(), "--input", digit(), "-o", path]);
    assert_eq!(run(&archive).code, Some(0));
    let written = std::fs::read(&archive).unwrap();
    let port = |name: &str| Port {
        name: name.into(),
        shape: vec![1, 10],
        elem: Elem::I8,
        quantize: None,
        tail: Vec::new(),
        bytes_per_instance: 31,
    };
    let interface = Interface { inputs: vec![port("integers.logits")], outputs: Vec::new() };
    let integers_written = inputs::read(&written, &interface, None).unwrap().remove(0);
    let json = directory().join("outputs.json");
    assert_eq!(run(&json).code, Some(0));
    let document: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let listed: Vec<i64> = integers(&document["outputs"][0]);
    assert_eq!(integers_written.into_iter().map(i64::from).collect::<Vec<_>>(), listed);

    let message = refusal(arguments!["run", digits(), "--input", digit(), "-o", "outputs.txt"], 2);
    assert!(message.contains("outputs.txt") && message.contains(".npz"), "{message}");
    let nowhere = "/nonexistent/outputs.json";
    assert!(refusal(arguments!["run", digits(), "--input", digit(), "-o", nowhere], 2).contains(nowhere));
}

#[test]
fn a_circuit_of_the_store_is_a_model() {
    let id = &ipa().circuit;
    let (code, json) = lemma_json(arguments!["run", id[..16], "--input", digit()]);
    assert_eq!(code, 0, "{json}");
    assert_eq!(json["outputs"], ipa().json["outputs"]);
}

#[test]
fn several_rows_need_a_choice() {
    let input = fixture("digits/s8s8.io.npz");
    let message = refusal(arguments!["run", digits(), "--input", input], 2);
    assert!(message.contains("500 rows") && message.contains("--row"), "{message}");
    let message = refusal(arguments!["run", digits(), "--input", input, "--row", "500"], 2);
    assert!(message.contains("row 500"), "{message}");
}

/// onnxruntime's default session leaves operators of such files in float32.
#[test]
fn int8_in_qdq_form_is_noted() {
    let note = |file: &str| {
        let (archive, _) = file.split_once('.').unwrap();
        let input = fixture(&format!("convolutional/{archive}.io.npz"));
        let (code, json) = lemma_json(&[
            "run".as_ref(),
            fixture(&format!("convolutional/{file}")).as_os_str(),
            "--input".as_ref(),
            input.as_os_str(),
            "--row".as_ref(),
            "0".as_ref(),
        ]);
        assert_eq!(code, 0, "{json}");
        json["note"].as_str().map(str::to_owned)
    };
    let noted = note("cnn_s8s8.qdq.onnx").unwrap();
    assert!(noted.contains("session.qdqisint8allowed = 1"), "{noted}");
    for file in ["cnn_s8s8.qop.onnx", "cnn_u8u8.qdq.onnx", "cnn_u8u8.qop.onnx"] {
        assert_eq!(note(file), None, "{file}");
    }
}

#[test]
fn a_model_that_compile_refuses_for_its_size_is_noted() {
    let directory = directory();
    for (length, is_noted) in [(65_536, false), (65_537, true)] {
        let model = directory.join(format!("{length}.onnx"));
        std::fs::write(&model, onnx::model(length, &[("Relu", "x", "y")], &["y"])).unwrap();
        let input = directory.join(format!("{length}.json"));
        std::fs::write(&input, serde_json::json!({ "x": vec![0; length] }).to_string()).unwrap();
        let (code, json) = lemma_json(arguments!["run", model, "--input", input]);
        assert_eq!(code, 0, "{}", json["error"]);
        let note = json["note"].as_str().unwrap_or_default();
        assert_eq!(note.contains("`lemma compile` refuses this model: "), is_noted, "{note}");
        assert_eq!(note.contains("at most 65536 are planned for"), is_noted, "{note}");
    }
    let model = directory.join("65537.onnx");
    assert!(refusal(arguments!["compile", model], 2).contains("at most 65536 are planned for"));
}
