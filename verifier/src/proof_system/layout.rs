//! How long a proof is.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::Saturating,
};

use ff::Field;
use halo2_proofs::{plonk::ConstraintSystem, poly::Rotation};

use crate::{integers::size, scheme::Scheme};

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
pub fn proof_len<F: Field>(system: &ConstraintSystem<F>, k: u32, scheme: Scheme) -> usize {
    let count = |count: usize| Saturating(count);
    let lookups = count(system.lookups().len());
    let permutation = count(system.permutation().get_columns().len());
    let products = count(permutation_products(system));
    let quotient_pieces = count(system.degree().saturating_sub(1));
    let commitments =
        count(system.num_advice_columns()) + count(3) * lookups + products + count(1) + quotient_pieces;

    // KZG's verifier evaluates the public inputs itself.
    let instance = match scheme {
        Scheme::Ipa => system.instance_queries().len(),
        Scheme::Kzg => 0,
    };
    let products_evaluated = count(2) * products + count(products.0.saturating_sub(1));
    let evaluations = count(instance)
        + count(system.advice_queries().len())
        + count(system.fixed_queries().len())
        + count(1)
        + permutation
        + products_evaluated
        + count(5) * lookups;

    let opening = match scheme {
        Scheme::Kzg => count(2),
        // The combined quotient, one evaluation per set of points, the blinding commitment, a left and a right
        // commitment per round, the folded coefficient and blind.
        Scheme::Ipa => count(4) + count(openings(system).distinct_sets()) + count(2) * count(size(k)),
    };
    (count(ELEMENT) * (commitments + evaluations + opening)).0
}

/// Columns of running products that the permutation argument takes.
fn permutation_products<F: Field>(system: &ConstraintSystem<F>) -> usize {
    system.permutation().get_columns().len().div_ceil(system.degree().saturating_sub(2).max(1))
}

fn openings<F: Field>(system: &ConstraintSystem<F>) -> Openings {
    let mut openings = Openings { rotations: BTreeMap::new() };
    let at = |rotation: &Rotation| rotation.0;
    system.instance_queries().iter().for_each(|(column, r)| openings.add("instance", column.index(), at(r)));
    system.advice_queries().iter().for_each(|(column, r)| openings.add("advice", column.index(), at(r)));
    system.fixed_queries().iter().for_each(|(column, r)| openings.add("fixed", column.index(), at(r)));
    // The row before the blinding rows.
    let last = i32::try_from(system.blinding_factors())
        .map_or(i32::MIN, |rows| rows.saturating_neg().saturating_sub(1));
    let permutation = system.permutation().get_columns().len();
    let products = permutation_products(system);
    for product in 0..products {
        openings.add("product", product, 0);
        openings.add("product", product, 1);
        if product.saturating_add(1) < products {
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
