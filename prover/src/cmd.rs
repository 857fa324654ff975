//! Commands, their arguments, and the one place where a result becomes an exit code.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done, or the proof is valid |
//! | 1 | the proof is invalid |
//! | 2 | unusable arguments or files; the message says which and what to do |
//! | 3 | internal error |
//!
//! With `--json` standard output carries exactly one JSON object, for errors too. Progress goes to standard
//! error, and only when that is a terminal.

mod args;
mod failure;
mod output;
mod progress;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Arguments, Command};
use failure::Failure;
use output::{Outcome, Output};

/// Runs the command of this process's arguments.
pub(crate) fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => return refuse_arguments(&error, words.iter().any(|word| word == "--json")),
    };
    let output = Output::new(arguments.json);
    let message = failure::record_panics();
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&arguments, &output)))
        .unwrap_or_else(|_| Err(Failure::Internal(message.take())));
    output.finish(outcome)
}
