//! The command line as its users meet it: a process, its arguments, its output and its exit code.

mod arguments;
mod benchmark;
mod files;
mod inference;
mod onnx;
mod proofs;
mod refusals;
mod session;
mod setup;
mod trust;
