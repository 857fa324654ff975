//! The transforms themselves, eight positions and three levels at a time.
//!
//! Bounds (see [`arithmetic`](crate::arithmetic)). Decimation in time adds a reduced product on every level: from
//! below 2p, 25 levels stay below 52p, and nothing is reduced before the end. Decimation in frequency doubles sums:
//! of eight reduced inputs the four sums of the third level are below 16p and reduced, the differences are products.

use std::ops::Range;

use halo2_proofs::halo2curves::bn256::Fr;

use super::twiddles::Twiddles;
use crate::{
    arithmetic::{Arithmetic, Backend, Constant, Exchange, Kernel, Pack},
    watch::{Stop, Watch},
};

/// Levels joined in one pass over memory.
const RADIX: usize = 3;

/// Levels that run on a block before the next block is touched: its packs fit in the first cache.
const BLOCK_LEVELS: usize = 6;

/// Positions of a pass between two questions whether to go on.
const UNWATCHED: usize = 1 << 11;

/// How the levels are grouped: three together from the lowest, one or two single ones on top.
#[derive(Clone, Copy)]
struct Groups {
    levels: usize,
    /// Levels of the blocks that run at once.
    block: usize,
}

impl Groups {
    #[inline(always)]
    fn new(levels: usize) -> Self {
        let tripled = levels / RADIX * RADIX;
        Self { levels, block: if tripled < BLOCK_LEVELS { levels } else { BLOCK_LEVELS } }
    }

    /// Levels that start at `level`.
    #[inline(always)]
    fn step(self, level: usize) -> usize {
        if level + RADIX <= self.levels { RADIX } else { 1 }
    }

    /// The level at which the group that ends at `end` starts.
    #[inline(always)]
    fn start(self, end: usize) -> usize {
        if end.is_multiple_of(RADIX) { end - RADIX } else { end - 1 }
    }
}

#[inline(always)]
fn load8<P: Copy>(a: &[P], at: usize, stride: usize) -> [P; 8] {
    [
        a[at],
        a[at + stride],
        a[at + 2 * stride],
        a[at + 3 * stride],
        a[at + 4 * stride],
        a[at + 5 * stride],
        a[at + 6 * stride],
        a[at + 7 * stride],
    ]
}

/// The seven factors of three levels, for the i-th positions of their blocks.
#[inline(always)]
fn factors8<B: Backend>(k: &B::R, inner: &[Vec<Constant<B>>], level: usize, i: usize) -> [Pack<B>; 7] {
    let m = 1usize << level;
    let (a, b, c) = (&inner[level], &inner[level + 1], &inner[level + 2]);
    [
        k.set(&a[i]),
        k.set(&b[i]),
        k.set(&b[i + m]),
        k.set(&c[i]),
        k.set(&c[i + m]),
        k.set(&c[i + 2 * m]),
        k.set(&c[i + 3 * m]),
    ]
}

/// u, v become u + w v, u - w v.
#[inline(always)]
fn in_time<A: Arithmetic<Fr>>(k: &A, x: &mut [A::Pack; 8], u: usize, v: usize, w: &A::Pack, twice: &A::Pack) {
    let t = k.mul_raw(&k.carry(&x[v]), w);
    x[v] = k.sub_raw(&x[u], &t, twice);
    x[u] = k.add_raw(&x[u], &t);
}

/// Three levels of decimation in time.
#[inline(always)]
fn in_time8<A: Arithmetic<Fr>>(k: &A, x: &mut [A::Pack; 8], w: &[A::Pack; 7], twice: &A::Pack) {
    for i in 0..4 {
        in_time(k, x, 2 * i, 2 * i + 1, &w[0], twice);
    }
    for i in 0..2 {
        in_time(k, x, 4 * i, 4 * i + 2, &w[1], twice);
        in_time(k, x, 4 * i + 1, 4 * i + 3, &w[2], twice);
    }
    for i in 0..4 {
        in_time(k, x, i, i + 4, &w[3 + i], twice);
    }
}

/// One group of levels of decimation in time, for some of the positions of every block.
#[inline(always)]
fn in_time_pass<B: Backend>(
    k: &B::R,
    inner: &[Vec<Constant<B>>],
    a: &mut [Pack<B>],
    level: usize,
    step: usize,
    positions: Range<usize>,
) {
    let twice = k.modulus(2);
    let m = 1usize << level;
    if step == RADIX {
        for block in a.chunks_exact_mut(8 * m) {
            for i in positions.clone() {
                let w = factors8::<B>(k, inner, level, i);
                let mut x = load8(block, i, m);
                in_time8(k, &mut x, &w, &twice);
                for e in 0..8 {
                    block[i + e * m] = x[e];
                }
            }
        }
    } else {
        for block in a.chunks_exact_mut(2 * m) {
            let (low, high) = block.split_at_mut(m);
            for i in positions.clone() {
                let t = k.mul_raw(&k.carry(&high[i]), &k.set(&inner[level][i]));
                high[i] = k.sub_raw(&low[i], &t, &twice);
                low[i] = k.add_raw(&low[i], &t);
            }
        }
    }
}

/// All levels inside of lanes; the source is read block by block.
#[inline(always)]
fn in_time_levels<B: Backend>(
    k: &B::R,
    inner: &[Vec<Constant<B>>],
    source: &[Pack<B>],
    a: &mut [Pack<B>],
    watch: &dyn Watch,
) -> Result<(), Stop> {
    let groups = Groups::new(inner.len());
    let size = 1usize << groups.block;
    let mut at = 0;
    while at < a.len() {
        let block = &mut a[at..at + size];
        block.copy_from_slice(&source[at..at + size]);
        let mut level = 0;
        while level < groups.block {
            let step = groups.step(level);
            in_time_pass::<B>(k, inner, block, level, step, 0..1 << level);
            level += step;
        }
        at += size;
        // Every larger block that is complete now.
        while level < groups.levels {
            let step = groups.step(level);
            let larger = 1usize << (level + step);
            if !at.is_multiple_of(larger) {
                break;
            }
            let mut from = 0;
            while from < 1 << level {
                watch.check()?;
                let to = (1 << level).min(from + UNWATCHED);
                in_time_pass::<B>(k, inner, &mut a[at - larger..at], level, step, from..to);
                from = to;
            }
            level += step;
        }
    }
    Ok(())
}

/// The levels across lanes, and the reduction that all levels have put off.
#[inline(always)]
fn in_time_top<B: Backend>(k: &B::R, top: &[[Pack<B>; 7]], a: &mut [Pack<B>]) {
    let twice = k.modulus(2);
    if <B::R as Arithmetic<Fr>>::LANES == 1 {
        return;
    }
    for (block, w) in a.chunks_exact_mut(8).zip(top) {
        let mut x = k.transpose(&load8(block, 0, 1));
        in_time8(k, &mut x, w, &twice);
        for x in x.iter_mut() {
            *x = k.reduce(&k.carry(x));
        }
        block.copy_from_slice(&k.transpose(&x));
    }
}

/// Coefficients to values on a coset, with padding.
pub(super) struct Extend<'a, B: Backend> {
    pub(super) source: &'a [Pack<B>],
    pub(super) out: &'a mut [Pack<B>],
    pub(super) padding: usize,
    pub(super) twiddles: &'a Twiddles<B>,
    pub(super) watch: &'a dyn Watch,
}

impl<B: Backend> Kernel<B> for Extend<'_, B> {
    type Output = Result<(), Stop>;

    #[inline(always)]
    fn run(self, backend: B) -> Result<(), Stop> {
        let k = backend.scalars();
        let packs = self.source.len();
        let a = &mut self.out[self.padding..self.padding + packs];
        in_time_levels::<B>(&k, &self.twiddles.inner, self.source, a, self.watch)?;
        in_time_top::<B>(&k, &self.twiddles.top, a);
        for i in 0..self.padding {
            self.out[i] = k.up(&self.out[packs + i]);
            self.out[self.padding + packs + i] = k.down(&self.out[self.padding + i]);
        }
        Ok(())
    }
}

/// u, v become u + v, w (u - v).
#[inline(always)]
fn in_frequency<A: Arithmetic<Fr>>(
    k: &A,
    x: &mut [A::Pack; 8],
    u: usize,
    v: usize,
    w: &A::Pack,
    above: &A::Pack,
) {
    let d = k.sub(&x[u], &x[v], above);
    x[u] = k.add_raw(&x[u], &x[v]);
    x[v] = k.mul_raw(&d, w);
}

/// Three levels of decimation in frequency; `above` are 2p, 4p and 8p.
#[inline(always)]
fn in_frequency8<A: Arithmetic<Fr>>(k: &A, x: &mut [A::Pack; 8], w: &[A::Pack; 7], above: &[A::Pack; 3]) {
    for i in 0..4 {
        in_frequency(k, x, i, i + 4, &w[3 + i], &above[0]);
    }
    for i in 0..2 {
        in_frequency(k, x, 4 * i, 4 * i + 2, &w[1], &above[1]);
        in_frequency(k, x, 4 * i + 1, 4 * i + 3, &w[2], &above[1]);
    }
    for i in 0..4 {
        in_frequency(k, x, 2 * i, 2 * i + 1, &w[0], &above[2]);
    }
}

/// One group of levels of decimation in frequency, for some of the positions of every block. The lowest group multiplies
/// everything with `scale`, if there is one, and leaves everything normalised.
#[inline(always)]
fn in_frequency_pass<B: Backend>(
    k: &B::R,
    inner: &[Vec<Constant<B>>],
    a: &mut [Pack<B>],
    level: usize,
    step: usize,
    positions: Range<usize>,
    scale: Option<&Pack<B>>,
) {
    let above = [k.modulus(2), k.modulus(4), k.modulus(8)];
    let m = 1usize << level;
    if step == 1 {
        for block in a.chunks_exact_mut(2 * m) {
            let (low, high) = block.split_at_mut(m);
            for i in positions.clone() {
                let d = k.sub(&low[i], &high[i], &above[0]);
                low[i] = k.reduce(&k.add(&low[i], &high[i]));
                high[i] = k.mul_raw(&d, &k.set(&inner[level][i]));
            }
        }
        return;
    }
    for block in a.chunks_exact_mut(8 * m) {
        for i in positions.clone() {
            let mut w = factors8::<B>(k, inner, level, i);
            if let Some(scale) = scale {
                // The only factor of the lowest level is 1.
                w[0] = *scale;
            }
            let mut x = load8(block, i, m);
            in_frequency8(k, &mut x, &w, &above);
            for e in 0..4 {
                let sum = k.carry(&x[2 * e]);
                x[2 * e] = match scale {
                    Some(scale) => k.mul(&sum, scale),
                    None => k.reduce(&sum),
                };
                if level == 0 {
                    x[2 * e + 1] = k.carry(&x[2 * e + 1]);
                }
            }
            for e in 0..8 {
                block[i + e * m] = x[e];
            }
        }
    }
}

/// All levels inside of lanes.
#[inline(always)]
fn in_frequency_levels<B: Backend>(
    k: &B::R,
    inner: &[Vec<Constant<B>>],
    a: &mut [Pack<B>],
    scale: Option<&Pack<B>>,
    watch: &dyn Watch,
) -> Result<(), Stop> {
    let groups = Groups::new(inner.len());
    let size = 1usize << groups.block;
    let mut at = 0;
    while at < a.len() {
        // Every larger block that begins here, then this one.
        let mut end = groups.levels;
        while end > 0 {
            let level = groups.start(end);
            let larger = (1usize << end).max(size);
            if at.is_multiple_of(larger) {
                let lowest = if level == 0 { scale } else { None };
                let mut from = 0;
                while from < 1 << level {
                    if end > groups.block {
                        watch.check()?;
                    }
                    let to = (1 << level).min(from + UNWATCHED);
                    let block = &mut a[at..at + larger];
                    in_frequency_pass::<B>(k, inner, block, level, end - level, from..to, lowest);
                    from = to;
                }
            }
            end = level;
        }
        at += size;
    }
    Ok(())
}

/// The levels across lanes of eight transposed packs, which start at `at`.
#[inline(always)]
fn in_frequency_top<B: Backend>(
    k: &B::R,
    w: &[Pack<B>; 7],
    mut x: [Pack<B>; 8],
    above: &[Pack<B>; 3],
    block: &mut [Pack<B>],
) {
    in_frequency8(k, &mut x, w, above);
    for e in 0..4 {
        x[2 * e] = k.reduce(&k.carry(&x[2 * e]));
    }
    block.copy_from_slice(&k.transpose(&x));
}

/// Values to coefficients. Where a pack is an element, `a` holds the values; otherwise they are in `values`.
pub(super) struct InverseFrom<'a, B: Backend> {
    pub(super) values: &'a [Fr],
    pub(super) a: &'a mut [Pack<B>],
    pub(super) twiddles: &'a Twiddles<B>,
    /// 1/n, and what the packing of rows has left out.
    pub(super) scale: &'a Constant<B>,
    pub(super) watch: &'a dyn Watch,
}

impl<B: Backend> Kernel<B> for InverseFrom<'_, B> {
    type Output = Result<(), Stop>;

    #[inline(always)]
    fn run(self, backend: B) -> Result<(), Stop> {
        let k = backend.scalars();
        let packs = self.a.len();
        if <B::R as Arithmetic<Fr>>::LANES > 1 {
            let above = [k.modulus(2), k.modulus(4), k.modulus(8)];
            for (b, (block, w)) in self.a.chunks_exact_mut(8).zip(&self.twiddles.top).enumerate() {
                in_frequency_top::<B>(&k, w, k.rows(self.values, packs, 8 * b), &above, block);
            }
        }
        in_frequency_levels::<B>(&k, &self.twiddles.inner, self.a, Some(&k.set(self.scale)), self.watch)
    }
}

/// Values on a coset to coefficients, in place.
pub(super) struct Inverse<'a, B: Backend> {
    pub(super) a: &'a mut [Pack<B>],
    pub(super) twiddles: &'a Twiddles<B>,
    /// Factor of every coefficient.
    pub(super) unshift: &'a [Pack<B>],
    pub(super) watch: &'a dyn Watch,
}

impl<B: Backend> Kernel<B> for Inverse<'_, B> {
    type Output = Result<(), Stop>;

    #[inline(always)]
    fn run(self, backend: B) -> Result<(), Stop> {
        let k = backend.scalars();
        if <B::R as Arithmetic<Fr>>::LANES > 1 {
            let above = [k.modulus(2), k.modulus(4), k.modulus(8)];
            for (block, w) in self.a.chunks_exact_mut(8).zip(&self.twiddles.top) {
                let x = k.transpose(&load8(block, 0, 1));
                in_frequency_top::<B>(&k, w, x, &above, block);
            }
        }
        in_frequency_levels::<B>(&k, &self.twiddles.inner, self.a, None, self.watch)?;
        for (a, factor) in self.a.iter_mut().zip(self.unshift) {
            *a = k.mul(a, factor);
        }
        Ok(())
    }
}

/// Scalars to packs.
pub(super) struct Gather<'a, B: Backend> {
    pub(super) scalars: &'a [Fr],
    pub(super) out: &'a mut [Pack<B>],
}

impl<B: Backend> Kernel<B> for Gather<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self, backend: B) {
        let k = backend.scalars();
        let packs = self.out.len();
        for i in 0..packs {
            self.out[i] = k.gather(self.scalars, packs, i);
        }
    }
}

/// Packs to scalars.
pub(super) struct Scatter<'a, B: Backend> {
    pub(super) packs: &'a [Pack<B>],
    pub(super) out: &'a mut [Fr],
}

impl<B: Backend> Kernel<B> for Scatter<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self, backend: B) {
        let k = backend.scalars();
        let packs = self.packs.len();
        for i in 0..packs {
            k.scatter(&self.packs[i], self.out, packs, i);
        }
    }
}

/// Powers in reversed order: `out[j + 2^b] = out[j] steps[..]`, one step a bit of j.
pub(super) struct Powers<'a, B: Backend> {
    pub(super) first: &'a [Fr],
    pub(super) steps: &'a [Constant<B>],
    pub(super) out: &'a mut [Pack<B>],
}

impl<B: Backend> Kernel<B> for Powers<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self, backend: B) {
        let k = backend.scalars();
        self.out[0] = k.gather(self.first, 1, 0);
        let mut filled = 1;
        for step in self.steps {
            let step = k.set(step);
            for j in 0..filled {
                self.out[filled + j] = k.mul(&self.out[j], &step);
            }
            filled *= 2;
        }
    }
}
