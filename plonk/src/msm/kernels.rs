//! Affine additions and doublings, many with one inversion.

use ff::Field;
use halo2_proofs::halo2curves::bn256::Fq;

use crate::arithmetic::{Arithmetic, Backend, Kernel, Point, Points};

/// Additions that share an inversion: its cost spreads, and what is remembered of them stays in the second cache.
pub(super) const BATCH: usize = 1024;

/// What an addition remembers across the inversion: `x1, y1, y2 - y1, x2 - x1`, product of the chain before.
pub(super) type Remembered<B> = [<<B as Backend>::Q as Arithmetic<Fq>>::Pack; 5];

/// `out[i] = source[a[i]] + source[b[i]]`, with signs in the entries. Whether no two points had the same x; else
/// what is written is not the sums.
pub(super) struct Add<'a, B: Backend, const SIGNS: bool> {
    pub(super) source: &'a [Point<B>],
    /// A multiple of the lanes.
    pub(super) a: &'a [u32],
    pub(super) b: &'a [u32],
    pub(super) out: &'a [u32],
    pub(super) sums: &'a mut [Point<B>],
    pub(super) remembered: &'a mut [Remembered<B>],
}

impl<B: Backend, const SIGNS: bool> Kernel<B> for Add<'_, B, SIGNS> {
    type Output = bool;

    #[inline(always)]
    fn run(self, backend: B) -> bool {
        let k = backend.coordinates();
        let lanes = <B::Q as Arithmetic<Fq>>::LANES;
        let (p2, p8) = (k.modulus(2), k.modulus(8));
        let vectors = self.a.len() / lanes;
        let one = k.set(&<B::Q as Arithmetic<Fq>>::constant(&Fq::ONE));
        if SIGNS {
            k.touch(self.source, self.a);
            k.touch(self.source, self.b);
        }
        // Two chains of products, so that the next product need not wait for the last.
        let (mut chain, mut other) = (one, one);
        for v in 0..vectors {
            let at = v * lanes..(v + 1) * lanes;
            let (x1, y1) = k.load::<SIGNS>(self.source, &self.a[at.start..at.end]);
            let (x2, y2) = k.load::<SIGNS>(self.source, &self.b[at.start..at.end]);
            let d = k.sub(&x2, &x1, &p2);
            self.remembered[v] = [x1, y1, k.sub(&y2, &y1, &p2), d, chain];
            let next = k.mul(&chain, &d);
            chain = other;
            other = next;
        }
        let Some(inverse) = k.invert(&k.mul(&chain, &other)) else { return false };
        // `other` is the chain of the last addition.
        let (mut last, mut before) = (k.mul(&inverse, &chain), k.mul(&inverse, &other));
        for v in (0..vectors).rev() {
            let [x1, y1, dy, d, product] = self.remembered[v];
            let inverse = k.mul(&last, &product);
            let next = k.mul(&last, &d);
            last = before;
            before = next;
            let slope = k.mul(&dy, &inverse);
            // x1 + x2 = 2 x1 + d modulo p, and below 8p.
            let sum_x = k.add_raw(&k.add_raw(&x1, &x1), &d);
            let x = k.reduce(&k.sub(&k.mul_raw(&slope, &slope), &sum_x, &p8));
            let y = k.reduce(&k.sub(&k.mul_raw(&slope, &k.sub(&x1, &x, &p2)), &y1, &p2));
            k.store(&x, &y, self.sums, &self.out[v * lanes..(v + 1) * lanes]);
        }
        true
    }
}

/// Doubles every point in place. There is no point of order two: y is never 0.
struct Double<'a, B: Backend> {
    /// Positions, a multiple of the lanes; and the same, doubled, as entries.
    at: &'a [u32],
    entries: &'a [u32],
    points: &'a mut [Point<B>],
    remembered: &'a mut [Remembered<B>],
}

impl<B: Backend> Kernel<B> for Double<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self, backend: B) {
        let k = backend.coordinates();
        let lanes = <B::Q as Arithmetic<Fq>>::LANES;
        let (p2, p4) = (k.modulus(2), k.modulus(4));
        let vectors = self.at.len() / lanes;
        let mut chain = k.set(&<B::Q as Arithmetic<Fq>>::constant(&Fq::ONE));
        for v in 0..vectors {
            let (x, y) = k.load::<false>(self.points, &self.entries[v * lanes..(v + 1) * lanes]);
            let d = k.add(&y, &y);
            self.remembered[v] = [x, y, x, d, chain];
            chain = k.mul(&chain, &d);
        }
        let mut last = k.invert(&chain).expect("no point has order two");
        for v in (0..vectors).rev() {
            let [x, y, _, d, product] = self.remembered[v];
            let inverse = k.mul(&last, &product);
            last = k.mul(&last, &d);
            let square = k.mul_raw(&x, &x);
            let triple = k.add(&k.add_raw(&square, &square), &square);
            let slope = k.mul(&triple, &inverse);
            let new_x = k.reduce(&k.sub(&k.mul_raw(&slope, &slope), &k.add_raw(&x, &x), &p4));
            let new_y = k.reduce(&k.sub(&k.mul_raw(&slope, &k.sub(&x, &new_x, &p2)), &y, &p2));
            k.store(&new_x, &new_y, self.points, &self.at[v * lanes..(v + 1) * lanes]);
        }
    }
}

/// Room for a batch.
pub(super) fn memory<B: Backend>() -> Vec<Remembered<B>> {
    let zero = <B::Q as Arithmetic<Fq>>::zero();
    vec![[zero; 5]; BATCH / <B::Q as Arithmetic<Fq>>::LANES]
}

/// Doubles every point.
pub(crate) fn double_all<B: Backend>(backend: B, points: &mut [Point<B>]) {
    let lanes = <B::Q as Arithmetic<Fq>>::LANES;
    let mut remembered = memory::<B>();
    for batch in points.chunks_mut(BATCH) {
        let filled = batch.len().next_multiple_of(lanes);
        if filled == batch.len() {
            let at: Vec<u32> = (0..filled as u32).collect();
            let entries: Vec<u32> = at.iter().map(|at| at << 1).collect();
            let remembered = &mut remembered[..];
            backend.vectorize(Double { at: &at, entries: &entries, points: batch, remembered });
        } else {
            // The last points are doubled once more in a copy, which fills the last pack.
            let mut padded = batch.to_vec();
            padded.resize(filled, batch[batch.len() - 1]);
            double_all(backend, &mut padded);
            batch.copy_from_slice(&padded[..batch.len()]);
        }
    }
}

/// Adds lists of points, place by place.
pub(crate) struct AddAll<B: Backend> {
    backend: B,
    remembered: Vec<Remembered<B>>,
    /// Both lists, one after the other.
    both: Vec<Point<B>>,
}

impl<B: Backend> AddAll<B> {
    pub(crate) fn new(backend: B) -> Self {
        Self { backend, remembered: memory::<B>(), both: Vec::new() }
    }

    /// Doubles every point.
    pub(crate) fn double(&self, points: &mut [Point<B>]) {
        double_all(self.backend, points);
    }

    /// The points, or their negatives.
    pub(crate) fn signed(&self, points: &[Point<B>], negative: bool) -> Vec<Point<B>> {
        if negative { points.iter().map(<B::Q as Points>::negated).collect() } else { points.to_vec() }
    }

    /// Adds or subtracts terms. Nothing if two points of equal x met.
    pub(crate) fn add_to(&mut self, sums: &mut [Point<B>], terms: &[Point<B>], negative: bool) -> Option<()> {
        let lanes = <B::Q as Arithmetic<Fq>>::LANES;
        let len = sums.len();
        // The last pack is filled up by the last addition, into one place that nobody reads.
        let filled = len.next_multiple_of(lanes);
        self.both.clear();
        self.both.extend_from_slice(sums);
        self.both.extend_from_slice(terms);
        let place = |i: usize| i.min(len - 1) as u32;
        let a: Vec<u32> = (0..filled).map(|i| place(i) << 1).collect();
        let b: Vec<u32> = (0..filled).map(|i| (place(i) + len as u32) << 1 | u32::from(negative)).collect();
        let out: Vec<u32> = (0..filled).map(place).collect();
        for ((a, b), out) in a.chunks(BATCH).zip(b.chunks(BATCH)).zip(out.chunks(BATCH)) {
            let remembered = &mut self.remembered;
            let sum = Add::<B, true> { source: &self.both, a, b, out, sums, remembered };
            if !self.backend.vectorize(sum) {
                return None;
            }
        }
        Some(())
    }
}
