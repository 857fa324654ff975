//! How long a proof is.

use std::collections::{BTreeMap, BTreeSet};

use ff::Field;
use halo2_proofs::{plonk::ConstraintSystem, poly::Rotation};
use lemma_circuits::shape::Scheme;

/// Bytes of a compressed point and of a scalar.
const ELEMENT: usize = 32;

/// The polynomials of a proof that are opened, each with the rotations it is opened at. Only the sets of
/// rotations matter here.
struct Openings {
    rotations: BTreeMap<(&'static str, usize), BTreeSet<i32>>,
}

impl Openings {
    fn add(&mut self, kind: &'static str, index: usize, rotation: i32) {
        self.rotations.entry((kind, index)).or_default().insert(rotation);
    }

    fn distinct_sets(&self) -> usize {
        self.rotations.values().collect::<BTreeSet<_>>().len()
    }
}

/// The exact length of every proof for a constraint system over `2^k` rows, in bytes.
///
/// In transcript order: commitments of advice columns, of the library's lookups, of permutation products, of the
/// random polynomial and the quotient's pieces; evaluations; the opening.
pub(crate) fn proof_len<F: Field>(system: &ConstraintSystem<F>, k: u32, scheme: Scheme) -> usize {
    let lookups = system.lookups().len();
    let permutation = system.permutation().get_columns().len();
    let products = permutation.div_ceil(system.degree() - 2);
    let quotient_pieces = system.degree() - 1;
    let commitments = system.num_advice_columns() + 3 * lookups + products + 1 + quotient_pieces;

    // KZG's verifier evaluates the public inputs itself.
    let instance = match scheme {
        Scheme::Ipa => system.instance_queries().len(),
        Scheme::Kzg => 0,
    };
    let products_evaluated = 2 * products + products.saturating_sub(1);
    let evaluations = instance
        + system.advice_queries().len()
        + system.fixed_queries().len()
        + 1
        + permutation
        + products_evaluated
        + 5 * lookups;

    let opening = match scheme {
        Scheme::Kzg => 2,
        // The combined quotient, one evaluation per set of points, the blinding commitment, a left and a right
        // commitment per round, the folded coefficient and blind.
        Scheme::Ipa => 1 + openings(system).distinct_sets() + 1 + 2 * k as usize + 2,
    };
    ELEMENT * (commitments + evaluations + opening)
}

fn openings<F: Field>(system: &ConstraintSystem<F>) -> Openings {
    let mut openings = Openings { rotations: BTreeMap::new() };
    let at = |rotation: &Rotation| rotation.0;
    system.instance_queries().iter().for_each(|(column, r)| openings.add("instance", column.index(), at(r)));
    system.advice_queries().iter().for_each(|(column, r)| openings.add("advice", column.index(), at(r)));
    system.fixed_queries().iter().for_each(|(column, r)| openings.add("fixed", column.index(), at(r)));
    // The row before the blinding rows.
    let last = -(system.blinding_factors() as i32 + 1);
    let permutation = system.permutation().get_columns().len();
    let products = permutation.div_ceil(system.degree() - 2);
    for product in 0..products {
        openings.add("product", product, 0);
        openings.add("product", product, 1);
        if product + 1 < products {
            openings.add("product", product, last);
        }
    }
    (0..permutation).for_each(|column| openings.add("permutation", column, 0));
    for lookup in 0..system.lookups().len() {
        [0, 1].into_iter().for_each(|rotation| openings.add("lookup product", lookup, rotation));
        [-1, 0].into_iter().for_each(|rotation| openings.add("lookup input", lookup, rotation));
        openings.add("lookup table", lookup, 0);
    }
    openings.add("quotient", 0, 0);
    openings.add("random", 0, 0);
    openings
}
