//! Sums and products of two tensors.

pub(in crate::import) mod elementwise;
pub(in crate::import) mod float_pair;
