//! Layers with constant weights.

pub(in crate::import) mod arithmetic;
pub(in crate::import) mod convolution;
pub(in crate::import) mod fully_connected;
pub(in crate::import) mod integer;
pub(in crate::import) mod window;
