//! Turns of requests with one key.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use lemma_verifier::digest::Digest;
use tokio::sync::OwnedMutexGuard;

/// An owner's key.
pub(super) type Key = (String, String);

/// The keys of requests that are being dealt with.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Key, Weak<Matter>>>);

/// What requests with one key have in common, as long as there is one.
#[derive(Debug, Default)]
struct Matter {
    turn: Arc<tokio::sync::Mutex<()>>,
    refused: Mutex<Refused>,
}

/// The last refusal.
#[derive(Default)]
struct Refused {
    /// How many there were.
    count: u64,
    request: Option<Digest>,
    reason: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("count", &self.count).finish_non_exhaustive()
    }
}

/// The turn of one request, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    matter: Arc<Matter>,
    request: Digest,
    /// How many had been refused when it came.
    before: u64,
    _turn: OwnedMutexGuard<()>,
}

impl Turns {
    /// The turn of a request, as soon as those before it are dealt with.
    pub(super) async fn take(&self, key: Key, request: Digest) -> Turn {
        let matter = self.matter(key);
        let before = matter.refused().count;
        let turn = matter.turn.clone().lock_owned().await;
        Turn { matter, request, before, _turn: turn }
    }

    fn matter(&self, key: Key) -> Arc<Matter> {
        let mut matters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(matter) = matters.get(&key).and_then(Weak::upgrade) {
            return matter;
        }
        matters.retain(|_, matter| matter.strong_count() > 0);
        let matter = Arc::default();
        matters.insert(key, Arc::downgrade(&matter));
        matter
    }
}

impl Matter {
    fn refused(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Why the same request was refused while this one waited.
    pub(super) fn refusal<E: Clone + 'static>(&self) -> Option<E> {
        let refused = self.matter.refused();
        let shared = refused.count > self.before && refused.request == Some(self.request);
        refused.reason.as_ref().filter(|_| shared)?.downcast_ref().cloned()
    }

    /// Lets the same requests that wait share a refusal. Those that come later do not.
    pub(super) fn refuse<E: Send + Sync + 'static>(&self, reason: E) {
        let mut refused = self.matter.refused();
        refused.count += 1;
        refused.request = Some(self.request);
        refused.reason = Some(Box::new(reason));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    async fn deal(turns: &Turns, body: &[u8], dealt: &AtomicUsize) -> Result<(), String> {
        let turn = turns.take((String::new(), "key".into()), Digest::of(body)).await;
        if let Some(refusal) = turn.refusal() {
            return Err(refusal);
        }
        let number = dealt.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let refusal = format!("full {number}");
        turn.refuse(refusal.clone());
        Err(refusal)
    }

    #[tokio::test]
    async fn a_refusal_is_shared_by_those_who_wait_and_kept_for_nobody() {
        let (turns, dealt) = (Turns::default(), AtomicUsize::new(0));
        let (first, second, other) =
            tokio::join!(deal(&turns, b"x", &dealt), deal(&turns, b"x", &dealt), deal(&turns, b"y", &dealt));
        assert_eq!((first, second), (Err("full 0".into()), Err("full 0".into())));
        assert_eq!(other, Err("full 1".into()), "another request is dealt with by itself");
        assert_eq!(deal(&turns, b"y", &dealt).await, Err("full 2".into()));
        assert_eq!(turns.0.lock().unwrap().values().filter(|matter| matter.strong_count() > 0).count(), 0);
    }

    #[tokio::test]
    async fn whoever_comes_after_a_refusal_does_not_share_it() {
        let turns = Arc::new(Turns::default());
        let take = || {
            let turns = turns.clone();
            async move { turns.take((String::new(), "key".into()), Digest::of(b"x")).await }
        };
        let first = take().await;
        let waiting = tokio::spawn(take());
        tokio::task::yield_now().await;
        first.refuse("full");
        let late = tokio::spawn(take());
        tokio::task::yield_now().await;
        drop(first);
        let waiting = waiting.await.unwrap();
        assert_eq!(waiting.refusal(), Some("full"));
        drop(waiting);
        assert_eq!(late.await.unwrap().refusal::<&str>(), None);
    }
}
