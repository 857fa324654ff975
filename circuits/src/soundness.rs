//! Soundness tests that need the inside of a plan: coherent lies, exhaustive uniqueness, widths, pinned keys.
//!
//! SOUNDNESS.md at the root of the repository is the argument; these tests attack each of its lemmas.

mod banks;
mod case;
mod groups;
mod keys;
mod lies;
mod pranks;
mod proofs;
mod tables;
mod uniqueness;
mod widths;
