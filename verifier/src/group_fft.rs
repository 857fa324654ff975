//! The Lagrange basis of a list of group elements: the inverse Fourier transform of points.
//!
//! `L_i = (1/n) sum_j w^(-ij) g_j`, w a primitive n-th root of unity. After `a` of the `k` rounds of the fast transform every block of
//! `2^a` points is the transform of the `g_j` with one remainder of j; the rest of the sum is over those blocks. Whoever needs few points
//! stops early, and makes each of them by a sum of `n/2^a` products.
//!
//! Nearly all time goes into multiplying points by powers of `1/w`, so each power is split once into two half-length scalars by the
//! curve's endomorphism and recoded with signed digits: about 2.5 times as fast as the library's double-and-add.
//! Everything here is public data, so running time may depend on it.

use std::iter;

use ff::{Field, PrimeField, WithSmallOrderMulGroup};
use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        CurveExt,
        bn256::{Fr, G1, G1Affine},
        group::{Curve, Group},
    },
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

/// The first `count` points of the Lagrange basis over the subgroup of order `2^k`.
///
/// # Panics
/// If there are not `2^k` points.
pub fn lagrange_basis(mut points: Vec<G1>, k: u32, count: usize) -> Vec<G1Affine> {
    assert_eq!(Some(points.len()), 1usize.checked_shl(k), "2^{k} points make a Lagrange basis of that size");
    let count = count.min(points.len());
    let rounds = cheapest_rounds(k, count);
    permute_bit_reversed(&mut points, k);
    for round in 0..rounds {
        transform(&mut points, round);
    }
    let scale = Fr::TWO_INV.pow_vartime([u64::from(k)]);
    if rounds == k {
        points.truncate(count);
        let scale = Recoded::new(scale);
        points.par_iter_mut().for_each(|point| *point = scale.times(*point));
        return affine(&points);
    }
    let (blocks, root) = (affine(&points), inverse_root(k));
    let block = 1usize << rounds;
    let sum = |index: usize| {
        let step = root.pow_vartime([u64::try_from(index).unwrap_or_default()]);
        let mut scalars = powers(step, blocks.len().div_ceil(block));
        scalars.iter_mut().for_each(|scalar| *scalar *= scale);
        permute_bit_reversed(&mut scalars, k.saturating_sub(rounds));
        let bases: Vec<G1Affine> =
            blocks.iter().skip(index.checked_rem(block).unwrap_or(0)).step_by(block).copied().collect();
        best_multiexp(&scalars, &bases)
    };
    affine(&(0..count).into_par_iter().map(sum).collect::<Vec<G1>>())
}

/// Additions of points in one multiplication by a recoded scalar, per point of a sum of products, and besides those per sum.
const ADDITIONS: [u64; 3] = [170, 45, 500];

/// Rounds after which the first `count` points of `2^k` cost least.
fn cheapest_rounds(k: u32, count: usize) -> u32 {
    let (rows, count) = (1u64 << k.min(63), u64::try_from(count).unwrap_or(u64::MAX));
    let [product, point, sum] = ADDITIONS;
    let cost = |rounds: u32| {
        // Of the products of a round one in `2^round` is by 1.
        let products = (0..rounds).map(|round| (rows >> 1).saturating_sub((rows >> 1) >> round));
        let products = products.sum::<u64>().saturating_mul(product);
        let each =
            if rounds < k { (rows >> rounds).saturating_mul(point).saturating_add(sum) } else { product };
        products.saturating_add(count.saturating_mul(each))
    };
    (0..=k).min_by_key(|rounds| cost(*rounds)).unwrap_or(k)
}

/// A round of the transform: from transforms of `2^round` points those of twice as many.
fn transform(points: &mut [G1], round: u32) {
    let half = 1usize << round;
    let twiddles: Vec<Fr> = powers(inverse_root(round.saturating_add(1)), half);
    let twiddles: Vec<Recoded> = twiddles.par_iter().map(|power| Recoded::new(*power)).collect();
    points.par_chunks_mut(half << 1).for_each(|block| {
        let (low, high) = block.split_at_mut(half);
        let pairs = low.par_iter_mut().zip(high).zip(&twiddles).with_min_len(8).enumerate();
        pairs.for_each(|(index, ((a, b), twiddle))| {
            let product = if index == 0 { *b } else { twiddle.times(*b) };
            *b = *a - product;
            *a += product;
        });
    });
}

/// The inverse of a primitive root of unity of order `2^k`.
fn inverse_root(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY_INV, |root, _| root.square())
}

/// `1, base, base^2, ..`.
fn powers(base: Fr, count: usize) -> Vec<Fr> {
    iter::successors(Some(Fr::ONE), |power| Some(*power * base)).take(count).collect()
}

/// The generator times each scalar.
pub fn multiples(scalars: &[Fr]) -> Vec<G1Affine> {
    let generator = G1::generator();
    let points: Vec<G1> = scalars.par_iter().map(|scalar| Recoded::new(*scalar).times(generator)).collect();
    affine(&points)
}

/// Affine coordinates of many points.
pub fn affine(points: &[G1]) -> Vec<G1Affine> {
    let mut out = vec![G1Affine::default(); points.len()];
    points
        .par_chunks(256)
        .zip(out.par_chunks_mut(256))
        .for_each(|(points, out)| G1::batch_normalize(points, out));
    out
}

/// Puts what lies at a number of k bits where the same bits backwards say.
fn permute_bit_reversed<T>(items: &mut [T], k: u32) {
    for from in 0..items.len() {
        let to = from.reverse_bits().checked_shr(usize::BITS.saturating_sub(k)).unwrap_or(0);
        if from < to {
            items.swap(from, to);
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
        let mut multiples = iter::successors(Some(point), |multiple| Some(*multiple + double));
        let table: [G1; TABLE] = std::array::from_fn(|_| multiples.next().unwrap_or_default());
        let rotated = table.map(|multiple| multiple.endo());
        let mut sum = G1::identity();
        for place in (0..self.first.len().max(self.second.len())).rev() {
            sum = sum.double();
            for (digits, table) in [(&self.first, &table), (&self.second, &rotated)] {
                let digit = digits.get(place).copied().unwrap_or(0);
                match table.get(usize::from(digit.unsigned_abs() / 2)) {
                    Some(multiple) if digit > 0 => sum += multiple,
                    Some(multiple) if digit < 0 => sum -= multiple,
                    _ => {}
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
            None => {
                let magnitude = to_u128(Fr::ZERO - value);
                assert!(magnitude.is_some(), "halves are below 2^127");
                Self { negative: true, magnitude: magnitude.unwrap_or_default() }
            }
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
    let mut product = [0u64; 7];
    for (index, limb) in limbs(scalar).into_iter().enumerate() {
        let mut carry = 0;
        let mut places = product.iter_mut().skip(index);
        for (factor, place) in factor.into_iter().zip(places.by_ref()) {
            (*place, carry) = limb.carrying_mul_add(factor, *place, carry);
        }
        places.next().into_iter().for_each(|place| *place = carry);
    }
    let [_, _, _, _, low, high, _] = product;
    u128::from(low) | u128::from(high) << 64
}

fn limbs(scalar: Fr) -> [u64; 4] {
    let bytes = scalar.to_repr();
    let mut limbs = bytes.as_chunks::<8>().0.iter().map(|limb| u64::from_le_bytes(*limb));
    std::array::from_fn(|_| limbs.next().unwrap_or_default())
}

fn to_u128(scalar: Fr) -> Option<u128> {
    let [a, b, c, d] = limbs(scalar);
    (c == 0 && d == 0).then_some(u128::from(a) | u128::from(b) << 64)
}

/// Digits 0 or odd in `-2^WIDTH..2^WIDTH`, at most one of any `WIDTH + 1` neighbors not 0, least significant first.
fn signed_digits(value: Signed) -> Vec<i8> {
    const MODULUS: i8 = 1 << (WIDTH + 1);
    const MASK: u128 = (1 << (WIDTH + 1)) - 1;
    let mut digits = Vec::with_capacity(128);
    let mut rest = value.magnitude;
    while rest != 0 {
        let low = i8::try_from(rest & MASK).unwrap_or_default();
        let digit = match low {
            low if low % 2 == 0 => 0,
            low if low < MODULUS / 2 => low,
            low => low.saturating_sub(MODULUS),
        };
        rest = rest.saturating_sub_signed(digit.into());
        digits.push(if value.negative { digit.saturating_neg() } else { digit });
        rest >>= 1;
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
    fn few_points_take_few_rounds() {
        assert_eq!(cheapest_rounds(14, 1 << 14), 14);
        assert!(cheapest_rounds(14, 1) <= 1);
        assert!((2..8).contains(&cheapest_rounds(14, 36)));
    }

    #[test]
    fn basis_is_the_library_s() {
        for k in 0..=6 {
            let points: Vec<G1> = (0..1 << k).map(|_| G1::random(OsRng)).collect();
            let library = g_to_lagrange::<G1Affine>(points.clone(), k);
            for count in [0, 1, 2, 3, 5, 17, 40, 64] {
                let expected = &library[..library.len().min(count)];
                assert_eq!(lagrange_basis(points.clone(), k, count), expected, "k = {k}, {count} points");
            }
        }
    }
}
