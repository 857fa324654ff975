//! When to stop.

use std::{future::Future, io};

use tokio::{
    signal::unix::{SignalKind, signal},
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

    /// Begins when the process gets SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the system gives no signal handlers.
    pub fn on_signals(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let this = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // Whatever happens to the log, the service stops.
            this.begin();
            tracing::info!("told to stop");
        });
        Ok(())
    }
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
}
