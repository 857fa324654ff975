//! `lemma run`.

use std::process::Command;

use lemma_circuits::ir::Elem;
use lemma_prover::inputs;
use lemma_verifier::interface::{Interface, Port};
use serde_json::Value;

use crate::{
    arguments, onnx,
    session::{
        Finished, command, digit, digits, directory, finish, fixture, ipa, lemma, lemma_json, read_json,
        refusal,
    },
};

/// An interface that reads ten int8 integers of a row of an array.
fn ten_int8(array: &str) -> Interface {
    let port = Port {
        name: array.into(),
        shape: vec![1, 10],
        elem: Elem::I8,
        quantize: None,
        tail: Vec::new(),
        bytes_per_instance: 31,
    };
    Interface { inputs: vec![port], outputs: Vec::new() }
}

/// One row of onnxruntime's integers from a fixture archive.
fn expected(archive: &str, array: &str, row: usize) -> Vec<i32> {
    let bytes = std::fs::read(fixture(archive)).unwrap();
    inputs::read(&bytes, &ten_int8(array), Some(row)).unwrap().remove(0)
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
            assert_eq!(json["network"].as_str().unwrap().len(), 64);
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

/// As `quantize_static` writes a Softmax at the end: onnxruntime answers integers, other ones than a proof states.
#[test]
fn a_quantized_softmax_is_told_from_the_integers_that_are_proven() {
    let folder = directory();
    let [model, input, proof] =
        ["quantized.onnx", "quantized.json", "quantized.proof"].map(|name| folder.join(name));
    let nodes = [
        ("Relu", "x", "r"),
        ("DequantizeLinear", "r from_scale from_zero", "d"),
        ("Softmax", "d", "s"),
        ("QuantizeLinear", "s to_scale to_zero", "y"),
    ];
    let quantizations = [("from", 0.5, 1), ("to", 0.00390625, -128)];
    std::fs::write(&model, onnx::model_with(4, &quantizations, &nodes, &["y"])).unwrap();
    std::fs::write(&input, r#"{"x": [[1, 1, -3, 41]]}"#).unwrap();
    let shown = "y [1, 4]\n  integers 1 1 0 41\n           (in front of Softmax; a proof states these)\n  softmax  -128 -128 -128 127\n           \
                 (quantized, int8 with scale 0.00390625 and zero point -128; computed from the integers, outside the proof)";
    for arguments in [
        arguments!["run", model, "--input", input].to_vec(),
        arguments!["prove", model, "--input", input, "-o", proof].to_vec(),
        arguments!["verify", proof, "--onnx", model].to_vec(),
        arguments!["inspect", proof].to_vec(),
    ] {
        let person = lemma(&arguments);
        assert!(person.code == Some(0) && person.stdout.contains(shown), "{person:?}");
    }
    let (_, json) = lemma_json(arguments!["verify", proof, "--onnx", model]);
    let output = &json["outputs"][0];
    let by = serde_json::json!({ "type": "int8", "scale": 0.00390625, "zero_point": -128 });
    assert_eq!((&output["quantized_by"], output.get("floats")), (&by, None), "{output}");
    assert_eq!(output["quantized"], serde_json::json!([[-128, -128, -128, 127]]));
    let person = lemma(arguments!["inspect", model]).stdout;
    let gives = "and gives quantized integers, int8 with scale 0.00390625, zero point -128)";
    assert!(
        person.contains("in front of Softmax, which is outside the proof ") && person.contains(gives),
        "{person}"
    );
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

/// Onnxruntime's integers of all rows of a fixture, from an archive that numpy reads as `[rows, 1, 10]`.
#[test]
fn several_rows_are_run_in_one_call() {
    let input = fixture("digits/s8s8.io.npz");
    let wanted = |row: usize| expected("digits/s8s8.io.npz", "integers.logits", row);
    for (arguments, rows) in [(vec!["--rows", "7..12"], 7..12), (vec![], 0..500)] {
        let archive = directory().join(format!("rows{}.npz", rows.len()));
        let mut words = arguments!["run", digits(), "--input", input, "-o", archive].to_vec();
        words.extend(arguments.into_iter().map(Into::into));
        let (code, json) = lemma_json(&words);
        assert_eq!(code, 0, "{}", json["error"]);
        let listed = json["rows"].as_array().unwrap();
        assert_eq!(listed.len(), rows.len());
        let written = std::fs::read(&archive).unwrap();
        let stacked = inputs::read_rows(&written, &ten_int8("integers.logits"), &inputs::Rows::All).unwrap();
        assert_eq!(stacked.len(), rows.len());
        for ((entry, stacked), row) in listed.iter().zip(&stacked).zip(rows) {
            assert_eq!(entry["row"], row);
            assert_eq!(stacked[0], wanted(row), "row {row}");
            let integers: Vec<i32> =
                integers(&entry["outputs"][0]).into_iter().map(|value| value as i32).collect();
            assert_eq!(integers, wanted(row), "row {row}");
        }
    }
    let person = lemma(arguments!["run", digits(), "--input", input, "--rows", "3..9"]);
    assert!(person.stdout.starts_with("row 3\nlogits [1, 10]\n"), "{person:?}");
    assert!(person.stdout.contains("\nrow 6\n") && person.stdout.contains("\nand 2 more rows"), "{person:?}");
    let json = directory().join("rows.json");
    let written = lemma(arguments!["run", digits(), "--input", input, "--rows", "3..5", "-o", json]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let document: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(document["rows"][1]["row"], 4, "{document}");
}

#[test]
fn ranges_of_rows_that_are_none_are_refused() {
    let input = fixture("digits/s8s8.io.npz");
    for rows in ["5", "5..", "..5", "5..5", "7..5", "-1..5", "0..=5", "a..b"] {
        let message = refusal(arguments!["run", digits(), "--input", input, "--rows", rows], 2);
        assert!(message.contains("0..100 is a hundred rows"), "{rows}: {message}");
    }
    let message = refusal(arguments!["run", digits(), "--input", input, "--rows", "499..501"], 2);
    assert!(message.contains("500 row(s), row 500 does not exist"), "{message}");
    let both = refusal(arguments!["run", digits(), "--input", input, "--rows", "0..2", "--row", "1"], 2);
    assert!(both.contains("--row"), "{both}");
}

/// Torch names tensors after the layers they lie in, and numpy reads such names.
#[test]
fn names_with_slashes_are_inputs_and_outputs() {
    let model = directory().join("slashes.onnx");
    let output = "/f/f.1/Relu_output_0";
    std::fs::write(&model, onnx::model(4, &[("Relu", "x", output)], &[output])).unwrap();
    let input = directory().join("slashes.json");
    std::fs::write(&input, r#"{"x": [[-1, 2, -3, 4]]}"#).unwrap();
    let archive = directory().join("slashes.npz");
    let written = lemma(arguments!["run", model, "--input", input, "-o", archive]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let port = Port {
        name: format!("integers.{output}"),
        shape: vec![1, 4],
        elem: Elem::I8,
        quantize: None,
        tail: Vec::new(),
        bytes_per_instance: 31,
    };
    let interface = Interface { inputs: vec![port], outputs: Vec::new() };
    let read = inputs::read(&std::fs::read(&archive).unwrap(), &interface, None).unwrap();
    assert_eq!(read, [vec![0, 2, 0, 4]]);
}

#[test]
fn several_rows_need_a_choice() {
    let input = fixture("digits/s8s8.io.npz");
    let message = refusal(arguments!["run", digits(), "--input", input], 2);
    assert!(message.contains("500 rows") && message.contains("--row"), "{message}");
    let message = refusal(arguments!["run", digits(), "--input", input, "--row", "500"], 2);
    assert!(message.contains("row 500"), "{message}");
}

/// onnxruntime's default session answers such files with other integers, on some processors.
#[test]
fn what_depends_on_options_of_the_session_is_noted() {
    let note = |file: &str, archive: &str| {
        let (model, input) = (fixture(file), fixture(&format!("{archive}.io.npz")));
        let (code, json) = lemma_json(arguments!["run", model, "--input", input, "--row", "0"]);
        assert_eq!(code, 0, "{json}");
        json["note"].as_str().unwrap_or_default().to_owned()
    };
    for (file, archive, option) in [
        ("convolutional/cnn_s8s8.qdq.onnx", "convolutional/cnn_s8s8", "session.qdqisint8allowed = 1"),
        ("operators/network_00.qop.onnx", "operators/network_00.qop", "session.x64quantprecision = 1"),
    ] {
        let noted = note(file, archive);
        assert!(noted.contains(option), "{file}: {noted}");
    }
    for file in ["cnn_s8s8.qop.onnx", "cnn_u8u8.qdq.onnx", "cnn_u8u8.qop.onnx"] {
        let archive = file.split_once('.').unwrap().0;
        assert_eq!(note(&format!("convolutional/{file}"), &format!("convolutional/{archive}")), "", "{file}");
    }
}

/// Runs the program with at most a gibibyte of address space.
fn limited<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Finished {
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"ulimit -v 1048576; exec "$0" "$@""#]).arg(command().get_program());
    for (name, value) in command().get_envs().filter_map(|(name, value)| Some((name, value?))) {
        limited.env(name, value);
    }
    finish(limited.arg("--json").args(arguments))
}

#[test]
fn a_model_that_compile_refuses_for_its_size_is_noted() {
    let directory = directory();
    for (length, is_noted) in [(1 << 10, false), (1 << 19, true)] {
        let model = directory.join(format!("{length}.onnx"));
        std::fs::write(&model, onnx::model(length, &[("Relu", "x", "y")], &["y"])).unwrap();
        let input = directory.join(format!("{length}.json"));
        std::fs::write(&input, serde_json::json!({ "x": vec![0; length] }).to_string()).unwrap();
        let (code, json) = read_json(&limited(arguments!["run", &model, "--input", input]));
        assert_eq!(code, 0, "{}", json["error"]);
        let note = json["note"].as_str().unwrap_or_default();
        let refuses = "`lemma compile` refuses this model: planning the circuit may take ";
        assert_eq!(note.contains(refuses), is_noted, "{note}");
        assert_eq!(note.contains(" % of its channels would fit"), is_noted, "{note}");
    }
    let (code, json) = read_json(&limited(arguments!["compile", directory.join("524288.onnx")]));
    assert_eq!(code, 2, "{json}");
    assert!(json["error"]["message"].as_str().unwrap().contains(" of memory, more than the "), "{json}");
}
