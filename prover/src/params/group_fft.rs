//! The Lagrange basis of a list of group elements: the inverse Fourier transform of points.
//!
//! `L_i = (1/n) sum_j w^(-ij) g_j`, w a primitive n-th root of unity. Nearly all time goes into multiplying
//! points by the `n/2` powers of `1/w`, so each power is split once into two half-length scalars by the curve's
//! endomorphism and recoded with signed digits: about 2.5 times as fast as the library's double-and-add.
//! Everything here is public data, so running time may depend on it.

use ff::{Field, PrimeField, WithSmallOrderMulGroup};
use halo2_proofs::halo2curves::{
    CurveExt,
    bn256::{Fr, G1, G1Affine},
    group::{Curve, Group},
};
use rayon::prelude::*;

/// Digits are odd, below 2^WIDTH in absolute value, so an entry of the table is an odd multiple below 2^WIDTH.
const WIDTH: u32 = 4;
const TABLE: usize = 1 << (WIDTH - 1);

/// A scalar `first + ZETA * second`, both halves in signed digits, least significant first.
struct Recoded {
    first: Vec<i8>,
    second: Vec<i8>,
}

/// The Lagrange basis over the subgroup of order `2^k`.
///
/// # Panics
/// If there are not `2^k` points.
pub(super) fn lagrange_basis(mut points: Vec<G1>, k: u32) -> Vec<G1Affine> {
    let n = points.len();
    assert_eq!(n, 1 << k, "2^{k} points make a Lagrange basis of that size");
    let mut step = Fr::ROOT_OF_UNITY_INV;
    for _ in k..Fr::S {
        step = step.square();
    }
    let twiddles: Vec<Recoded> = {
        let powers: Vec<Fr> =
            std::iter::successors(Some(Fr::ONE), |power| Some(*power * step)).take(n / 2).collect();
        powers.par_iter().map(|power| Recoded::new(*power)).collect()
    };
    permute_bit_reversed(&mut points, k);
    let mut half = 1;
    while half < n {
        let stride = n / (2 * half);
        points.par_chunks_mut(2 * half).for_each(|block| {
            let (low, high) = block.split_at_mut(half);
            low.par_iter_mut().zip(high).with_min_len(8).enumerate().for_each(|(j, (a, b))| {
                let product = if j == 0 { *b } else { twiddles[j * stride].times(*b) };
                *b = *a - product;
                *a += product;
            });
        });
        half *= 2;
    }
    let scale = Recoded::new(Fr::TWO_INV.pow_vartime([u64::from(k)]));
    points.par_iter_mut().for_each(|point| *point = scale.times(*point));
    affine(&points)
}

/// The generator times each scalar.
pub(super) fn multiples(scalars: &[Fr]) -> Vec<G1Affine> {
    let generator = G1::generator();
    let points: Vec<G1> = scalars.par_iter().map(|scalar| Recoded::new(*scalar).times(generator)).collect();
    affine(&points)
}

/// Affine coordinates of many points.
pub(super) fn affine(points: &[G1]) -> Vec<G1Affine> {
    let mut out = vec![G1Affine::default(); points.len()];
    points
        .par_chunks(256)
        .zip(out.par_chunks_mut(256))
        .for_each(|(points, out)| G1::batch_normalize(points, out));
    out
}

fn permute_bit_reversed(points: &mut [G1], k: u32) {
    for i in 0..points.len() {
        let j = if k == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - k) };
        if i < j {
            points.swap(i, j);
        }
    }
}

impl Recoded {
    fn new(scalar: Fr) -> Self {
        let (first, second) = decompose(scalar);
        Self { first: signed_digits(first), second: signed_digits(second) }
    }

    fn times(&self, point: G1) -> G1 {
        let double = point.double();
        let mut table = [point; TABLE];
        for i in 1..TABLE {
            table[i] = table[i - 1] + double;
        }
        let rotated = table.map(|multiple| multiple.endo());
        let mut sum = G1::identity();
        for i in (0..self.first.len().max(self.second.len())).rev() {
            sum = sum.double();
            for (digits, table) in [(&self.first, &table), (&self.second, &rotated)] {
                match digits.get(i).copied().unwrap_or(0) {
                    0 => {}
                    digit if digit > 0 => sum += table[digit as usize / 2],
                    digit => sum -= table[digit.unsigned_abs() as usize / 2],
                }
            }
        }
        sum
    }
}

/// An integer below 2^127 in magnitude.
#[derive(Clone, Copy)]
struct Signed {
    negative: bool,
    magnitude: u128,
}

impl Signed {
    /// The integer of smaller magnitude that is congruent to a field element known to be short.
    fn from_short(value: Fr) -> Self {
        match to_u128(value) {
            Some(magnitude) => Self { negative: false, magnitude },
            None => Self { negative: true, magnitude: to_u128(-value).expect("halves are below 2^127") },
        }
    }
}

/// `scalar = first + ZETA * second`: Babai rounding in the lattice of pairs that stand for 0, whose reduced
/// basis, for BN254, gives the constants below (`GAMMA = round(2^256 b / r)`).
fn decompose(scalar: Fr) -> (Signed, Signed) {
    const GAMMA_1: [u64; 3] = [0xd91d_232e_c7e0_b3d7, 0x2, 0];
    const GAMMA_2: [u64; 3] = [0x5398_fd03_00ff_6565, 0x4cce_f014_a773_d2d2, 0x2];
    const B_1: u128 = 0x89d3_2568_94d2_13e3;
    const B_2: u128 = 0x6f4d_8248_eeb8_59fd_0be4_e154_1221_250b;
    let quotient_1 = Fr::from_u128(high_product(scalar, GAMMA_2)) * Fr::from_u128(B_1);
    let quotient_2 = Fr::from_u128(high_product(scalar, GAMMA_1)) * Fr::from_u128(B_2);
    let second = quotient_1 - quotient_2;
    let first = scalar - second * Fr::ZETA;
    (Signed::from_short(first), Signed::from_short(second))
}

/// `floor(scalar * factor / 2^256)`, which is below 2^128 for a factor below 2^130.
fn high_product(scalar: Fr, factor: [u64; 3]) -> u128 {
    let limbs = limbs(scalar);
    let mut product = [0u64; 7];
    for (i, a) in limbs.into_iter().enumerate() {
        let mut carry = 0u128;
        for (j, b) in factor.into_iter().enumerate() {
            let sum = u128::from(product[i + j]) + u128::from(a) * u128::from(b) + carry;
            product[i + j] = sum as u64;
            carry = sum >> 64;
        }
        product[i + factor.len()] = carry as u64;
    }
    u128::from(product[4]) | u128::from(product[5]) << 64
}

fn limbs(scalar: Fr) -> [u64; 4] {
    let bytes = scalar.to_repr();
    std::array::from_fn(|i| std::array::from_fn(|j| bytes[8 * i + j])).map(u64::from_le_bytes)
}

fn to_u128(scalar: Fr) -> Option<u128> {
    let [a, b, c, d] = limbs(scalar);
    (c == 0 && d == 0).then_some(u128::from(a) | u128::from(b) << 64)
}

/// Digits 0 or odd in `-2^WIDTH..2^WIDTH`, at most one of any `WIDTH + 1` neighbors not 0, least significant first.
fn signed_digits(value: Signed) -> Vec<i8> {
    const MODULUS: u128 = 1 << (WIDTH + 1);
    let mut digits = Vec::with_capacity(128);
    let mut rest = value.magnitude;
    while rest != 0 {
        let digit = match rest % MODULUS {
            low if low % 2 == 0 => 0,
            low if low < MODULUS / 2 => {
                rest -= low;
                low as i8
            }
            low => {
                rest += MODULUS - low;
                -((MODULUS - low) as i8)
            }
        };
        digits.push(if value.negative { -digit } else { digit });
        rest /= 2;
    }
    digits
}

#[cfg(test)]
mod tests {
    use halo2_proofs::arithmetic::g_to_lagrange;
    use rand::rngs::OsRng;

    use super::*;

    fn edge_scalars() -> Vec<Fr> {
        let mut scalars =
            vec![Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::TWO_INV, Fr::ZETA, -Fr::ZETA, Fr::ROOT_OF_UNITY];
        scalars.extend((0..254).map(|bit| Fr::from(2).pow_vartime([bit])));
        scalars.extend((0..200).map(|_| Fr::random(OsRng)));
        scalars
    }

    #[test]
    fn recoded_multiplication_is_multiplication() {
        let point = G1::random(OsRng);
        for scalar in edge_scalars() {
            assert_eq!(Recoded::new(scalar).times(point), point * scalar, "{scalar:?}");
            assert_eq!(Recoded::new(scalar).times(G1::identity()), G1::identity());
        }
    }

    #[test]
    fn halves_are_short_and_digits_are_the_scalar() {
        let value = |digits: &[i8]| {
            digits.iter().rev().fold(Fr::ZERO, |sum, digit| {
                let magnitude = Fr::from(u64::from(digit.unsigned_abs()));
                sum.double() + if *digit < 0 { -magnitude } else { magnitude }
            })
        };
        for scalar in edge_scalars() {
            let recoded = Recoded::new(scalar);
            assert!(recoded.first.len() <= 128 && recoded.second.len() <= 128);
            assert_eq!(value(&recoded.first) + Fr::ZETA * value(&recoded.second), scalar);
        }
    }

    #[test]
    fn basis_is_the_library_s() {
        for k in 0..=6 {
            let points: Vec<G1> = (0..1 << k).map(|_| G1::random(OsRng)).collect();
            assert_eq!(lagrange_basis(points.clone(), k), g_to_lagrange::<G1Affine>(points, k), "k = {k}");
        }
    }
}
