//! Sums of products over few bases, by Straus' method: digits of all scalars together, so that they share doublings.
//!
//! Below a few hundred bases buckets are mostly empty, and a list is too short to share an inversion.

use halo2_proofs::halo2curves::{
    bn256::{Fr, G1, G1Affine},
    group::Group,
};

use super::endomorphism::{MULTIPLES, beta, digits, halves};
use crate::msm::normalized;

/// Bases with the odd multiples that digits take, and their images under the endomorphism.
pub(super) struct Few(Vec<[[G1Affine; MULTIPLES]; 2]>);

impl Few {
    /// Makes the multiples.
    pub(super) fn new(bases: &[G1Affine]) -> Self {
        let multiples = |base: &G1Affine| {
            let twice = G1::from(*base).double();
            std::iter::successors(Some(G1::from(*base)), move |last| Some(last + twice)).take(MULTIPLES)
        };
        let all = normalized(&bases.iter().flat_map(multiples).collect::<Vec<G1>>());
        let (each, []) = all.as_chunks() else { unreachable!("every base has all multiples") };
        let image = |multiple: &G1Affine| G1Affine { x: multiple.x * beta(), y: multiple.y };
        Self(each.iter().map(|multiples| [*multiples, multiples.each_ref().map(image)]).collect())
    }

    /// `sum_i scalars[i] G_i`.
    pub(super) fn multiply(&self, scalars: &[Fr]) -> G1 {
        assert_eq!(scalars.len(), self.0.len(), "a scalar for each base");
        let pairs = scalars.iter().map(halves).zip(&self.0);
        let terms: Vec<(Vec<i8>, &[G1Affine; MULTIPLES])> =
            pairs.flat_map(|(halves, bases)| halves.map(digits).into_iter().zip(bases)).collect();
        let places = terms.iter().map(|(digits, _)| digits.len()).max().unwrap_or(0);
        (0..places).rev().fold(G1::identity(), |sum, place| {
            let digits =
                terms.iter().filter_map(|(digits, multiples)| Some((*digits.get(place)?, multiples)));
            digits.fold(sum.double(), |sum, (digit, multiples)| {
                let multiple = &multiples[usize::from(digit.unsigned_abs() / 2)];
                match digit {
                    0 => sum,
                    1.. => sum + multiple,
                    ..0 => sum - multiple,
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use ff::Field;
    use halo2_proofs::{arithmetic::best_multiexp, halo2curves::group::Curve};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn sums_are_the_librarys() {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        let mut bases = normalized(&(0..9).map(|_| G1::random(&mut rng)).collect::<Vec<_>>());
        bases.push(bases[0]);
        bases.push(-bases[1]);
        let mut scalars: Vec<Fr> = bases.iter().map(|_| Fr::random(&mut rng)).collect();
        let check = |scalars: &[Fr]| {
            let sum = Few::new(&bases).multiply(scalars);
            assert_eq!(sum.to_affine(), best_multiexp(scalars, &bases).to_affine());
        };
        check(&scalars);
        // Equal and opposite points meet.
        (scalars[9], scalars[10]) = (scalars[0], scalars[1]);
        (scalars[2], scalars[3], scalars[4]) = (Fr::ZERO, Fr::ONE, -Fr::ONE);
        check(&scalars);
        check(&vec![Fr::ZERO; bases.len()]);
    }
}
