//! Results on standard output: a person's text, or one JSON object.

use std::{
    io::{ErrorKind, IsTerminal, Write},
    process::ExitCode,
};

use lemma_circuits::import::ImportError;
use serde_json::{Map, Value, json};

use super::{failure::Failure, text};

/// What a command found.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// For a person; no line feed at its end.
    pub(crate) text: String,
    /// For a program: an object.
    pub(crate) json: Value,
    /// The process's exit code.
    pub(crate) exit_code: u8,
}

impl Outcome {
    /// The result of a command that did what it was asked.
    pub(crate) fn done(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, exit_code: 0 }
    }
}

impl Failure {
    /// The failure as every command's JSON reports it; of a refused model with every reason.
    fn json(&self) -> Value {
        let mut error = fields([
            ("kind", self.kind().into()),
            ("message", self.to_string().into()),
            ("exit_code", self.exit_code().into()),
        ]);
        if let Self::Refused { refusal, .. } = self {
            error.insert("reasons".into(), refusal.reasons.iter().map(reason_json).collect());
        }
        json!({ "error": error })
    }
}

/// What a reason is about, the node it lies in, and its text.
fn reason_json(reason: &ImportError) -> Value {
    let node = reason.node.as_ref();
    json!({
        "group": reason.kind.group().name(),
        "node": node.map(|node| &node.name),
        "operator": node.map(|node| &node.op),
        "message": reason.reason(),
    })
}

/// The fields of a JSON object, to be extended.
pub(crate) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
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
            // The result decides whether a closed output matters.
            let _ = print(text.as_ref());
        }
    }

    /// Prints the result and gives the process's exit code.
    ///
    /// A reader that has gone away (`lemma ops | head -1`) has what it wanted and changes nothing.
    pub(crate) fn finish(self, outcome: Result<Outcome, Failure>) -> ExitCode {
        let exit_code = match &outcome {
            Ok(outcome) => outcome.exit_code,
            Err(failure) => failure.exit_code(),
        };
        let printed = match &outcome {
            Ok(outcome) if self.json => print(&outcome.json.to_string()),
            Err(failure) if self.json => print(&failure.json().to_string()),
            Ok(outcome) if outcome.text.is_empty() => Ok(()),
            Ok(outcome) => print(&outcome.text),
            Err(failure) => {
                complain(failure);
                Ok(())
            }
        };
        match printed {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                complain(&Failure::Unusable(format!("standard output: {error}")));
                ExitCode::from(exit_code.max(2))
            }
            _ => ExitCode::from(exit_code),
        }
    }
}

fn complain(failure: &Failure) {
    let mut out = std::io::stderr();
    let text = complaint(failure, out.is_terminal());
    // Nobody reads a closed standard error.
    let _ = writeln!(out, "{text}");
}

/// Columns of a terminal.
const COLUMNS: usize = 80;

/// Why a command failed. On a terminal long reasons are several lines; for programs, one stays one.
fn complaint(failure: &Failure, on_terminal: bool) -> String {
    let text = format!("error: {failure}");
    if on_terminal { text::fold(&text, COLUMNS) } else { text }
}

fn print(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of an average that float32 rounds, what to do is told at length.
    #[test]
    fn a_long_reason_is_wrapped_on_a_terminal_alone() {
        let words = "a remedy of many words ".repeat(20);
        let failure = Failure::Unusable(format!("x.onnx: node 'y' (AveragePool): {}", words.trim_end()));
        let shown = complaint(&failure, true);
        assert!(shown.lines().count() > 5 && shown.lines().all(|line| line.len() <= COLUMNS), "{shown}");
        assert!(shown.lines().skip(1).all(|line| line.starts_with("  ")), "{shown}");
        assert_eq!(complaint(&failure, false), format!("error: {failure}"));
        assert_eq!(failure.json()["error"]["message"], failure.to_string());
    }
}
