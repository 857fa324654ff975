//! The `lemma-server` command.

use clap::{Parser, Subcommand};
use lemma_server::worker::{ChildArgs, child_main};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A worker process; started by the service only.
    #[command(name = "prove-child", hide = true)]
    ProveChild(ChildArgs),
}

fn main() {
    match Arguments::parse().command {
        Command::ProveChild(arguments) => std::process::exit(child_main(arguments)),
    }
}
