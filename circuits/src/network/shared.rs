//! Lists that many planes have in common.

use std::{collections::HashSet, hash::Hash, sync::Arc};

use typed_index_collections::TiSlice;

use crate::index::Position;

/// One for each position of a plane.
pub(crate) type ByPosition<T> = Arc<TiSlice<Position, T>>;

/// A list by positions.
pub(crate) fn by_position<T>(list: impl IntoIterator<Item = T>) -> ByPosition<T> {
    Arc::from(list.into_iter().collect::<Box<TiSlice<Position, T>>>())
}

/// Equal lists, of which one is kept.
pub(super) struct Shared<T> {
    all: HashSet<ByPosition<T>>,
    last: Option<ByPosition<T>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { all: HashSet::new(), last: None }
    }
}

impl<T: Eq + Hash> Shared<T> {
    /// The list that is kept.
    pub(super) fn one(&mut self, list: ByPosition<T>) -> ByPosition<T> {
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
