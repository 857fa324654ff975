//! Scalars in halves, by the endomorphism of BN254: `(x, y) -> (beta x, y)` multiplies a point by lambda, a cube root
//! of unity (Gallant, Lambert, Vanstone, "Faster point multiplication on elliptic curves with efficient
//! endomorphisms", CRYPTO 2001).

use ff::WithSmallOrderMulGroup;
use halo2_proofs::halo2curves::bn256::{Fq, Fr};

use crate::{
    limbs::{Limbs, Limbs4, subtract},
    msm::magnitude,
};

/// beta.
pub(super) fn beta() -> Fq {
    Fq::ZETA
}

/// An integer below 2^128 with a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Half {
    pub(super) magnitude: u128,
    pub(super) negative: bool,
}

impl Half {
    fn of(scalar: &Fr) -> Self {
        let (limbs, negative) = magnitude(scalar);
        assert!(limbs[2] | limbs[3] == 0, "half of a scalar has 128 bits");
        Self { magnitude: u128::from(limbs[0]) | u128::from(limbs[1]) << 64, negative }
    }
}

/// `s = a + b lambda` with short a and b.
///
/// The pairs with `a + b lambda = 0` are a lattice with a basis of short vectors, whose second coordinates are b1 and
/// -b2. The lattice point next to (s, 0) has the coordinates `s b2 / r` and `s b1 / r`, rounded, in this basis; (a, b) is
/// what is left.
pub(super) fn halves(s: &Fr) -> [Half; 2] {
    // round(2^256 b1 / r) and round(2^256 b2 / r)
    const B1_OVER_R: [u64; 3] = [0xd91d_232e_c7e0_b3d7, 0x2, 0];
    const B2_OVER_R: [u64; 3] = [0x5398_fd03_00ff_6565, 0x4cce_f014_a773_d2d2, 0x2];
    let b1 = Fr::from_raw([0x89d3_2568_94d2_13e3, 0, 0, 0]);
    let b2 = Fr::from_raw([0x0be4_e154_1221_250b, 0x6f4d_8248_eeb8_59fd, 0, 0]);
    let integer = canonical_limbs(s);
    let b = high_product(integer, B1_OVER_R) * b2 - high_product(integer, B2_OVER_R) * b1;
    let a = *s + b * Fr::ZETA;
    [Half::of(&a), Half::of(&-b)]
}

fn canonical_limbs(s: &Fr) -> Limbs4 {
    let (limbs, negative) = magnitude(s);
    if negative { subtract(<Fr as Limbs>::P, limbs).0 } else { limbs }
}

/// `s c / 2^256`, rounded down.
fn high_product(s: Limbs4, c: [u64; 3]) -> Fr {
    let mut product = [0u64; 7];
    for (i, s) in s.into_iter().enumerate() {
        let mut carry = 0;
        for (j, c) in c.into_iter().enumerate() {
            let t = u128::from(s) * u128::from(c) + u128::from(product[i + j]) + carry;
            product[i + j] = t as u64;
            carry = t >> 64;
        }
        product[i + 3] = carry as u64;
    }
    Fr::from_raw([product[4], product[5], product[6], 0])
}

/// Bits of a digit.
const WIDTH: u32 = 5;

/// Multiples that digits take, up to the sign: 1, 3, .., 15.
pub(super) const MULTIPLES: usize = 1 << (WIDTH - 2);

/// Digits that are odd or 0; of `WIDTH` consecutive ones at most one is not 0 (wNAF). Lowest first.
pub(super) fn digits(half: Half) -> Vec<i8> {
    let mut digits = Vec::with_capacity(129);
    let mut rest = half.magnitude;
    // A negative digit can carry into bit 128.
    let mut overflow = false;
    while rest != 0 || overflow {
        let mut digit = 0i8;
        if rest & 1 == 1 {
            let low = (rest & ((1 << WIDTH) - 1)) as i8;
            digit = if low >= 1 << (WIDTH - 1) { low - (1 << WIDTH) } else { low };
            (rest, overflow) = if digit > 0 {
                (rest - digit as u128, overflow)
            } else {
                rest.overflowing_add(u128::from(digit.unsigned_abs()))
            };
        }
        digits.push(if half.negative { -digit } else { digit });
        rest = rest >> 1 | u128::from(overflow) << 127;
        overflow = false;
    }
    digits
}

#[cfg(test)]
mod tests {
    use ff::{Field, PrimeField};
    use halo2_proofs::halo2curves::{
        CurveExt,
        bn256::{G1, G1Affine},
        group::Curve,
    };
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn scalars() -> Vec<Fr> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut scalars =
            vec![Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::ZETA, -Fr::ZETA, Fr::ROOT_OF_UNITY, Fr::from(u64::MAX)];
        scalars.extend((0..200).map(|_| Fr::random(&mut rng)));
        scalars
    }

    fn value(half: Half) -> Fr {
        let magnitude = Fr::from_u128(half.magnitude);
        if half.negative { -magnitude } else { magnitude }
    }

    #[test]
    fn halves_make_up_the_scalar() {
        for s in scalars() {
            let [a, b] = halves(&s);
            assert_eq!(value(a) + value(b) * Fr::ZETA, s);
            assert!(a.magnitude >> 127 == 0 && b.magnitude >> 127 == 0, "{a:?} {b:?}");
        }
    }

    #[test]
    fn digits_make_up_the_half() {
        for s in scalars() {
            for half in halves(&s).into_iter().chain([Half { magnitude: u128::MAX, negative: true }]) {
                let digits = digits(half);
                let sum = digits.iter().rev().fold(Fr::ZERO, |sum, digit| {
                    let size = Fr::from(u64::from(digit.unsigned_abs()));
                    sum.double() + if *digit < 0 { -size } else { size }
                });
                assert_eq!(sum, value(half));
                assert!(digits.iter().all(|digit| *digit == 0 || digit % 2 != 0 && digit.abs() < 16));
                let nonzero = |five: &[i8]| five.iter().filter(|digit| **digit != 0).count();
                assert!(digits.windows(5).all(|five| nonzero(five) <= 1));
            }
        }
    }

    #[test]
    fn beta_multiplies_by_lambda() {
        let g = G1Affine::generator();
        let moved = G1Affine { x: g.x * beta(), y: g.y };
        assert_eq!((G1::from(g) * Fr::ZETA).to_affine(), moved);
        assert_eq!(G1::from(g).endo().to_affine(), moved);
    }
}
