//! Lemma proofs over HTTP: models, circuits, proof jobs and verification.

pub mod blobs;
pub mod crash_points;
pub mod dispatch;
pub mod jobs;
pub mod records;
pub mod service;
pub mod worker;
