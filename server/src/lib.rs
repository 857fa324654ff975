//! Proofs over HTTP.
