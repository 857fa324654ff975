//! Attacks on circuits with banks: coherent lies, other layouts, and the algebra the equations rest on.

mod algebra;
mod case;
mod control;
mod example;
mod fixtures;
pub(super) mod lies;
mod pranks;
mod proofs;
mod random;
mod reach;
mod tables;
mod uniqueness;
mod views;
mod widths;

pub(super) use case::Case;
