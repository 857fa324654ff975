//! Operators that move, repeat or leave out elements.

pub(in crate::import) mod blocks;
pub(in crate::import) mod concat;
pub(in crate::import) mod pad;
pub(in crate::import) mod pick;
pub(in crate::import) mod resize;
pub(in crate::import) mod shape;
