//! Numbers that say which of many: each kind is a type, so that the compiler tells them apart.
//!
//! Lists that are indexed by one kind only are [`TiVec`](typed_index_collections::TiVec)s. Ranges
//! of them are gone through with [`each`].

use std::{
    fmt,
    ops::{Add, Range, Sub},
};

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(usize);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, " {}"), self.0)
            }
        }

        impl From<usize> for $name {
            fn from(index: usize) -> Self {
                Self(index)
            }
        }

        impl From<$name> for usize {
            fn from(index: $name) -> Self {
                index.0
            }
        }

        impl Add<usize> for $name {
            type Output = Self;

            fn add(self, further: usize) -> Self {
                Self(self.0 + further)
            }
        }

        impl Sub<usize> for $name {
            type Output = Self;

            fn sub(self, back: usize) -> Self {
                Self(self.0 - back)
            }
        }

        impl Sub for $name {
            type Output = usize;

            fn sub(self, from: Self) -> usize {
                self.0 - from.0
            }
        }
    )*};
}

indices! {
    /// A node of the expanded network.
    NodeId = "node";
    /// A linear map of the network: a node that computes something.
    MapId = "map";
    /// A tap of a map.
    TapId = "tap";
    /// A bank, counted over banks of all kinds, linear ones first.
    BankId = "bank";
    /// A fixed column.
    FixedColumn = "fixed column";
    /// An advice column.
    AdviceColumn = "advice column";
    /// A row of the circuit.
    RowId = "row";
    /// A lane of a bank.
    Lane = "lane";
    /// A lane, counted over the lanes of all banks.
    LaneId = "lane of all";
    /// A block of the placement.
    BlockId = "block";
    /// A plane of a block, by its place in it.
    Member = "member";
    /// An equation of the region, counted from 1.
    EquationId = "equation";
    /// A group of claims that are packed in one field element.
    GroupId = "group";
    /// A claim of a group, by its place in it.
    SlotId = "slot";
    /// A plane of a tensor.
    PlaneId = "plane";
    /// An element of a plane, by its place in it.
    Position = "position";
}

/// The first so many indices of a kind.
pub(crate) fn first<K: From<usize>>(count: usize) -> impl DoubleEndedIterator<Item = K> + ExactSizeIterator {
    (0..count).map(K::from)
}

/// The indices in a range.
pub(crate) fn each<K>(range: Range<K>) -> impl DoubleEndedIterator<Item = K> + ExactSizeIterator
where
    K: From<usize>,
    usize: From<K>,
{
    (usize::from(range.start)..usize::from(range.end)).map(K::from)
}
