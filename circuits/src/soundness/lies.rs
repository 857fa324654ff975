//! The table of lies: per hint, what a cheating prover would write, and what must catch it.
//!
//! A lie is coherent: every other cell is what an honest prover would derive from it, later layers and the
//! statement included, so that nothing but the named constraint stands in its way.

mod any;
mod linear;
mod threshold;

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::bn256::Fr;

use super::case::Case;
use crate::{Role, witness::Witness};

/// What must reject a lie, and nothing else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caught {
    /// The product sum of a layer is not 0.
    LayerEquation,
    /// Lookups of these columns are in no table, so the lookup sum does not end at 0.
    Tables(Vec<Role>),
    /// The lookup sum does not end at 0 although every lookup is in a table.
    LookupSum,
    /// A packed chunk is not the public input.
    PublicInput,
    /// A copy differs from its original.
    Copy,
}

/// A told lie.
pub(super) struct Told {
    pub(super) witness: Witness,
    pub(super) overrides: BTreeMap<(usize, usize), Fr>,
    pub(super) public: Vec<Fr>,
    pub(super) caught: Caught,
}

impl Told {
    /// A lie in the witness; the statement has the case's input and the outputs that follow from the lie.
    fn new(case: &Case, witness: Witness, caught: Caught) -> Self {
        let public = case.public(&case.input, &witness.outputs);
        Self { witness, overrides: BTreeMap::new(), public, caught }
    }
}

/// A lie about cells of one role; `None` where the case offers no opportunity.
pub(super) struct Lie {
    pub(super) role: Role,
    pub(super) what: &'static str,
    pub(super) tell: fn(&Case) -> Option<Told>,
}

/// All lies.
pub(super) fn all() -> Vec<&'static Lie> {
    [any::LIES, linear::LIES, threshold::LIES].into_iter().flatten().collect()
}
