//! Starting `lemma` and reading its answers.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Arguments given in pieces of different types.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => {
        &[$(std::ffi::OsStr::new(&$argument).to_owned()),*]
    };
}

/// A fixture file.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

/// The store that tests share, so that keys are made once.
pub(crate) fn shared_store() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-store")
}

/// `lemma` on the shared store, ready for arguments.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lemma"));
    command.env("LEMMA_HOME", shared_store()).env_remove("MAX_DEGREE").env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null());
    command
}

/// Runs a prepared command to its end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Finished { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Runs `lemma` with these arguments on the shared store.
pub(crate) fn lemma<A: AsRef<OsStr>>(arguments: &[A]) -> Finished {
    finish(command().args(arguments))
}

/// The one JSON object that `lemma --json` prints, and its exit code.
pub(crate) fn lemma_json<A: AsRef<OsStr>>(arguments: &[A]) -> (i32, Value) {
    read_json(&finish(command().arg("--json").args(arguments)))
}

/// The one JSON object on standard output, and the exit code; standard error is empty.
pub(crate) fn read_json(finished: &Finished) -> (i32, Value) {
    let value: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    assert!(value.is_object(), "{finished:?}");
    assert_eq!(finished.stderr, "", "{finished:?}");
    (finished.code.expect("an exit code"), value)
}

/// The message of a refusal with this exit code.
pub(crate) fn refusal<A: AsRef<OsStr>>(arguments: &[A], code: i32) -> String {
    let (found, value) = lemma_json(arguments);
    assert_eq!(found, code, "{value}");
    assert_eq!(value["error"]["exit_code"], code, "{value}");
    let message = value["error"]["message"].as_str().expect("a message").to_owned();
    assert!(!message.contains("panicked"), "{message}");
    // A person reads the same.
    let person = lemma(arguments);
    assert_eq!(person.code, Some(code), "{person:?}");
    assert_eq!(person.stderr.trim_end(), format!("error: {message}"));
    message
}

/// A proof of the example digit, with its key.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) circuit: String,
    pub(crate) bundle: PathBuf,
    pub(crate) vk: PathBuf,
    /// What `lemma prove --json` said.
    pub(crate) json: Value,
}

/// The digits model with a float32 input and output.
pub(crate) fn digits() -> PathBuf {
    fixture("digits/s8s8.qop.onnx")
}

/// One digit.
pub(crate) fn digit() -> PathBuf {
    fixture("digits/example.json")
}

/// A directory of this process's tests, removed by the next run.
pub(crate) fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<tempfile::TempDir> = OnceLock::new();
    let make = || tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    DIRECTORY.get_or_init(make).path()
}

fn prove(scheme: &str, extra: &[&str]) -> Proof {
    let bundle = directory().join(format!("{scheme}.proof"));
    let vk = directory().join(format!("{scheme}.vk"));
    let mut prove = command();
    prove.args(["--json", "prove", "--scheme", scheme]).args(extra);
    prove.arg(digits()).arg("--input").arg(digit()).arg("-o").arg(&bundle);
    let (code, json) = read_json(&finish(&mut prove));
    assert_eq!(code, 0, "{json}");
    let circuit = json["circuit"].as_str().expect("a circuit id").to_owned();
    assert_eq!(lemma(arguments!["vk", circuit, "-o", vk]).code, Some(0));
    Proof { circuit, bundle, vk, json }
}

/// A proof with the transparent scheme.
pub(crate) fn ipa() -> &'static Proof {
    static PROOF: OnceLock<Proof> = OnceLock::new();
    PROOF.get_or_init(|| prove("ipa", &[]))
}

/// A proof with parameters made on this machine.
pub(crate) fn insecure_kzg() -> &'static Proof {
    static PROOF: OnceLock<Proof> = OnceLock::new();
    PROOF.get_or_init(|| prove("kzg", &["--insecure-local-srs"]))
}
