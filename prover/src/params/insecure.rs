//! Strings drawn on this machine, for benchmarks and tests.

use ff::{Field, PrimeField};
use halo2_proofs::halo2curves::{
    bn256::{Fr, G2Affine},
    group::Curve,
};
use rand::rngs::OsRng;
use rayon::prelude::*;

use lemma_verifier::group_fft;

use super::kzg::Bases;

/// A fresh string whose secret this process draws and forgets: worth nothing against whoever runs it.
pub(super) struct InsecureString {
    pub(super) bases: Bases,
    pub(super) s_g2: G2Affine,
}

impl InsecureString {
    /// Draws a string of `2^k + 1` powers.
    pub(super) fn draw(k: u32) -> Self {
        // The secret ends with this call; nothing it returns is a number.
        let Scalars { powers, lagrange, secret } = Scalars::draw(k);
        let s_g2 = (G2Affine::generator() * secret).to_affine();
        let [powers, lagrange] = [powers, lagrange].map(|scalars| group_fft::multiples(&scalars));
        Self { bases: Bases { powers, lagrange }, s_g2 }
    }
}

/// Numbers by which a generator is multiplied to make a string.
struct Scalars {
    powers: Vec<Fr>,
    lagrange: Vec<Fr>,
    secret: Fr,
}

impl Scalars {
    fn draw(k: u32) -> Self {
        let n = 1usize << k;
        let root = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
        let powers_of = |base: Fr, count| {
            std::iter::successors(Some(Fr::ONE), |power| Some(*power * base)).take(count).collect::<Vec<_>>()
        };
        loop {
            let secret = Fr::random(OsRng);
            let powers = powers_of(secret, n + 1);
            // L_i(s) = w^i (s^n - 1) / (n (s - w^i))
            let numerator = (powers[n] - Fr::ONE) * Fr::TWO_INV.pow_vartime([u64::from(k)]);
            let value = |row: &Fr| Some(*row * numerator * Option::<Fr>::from((secret - row).invert())?);
            // A secret that is itself a row has no such form, and would be one that everybody can guess.
            if let Some(lagrange) = powers_of(root, n).par_iter().map(value).collect() {
                return Self { powers, lagrange, secret };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::kzg::Powers, *};

    #[test]
    fn insecure_string_is_a_string() {
        for k in [1, 4] {
            let InsecureString { bases, s_g2 } = InsecureString::draw(k);
            assert_eq!((bases.powers.len(), bases.lagrange.len()), ((1 << k) + 1, 1 << k));
            let powers = Powers::check(bases.powers.clone(), G2Affine::generator(), s_g2).unwrap();
            let rows = powers.g1[..1 << k].iter().map(Into::into).collect();
            assert_eq!(group_fft::lagrange_basis(rows, k, usize::MAX), bases.lagrange);
            assert_ne!(InsecureString::draw(k).s_g2, s_g2);
        }
    }
}
