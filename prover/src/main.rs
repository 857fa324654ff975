//! The `lemma` command line.

mod cmd;

use std::process::ExitCode;

fn main() -> ExitCode {
    cmd::main()
}
