//! Finished proofs: their bytes, and the judgement of those that callers bring.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lemma_prover::keys::KeysError;
use lemma_verifier::{
    statement::Statement,
    verify::{Expect, VerifierKey, VerifyError, verify},
};

use super::{JobService, blocking, pool::PoolError};
use crate::{
    store::{
        blobs::{BlobError, BlobKind},
        records::{JobFilter, JobPage, RecordsError},
    },
    work::jobs::{Job, JobId, Outcome},
};

/// Why a bundle cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The job has no bundle: it is no proof job or has not succeeded.
    #[error("job {job} has no proof")]
    None {
        /// The job.
        job: JobId,
    },
    /// The bundle was there and is missing or damaged now, or cannot be read.
    #[error("the proof of job {job} cannot be read: {source}")]
    Blob {
        /// The job.
        job: JobId,
        /// What is wrong.
        #[source]
        source: BlobError,
    },
}

impl BundleError {
    /// Whether it can go away by itself: the system refused.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Blob { source, .. } if source.is_transient())
    }
}

/// What was found out about a proof.
#[derive(Debug)]
pub struct Judgement {
    /// What it states, or why it is refused.
    pub verdict: Result<Statement, VerifyError>,
    /// The key it was judged by.
    pub key: Arc<VerifierKey>,
    /// How long that took.
    pub time: Duration,
}

/// Why a proof is not judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// There is no place for it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The circuit's key cannot be had.
    #[error(transparent)]
    Key(#[from] Arc<KeysError>),
}

impl JobService {
    /// The proof bundle of a job, its digest checked.
    ///
    /// # Errors
    /// When the job has none, or its bytes are not what they were.
    pub async fn bundle(&self, job: &Job) -> Result<Vec<u8>, BundleError> {
        let id = job.id;
        let Some(Outcome::Proof { bundle, .. }) = job.outcome else {
            return Err(BundleError::None { job: id });
        };
        let blobs = self.inner.blobs.clone();
        blocking(move || blobs.get(BlobKind::Bundle, bundle))
            .await
            .map_err(|source| BundleError::Blob { job: id, source })
    }

    /// Judges a proof as its receivers do, on threads that proving never takes.
    ///
    /// # Errors
    /// When it is not judged; a proof that is refused is a [`Judgement`].
    pub async fn judge<B>(&self, bundle: B, expect: Expect) -> Result<Judgement, JudgeError>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        let verifiers = self.inner.verifiers.clone();
        let judge = move || {
            let key = verifiers.get(expect.circuit)?;
            let start = Instant::now();
            let verdict = verify(bundle.as_ref(), &key, &expect);
            Ok(Judgement { verdict, key, time: start.elapsed() })
        };
        self.inner.pools.verify.run(judge).await?
    }

    /// A part of the jobs, newest first, that begins behind the given one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<JobPage, RecordsError> {
        self.inner.records.list(filter, after, limit).await
    }
}
