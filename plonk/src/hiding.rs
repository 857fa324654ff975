//! What a proof tells of each polynomial, against the random elements that mask it.
//!
//! A polynomial with r uniform values on rows that nothing else depends on hides the others as long as a proof tells at
//! most r linear functionals of it, any r of which are independent on these rows. A proof tells its values at the points
//! where it is opened, and one more: with KZG the commitment, which is its value at the setup's secret; with IPA its
//! share in the value of the joined polynomial (there the commitment is masked by a blind of its own).

use std::collections::BTreeSet;

use halo2_proofs::{halo2curves::bn256::Fr, plonk::ConstraintSystem};

use crate::program::columns_per_product;

/// A polynomial of the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polynomial {
    /// An advice column.
    Advice(usize),
    /// A permutation product.
    Product(usize),
}

/// Random rows of a polynomial, and what a proof tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    /// Which.
    pub polynomial: Polynomial,
    /// Rows with uniform elements.
    pub random_rows: usize,
    /// Linear functionals of its values that a proof tells.
    pub functionals: usize,
}

impl Margin {
    /// Whether everything but the random rows stays hidden.
    pub const fn suffices(&self) -> bool {
        self.functionals <= self.random_rows
    }
}

/// The margins of all polynomials of a witness; they are the same for both schemes.
pub fn margins(system: &ConstraintSystem<Fr>) -> Vec<Margin> {
    let blinding = system.blinding_factors();
    let rotations = |column: usize| -> usize {
        let queries = system.advice_queries().iter().filter(|query| query.0.index() == column);
        queries.map(|query| query.1.0).collect::<BTreeSet<i32>>().len()
    };
    let advice = (0..system.num_advice_columns()).map(|column| Margin {
        polynomial: Polynomial::Advice(column),
        random_rows: blinding + 1,
        functionals: rotations(column) + 1,
    });
    let products = system.permutation().get_columns().len().div_ceil(columns_per_product(system));
    let products = (0..products).map(|product| Margin {
        polynomial: Polynomial::Product(product),
        random_rows: blinding,
        // At x, on the next row and, but for the last, at the end.
        functionals: if product + 1 < products { 3 } else { 2 } + 1,
    });
    advice.chain(products).collect()
}
