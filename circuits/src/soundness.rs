//! Soundness tests that need the inside of a plan: coherent lies, exhaustive uniqueness, widths, pinned keys.
//!
//! SOUNDNESS.md at the root of the repository is the argument; these tests attack each of its lemmas.

mod banks;
mod case;
mod document;
mod fixtures;
mod groups;
mod key_contents;
mod keys;
mod layers;
mod lies;
mod pranks;
mod proofs;
mod tables;
mod uniqueness;
mod widths;
