//! Arithmetic of lanes.

#![expect(
    clippy::needless_range_loop,
    reason = "the adapters of iterators take closures, which vectorized code must not have"
)]

use std::marker::PhantomData;

use super::words::Words;
use crate::{
    arithmetic::Arithmetic,
    limbs::{Limbs, Limbs4, Limbs5, MASK52, canonical, complement, multiple, negated_inverse52, split},
};

/// Eight elements: limb l of all of them in vector l.
pub(crate) type Limbs8<W> = [<W as Words>::V; 5];

/// Arithmetic of eight elements, with the constants of the field in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneField<W: Words, F> {
    pub(super) words: W,
    /// p.
    pub(super) modulus: Limbs8<W>,
    /// 2^260 - p.
    negated_modulus: Limbs8<W>,
    /// -1/p modulo 2^52.
    negated_inverse: W::V,
    /// 2^52 / (p / 2^208 + 1): of the quotient by p, the factor of the highest limb.
    quotient: W::V,
    /// 2^52 - 1.
    pub(super) mask: W::V,
    field: PhantomData<F>,
}

impl<W: Words, F: Limbs> LaneField<W, F> {
    const MODULUS: Limbs5 = split(F::P);

    #[inline(always)]
    pub(super) fn new(words: W) -> Self {
        Self {
            words,
            modulus: broadcast(words, &Self::MODULUS),
            negated_modulus: broadcast(words, &complement(Self::MODULUS)),
            negated_inverse: words.splat(negated_inverse52(Self::MODULUS[0])),
            quotient: words.splat((1 << 52) / (Self::MODULUS[4] + 1)),
            mask: words.splat(MASK52),
            field: PhantomData,
        }
    }

    /// Eight elements of four vectors of 64-bit limbs, in 52-bit limbs.
    #[inline(always)]
    pub(super) fn split(&self, v: &[W::V; 4]) -> Limbs8<W> {
        let w = self.words;
        let joined = |low: W::V, high: W::V| w.and(w.or(low, high), self.mask);
        [
            w.and(v[0], self.mask),
            joined(w.right::<52>(v[0]), w.left::<12>(v[1])),
            joined(w.right::<40>(v[1]), w.left::<24>(v[2])),
            joined(w.right::<28>(v[2]), w.left::<36>(v[3])),
            w.right::<16>(v[3]),
        ]
    }

    /// The inverse of [`split`](Self::split), of normalised values below 2^256.
    #[inline(always)]
    pub(super) fn join(&self, v: &Limbs8<W>) -> [W::V; 4] {
        let w = self.words;
        [
            w.or(v[0], w.left::<52>(v[1])),
            w.or(w.right::<12>(v[1]), w.left::<40>(v[2])),
            w.or(w.right::<24>(v[2]), w.left::<28>(v[3])),
            w.or(w.right::<36>(v[3]), w.left::<16>(v[4])),
        ]
    }

    /// The factor that turns lane form into the library's form: 2^256 mod p, as an integer.
    #[inline(always)]
    pub(super) fn out_factor() -> Limbs5 {
        split(F::ONE.limbs())
    }

    /// The elements of a pack in the library's form, below 2p.
    #[inline(always)]
    pub(super) fn to_elements(self, pack: &Limbs8<W>) -> [Limbs4; 8] {
        let out = self.mul(pack, &broadcast(self.words, &Self::out_factor()));
        let limbs = self.join(&out);
        let limbs =
            [W::to_array(limbs[0]), W::to_array(limbs[1]), W::to_array(limbs[2]), W::to_array(limbs[3])];
        let mut elements = [[0; 4]; 8];
        for (lane, element) in elements.iter_mut().enumerate() {
            *element = [limbs[0][lane], limbs[1][lane], limbs[2][lane], limbs[3][lane]];
        }
        elements
    }

    /// Limbs of eight elements, as they are: lane form of the elements divided by 16.
    #[inline(always)]
    pub(super) fn of_limbs(&self, elements: [&F; 8]) -> Limbs8<W> {
        let mut limbs = [[0; 8]; 4];
        for (lane, element) in elements.into_iter().enumerate() {
            let element = element.limbs();
            for l in 0..4 {
                limbs[l][lane] = element[l];
            }
        }
        self.split(&[
            W::of_array(limbs[0]),
            W::of_array(limbs[1]),
            W::of_array(limbs[2]),
            W::of_array(limbs[3]),
        ])
    }
}

/// The same limbs in every lane.
#[inline(always)]
pub(super) fn broadcast<W: Words>(words: W, limbs: &Limbs5) -> Limbs8<W> {
    [
        words.splat(limbs[0]),
        words.splat(limbs[1]),
        words.splat(limbs[2]),
        words.splat(limbs[3]),
        words.splat(limbs[4]),
    ]
}

impl<W: Words, F: Limbs> Arithmetic<F> for LaneField<W, F> {
    const LANES: usize = 8;
    type Pack = Limbs8<W>;
    type Constant = Limbs5;

    fn constant(element: &F) -> Limbs5 {
        element.lane_limbs()
    }

    #[inline(always)]
    fn set(&self, constant: &Limbs5) -> Limbs8<W> {
        broadcast(self.words, constant)
    }

    #[inline(always)]
    fn zero() -> Limbs8<W> {
        [W::of_array([0; 8]); 5]
    }

    #[inline(always)]
    fn modulus(&self, times: u64) -> Limbs8<W> {
        broadcast(self.words, &multiple(Self::MODULUS, times))
    }

    #[inline(always)]
    fn mul_raw(&self, a: &Limbs8<W>, b: &Limbs8<W>) -> Limbs8<W> {
        let w = self.words;
        let zero = w.splat(0);
        let mut t = [zero; 5];
        for &b in b {
            for j in 0..5 {
                t[j] = w.madd_low(t[j], a[j], b);
            }
            // m = -t / p mod 2^52; multiplications read the low 52 bits only, so it needs no mask.
            let m = w.madd_low(zero, t[0], self.negated_inverse);
            // t[0] + low(m p[0]) is 0 modulo 2^52: its carry is known without the product.
            let carry = w.right::<52>(w.add(t[0], self.mask));
            for j in 1..5 {
                t[j] = w.madd_low(t[j], m, self.modulus[j]);
            }
            t[1] = w.add(t[1], carry);
            for j in 0..4 {
                t[j] = w.madd_high(t[j + 1], a[j], b);
            }
            t[4] = w.madd_high(zero, a[4], b);
            for j in 0..5 {
                t[j] = w.madd_high(t[j], m, self.modulus[j]);
            }
        }
        t
    }

    #[inline(always)]
    fn carry(&self, a: &Limbs8<W>) -> Limbs8<W> {
        let w = self.words;
        let mut t = *a;
        for j in 0..4 {
            let carry = w.right_signed::<52>(t[j]);
            t[j] = w.and(t[j], self.mask);
            t[j + 1] = w.add(t[j + 1], carry);
        }
        t
    }

    #[inline(always)]
    fn reduce(&self, a: &Limbs8<W>) -> Limbs8<W> {
        let w = self.words;
        // q is the quotient by p or one less: a + q (2^260 - p), modulo 2^260, is below 2p.
        let q = w.madd_high(w.splat(0), a[4], self.quotient);
        let mut t = *a;
        for j in 0..5 {
            t[j] = w.madd_low(t[j], q, self.negated_modulus[j]);
        }
        for j in 0..4 {
            t[j + 1] = w.madd_high(t[j + 1], q, self.negated_modulus[j]);
        }
        let mut t = self.carry(&t);
        t[4] = w.and(t[4], self.mask);
        t
    }

    #[inline(always)]
    fn add_raw(&self, a: &Limbs8<W>, b: &Limbs8<W>) -> Limbs8<W> {
        let w = self.words;
        let mut t = *a;
        for j in 0..5 {
            t[j] = w.add(a[j], b[j]);
        }
        t
    }

    #[inline(always)]
    fn sub_raw(&self, a: &Limbs8<W>, b: &Limbs8<W>, above: &Limbs8<W>) -> Limbs8<W> {
        let w = self.words;
        let mut t = *a;
        for j in 0..5 {
            t[j] = w.add(w.sub(a[j], b[j]), above[j]);
        }
        t
    }

    #[inline(always)]
    fn gather(&self, elements: &[F], stride: usize, at: usize) -> Limbs8<W> {
        let e = &elements[at..];
        let s = stride;
        let packed =
            self.of_limbs([&e[0], &e[s], &e[2 * s], &e[3 * s], &e[4 * s], &e[5 * s], &e[6 * s], &e[7 * s]]);
        // (a 2^256) (2^264 mod p) / 2^260 = a 2^260
        self.mul(&packed, &broadcast(self.words, &split(F::from(256).limbs())))
    }

    #[inline(always)]
    fn scatter(&self, pack: &Limbs8<W>, elements: &mut [F], stride: usize, at: usize) {
        for (lane, limbs) in self.to_elements(pack).into_iter().enumerate() {
            elements[stride * lane + at] = F::of_limbs(canonical::<F>(limbs));
        }
    }
}
