//! The `lemma-server` command.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use lemma_server::{
    http,
    process::{
        config::{Config, Settings},
        demo::{self, DemoArgs},
        logging,
        run::Running,
        shutdown::Shutdown,
    },
    work::worker::{ChildArgs, ChildCommand, child_main},
};
use lemma_verifier::env::check_processor;

/// Proofs of neural-network inferences over HTTP.
#[derive(Debug, Parser)]
#[command(name = "lemma-server", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Serve(Box<Settings>),
    /// Run the service on a free port and prove and verify an inference through it, step by step
    Demo(DemoArgs),
    /// Print the OpenAPI document
    Openapi,
    /// Prove for the service that started this process
    #[command(hide = true)]
    ProveChild(ChildArgs),
}

/// How long what still runs may take to end with the service.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Exit code for unusable arguments, files or addresses.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if let Err(error) = check_processor() {
        return unusable(error);
    }
    let done = match command {
        Command::ProveChild(arguments) => {
            return ExitCode::from(u8::try_from(child_main(arguments)).unwrap_or(u8::MAX));
        }
        Command::Serve(settings) => serve(*settings),
        Command::Demo(arguments) => runtime()
            .and_then(|runtime| runtime.block_on(demo::run(&arguments)).map_err(|error| error.to_string())),
        Command::Openapi => print_document(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => unusable(message),
    }
}

fn unusable(message: impl fmt::Display) -> ExitCode {
    // Nobody reads a closed standard error.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(UNUSABLE)
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let build = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    build.map_err(|error| format!("cannot start threads: {error}"))
}

fn serve(settings: Settings) -> Result<(), String> {
    let config = Config::load(settings).map_err(|error| error.to_string())?;
    logging::start(config.log_format, &config.log).map_err(|error| format!("log filter: {error}"))?;
    let child = ChildCommand::this_program().map_err(|error| format!("cannot find this program: {error}"))?;
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let shutdown = Shutdown::default();
        shutdown.on_signals().map_err(|error| format!("cannot listen to signals: {error}"))?;
        let running = Running::open(config, child, shutdown).await.map_err(|error| error.to_string())?;
        // A reader that has gone away is no reason not to serve.
        let _ = writeln!(
            io::stdout(),
            "listening on http://{}, data in {}\n\
             there is no authentication: whoever reaches this address can use the service",
            running.address(),
            running.data().display()
        );
        running.run().await;
        Ok(())
    });
    // A thread that a disk keeps waiting is left behind.
    runtime.shutdown_timeout(END_PATIENCE);
    served
}

fn print_document() -> Result<(), String> {
    let document = http::document().to_pretty_json().map_err(|error| error.to_string())?;
    match writeln!(io::stdout(), "{document}") {
        // A reader that has gone away has what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| format!("standard output: {error}")),
    }
}
