//! What a proof tells of each polynomial, against the random elements that mask it.
//!
//! A polynomial with r uniform values on rows that nothing else depends on hides the others as long as a proof tells at
//! most r linear functionals of it, any r of which are independent on these rows. Values at different points outside the
//! rows are: `L_i(z) = omega^i (z^n - 1) / (n (z - omega^i))`, so their matrix is Cauchy's but for factors of its rows and
//! columns. A proof tells the values at the points where a polynomial is opened, and one more: with KZG the commitment,
//! which is its value at the setup's secret s; with IPA its share in the value of the joined polynomial (there the
//! commitment is masked by a blind of its own).
//!
//! # The quotient
//! With KZG the commitments to the quotient's pieces tell `h(s)`, and nothing else once the pieces are blinded. By the
//! constraints, `h(s)` is a function of the values of all polynomials at s *and at its rotations*, which nothing else
//! tells. It is uniform all the same: the last permutation product at `omega s` is a functional of this product of its
//! own, occurs in one constraint only, and is multiplied with what is not 0 there. So it counts as told of this product,
//! and for all others nothing more has to be counted. A circuit without copies has no such product; then every value at a
//! rotation of s counts.

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

/// Permutation products of a system.
fn products(system: &ConstraintSystem<Fr>) -> usize {
    system.permutation().get_columns().len().div_ceil(columns_per_product(system))
}

/// How many linear functionals of the values of an advice column a proof tells.
pub(crate) fn told_of_advice(system: &ConstraintSystem<Fr>, column: usize) -> usize {
    let queries = system.advice_queries().iter().filter(|query| query.0.index() == column);
    let rotations: BTreeSet<i32> = queries.map(|query| query.1.0).collect();
    let elsewhere = rotations.iter().filter(|rotation| **rotation != 0).count();
    rotations.len() + 1 + if products(system) == 0 { elsewhere } else { 0 }
}

/// The margins of all polynomials of a witness, by the scheme that tells more: KZG tells `h(s)` besides.
pub fn margins(system: &ConstraintSystem<Fr>) -> Vec<Margin> {
    let blinding = system.blinding_factors();
    let advice = (0..system.num_advice_columns()).map(|column| Margin {
        polynomial: Polynomial::Advice(column),
        random_rows: blinding + 1,
        functionals: told_of_advice(system, column),
    });
    let products = (0..products(system)).map(|product| Margin {
        polynomial: Polynomial::Product(product),
        random_rows: blinding,
        // At x and on the next row; at the end, or of the last product, on the next row of s; and one more.
        functionals: 4,
    });
    advice.chain(products).collect()
}

#[cfg(test)]
mod tests {
    use ff::Field;
    use halo2_proofs::{
        plonk::{Advice, Column},
        poly::Rotation,
    };
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::fft::{powers, root_of_unity};

    /// Gaussian elimination.
    fn rank(mut matrix: Vec<Vec<Fr>>) -> usize {
        let columns = matrix[0].len();
        let mut rank = 0;
        for column in 0..columns {
            let Some(pivot) = (rank..matrix.len()).find(|row| matrix[*row][column] != Fr::ZERO) else {
                continue;
            };
            matrix.swap(rank, pivot);
            let inverse = matrix[rank][column].invert().unwrap();
            let pivot = matrix[rank].clone();
            for row in &mut matrix[rank + 1..] {
                let factor = row[column] * inverse;
                row.iter_mut().zip(&pivot).for_each(|(cell, pivot)| *cell -= factor * pivot);
            }
            rank += 1;
        }
        rank
    }

    /// The functionals that a proof tells, as the lemma in SOUNDNESS.md counts them, on every choice of masked rows.
    #[test]
    fn values_at_different_points_are_independent_on_masked_rows() {
        let k = 6;
        let n = 1usize << k;
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let omegas = powers(root_of_unity(k), n);
        let (x, s, x_3) = (Fr::random(&mut rng), Fr::random(&mut rng), Fr::random(&mut rng));
        let end = omegas[n - 6];
        let lagrange = |row: usize, z: Fr| {
            let vanishing = z.pow_vartime([n as u64]) - Fr::ONE;
            omegas[row] * vanishing * (Fr::from(n as u64) * (z - omegas[row])).invert().unwrap()
        };
        let last = omegas[n - 1];
        for points in [
            vec![x, s],
            vec![x, x_3],
            vec![x * last, x, omegas[1] * x, s, omegas[1] * s],
            vec![x, omegas[1] * x, end * x, s],
            vec![x, omegas[1] * x, end * x, x_3],
            vec![x, omegas[1] * x, s, omegas[1] * s],
            vec![x, omegas[1] * x, end * x, s, omegas[1] * s, end * s],
        ] {
            // Any rows will do: the last ones, and scattered ones.
            for rows in
                [(n - points.len()..n).collect::<Vec<_>>(), (0..points.len()).map(|i| 7 * i).collect()]
            {
                let matrix =
                    points.iter().map(|z| rows.iter().map(|row| lagrange(*row, *z)).collect()).collect();
                assert_eq!(rank(matrix), points.len());
            }
        }
    }

    fn read_at(rotations: &[i32], copied: bool) -> Margin {
        let mut system = ConstraintSystem::<Fr>::default();
        let column: Column<Advice> = system.advice_column();
        if copied {
            let other = system.advice_column();
            system.enable_equality(other);
        }
        system.create_gate("readings", |meta| {
            rotations.iter().map(|at| meta.query_advice(column, Rotation(*at))).collect::<Vec<_>>()
        });
        margins(&system)[0]
    }

    #[test]
    fn what_is_told_is_counted() {
        assert_eq!(read_at(&[0, 1], true).functionals, 3);
        assert_eq!(
            read_at(&[0, 1], false).functionals,
            4,
            "without copies the quotient tells the next row at s"
        );
        let many = read_at(&[-3, -2, -1, 0, 1, 2, 3], false);
        assert_eq!((many.functionals, many.random_rows), (14, 10));
        assert!(!many.suffices());
        assert!(read_at(&[-3, -2, -1, 0, 1, 2, 3], true).suffices());
    }
}
