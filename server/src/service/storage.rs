//! Whether something can be kept.

use lemma_prover::store::StoreError;
use tokio::time::{Duration, Instant};

use super::{JobService, blocking};
use crate::store::{blobs::BlobError, records::RecordsError};

/// How long a write that was made to find out whether storage takes writes stands for others.
const WRITE_CHECK_HOLDS: Duration = Duration::from_secs(1);

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The database refuses.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The blobs' directory refuses.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The prover's store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StorageError {
    /// Whether it can go away by itself: the system or the database refused, as with a full disk.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Blobs(error) => error.is_transient(),
            Self::Records(error) => error.is_transient(),
            Self::Store(error) => matches!(error, StoreError::Io { .. } | StoreError::NotWritable { .. }),
        }
    }
}

impl JobService {
    /// Whether jobs can be taken: database, blobs and store take writes, every lane lives and nothing shuts down. Callers
    /// that come at the same time, or soon after a write that succeeded, share that write.
    ///
    /// # Errors
    /// When database, blobs or store refuse a write.
    pub async fn ready(&self) -> Result<bool, StorageError> {
        let mut written = self.inner.written.lock().await;
        if written.is_none_or(|written| written.elapsed() > WRITE_CHECK_HOLDS) {
            *written = None;
            self.inner.records.check_writable(self.inner.clock.now()).await?;
            let (blobs, keyring) = (self.inner.blobs.clone(), self.inner.keyring.clone());
            let check = move || {
                blobs.check_writable()?;
                Ok::<_, StorageError>(keyring.store().check_writable()?)
            };
            blocking(check).await?;
            *written = Some(Instant::now());
        }
        Ok(!self.is_stopping() && self.inner.dispatcher.is_whole())
    }
}
