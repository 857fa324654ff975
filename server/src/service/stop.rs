//! The end of the service.

use std::{sync::PoisonError, time::Duration};

use tracing::warn;

use super::JobService;

impl JobService {
    /// Whether the service takes no more jobs.
    pub fn is_stopping(&self) -> bool {
        *self.inner.stopping.borrow()
    }

    /// Waits until the service takes no more jobs.
    pub async fn stopping(&self) {
        let mut stopping = self.inner.stopping.subscribe();
        // The sender lives in the service, so the channel cannot close.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Takes no more jobs, lets running ones finish for this long and gives the rest back to the queue. Jobs can still
    /// be looked at.
    pub async fn drain(&self, grace: Duration) {
        if self.inner.stopping.send_replace(true) {
            return;
        }
        let caretaker = self.inner.caretaker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(caretaker) = caretaker
            && caretaker.await.is_err()
        {
            warn!("the caretaker of the queue had ended");
        }
        self.inner.dispatcher.shutdown(grace).await;
    }

    /// Drains, and closes the database and the data directory. The next start goes on with what is queued.
    pub async fn shutdown(&self, grace: Duration) {
        self.drain(grace).await;
        self.inner.records.close().await;
        drop(self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
