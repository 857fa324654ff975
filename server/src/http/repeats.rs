//! Requests with an idempotency key that come at the same time: one of them is dealt with, the others get what it got.

use std::sync::Arc;

use lemma_prover::digest::Digest;
use moka::future::Cache;

use crate::{
    http::{problem::Problem, wire::Tensor},
    store::records::Idempotency,
    work::jobs::Job,
};

/// What a request that becomes a job became.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) job: Job,
    /// The outputs, if they were asked for.
    pub(crate) outputs: Vec<Tensor>,
}

/// The requests with a key that are being dealt with. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Repeats {
    accepted: Cache<(String, Digest), Arc<Accepted>>,
}

impl Repeats {
    pub(crate) fn new() -> Self {
        Self { accepted: Cache::new(u64::MAX) }
    }

    /// Deals with a request unless the same one is being dealt with. Nothing is kept: later repeats find the job in the
    /// records.
    ///
    /// # Errors
    /// What dealing with it met.
    pub(crate) async fn once(
        &self,
        idempotency: &Idempotency,
        accept: impl Future<Output = Result<Accepted, Problem>>,
    ) -> Result<Arc<Accepted>, Problem> {
        let key = (idempotency.key.clone(), idempotency.request);
        let accept = async { accept.await.map(Arc::new) };
        let accepted = self.accepted.try_get_with_by_ref(&key, accept).await;
        self.accepted.invalidate(&key).await;
        accepted.map_err(|problem: Arc<Problem>| (*problem).clone())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;
    use crate::http::problem::ProblemType;

    #[tokio::test]
    async fn a_refusal_is_shared_by_those_who_wait_and_kept_for_nobody() {
        let repeats = Repeats::new();
        let idempotency = Idempotency { key: "x".into(), request: Digest::of(b"x") };
        let dealt = AtomicUsize::new(0);
        let refuse = || async {
            dealt.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(Problem::new(ProblemType::QueueFull, "full"))
        };
        let (first, second) =
            tokio::join!(repeats.once(&idempotency, refuse()), repeats.once(&idempotency, refuse()));
        assert_eq!(first.unwrap_err().kind(), ProblemType::QueueFull);
        assert_eq!(second.unwrap_err().kind(), ProblemType::QueueFull);
        assert_eq!(dealt.load(Ordering::SeqCst), 1);
        assert!(repeats.once(&idempotency, refuse()).await.is_err());
        assert_eq!(dealt.load(Ordering::SeqCst), 2);
    }
}
