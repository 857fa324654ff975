//! The demonstration: a service on a free port, and a client that knows nothing of it but its address.
//!
//! The client uploads the bundled digits model, builds its circuit, asks for an inference and its proof, downloads
//! both proof and key, and verifies the proof offline, in this process, without the service.

mod client;
mod offline;
mod steps;

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use tokio::time::Instant;

use crate::{
    process::{
        config::{Config, ConfigError, LogFormat, Settings},
        logging,
        run::{RunError, Running},
        shutdown::Shutdown,
    },
    work::worker::ChildCommand,
};

pub use client::ClientError;
pub use offline::OfflineError;

/// What the demonstration logs: nothing but faults.
const LOG: &str = "error";

/// Arguments of the demonstration.
#[derive(Clone, Debug, Default, Args)]
pub struct DemoArgs {
    /// End after the last step instead of serving on
    #[arg(long)]
    pub exit: bool,
    /// Directory of the data; a temporary one by default, removed at the end
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address to listen on, by default a free port of 127.0.0.1
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
}

/// Why the demonstration ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The arguments are unusable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The service does not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The service did not answer as it should.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The downloaded files do not verify.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// The system refuses something else.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
}

/// Runs the demonstration, and serves on unless told to end.
///
/// # Errors
/// [`DemoError`] says at which step it ended.
pub async fn run(arguments: &DemoArgs) -> Result<(), DemoError> {
    let begin = Instant::now();
    let temporary = match &arguments.data {
        Some(_) => None,
        None => Some(tempfile::tempdir()?),
    };
    let data = arguments.data.clone().or_else(|| temporary.as_ref().map(|made| made.path().to_owned()));
    let settings = Settings {
        listen: Some(arguments.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))),
        data,
        ..Settings::default()
    };
    // The filter is a constant that parses.
    let _ = logging::start(LogFormat::Text, LOG);
    let shutdown = Shutdown::default();
    shutdown.on_signals()?;
    let running =
        Running::open(Config::of(settings)?, ChildCommand::this_program()?, shutdown.clone()).await?;
    let address = running.address();
    steps::say(begin.elapsed(), &format!("the service listens on http://{address}"));
    let service = tokio::spawn(running.run());
    let shown = tokio::select! {
        shown = steps::show(address) => shown,
        () = shutdown.wait() => Ok(()),
    };
    if shown.is_ok() && !arguments.exit && !shutdown.begun() {
        steps::line(&format!("\nthe service goes on: http://{address}/docs describes it, Ctrl-C ends it"));
        shutdown.wait().await;
    }
    shutdown.begin();
    if service.await.is_err() {
        tracing::error!("the service panicked");
    }
    if shown.is_ok() {
        steps::line(&format!("done in {}", steps::time(begin.elapsed())));
    }
    shown
}
