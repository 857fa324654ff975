//! Whole proofs against the stock verifier, and against the stock prover.

mod accepted;
mod committed;
mod kept;
mod large;
mod randomness;
mod setups;
mod simulated;
pub(crate) mod toy;
