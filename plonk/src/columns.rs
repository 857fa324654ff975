//! Sums and products over whole columns.

use halo2_proofs::halo2curves::bn256::Fr;
use rayon::prelude::*;

use crate::{
    arithmetic::{Arithmetic, Backend, Constant, Kernel, Pack, constant, zero},
    watch::{Stop, Watch},
};

/// Packs that a thread works on at a time.
const CHUNK: usize = 1 << 10;

/// Packs summed before a reduction, each a product below 2p: 8 of them and what was there stay below 84p.
const LAZY: usize = 8;

/// `sum_j weights[j] columns[j]`, reduced.
pub(crate) fn weighted_sum<B: Backend>(
    backend: B,
    weights: &[Fr],
    columns: &[&[Pack<B>]],
    watch: &dyn Watch,
) -> Result<Vec<Pack<B>>, Stop> {
    let weights: Vec<Constant<B>> = weights.iter().map(|weight| constant::<B>(weight)).collect();
    let mut out = vec![zero::<B>(); columns.first().map_or(0, |column| column.len())];
    out.par_chunks_mut(CHUNK).enumerate().try_for_each(|(i, out)| {
        watch.check()?;
        backend.vectorize(WeightedSum { weights: &weights, columns, start: i * CHUNK, out });
        Ok(())
    })?;
    Ok(out)
}

struct WeightedSum<'a, B: Backend> {
    weights: &'a [Constant<B>],
    columns: &'a [&'a [Pack<B>]],
    start: usize,
    out: &'a mut [Pack<B>],
}

impl<B: Backend> Kernel<B> for WeightedSum<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self, backend: B) {
        let k = backend.scalars();
        for i in 0..self.out.len() {
            let mut sum = <B::R as Arithmetic<Fr>>::zero();
            for j in 0..self.columns.len() {
                let term = k.mul_raw(&self.columns[j][self.start + i], &k.set(&self.weights[j]));
                sum = k.add(&sum, &term);
                if j % LAZY == LAZY - 1 {
                    sum = k.reduce(&sum);
                }
            }
            self.out[i] = k.reduce(&sum);
        }
    }
}

/// `factor column`, reduced.
pub(crate) fn scaled<B: Backend>(backend: B, factor: Fr, column: &[Pack<B>], out: &mut [Pack<B>]) {
    backend.vectorize(Scaled { factor: constant::<B>(&factor), column, out });
}

struct Scaled<'a, B: Backend> {
    factor: Constant<B>,
    column: &'a [Pack<B>],
    out: &'a mut [Pack<B>],
}

impl<B: Backend> Kernel<B> for Scaled<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self, backend: B) {
        let k = backend.scalars();
        let factor = k.set(&self.factor);
        for i in 0..self.out.len() {
            self.out[i] = k.mul(&self.column[i], &factor);
        }
    }
}

/// `sum_i a_i b_i` over all elements.
pub(crate) fn inner_product<B: Backend>(backend: B, a: &[Pack<B>], b: &[Pack<B>]) -> Fr {
    let mut lanes = [Fr::zero(); 8];
    backend.vectorize(InnerProduct { a, b, lanes: &mut lanes });
    lanes.iter().sum()
}

struct InnerProduct<'a, B: Backend> {
    a: &'a [Pack<B>],
    b: &'a [Pack<B>],
    /// The sums of the lanes there are.
    lanes: &'a mut [Fr; 8],
}

impl<B: Backend> Kernel<B> for InnerProduct<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self, backend: B) {
        let k = backend.scalars();
        // Two sums, so that an addition need not wait for the last.
        let zero = <B::R as Arithmetic<Fr>>::zero();
        let (mut even, mut odd) = (zero, zero);
        for (a, b) in self.a.chunks(2 * LAZY).zip(self.b.chunks(2 * LAZY)) {
            for i in 0..a.len() / 2 {
                even = k.add_raw(&even, &k.mul_raw(&a[2 * i], &b[2 * i]));
                odd = k.add_raw(&odd, &k.mul_raw(&a[2 * i + 1], &b[2 * i + 1]));
            }
            even = k.reduce(&k.carry(&even));
            odd = k.reduce(&k.carry(&odd));
        }
        k.scatter(&k.add(&even, &odd), self.lanes, 1, 0);
    }
}
