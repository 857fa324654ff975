//! Keys and proofs for Lemma circuits, and the front door of proving and verifying.
//!
//! # Prove
//!
//! ```no_run
#![doc = include_str!("../examples/prove.rs")]
//! ```
//!
//! # Verify
//!
//! ```no_run
#![doc = include_str!("../examples/verify.rs")]
//! ```
//!
//! # Plan
//!
//! ```no_run
#![doc = include_str!("../examples/plan.rs")]
//! ```
//!
//! # Rooms
//!
//! [`Circuit`] and [`Verifier`] are the front door. Behind it, a [`keys::Keyring`] turns a compiled circuit into keys and keeps them in a
//! [`store::Store`]; [`prove::prove`] makes a proof bundle and checks its bytes; [`lemma_verifier::verify::verify`] decides about a bundle with
//! nothing but a [`lemma_verifier::verify::VerifierKey`] and what the caller expects:
//!
//! ```text
//! CompiledCircuit --keygen--> ProvingKeys --inputs--> proof bundle (bytes) --VerifierKey, Expect--> Statement
//! ```
//!
//! Trust is local: a verifier key comes from the caller's own store or file and is named by the circuit id it
//! hashes to; nothing is ever read from the bundle that could choose a key, a digest or a parameter.
//!
//! The feature `cli`, on by default, builds the command line; the library needs nothing of it.

pub mod atomic_file;
pub mod cancellation;
pub mod env;
mod facade;
#[cfg(test)]
mod fixture;
pub mod inputs;
pub mod keys;
pub mod measure;
pub mod memory;
pub mod params;
pub mod prediction;
pub mod progress;
mod proof_system;
pub mod prove;
mod randomness;
pub mod regular_file;
pub mod store;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod verifier_tests;

pub use facade::{Answer, Answers, Circuit, FacadeError, Proof, Tensor, Verifier};
pub use lemma_circuits as circuits;
pub use lemma_verifier as verifier;
