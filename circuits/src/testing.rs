//! The soundness harness: evidence that the constraints pin what they should (feature `testing`).
//!
//! A [`recorder`] runs the synthesis of a circuit for chosen challenges and captures a [`grid::Grid`]; a
//! [`system::System`] is the constraint system as evaluable polynomials. On these two work four testers:
//! - [`checker`]: does the grid satisfy the system? Fast after the change of one cell;
//! - [`mutation`]: every single-cell change must be noticed, by a constraint that names the cell's role;
//! - [`tangent`]: the directions in which a satisfied grid can move to first order are exactly those that the
//!   plan predicts ([`ideal`]), and only hints under a lookup take part;
//! - [`structure`] and [`commitment`]: what can be read off the constraint system alone.
//!
//! None of this is reachable in a build without the feature.

pub mod broken;
pub mod checker;
pub mod commitment;
pub mod elimination;
pub mod grid;
pub mod ideal;
pub mod layout;
pub mod mutation;
pub mod networks;
pub mod recorder;
pub mod replay;
pub(crate) mod spot;
pub mod structure;
pub mod subject;
pub mod system;
pub mod tables;
pub mod tangent;
pub mod vacuous;

use halo2_proofs::halo2curves::{bn256::Fr, ff::FromUniformBytes};
use sha2::{Digest, Sha512};

/// A field element that is a fixed function of a label and an index, for challenges and mutations.
pub fn pseudorandom(label: &str, index: u64) -> Fr {
    let hash = Sha512::new().chain_update(label).chain_update(index.to_le_bytes()).finalize();
    Fr::from_uniform_bytes(&hash.into())
}
