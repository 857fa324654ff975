//! Quantized neural networks as Halo2 circuits.
//!
//! Data flows one way, a module for each question: ONNX bytes -> [`ir::Model`] -> operators that have equations ->
//! their integer forms -> network, place, equations -> [`layout::Layout`] -> [`circuit::LemmaCircuit`] with a
//! [`witness::Witness`]; [`compile`] goes all the way. This crate is pure: it reads no files, asks no clock and draws no randomness, and what it computes in parallel runs
//! in the thread pool of its caller.

mod cells;
pub mod circuit;
mod compiled;
pub mod cost;
mod derive;
pub mod edge;
mod equations;
mod error;
mod expanded;
mod forms;
pub mod import;
mod index;
pub mod ir;
pub mod layout;
mod network;
mod place;
pub mod reference;
pub mod requantize;
mod roles;
#[cfg(test)]
mod soundness;
mod steps;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod witness;

pub use compiled::{Assignment, CompiledCircuit, compile, compile_within};
#[cfg(any(test, feature = "testing"))]
pub use compiled::{compile_among, compile_with_shape};
pub use error::{Fitting, PlanError, Resource};
pub use layout::{Budget, check_size};
pub use roles::Role;
