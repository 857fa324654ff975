//! Lists that many planes have in common.

use std::{collections::HashSet, hash::Hash, sync::Arc};

/// Equal lists, of which one is kept.
pub(super) struct Shared<T> {
    all: HashSet<Arc<[T]>>,
    last: Option<Arc<[T]>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { all: HashSet::new(), last: None }
    }
}

impl<T: Eq + Hash> Shared<T> {
    /// The list that is kept.
    pub(super) fn one(&mut self, list: Arc<[T]>) -> Arc<[T]> {
        // Comparing takes less than hashing.
        if let Some(last) = self.last.as_ref().filter(|last| **last == list) {
            return last.clone();
        }
        if !self.all.contains(&list) {
            self.all.insert(list.clone());
        }
        let kept = self.all.get(&list).cloned().unwrap_or(list);
        self.last = Some(kept.clone());
        kept
    }
}
