//! Field arithmetic on several elements at once, as every kernel of this crate is written for.
//!
//! A kernel is one body for all backends: [`Scalar`](crate::scalar::Scalar) computes with the library's elements,
//! one by one; [`Lanes`](crate::lanes::Lanes) with eight at once. The results are equal, bit for bit, once they
//! have left a backend.
//!
//! # Lazy reduction
//!
//! A [`Pack`](Arithmetic::Pack) stands for field elements by integers that may exceed p. Each operation says what
//! it does to the bound. There are two states, and an operation says which it needs:
//!
//! * *normalised*: every limb has 52 bits. Products need it, additions do not.
//! * *raw*: limbs are signed and a little larger, the value is still exact and not negative.
//!
//! Reduced means normalised and below 2p. A scalar backend's elements are always canonical, and it takes
//! the same operations as no-ops.
//!
//! # Inlining
//!
//! Instructions beyond the baseline are only used inside [`Backend::vectorize`], and only by code that is inlined
//! into it: functions marked `#[inline(always)]`, no closures, no recursion. A closure there compiles and answers
//! correctly, fifty times slower.

use std::fmt::Debug;

use halo2_proofs::halo2curves::bn256::{Fq, Fr};

use crate::limbs::Limbs;

/// Arithmetic in one field, with its constants at hand.
pub(crate) trait Arithmetic<F: Limbs>: Copy {
    /// Elements in a pack.
    const LANES: usize;

    /// `LANES` elements.
    type Pack: Copy + Send + Sync + Debug + 'static;

    /// One element, prepared to be set in all lanes.
    type Constant: Copy + Send + Sync + Debug + 'static;

    /// Prepares an element.
    fn constant(element: &F) -> Self::Constant;

    /// The element in every lane, below p.
    fn set(&self, constant: &Self::Constant) -> Self::Pack;

    /// 0 in every lane.
    fn zero() -> Self::Pack;

    /// `multiple p` in every lane, normalised: what keeps a difference from being negative.
    fn modulus(&self, multiple: u64) -> Self::Pack;

    /// The product of normalised values, raw. With bounds `a p` and `b p` it is below `(a b / 84 + 1) p`.
    fn mul_raw(&self, a: &Self::Pack, b: &Self::Pack) -> Self::Pack;

    /// Normalises.
    fn carry(&self, a: &Self::Pack) -> Self::Pack;

    /// A normalised value below 2^260 (84p), reduced.
    fn reduce(&self, a: &Self::Pack) -> Self::Pack;

    /// The sum, raw; bounds add.
    fn add_raw(&self, a: &Self::Pack, b: &Self::Pack) -> Self::Pack;

    /// `a - b + above`, raw, where `above` is a multiple of p not below b.
    fn sub_raw(&self, a: &Self::Pack, b: &Self::Pack, above: &Self::Pack) -> Self::Pack;

    /// The product, normalised.
    #[inline(always)]
    fn mul(&self, a: &Self::Pack, b: &Self::Pack) -> Self::Pack {
        self.carry(&self.mul_raw(a, b))
    }

    /// The sum, normalised.
    #[inline(always)]
    fn add(&self, a: &Self::Pack, b: &Self::Pack) -> Self::Pack {
        self.carry(&self.add_raw(a, b))
    }

    /// The difference, normalised; `above` as in [`sub_raw`](Self::sub_raw).
    #[inline(always)]
    fn sub(&self, a: &Self::Pack, b: &Self::Pack, above: &Self::Pack) -> Self::Pack {
        self.carry(&self.sub_raw(a, b, above))
    }

    /// `a b + c`, normalised.
    #[inline(always)]
    fn mul_add(&self, a: &Self::Pack, b: &Self::Pack, c: &Self::Pack) -> Self::Pack {
        self.carry(&self.add_raw(&self.mul_raw(a, b), c))
    }

    /// Lane i is element `stride i + at`; reduced.
    fn gather(&self, elements: &[F], stride: usize, at: usize) -> Self::Pack;

    /// The inverse of [`gather`](Self::gather), of a pack below 16p. Canonical.
    fn scatter(&self, pack: &Self::Pack, elements: &mut [F], stride: usize, at: usize);
}

/// What Fourier transforms and rotations need: elements that change lanes.
pub(crate) trait Exchange: Arithmetic<Fr> {
    /// What [`rows`](Self::rows) multiplies every element with.
    fn rows_factor() -> Fr;

    /// Elements as packs, without moving any, if a pack is an element; or as they came.
    fn as_packs(elements: Vec<Fr>) -> Result<Vec<Self::Pack>, Vec<Fr>>;

    /// `LANES` packs of consecutive elements times 1/[`rows_factor`](Self::rows_factor): element
    /// `stride j + at + i` is lane i of pack j. Reduced. The other packs are 0.
    fn rows(&self, elements: &[Fr], stride: usize, at: usize) -> [Self::Pack; 8];

    /// Lane i of pack j becomes lane j of pack i.
    fn transpose(&self, packs: &[Self::Pack; 8]) -> [Self::Pack; 8];

    /// Lane i becomes lane i + 1, the last becomes the first.
    fn up(&self, pack: &Self::Pack) -> Self::Pack;

    /// Lane i + 1 becomes lane i, the first becomes the last.
    fn down(&self, pack: &Self::Pack) -> Self::Pack;
}

/// What sums of curve points need: packs of coordinates read from and written to single points.
pub(crate) trait Points: Arithmetic<Fq> {
    /// An affine point, not the identity.
    type Point: Copy + Send + Sync + Debug + 'static;

    /// A point from its coordinates.
    fn point(x: &Fq, y: &Fq) -> Self::Point;

    /// The canonical coordinates of a point.
    fn coordinates(point: &Self::Point) -> (Fq, Fq);

    /// The point with -y.
    fn negated(point: &Self::Point) -> Self::Point;

    /// Reduced x and y of `points[entries[i] >> 1]` in lane i, `LANES` of them. With SIGNS, y is negated where the
    /// lowest bit of the entry is set.
    fn load<const SIGNS: bool>(&self, points: &[Self::Point], entries: &[u32]) -> (Self::Pack, Self::Pack);

    /// Writes lane i to `points[at[i]]`.
    fn store(&self, x: &Self::Pack, y: &Self::Pack, points: &mut [Self::Point], at: &[u32]);

    /// Reads the points and does nothing with them, so that misses of the cache overlap.
    fn touch(&self, points: &[Self::Point], entries: &[u32]);

    /// The inverses, or nothing where a lane is 0.
    fn invert(&self, pack: &Self::Pack) -> Option<Self::Pack>;
}

/// A way to compute.
pub(crate) trait Backend: Copy + Send + Sync + Debug + 'static {
    /// Scalars.
    type R: Exchange;
    /// Coordinates.
    type Q: Points;

    /// Arithmetic of scalars.
    fn scalars(self) -> Self::R;

    /// Arithmetic of coordinates.
    fn coordinates(self) -> Self::Q;

    /// Runs a kernel with the instructions of this backend.
    fn vectorize<K: Kernel<Self>>(self, kernel: K) -> K::Output;
}

/// Code that runs with a backend's instructions; `run` must be `#[inline(always)]`.
pub(crate) trait Kernel<B: Backend> {
    /// What it answers.
    type Output;

    /// Computes it.
    fn run(self, backend: B) -> Self::Output;
}

/// Elements in a pack of scalars.
pub(crate) const fn lanes<B: Backend>() -> usize {
    <B::R as Arithmetic<Fr>>::LANES
}

/// A pack of scalars.
pub(crate) type Pack<B> = <<B as Backend>::R as Arithmetic<Fr>>::Pack;

/// A constant scalar.
pub(crate) type Constant<B> = <<B as Backend>::R as Arithmetic<Fr>>::Constant;

/// A curve point as a backend keeps it.
pub(crate) type Point<B> = <<B as Backend>::Q as Points>::Point;

/// Prepares a constant scalar.
pub(crate) fn constant<B: Backend>(element: &Fr) -> Constant<B> {
    <B::R as Arithmetic<Fr>>::constant(element)
}

/// No scalars.
pub(crate) fn zero<B: Backend>() -> Pack<B> {
    <B::R as Arithmetic<Fr>>::zero()
}
