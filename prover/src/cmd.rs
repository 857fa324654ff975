//! Commands, their arguments, and the one place where a result becomes an exit code.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done, or the proof is valid |
//! | 1 | the proof is invalid, or damaged |
//! | 2 | unusable arguments or files, such as one that is no proof; the message says which and what to do |
//! | 3 | internal error |
//!
//! With `--json` standard output carries exactly one JSON object, for errors too. Progress goes to standard
//! error, and only when that is a terminal.

mod answer;
mod args;
mod bench;
mod bundled;
mod compile;
mod demo;
mod failure;
mod files;
mod inspect;
mod model;
mod msm;
mod ops;
mod output;
mod picture;
mod progress;
mod prove;
mod run;
mod session;
mod setup;
mod srs;
mod store;
mod text;
mod verify;
mod vk;

use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind};
use lemma_verifier::env::check_processor;
use serde_json::json;

use args::{Arguments, Command};
use failure::Failure;
use output::{Outcome, Output};
use session::Session;

/// Runs the command of this process's arguments.
pub(crate) fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => return no_arguments(&error, words.iter().any(|word| word == "--json")),
    };
    let output = Output::new(arguments.json);
    let message = failure::record_panics();
    let session = Session::new(arguments.store, output);
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&arguments.command, &session)))
        .unwrap_or_else(|_| Err(Failure::Internal(message.take())));
    output.finish(outcome)
}

/// More threads than any machine has use for.
const MOST_THREADS: usize = 256;

/// Starts the threads that compute: as many as the machine has, or as `RAYON_NUM_THREADS` says.
fn start_threads() -> Result<(), Failure> {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok());
    let machine = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = asked.filter(|threads| *threads > 0).unwrap_or(machine).min(MOST_THREADS);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(|error| {
        Failure::unusable(format!(
            "cannot start {threads} threads: {error}; raise the limits of the process (ulimit), or set RAYON_NUM_THREADS to less"
        ))
    })
}

fn run(command: &Command, session: &Session) -> Result<Outcome, Failure> {
    check_processor().map_err(Failure::unusable)?;
    start_threads()?;
    match command {
        Command::Run(args) => run::run(args, session),
        Command::Compile(args) => compile::run(args, session),
        Command::Prove(args) => prove::run(args, session),
        Command::Verify(args) => verify::run(args, session),
        Command::Vk(args) => vk::run(args, session),
        Command::Inspect(args) => inspect::run(args, session),
        Command::Srs(command) => srs::run(command, session),
        Command::Store(command) => store::run(command, session),
        Command::Ops => Ok(ops::run()),
        Command::Demo(args) => demo::run(args, session),
        Command::Bench(args) => bench::run(args, session),
    }
}

/// Help and version, which are asked for, and arguments that are none.
fn no_arguments(error: &clap::Error, as_json: bool) -> ExitCode {
    let output = Output::new(as_json);
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let text = error.render().to_string();
    if !as_json && (asked_for || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        // Colors on a terminal; a reader that has gone away needs no help.
        let _ = error.print();
        return ExitCode::from(if asked_for { 0 } else { 2 });
    }
    if asked_for {
        return output.finish(Ok(Outcome::done("", json!({ "text": text }))));
    }
    output.finish(Err(Failure::unusable(text.trim().trim_start_matches("error: "))))
}
