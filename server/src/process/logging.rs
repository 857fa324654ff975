//! Logging to standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, filter::ParseError};

use super::config::LogFormat;

/// Starts logging to standard error.
///
/// # Errors
/// When `filter` is none, in the notation of the `tracing-subscriber` crate.
pub fn start(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    let filter: EnvFilter = filter.parse()?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A line that cannot be written would be complained about on standard error too, which panics.
        .log_internal_errors(false);
    // A second subscriber is refused; the first goes on logging.
    let _ = match format {
        LogFormat::Text => tracing::subscriber::set_global_default(subscriber.finish()),
        LogFormat::Json => tracing::subscriber::set_global_default(subscriber.json().finish()),
    };
    Ok(())
}
