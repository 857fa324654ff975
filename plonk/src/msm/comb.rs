//! Multiples of single points that are needed again and again.

use ff::PrimeField;
use halo2_proofs::halo2curves::{
    bn256::{Fr, G1, G1Affine},
    group::Group,
};

use super::normalized;

/// Windows of eight bits.
const WINDOWS: usize = 32;

/// Multiples of a window that are not 0.
const MULTIPLES: usize = 255;

/// The multiples `d 2^(8 w) G` of a point for all digits d and windows w, so that a product is 32 additions.
#[derive(Clone, Debug)]
pub(crate) struct Comb(Vec<G1Affine>);

impl Comb {
    /// Makes the multiples.
    pub(crate) fn new(base: &G1Affine) -> Self {
        let mut points = Vec::with_capacity(WINDOWS * MULTIPLES);
        let mut power = G1::from(*base);
        for _ in 0..WINDOWS {
            let mut multiple = power;
            for _ in 0..MULTIPLES {
                points.push(multiple);
                multiple += power;
            }
            power = multiple;
        }
        Self(normalized(&points))
    }

    /// `scalar G`.
    pub(crate) fn multiply(&self, scalar: &Fr) -> G1 {
        let digits = scalar.to_repr();
        let mut product = G1::identity();
        for (window, digit) in digits.as_ref().iter().enumerate() {
            if *digit > 0 {
                product += self.0[window * MULTIPLES + usize::from(*digit) - 1];
            }
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use ff::Field;
    use halo2_proofs::halo2curves::group::{Curve, prime::PrimeCurveAffine};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn multiples_are_the_librarys() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let base = G1::random(&mut rng).to_affine();
        let comb = Comb::new(&base);
        for scalar in [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(256), Fr::random(&mut rng), Fr::random(&mut rng)]
        {
            assert_eq!(comb.multiply(&scalar).to_affine(), (base * scalar).to_affine());
        }
        assert!(bool::from(comb.multiply(&Fr::ZERO).to_affine().is_identity()));
    }
}
