//! When to stop.

use std::{fs, future::Future, io};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Says that the service stops; every part that waits for something listens to it.
#[derive(Clone, Debug)]
pub struct Shutdown {
    stopping: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { stopping: watch::Sender::new(false) }
    }
}

impl Shutdown {
    /// Tells everybody to stop.
    pub fn begin(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether the service stops.
    pub fn begun(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until the service is told to stop.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.stopping.subscribe();
        let this = self.clone();
        async move {
            // The sender lives in `this`, so the channel cannot close.
            let _ = stopping.wait_for(|stopping| *stopping).await;
            drop(this);
        }
    }

    /// Begins when the process gets SIGTERM or SIGINT, or SIGHUP, as when its terminal is closed; but whoever had it started
    /// with SIGHUP ignored, like `nohup`, has it go on.
    ///
    /// # Errors
    /// When the system gives no signal handlers.
    pub fn on_signals(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        let this = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = received(hangup.as_mut()) => {}
            }
            // Whatever happens to the log, the service stops.
            this.begin();
            tracing::info!("told to stop");
        });
        Ok(())
    }
}

/// Waits for a signal; for ever if there is none to wait for.
async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether the process was started with SIGHUP ignored.
fn ignores_hangup() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| has_hangup_ignored(&status))
}

/// Reads that off the kernel's account of the process: a mask of signals, of which this is the first.
fn has_hangup_ignored(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_hears_it_before_and_after() {
        let shutdown = Shutdown::default();
        let early = shutdown.wait();
        assert!(!shutdown.begun());
        shutdown.clone().begin();
        early.await;
        shutdown.wait().await;
        assert!(shutdown.begun());
    }

    #[test]
    fn a_mask_tells_whether_hangups_are_ignored() {
        assert!(has_hangup_ignored("Name:\tx\nSigIgn:\t0000000000001001\n"));
        assert!(!has_hangup_ignored("Name:\tx\nSigIgn:\t0000000000001000\n"));
        assert!(!has_hangup_ignored("Name:\tx\n"));
    }
}
