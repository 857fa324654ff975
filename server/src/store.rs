//! What is remembered: rows, and bytes named by their digest.

pub mod blobs;
pub mod model_files;
pub mod records;
pub mod verifiers;
