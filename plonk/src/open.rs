//! Opening arguments: that polynomials have the values that were written.

pub(crate) mod ipa;
pub(crate) mod shplonk;

use std::{borrow::Cow, collections::BTreeMap};

use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;
use rayon::prelude::*;

use crate::{
    arithmetic::{Backend, Pack},
    columns::weighted_sum,
    fft::Fft,
    key::{FixedColumn, interpolated_sum},
    watch::{Stop, Watch},
};

/// A polynomial in the form in which it is kept.
pub(crate) enum Polynomial<'a, B: Backend> {
    /// Coefficients in reversed order.
    Coefficients(Cow<'a, [Pack<B>]>),
    /// Values on the first coset.
    Values(&'a [Pack<B>]),
}

impl<'a, B: Backend> Polynomial<'a, B> {
    /// By coefficients that are kept elsewhere.
    pub(crate) fn borrowed(coefficients: &'a [Pack<B>]) -> Self {
        Self::Coefficients(Cow::Borrowed(coefficients))
    }

    /// That of a column which no proof changes.
    pub(crate) fn fixed(fft: &Fft<B>, column: &'a FixedColumn<B>) -> Self {
        match column {
            FixedColumn::Coefficients(coefficients) => Self::borrowed(coefficients),
            FixedColumn::Cosets(cosets) => Self::Values(fft.without_padding(&cosets[0])),
        }
    }

    /// Its coefficients or values.
    pub(crate) fn packs(&self) -> &[Pack<B>] {
        match self {
            Self::Coefficients(coefficients) => coefficients,
            Self::Values(values) => values,
        }
    }
}

/// A committed polynomial and where it is opened.
pub(crate) struct Opening<'a, B: Backend> {
    polynomial: Polynomial<'a, B>,
    /// `top (X^n - x^n)` is added to the coefficients.
    top: Fr,
    constant: Fr,
    /// The blind of its commitment; counts with IPA only.
    blind: Fr,
    /// Values by rotation.
    values: BTreeMap<i32, Fr>,
}

impl<'a, B: Backend> Opening<'a, B> {
    /// A polynomial and the blind of its commitment.
    pub(crate) fn new(polynomial: Polynomial<'a, B>, blind: Fr) -> Self {
        Self { polynomial, top: Fr::ZERO, constant: Fr::ZERO, blind, values: BTreeMap::new() }
    }

    /// A polynomial plus `top (X^n - x_n)`.
    pub(crate) fn owned(coefficients: Vec<Pack<B>>, top: Fr, x_n: Fr, blind: Fr) -> Self {
        Self {
            polynomial: Polynomial::Coefficients(Cow::Owned(coefficients)),
            top,
            constant: -top * x_n,
            blind,
            values: BTreeMap::new(),
        }
    }
}

/// Everything that is opened, in the order in which the verifier first asks for it.
pub(crate) struct Opened<'a, B: Backend> {
    /// The point of every rotation.
    points: BTreeMap<i32, Fr>,
    openings: Vec<Opening<'a, B>>,
}

impl<'a, B: Backend> Opened<'a, B> {
    /// Nothing yet.
    pub(crate) fn new(points: BTreeMap<i32, Fr>) -> Self {
        Self { points, openings: Vec::new() }
    }

    /// Adds a polynomial; its place.
    pub(crate) fn push(&mut self, opening: Opening<'a, B>) -> usize {
        self.openings.push(opening);
        self.openings.len() - 1
    }

    /// The polynomial at this place has this value.
    pub(crate) fn query(&mut self, place: usize, rotation: i32, value: Fr) {
        self.openings[place].values.insert(rotation, value);
    }

    /// Polynomials by the set of points at which they are opened, in the order in which the sets first occur.
    fn sets(&self) -> Vec<PointSet<'_, 'a, B>> {
        let mut sets: Vec<PointSet<'_, 'a, B>> = Vec::new();
        for opening in &self.openings {
            let rotations: Vec<i32> = opening.values.keys().copied().collect();
            match sets.iter_mut().find(|set| set.rotations == rotations) {
                Some(set) => set.openings.push(opening),
                None => {
                    let points = rotations.iter().map(|rotation| self.points[rotation]).collect();
                    sets.push(PointSet { rotations, points, openings: vec![opening] });
                }
            }
        }
        sets
    }
}

/// Polynomials that are opened at the same points.
struct PointSet<'o, 'a, B: Backend> {
    rotations: Vec<i32>,
    points: Vec<Fr>,
    openings: Vec<&'o Opening<'a, B>>,
}

/// Terms of a weighted sum.
struct Weighted<'a, B: Backend> {
    weights: Vec<Fr>,
    columns: Vec<&'a [Pack<B>]>,
}

impl<B: Backend> Default for Weighted<'_, B> {
    fn default() -> Self {
        Self { weights: Vec::new(), columns: Vec::new() }
    }
}

/// A weighted sum of the polynomials of a set.
struct Joined {
    points: Vec<Fr>,
    /// Coefficients in natural order, n or `n + 1` of them.
    coefficients: Vec<Fr>,
    /// Values at the points.
    values: Vec<Fr>,
    blind: Fr,
}

impl<B: Backend> PointSet<'_, '_, B> {
    /// `sum_j weights[j] P_j`.
    fn join(&self, fft: &Fft<B>, weights: &[Fr], watch: &dyn Watch) -> Result<Joined, Stop> {
        let sum = |part: &dyn Fn(&Opening<'_, B>) -> Fr| -> Fr {
            self.openings.iter().zip(weights).map(|(opening, weight)| part(opening) * weight).sum()
        };
        let mut coefficients = fft.natural(&self.weighted_sum(fft, weights, watch)?);
        coefficients[0] += sum(&|opening| opening.constant);
        let top = sum(&|opening| opening.top);
        if top != Fr::ZERO {
            coefficients.push(top);
        }
        let values = self.rotations.iter().map(|rotation| sum(&|opening| opening.values[rotation])).collect();
        Ok(Joined { points: self.points.clone(), coefficients, values, blind: sum(&|opening| opening.blind) })
    }

    /// Coefficients of the weighted sum of what is kept of the polynomials.
    fn weighted_sum(&self, fft: &Fft<B>, weights: &[Fr], watch: &dyn Watch) -> Result<Vec<Pack<B>>, Stop> {
        let mut by_coefficients = Weighted::<'_, B>::default();
        let mut by_values = Weighted::<'_, B>::default();
        for (opening, weight) in self.openings.iter().zip(weights) {
            let terms = match &opening.polynomial {
                Polynomial::Coefficients(_) => &mut by_coefficients,
                Polynomial::Values(_) => &mut by_values,
            };
            terms.weights.push(*weight);
            terms.columns.push(opening.polynomial.packs());
        }
        let interpolated = match &by_values {
            Weighted { columns, .. } if columns.is_empty() => None,
            Weighted { weights, columns } => Some(interpolated_sum(fft, weights, columns, watch)?),
        };
        if let Some(interpolated) = &interpolated {
            by_coefficients.weights.push(Fr::ONE);
            by_coefficients.columns.push(interpolated);
        }
        weighted_sum(fft.backend(), &by_coefficients.weights, &by_coefficients.columns, watch)
    }
}

/// The quotient by `X - root` of every point, without the remainders.
fn divide_by_all(coefficients: &mut Vec<Fr>, roots: &[Fr], watch: &dyn Watch) -> Result<(), Stop> {
    for root in roots {
        watch.check()?;
        divide(coefficients, *root);
    }
    Ok(())
}

/// The quotient by `X - root`, without the remainder, by Horner's rule; in place, one coefficient shorter.
fn divide(coefficients: &mut Vec<Fr>, root: Fr) {
    let mut carry = Fr::ZERO;
    for coefficient in coefficients.iter_mut().rev() {
        let quotient = carry;
        carry = *coefficient + root * carry;
        *coefficient = quotient;
    }
    coefficients.pop();
}

/// `sum += factor terms`, term by term; the sum grows where it is shorter.
fn add_scaled(sum: &mut Vec<Fr>, factor: Fr, terms: &[Fr]) {
    sum.resize(sum.len().max(terms.len()), Fr::ZERO);
    sum.par_iter_mut().zip(terms).with_min_len(1 << 10).for_each(|(sum, term)| *sum += factor * term);
}

/// The value of a polynomial at x.
fn evaluate(coefficients: &[Fr], x: Fr) -> Fr {
    coefficients.iter().rev().fold(Fr::ZERO, |value, coefficient| value * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_is_exact_but_for_the_value() {
        let polynomial: Vec<Fr> = (1..=9).map(Fr::from).collect();
        let root = Fr::from(7);
        let mut quotient = polynomial.clone();
        divide(&mut quotient, root);
        assert_eq!(quotient.len(), 8);
        let x = Fr::from(1000);
        assert_eq!(
            evaluate(&quotient, x) * (x - root) + evaluate(&polynomial, root),
            evaluate(&polynomial, x)
        );
    }

    #[test]
    fn sums_grow() {
        let mut sum = vec![Fr::ONE];
        add_scaled(&mut sum, Fr::from(3), &[Fr::ONE, Fr::from(2)]);
        assert_eq!(sum, [Fr::from(4), Fr::from(6)]);
    }
}
