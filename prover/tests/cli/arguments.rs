//! Arguments, help, exit codes and the manners of a process.

use std::{io::Read, os::unix::ffi::OsStrExt, process::Stdio};

use crate::{
    arguments,
    session::{
        Proof, command, digit, digits, directory, finish, insecure_kzg, ipa, lemma, lemma_json, read_json,
        refusal,
    },
};

const COMMANDS: [&str; 11] =
    ["run", "compile", "prove", "verify", "vk", "inspect", "srs", "store", "ops", "demo", "bench"];

#[test]
fn every_command_has_help() {
    for name in COMMANDS {
        let help = lemma(&[name, "--help"]);
        assert_eq!(help.code, Some(0), "{help:?}");
        assert!(help.stdout.contains("Usage: lemma"), "{help:?}");
        assert_eq!(help.stderr, "");
    }
    let all = lemma(&["--help"]).stdout;
    assert!(COMMANDS.iter().all(|name| all.contains(name)), "{all}");
    assert!(!all.contains('\u{1b}'), "colors without a terminal: {all:?}");
    let version = lemma(&["--version"]);
    assert_eq!(
        (version.code, version.stdout.as_str()),
        (Some(0), concat!("lemma ", env!("CARGO_PKG_VERSION"), "\n"))
    );
    let (code, json) = lemma_json(&["--help"]);
    assert!(code == 0 && json["text"].as_str().unwrap().contains("Usage"), "{json}");
}

#[test]
fn unusable_arguments_exit_with_2() {
    let nothing: [&str; 0] = [];
    assert_eq!(lemma(&nothing).code, Some(2));
    for arguments in [
        &["teach"][..],
        &["run"],
        &["run", "model.onnx"],
        &["run", "model.onnx", "--input"],
        &["prove", "model.onnx", "--input", "x.json", "--scheme", "groth16"],
        &["compile", "model.onnx", "--row", "1"],
        &["verify", "x.proof"],
        &["verify", "x.proof", "--circuit", "ab", "--onnx", "x.onnx"],
        &["verify", "x.proof", "--vk", "x.vk", "--onnx", "x.onnx"],
        &["vk", "ab"],
        &["inspect"],
        &["srs"],
        &["srs", "import"],
        &["store", "empty"],
        &["bench", "--runs", "0"],
        &["bench", "--runs", "many"],
        &["run", "model.onnx", "--input", "x.json", "--row", "-1"],
        &["compile", "model.onnx", "--scheme", "kzg", "--srs", "xyz"],
    ] {
        let (code, json) = lemma_json(arguments);
        assert_eq!(code, 2, "{arguments:?}: {json}");
        assert_eq!(json["error"]["kind"], "unusable", "{arguments:?}");
        assert_eq!(lemma(arguments).code, Some(2), "{arguments:?}");
    }
    let not_text = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    assert_eq!(finish(command().arg("run").arg(not_text).args(["--input", "x.json"])).code, Some(2));
}

/// What is missing is what is wrong, not where the store is.
#[test]
fn usage_lines_do_not_ask_for_the_store() {
    for arguments in
        [&["verify", "x.proof"][..], &["run", "x.onnx"], &["vk", "ab"], &["inspect"], &["srs", "import"]]
    {
        let refused = lemma(arguments);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        let usage = refused.stderr.lines().find(|line| line.starts_with("Usage: ")).expect("a usage line");
        assert!(!usage.contains("--store"), "{usage}");
    }
    assert!(lemma(&["verify", "--help"]).stdout.contains("[env: LEMMA_HOME]"));
}

#[test]
fn a_row_is_counted_from_the_front() {
    for row in ["-1", "first", "1.5"] {
        let message = refusal(&["run", "model.onnx", "--input", "x.json", "--row", row], 2);
        assert!(message.contains("rows are counted from 0, and not from the end"), "{message}");
    }
}

#[test]
fn contradicting_arguments_are_refused() {
    for arguments in [
        arguments!["compile", digits(), "--insecure-local-srs"].to_vec(),
        arguments!["compile", digits(), "--srs", "ab".repeat(32)].to_vec(),
        arguments!["demo", "--insecure-local-srs"].to_vec(),
    ] {
        assert!(refusal(&arguments, 2).contains("ipa"));
    }
    let circuit = &ipa().circuit;
    let message = refusal(arguments!["prove", circuit, "--input", digit(), "--scheme", "kzg"], 2);
    assert!(message.contains("has the scheme ipa"), "{message}");
    for context in ["0", "zz", &"ab".repeat(33)] {
        let message = refusal(arguments!["prove", digits(), "--input", digit(), "--context", context], 2);
        assert!(message.starts_with("--context: "), "{message}");
    }
}

#[test]
fn missing_files_and_circuits_are_named() {
    for arguments in [
        arguments!["run", "absent.onnx", "--input", digit()].to_vec(),
        arguments!["compile", "absent.onnx"].to_vec(),
        arguments!["prove", "absent.onnx", "--input", digit()].to_vec(),
        arguments!["inspect", "absent.onnx"].to_vec(),
        arguments!["bench", "absent.onnx"].to_vec(),
        arguments!["verify", "absent.onnx", "--circuit", ipa().circuit].to_vec(),
        arguments!["verify", ipa().bundle, "--vk", "absent.onnx"].to_vec(),
        arguments!["verify", ipa().bundle, "--onnx", "absent.onnx"].to_vec(),
        arguments!["run", digits(), "--input", "absent.onnx"].to_vec(),
        arguments!["srs", "import", "absent.onnx"].to_vec(),
    ] {
        let message = refusal(&arguments, 2);
        assert!(message.contains("absent.onnx"), "{arguments:?}: {message}");
    }
    for arguments in [
        arguments!["prove", "abc123", "--input", digit()].to_vec(),
        arguments!["vk", "abc123", "-o", "x.vk"].to_vec(),
        arguments!["verify", ipa().bundle, "--circuit", "ab".repeat(32)].to_vec(),
    ] {
        let message = refusal(&arguments, 2);
        assert!(message.contains("lemma compile"), "{message}");
    }
    assert!(refusal(arguments!["run", std::env::temp_dir(), "--input", digit()], 2).contains("directory"));
}

#[test]
fn the_store_is_where_the_arguments_say() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("a").join("store");
    let (code, json) = lemma_json(arguments!["compile", digits(), "--store", root]);
    assert_eq!(code, 0, "{json}");
    let (code, json) = lemma_json(arguments!["store", "list", "--store", root]);
    assert_eq!(code, 0, "{json}");
    assert_eq!(json["store"].as_str().unwrap(), root.to_str().unwrap());
    assert_eq!(json["circuits"].as_array().unwrap().len(), 1, "{json}");
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(refusal(arguments!["store", "list", "--store", file], 2).contains("file"));
    assert!(refusal(arguments!["compile", digits(), "--store", file], 2).contains("file"));
}

#[test]
fn the_store_is_where_the_environment_says() {
    let directory = tempfile::tempdir().unwrap();
    let listed = |variable: &str| {
        let mut list = command();
        list.env("LEMMA_HOME", variable).env("XDG_DATA_HOME", directory.path().join("data"));
        finish(list.env("HOME", directory.path()).args(["store", "list"])).stderr
    };
    let elsewhere = directory.path().join("elsewhere");
    let elsewhere = elsewhere.to_str().unwrap();
    assert!(
        listed(elsewhere).contains(&format!("there is no store in {elsewhere};")),
        "{}",
        listed(elsewhere)
    );
    // No value is none.
    assert!(listed("").contains("there is no store in ") && listed("").contains("/lemma;"), "{}", listed(""));
}

#[test]
fn what_only_reads_makes_no_store() {
    let directory = directory();
    let (root, written) = (directory.join("absent"), directory.join("absent.vk"));
    let Proof { circuit, bundle, vk, .. } = ipa();
    let absent = format!("there is no store in {};", root.display());
    for arguments in [
        arguments!["store", "list"].to_vec(),
        arguments!["store", "gc"].to_vec(),
        arguments!["srs", "list"].to_vec(),
        arguments!["vk", circuit, "-o", written].to_vec(),
        arguments!["vk", circuit[..8], "-o", written].to_vec(),
        arguments!["compile", circuit].to_vec(),
        arguments!["run", circuit, "--input", digit()].to_vec(),
        arguments!["prove", circuit, "--input", digit()].to_vec(),
        arguments!["verify", bundle, "--circuit", circuit].to_vec(),
    ] {
        let message = refusal(&[arguments!["--store", root].to_vec(), arguments.clone()].concat(), 2);
        assert!(
            message.contains(&absent) && message.contains("lemma compile MODEL"),
            "{arguments:?}: {message}"
        );
    }
    let other = &insecure_kzg().vk;
    for (arguments, code) in [
        (arguments!["ops"].to_vec(), 0),
        (arguments!["inspect", bundle].to_vec(), 0),
        (arguments!["inspect", bundle, "--vk", vk].to_vec(), 0),
        (arguments!["inspect", vk].to_vec(), 0),
        (arguments!["inspect", digits()].to_vec(), 0),
        (arguments!["run", digits(), "--input", digit()].to_vec(), 0),
        (arguments!["verify", bundle, "--vk", other].to_vec(), 1),
        (arguments!["verify", insecure_kzg().bundle, "--vk", other, "--allow-insecure-srs"].to_vec(), 0),
        (arguments!["verify", insecure_kzg().bundle, "--onnx", digits()].to_vec(), 1),
    ] {
        let (found, json) = lemma_json(&[arguments!["--store", root].to_vec(), arguments.clone()].concat());
        assert_eq!(found, code, "{arguments:?}: {json}");
    }
    assert!(!root.exists() && !written.exists(), "a store was made");
    // An empty directory is none either, and stays empty.
    let empty = tempfile::tempdir().unwrap();
    refusal(arguments!["--store", empty.path(), "store", "list"], 2);
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}

/// The library panics on such a value; the command line must not.
#[test]
fn an_odd_environment_is_refused_or_harmless() {
    let proof = ipa();
    let verify = |value: &str| {
        let mut verify = command();
        verify
            .env("MAX_DEGREE", value)
            .args(["--json", "verify"])
            .arg(&proof.bundle)
            .args(["--vk"])
            .arg(&proof.vk);
        read_json(&finish(&mut verify))
    };
    for value in ["4", "9"] {
        let (code, json) = verify(value);
        assert_eq!((code, &json["valid"]), (0, &true.into()), "{json}");
    }
    let (code, json) = verify("five");
    assert_eq!(code, 2, "{json}");
    assert!(json["error"]["message"].as_str().unwrap().contains("MAX_DEGREE"), "{json}");
}

#[test]
fn more_threads_than_a_machine_can_have_are_not_started() {
    for threads in ["99999", "18446744073709551615", "0", "x"] {
        let mut run = command();
        run.env("RAYON_NUM_THREADS", threads).args(["--json", "ops"]);
        assert_eq!(read_json(&finish(&mut run)).0, 0, "{threads}");
    }
}

/// A reader that goes away (`lemma ops | head -1`) is no error, and does not make an invalid proof valid.
#[test]
fn a_closed_standard_output_changes_no_exit_code() {
    let exit_code = |arguments: &[std::ffi::OsString]| {
        let mut child =
            command().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut complaint = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        assert_eq!(complaint, "");
        child.wait().unwrap().code()
    };
    assert_eq!(exit_code(arguments!["ops"]), Some(0));
    assert_eq!(exit_code(arguments!["--help"]), Some(0));
    assert_eq!(exit_code(arguments!["verify", ipa().bundle, "--vk", ipa().vk]), Some(0));
    assert_eq!(exit_code(arguments!["verify", insecure_kzg().bundle, "--vk", ipa().vk]), Some(1));
}

#[test]
fn lists_the_operators() {
    let (code, json) = lemma_json(&["ops"]);
    assert_eq!(code, 0);
    let operators = json["operators"].as_array().unwrap();
    assert_eq!(operators.len(), lemma_circuits::import::supported().len());
    for field in ["operator", "domain", "form", "restrictions"] {
        assert!(operators.iter().all(|operator| operator[field].is_string()), "{field}");
    }
    assert!(lemma(&["ops"]).stdout.contains("QGemm"));
}
