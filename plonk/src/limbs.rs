//! The machine words of field elements.
//!
//! The library keeps an element `a` in Montgomery form: the integer `a 2^256 mod p` as four 64-bit limbs, lowest
//! first. Lanes keep `a 2^260 mod p`, or a small multiple of p more, as five 52-bit limbs.

use ff::PrimeField;
use halo2_proofs::halo2curves::{
    bn256::{Fq, Fr},
    serde::SerdeObject,
};

/// 64-bit limbs, lowest first.
pub(crate) type Limbs4 = [u64; 4];

/// 52-bit limbs, lowest first; the highest may be larger.
pub(crate) type Limbs5 = [u64; 5];

/// The low 52 bits.
pub(crate) const MASK52: u64 = (1 << 52) - 1;

/// A field whose elements are four words.
pub(crate) trait Limbs: PrimeField + SerdeObject {
    /// The modulus p.
    const P: Limbs4;

    /// `a 2^256 mod p` of the element a.
    fn limbs(&self) -> Limbs4;

    /// The element with these limbs, which must be below p.
    fn of_limbs(limbs: Limbs4) -> Self;

    /// `a 2^260 mod p` in 52-bit limbs.
    fn lane_limbs(&self) -> Limbs5 {
        split((*self * Self::from(16)).limbs())
    }
}

macro_rules! limbs {
    ($field:ident, $modulus:expr) => {
        impl Limbs for $field {
            const P: Limbs4 = $modulus;

            #[inline(always)]
            fn limbs(&self) -> Limbs4 {
                let mut bytes = [0; 32];
                self.write_raw(&mut &mut bytes[..]).expect("32 bytes are room for an element");
                std::array::from_fn(|i| {
                    u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("8 bytes"))
                })
            }

            #[inline(always)]
            fn of_limbs(limbs: Limbs4) -> Self {
                let mut bytes = [0; 32];
                for (bytes, limb) in bytes.chunks_exact_mut(8).zip(limbs) {
                    bytes.copy_from_slice(&limb.to_le_bytes());
                }
                Self::from_raw_bytes_unchecked(&bytes)
            }
        }
    };
}

limbs!(Fr, [0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029]);
limbs!(Fq, [0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029]);

/// An integer below 2^256 in 52-bit limbs.
pub(crate) const fn split(v: Limbs4) -> Limbs5 {
    [
        v[0] & MASK52,
        (v[0] >> 52 | v[1] << 12) & MASK52,
        (v[1] >> 40 | v[2] << 24) & MASK52,
        (v[2] >> 28 | v[3] << 36) & MASK52,
        v[3] >> 16,
    ]
}

/// The inverse of [`split`]: 52-bit limbs of an integer below 2^256 in 64-bit limbs.
pub(crate) const fn join(v: Limbs5) -> Limbs4 {
    [v[0] | v[1] << 52, v[1] >> 12 | v[2] << 40, v[2] >> 24 | v[3] << 28, v[3] >> 36 | v[4] << 16]
}

/// `k v` with normalised limbs; `k v < 2^260`.
pub(crate) const fn multiple(v: Limbs5, k: u64) -> Limbs5 {
    let mut out = [0; 5];
    let mut carry = 0u128;
    let mut i = 0;
    while i < 5 {
        let t = v[i] as u128 * k as u128 + carry;
        out[i] = (t & MASK52 as u128) as u64;
        carry = t >> 52;
        i += 1;
    }
    out
}

/// `2^260 - v` of `0 < v < 2^260`.
pub(crate) const fn complement(v: Limbs5) -> Limbs5 {
    let mut out = [0; 5];
    let mut carry = 1;
    let mut i = 0;
    while i < 5 {
        let t = (MASK52 - v[i]) + carry;
        out[i] = t & MASK52;
        carry = t >> 52;
        i += 1;
    }
    out
}

/// `-1/p mod 2^52` of an odd p, given its lowest limb. Newton: every step doubles the correct bits.
pub(crate) const fn negated_inverse52(lowest: u64) -> u64 {
    let mut inverse = 1u64;
    let mut step = 0;
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(lowest.wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg() & MASK52
}

/// `a - b` and whether it is negative.
#[inline(always)]
pub(crate) fn subtract(a: Limbs4, b: Limbs4) -> (Limbs4, bool) {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (d, first) = a[i].overflowing_sub(b[i]);
        let (d, second) = d.overflowing_sub(u64::from(borrow));
        out[i] = d;
        borrow = first | second;
    }
    (out, borrow)
}

/// The representative below p of a value below a few p.
#[inline(always)]
pub(crate) fn canonical<F: Limbs>(mut v: Limbs4) -> Limbs4 {
    loop {
        let (less, negative) = subtract(v, F::P);
        if negative {
            return v;
        }
        v = less;
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn check<F: Limbs>() {
        for a in [F::ZERO, F::ONE, -F::ONE, F::TWO_INV, F::ROOT_OF_UNITY] {
            assert_eq!(F::of_limbs(a.limbs()), a);
            assert_eq!(join(split(a.limbs())), a.limbs());
            assert_eq!(F::of_limbs(join(a.lane_limbs())), a * F::from(16));
        }
        let p = split(F::P);
        assert_eq!(subtract(canonical::<F>(join(multiple(p, 3))), [0; 4]), ([0; 4], false));
        assert_eq!(negated_inverse52(p[0]).wrapping_mul(p[0]) & MASK52, MASK52);
        // -1 = p - 1
        assert_eq!((-F::ONE).to_repr().as_ref()[0], (F::P[0] - 1) as u8);
    }

    #[test]
    fn limbs_are_the_librarys() {
        check::<Fr>();
        check::<Fq>();
    }

    #[test]
    fn complement_and_multiple_carry() {
        let p = split(<Fr as Limbs>::P);
        let sum: Limbs5 = std::array::from_fn(|i| p[i] + complement(p)[i]);
        let mut carry = 0;
        for limb in sum {
            assert_eq!((limb + carry) & MASK52, 0);
            carry = (limb + carry) >> 52;
        }
        assert_eq!(carry, 1);
        assert_eq!(multiple(p, 1), p);
        assert_eq!(multiple([MASK52, 0, 0, 0, 0], 2), [MASK52 - 1, 1, 0, 0, 0]);
    }
}
