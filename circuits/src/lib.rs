//! Quantized neural networks as Halo2 circuits.
//!
//! Data flows one way: ONNX bytes -> [`ir::Model`] -> [`CompiledCircuit`], which plans the model in one of two layouts ->
//! [`circuit::LemmaCircuit`] with a [`witness::Witness`]. Fully connected networks on one row are planned by
//! [`plan::Plan`], all others by `BankPlan`, in banks of lanes that share rows. This crate is pure: it reads no files, asks no clock and draws no
//! randomness, and what it computes in parallel runs in the thread pool of its caller.

mod banks;
mod chip;
pub mod circuit;
mod compiled;
pub mod edge;
pub mod import;
pub mod ir;
pub mod plan;
pub mod reference;
pub mod requantize;
#[cfg(test)]
mod soundness;
pub mod statement;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod witness;

pub use chip::{MAX_GATE_DEGREE, Role};
pub use compiled::{Assignment, CompiledCircuit, check_size, compile};
#[cfg(any(test, feature = "testing"))]
pub use compiled::{compile_among, compile_with_shape};
