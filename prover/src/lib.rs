//! Keys, proofs, artifacts and offline verification for Lemma circuits.
//!
//! A [`keys::Keyring`] turns a compiled circuit into keys and keeps them in a [`store::Store`];
//! [`prove::prove`] makes a proof bundle and checks its bytes; [`verify::verify`] decides about a bundle with
//! nothing but a [`verify::VerifierKey`] and what the caller expects:
//!
//! ```text
//! CompiledCircuit --keygen--> ProvingKeys --inputs--> proof bundle (bytes) --VerifierKey, Expect--> Statement
//! ```
//!
//! Trust is local: a verifier key comes from the caller's own store or file and is named by the circuit id it
//! hashes to; nothing is ever read from the bundle that could choose a key, a digest or a parameter.

pub mod artifact;
pub mod atomic_file;
pub mod cancellation;
pub mod digest;
pub mod env;
pub mod envelope;
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
pub mod store;
#[cfg(test)]
mod tampering;
pub mod verify;
