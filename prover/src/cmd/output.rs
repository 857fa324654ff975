//! Results on standard output: a person's text, or one JSON object.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::failure::Failure;

/// What a command found.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// For a person; no line feed at its end.
    pub(crate) text: String,
    /// For a program: an object.
    pub(crate) json: Value,
    /// False for an invalid proof.
    pub(crate) valid: bool,
}

impl Outcome {
    /// The result of a command that did what it was asked.
    pub(crate) fn done(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, valid: true }
    }
}

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a line of a person's text while the command goes on; nothing with `--json`.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        if !self.json {
            print(text.as_ref());
        }
    }

    /// Prints the result and gives the process's exit code.
    pub(crate) fn finish(self, outcome: Result<Outcome, Failure>) -> ExitCode {
        match outcome {
            Ok(outcome) if self.json => {
                print(&outcome.json.to_string());
                ExitCode::from(u8::from(!outcome.valid))
            }
            Ok(outcome) => {
                if !outcome.text.is_empty() {
                    print(&outcome.text);
                }
                ExitCode::from(u8::from(!outcome.valid))
            }
            Err(failure) => self.refuse(failure.kind(), &failure.to_string(), failure.exit_code()),
        }
    }

    /// Reports a failure and gives the process's exit code.
    pub(crate) fn refuse(self, kind: &str, message: &str, exit_code: u8) -> ExitCode {
        if self.json {
            print(&json!({ "error": { "kind": kind, "message": message, "exit_code": exit_code } }).to_string());
        } else {
            // Nobody reads a closed standard error.
            let _ = writeln!(std::io::stderr(), "error: {message}");
        }
        ExitCode::from(exit_code)
    }
}

/// Writes one line. A reader that has gone away (`lemma ops | head -1`) ends the process quietly: what it
/// wanted has been delivered.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: standard output: {error}");
            std::process::exit(2);
        }
        Ok(()) => {}
    }
}
