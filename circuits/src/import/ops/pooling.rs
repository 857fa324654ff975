//! What is computed over the elements of a window or along axes.

pub(in crate::import) mod average;
pub(in crate::import) mod maximum;
pub(in crate::import) mod pool;
pub(in crate::import) mod reduce;
