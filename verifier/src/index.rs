//! Numbers that say which of many: each kind is a type, so that the compiler tells them apart.
//!
//! Lists that are indexed by one kind only are [`TiVec`](typed_index_collections::TiVec)s. Ranges
//! of them are gone through with [`each`].

use std::ops::Range;

/// Makes types of indices of one visibility. Whoever counts beyond the numbers of a machine is stopped.
#[macro_export]
macro_rules! indices {
    ($visibility:vis struct; $($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name(usize);

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
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

        impl ::std::ops::Add<usize> for $name {
            type Output = Self;

            fn add(self, further: usize) -> Self {
                Self(self.0.strict_add(further))
            }
        }

        impl ::std::ops::Sub<usize> for $name {
            type Output = Self;

            fn sub(self, back: usize) -> Self {
                Self(self.0.strict_sub(back))
            }
        }

        impl ::std::ops::Sub for $name {
            type Output = usize;

            fn sub(self, from: Self) -> usize {
                self.0.strict_sub(from.0)
            }
        }
    )*};
}

indices! {
    pub struct;
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
    /// A group of claims that are packed in one field element.
    GroupId = "group";
}

/// The first so many indices of a kind.
pub fn first<K: From<usize>>(count: usize) -> impl DoubleEndedIterator<Item = K> + ExactSizeIterator {
    (0..count).map(K::from)
}

/// The indices in a range.
pub fn each<K>(range: Range<K>) -> impl DoubleEndedIterator<Item = K> + ExactSizeIterator
where
    K: From<usize>,
    usize: From<K>,
{
    (usize::from(range.start)..usize::from(range.end)).map(K::from)
}
