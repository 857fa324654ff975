//! Hostile files: whatever they hold, the answer is exit code 2 and a message.

use serde::Deserialize;

use crate::{
    arguments,
    session::{Proof, digit, digits, directory, fixture, ipa, lemma_json, refusal},
};

#[derive(Deserialize)]
struct Entry {
    path: String,
    model: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    file: Vec<Entry>,
}

fn hostile(folder: &str) -> Vec<Entry> {
    let text = std::fs::read_to_string(fixture("manifest.toml")).unwrap();
    let files = toml::from_str::<Manifest>(&text).unwrap().file;
    let found: Vec<Entry> = files.into_iter().filter(|entry| entry.path.starts_with(folder)).collect();
    assert!(found.len() >= 50, "{} files in {folder}", found.len());
    found
}

fn assert_unusable(arguments: &[std::ffi::OsString], file: &str) {
    let (code, json) = lemma_json(arguments);
    assert_eq!(code, 2, "{file}: {json}");
    let message = json["error"]["message"].as_str().unwrap();
    assert!(message.contains(file) && !message.contains("panicked"), "{file}: {message}");
}

#[test]
fn hostile_models_are_unusable_files() {
    for entry in hostile("hostile/models/") {
        let path = fixture(&entry.path);
        assert_unusable(arguments!["compile", path], &entry.path);
        assert_unusable(arguments!["inspect", path], &entry.path);
    }
}

#[test]
fn hostile_inputs_are_unusable_files() {
    for entry in hostile("hostile/inputs/") {
        let model = fixture(entry.model.as_deref().expect("a model"));
        assert_unusable(
            arguments!["prove", model, "--input", fixture(&entry.path), "-o", "/dev/null"],
            &entry.path,
        );
    }
}

#[test]
fn files_of_another_kind_are_refused() {
    let (onnx, proof, vk) = (digits(), &ipa().bundle, &ipa().vk);
    for arguments in [
        arguments!["compile", proof].to_vec(),
        arguments!["compile", digit()].to_vec(),
        arguments!["run", onnx, "--input", proof].to_vec(),
        arguments!["run", onnx, "--input", onnx].to_vec(),
        arguments!["verify", proof, "--vk", proof].to_vec(),
        arguments!["verify", proof, "--vk", onnx].to_vec(),
        arguments!["inspect", digit()].to_vec(),
        arguments!["srs", "import", vk].to_vec(),
    ] {
        refusal(&arguments, 2);
    }
}

/// There is no verdict about a file that is no proof, whatever is trusted.
#[test]
fn what_is_no_proof_is_an_unusable_file() {
    let good = std::fs::read(&ipa().bundle).unwrap();
    let written = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let (path, mut bytes) = (directory().join(name), good.clone());
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let garbage = written("garbage.proof", &|bytes| *bytes = b"garbage".repeat(100));
    let empty = written("nothing.proof", &Vec::clear);
    let start = written("start.proof", &|bytes| bytes.truncate(47));
    let Proof { circuit, vk, .. } = ipa();
    for file in [&digits(), vk, &digit(), &garbage, &empty, &start] {
        for trusted in [
            arguments!["--vk", vk].to_vec(),
            arguments!["--circuit", circuit].to_vec(),
            arguments!["--onnx", digits()].to_vec(),
        ] {
            let message = refusal(&[arguments!["verify", file].to_vec(), trusted].concat(), 2);
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(message.contains(name) && message.contains("expected a proof"), "{message}");
        }
    }
    let newer = written("newer.proof", &|bytes| bytes[10] = 2);
    let message = refusal(arguments!["verify", newer, "--vk", vk], 2);
    assert!(message.contains("use the version of Lemma that wrote it"), "{message}");
    let kind = written("kind.proof", &|bytes| bytes[8] = 9);
    assert!(refusal(arguments!["verify", kind, "--vk", vk], 2).contains("kind 9 is unknown"));
}

#[test]
fn damaged_keys_are_unusable_files() {
    let good = std::fs::read(&ipa().vk).unwrap();
    let path = directory().join("damaged.vk");
    for position in (0..good.len()).step_by(good.len() / 24) {
        let mut bytes = good.clone();
        bytes[position] ^= 0x11;
        std::fs::write(&path, &bytes).unwrap();
        assert_unusable(arguments!["verify", ipa().bundle, "--vk", path], "damaged.vk");
        assert_unusable(arguments!["inspect", path], "damaged.vk");
    }
}

#[test]
fn a_damaged_store_is_mended_or_named() {
    let store = tempfile::tempdir().unwrap();
    let root = store.path();
    let prove = || {
        lemma_json(arguments![
            "--store",
            root,
            "prove",
            digits(),
            "--input",
            digit(),
            "-o",
            root.join("x.proof")
        ])
    };
    assert_eq!(prove().0, 0);
    for kind in ["pk", "params"] {
        for file in std::fs::read_dir(root.join("objects").join(kind)).unwrap() {
            let path = file.unwrap().path();
            let length = std::fs::metadata(&path).unwrap().len() as usize;
            std::fs::write(&path, vec![7; length]).unwrap();
        }
    }
    let (code, json) = prove();
    assert_eq!(code, 0, "{json}");
    for file in std::fs::read_dir(root.join("objects").join("vk")).unwrap() {
        std::fs::write(file.unwrap().path(), b"damage").unwrap();
    }
    let (code, json) = prove();
    assert!(code == 0 || json["error"]["message"].as_str().unwrap().contains("damaged"), "{code}: {json}");
}

#[test]
fn a_proof_does_not_overwrite_its_input_or_vanish() {
    let input = directory().join("kept.json");
    std::fs::copy(digit(), &input).unwrap();
    let message = refusal(arguments!["prove", digits(), "--input", input, "-o", input], 2);
    assert!(message.contains("one of the inputs"), "{message}");
    let message = refusal(arguments!["prove", digits(), "--input", input, "-o", "/nonexistent/x.proof"], 2);
    assert!(message.contains("does not exist"), "{message}");
    assert_eq!(std::fs::read(&input).unwrap(), std::fs::read(digit()).unwrap());
}

#[test]
fn inspect_shows_what_output_integers_stand_for() {
    let (_, json) = lemma_json(arguments!["inspect", ipa().vk]);
    assert!(
        json["outputs"][0]["scale"].is_number() && json["outputs"][0]["zero_point"].is_number(),
        "{json}"
    );
    let person = crate::session::lemma(arguments!["inspect", ipa().vk]).stdout;
    assert!(
        person.lines().any(|line| line.starts_with("outputs") && line.contains("zero point")),
        "{person}"
    );
}
