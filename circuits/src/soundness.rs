//! Soundness tests that need the inside of a layout: coherent lies, exhaustive uniqueness, widths, the algebra the
//! equations rest on, pinned keys.
//!
//! SOUNDNESS.md at the root of the repository is the argument; these tests attack each of its lemmas.

mod algebra;
mod case;
mod control;
mod document;
mod example;
mod fixtures;
mod groups;
mod key_contents;
mod keys;
mod lies;
mod pranks;
mod proofs;
pub(crate) mod random;
mod reach;
mod tables;
mod uniqueness;
mod views;
mod widths;
