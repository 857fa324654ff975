//! Whole proofs against the stock verifier, and against the stock prover.

mod setups;
pub(crate) mod toy;

mod accepted;
