//! Where integers begin and end.

pub(in crate::import) mod arg_max;
pub(in crate::import) mod quantize;
pub(in crate::import) mod softmax;
