//! Functions of one value.

pub(in crate::import) mod normalization;
pub(in crate::import) mod unary;
pub(in crate::import) mod with_constant;
