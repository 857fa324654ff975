//! Lemma proofs over HTTP: models, circuits, proof jobs and verification.
//!
//! ```text
//! process -> http -> service -> store -> work
//! ```
//!
//! Five rooms, each of which imports only those to its right. Only [`http`] knows JSON for callers and problems, only
//! [`store`] knows SQL, and [`work`] starts the processes that prove.
//!
//! # A service inside a program
//!
//! ```no_run
#![doc = include_str!("../examples/serve.rs")]
//! ```

pub mod http;
pub mod process;
pub mod service;
pub mod store;
pub mod work;
