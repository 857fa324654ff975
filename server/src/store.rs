//! What is remembered: rows, and bytes named by their digest.

pub mod blobs;
pub(crate) mod model_files;
pub mod records;
pub(crate) mod verifiers;
