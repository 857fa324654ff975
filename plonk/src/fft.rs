//! Fourier transforms over the rows of a circuit and over cosets of them.
//!
//! Values are in natural order, coefficients in *reversed* order: position i holds the coefficient of `X^rev(i)`,
//! where rev reverses the k bits. The inverse transform goes from natural to reversed (decimation in frequency),
//! the transform to a coset back (decimation in time), so nothing is ever permuted.
//!
//! Position `i = lane q + j` of n = `LANES` q positions is lane `lane` of pack j. A rotation of the rows by r is an
//! offset by r packs; a few packs of padding at both ends hold the elements that change lanes.

mod kernels;
#[cfg(test)]
mod tests;
mod twiddles;

use ff::{BatchInvert, Field, PrimeField, WithSmallOrderMulGroup};
use halo2_proofs::halo2curves::bn256::Fr;
use rayon::prelude::*;

use crate::{
    arithmetic::{Backend, Constant, Exchange, Pack, constant, lanes, zero},
    watch::{Stop, Watch},
};
use kernels::{Extend, Gather, Inverse, InverseFrom, Powers, Scatter};
use twiddles::Twiddles;

/// A root of unity of order `2^k`.
pub(crate) fn root_of_unity(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square())
}

/// Position i of the reversed order of `2^k` positions, in natural order.
pub(crate) fn reversed(i: usize, k: u32) -> usize {
    i.reverse_bits() >> (usize::BITS - k)
}

/// `1, x, x^2, ...`
pub(crate) fn powers(x: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |power| Some(*power * x)).take(count).collect()
}

/// Transforms of `2^k` rows and of the cosets on which a quotient is computed.
pub(crate) struct Fft<B: Backend> {
    backend: B,
    k: u32,
    /// Packs of a polynomial.
    packs: usize,
    /// Packs before and after an extended polynomial.
    padding: usize,
    omega: Fr,
    shifts: Vec<Fr>,
    inverse: Twiddles<B>,
    cosets: Vec<Twiddles<B>>,
    /// Per coset `g^-rev(i) / (n (g^n - 1))`: shifts back, scales, and divides by the vanishing polynomial.
    unshift: Vec<Vec<Pack<B>>>,
    scale: Constant<B>,
}

impl<B: Backend> Fft<B> {
    /// Transforms of `2^k` rows to `cosets` cosets, a power of two, with rotations of at most `rotation` rows.
    pub(crate) fn new(backend: B, k: u32, cosets: usize, rotation: usize) -> Self {
        let n = 1usize << k;
        let packs = n / lanes::<B>();
        assert!(cosets.is_power_of_two() && rotation <= packs && k >= 4, "k {k}, rotation {rotation}");
        let omega = root_of_unity(k);
        let step = root_of_unity(k + cosets.ilog2());
        let shifts: Vec<Fr> = powers(step, cosets).into_iter().map(|power| Fr::ZETA * power).collect();
        let inverse_n = Fr::from_raw([n as u64, 0, 0, 0]).invert().expect("n is not 0");
        let mut fft = Self {
            backend,
            k,
            packs,
            padding: rotation,
            omega,
            inverse: Twiddles::new(backend, k, omega.invert().expect("a root is not 0"), Fr::ONE),
            cosets: shifts.par_iter().map(|shift| Twiddles::new(backend, k, omega, *shift)).collect(),
            unshift: Vec::new(),
            scale: constant::<B>(&(inverse_n * <B::R as Exchange>::rows_factor())),
            shifts,
        };
        fft.unshift = fft
            .shifts
            .par_iter()
            .map(|shift| {
                let vanishing = shift.pow_vartime([n as u64]) - Fr::ONE;
                let factor = inverse_n * vanishing.invert().expect("a coset holds no row");
                fft.powers_times(shift.invert().expect("a shift is not 0"), factor)
            })
            .collect();
        fft
    }

    /// How it computes.
    pub(crate) fn backend(&self) -> B {
        self.backend
    }

    /// Binary logarithm of the rows.
    pub(crate) fn k(&self) -> u32 {
        self.k
    }

    /// Rows.
    pub(crate) fn n(&self) -> usize {
        1 << self.k
    }

    /// Packs of a polynomial.
    pub(crate) fn packs(&self) -> usize {
        self.packs
    }

    /// Packs before the first of an extended polynomial.
    pub(crate) fn padding(&self) -> usize {
        self.padding
    }

    /// Packs of an extended polynomial.
    pub(crate) fn extended_packs(&self) -> usize {
        self.packs + 2 * self.padding
    }

    /// The generator of the rows.
    pub(crate) fn omega(&self) -> Fr {
        self.omega
    }

    /// The factor g of each coset `g omega^i`.
    pub(crate) fn shifts(&self) -> &[Fr] {
        &self.shifts
    }

    /// The i-th row after this point, or before it: `x omega^i`.
    pub(crate) fn rotate(&self, x: Fr, rotation: i32) -> Fr {
        let exponent = i64::from(rotation).rem_euclid(1 << self.k);
        x * self.omega.pow_vartime([exponent as u64])
    }

    /// Position i of reversed order, in natural order.
    pub(crate) fn reversed(&self, i: usize) -> usize {
        reversed(i, self.k)
    }

    /// The coefficients of the polynomial with these values.
    pub(crate) fn interpolate(&self, values: Vec<Fr>, watch: &dyn Watch) -> Result<Vec<Pack<B>>, Stop> {
        let (mut out, values) = match B::R::as_packs(values) {
            Ok(packs) => (packs, Vec::new()),
            Err(values) => (vec![zero::<B>(); self.packs], values),
        };
        self.backend.vectorize(InverseFrom {
            values: &values,
            a: &mut out,
            twiddles: &self.inverse,
            scale: &self.scale,
            watch,
        })?;
        Ok(out)
    }

    /// Room for what [`extend`](Self::extend) makes.
    pub(crate) fn room(&self) -> Vec<Pack<B>> {
        Vec::with_capacity(self.extended_packs())
    }

    /// Values of a polynomial on a coset, with padding.
    pub(crate) fn extend(
        &self,
        coefficients: &[Pack<B>],
        coset: usize,
        out: &mut Vec<Pack<B>>,
        watch: &dyn Watch,
    ) -> Result<(), Stop> {
        out.resize(self.extended_packs(), zero::<B>());
        let twiddles = &self.cosets[coset];
        self.backend.vectorize(Extend { source: coefficients, out, padding: self.padding, twiddles, watch })
    }

    /// The values in what [`extend`](Self::extend) makes.
    pub(crate) fn without_padding<'a>(&self, extended: &'a [Pack<B>]) -> &'a [Pack<B>] {
        &extended[self.padding..self.padding + self.packs]
    }

    /// Of the values on a coset of `h (X^n - 1)`: the coefficients of h modulo `X^n - g^n`.
    pub(crate) fn quotient(
        &self,
        values: &mut [Pack<B>],
        coset: usize,
        watch: &dyn Watch,
    ) -> Result<(), Stop> {
        let unshift = &self.unshift[coset];
        self.backend.vectorize(Inverse { a: values, twiddles: &self.inverse, unshift, watch })
    }

    /// `g^n - 1` of the first coset, by which [`quotient`](Self::quotient) divides.
    pub(crate) fn vanishing(&self) -> Fr {
        self.shifts[0].pow_vartime([self.n() as u64]) - Fr::ONE
    }

    /// Weights w of the values on the first coset in the value at x, `p(x) = sum_i w_i p(g omega^i)` for p of degree
    /// below n: `w_i = (x^n - g^n) / (n g^n) g omega^i / (x - g omega^i)`, unless x is on the coset (Berrut and Trefethen,
    /// "Barycentric Lagrange interpolation", 2004, section 4).
    pub(crate) fn weights(&self, x: Fr) -> Vec<Pack<B>> {
        let n = self.n() as u64;
        let (x_n, g_n) = (x.pow_vartime([n]), self.vanishing() + Fr::ONE);
        let scale = (x_n - g_n) * (g_n * Fr::from_raw([n, 0, 0, 0])).invert().expect("neither g nor n is 0");
        let points: Vec<Fr> = std::iter::successors(Some(self.shifts[0]), |point| Some(*point * self.omega))
            .take(self.n())
            .collect();
        let mut weights: Vec<Fr> = points.iter().map(|point| x - point).collect();
        weights.iter_mut().batch_invert();
        weights.iter_mut().zip(points).for_each(|(weight, point)| *weight *= point * scale);
        self.pack(&weights)
    }

    /// Scalars in packs, in the order in which they come.
    pub(crate) fn pack(&self, scalars: &[Fr]) -> Vec<Pack<B>> {
        let mut out = vec![zero::<B>(); scalars.len() / lanes::<B>()];
        self.backend.vectorize(Gather { scalars, out: &mut out });
        out
    }

    /// The scalars of packs.
    pub(crate) fn unpack(&self, packs: &[Pack<B>]) -> Vec<Fr> {
        let mut out = vec![Fr::ZERO; packs.len() * lanes::<B>()];
        self.backend.vectorize(Scatter { packs, out: &mut out });
        out
    }

    /// Coefficients in natural order, reversed and packed.
    pub(crate) fn reverse(&self, coefficients: &[Fr]) -> Vec<Pack<B>> {
        let reversed: Vec<Fr> = (0..self.n()).map(|i| coefficients[self.reversed(i)]).collect();
        B::R::as_packs(reversed).unwrap_or_else(|reversed| self.pack(&reversed))
    }

    /// Packed coefficients in natural order.
    pub(crate) fn natural(&self, coefficients: &[Pack<B>]) -> Vec<Fr> {
        let reversed = self.unpack(coefficients);
        (0..self.n()).map(|i| reversed[self.reversed(i)]).collect()
    }

    /// The powers of x in reversed order: with coefficients, an inner product of an evaluation at x.
    pub(crate) fn powers(&self, x: Fr) -> Vec<Pack<B>> {
        self.powers_times(x, Fr::ONE)
    }

    fn powers_times(&self, x: Fr, factor: Fr) -> Vec<Pack<B>> {
        let lane_bits = lanes::<B>().ilog2();
        // Bit b of a position is bit k - 1 - b of the exponent; the lane is the highest bits of the position.
        let squares: Vec<Fr> =
            std::iter::successors(Some(x), |square| Some(square.square())).take(self.k as usize).collect();
        let first: Vec<Fr> = (0..lanes::<B>())
            .map(|lane| {
                let bits = (0..lane_bits).filter(|bit| lane >> bit & 1 == 1);
                bits.fold(factor, |power, bit| power * squares[(lane_bits - 1 - bit) as usize])
            })
            .collect();
        let steps: Vec<Constant<B>> =
            squares[lane_bits as usize..].iter().rev().map(|square| constant::<B>(square)).collect();
        let mut out = vec![zero::<B>(); self.packs];
        self.backend.vectorize(Powers { first: &first, steps: &steps, out: &mut out });
        out
    }
}
