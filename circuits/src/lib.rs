//! Quantized neural networks as Halo2 circuits.
//!
//! Data flows one way: ONNX bytes -> [`ir::Model`] -> plan -> circuit + witness. This crate is pure: it
//! reads no files, starts no threads, asks no clock and draws no randomness.

pub mod ir;
pub mod requantize;
