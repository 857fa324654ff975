//! SHPLONK (Boneh, Drake, Fisch, Gabizon, "Efficient polynomial commitment schemes for multiple points and
//! polynomials", 2020, section 4): many polynomials at many points by two commitments.

use ff::Field;
use halo2_proofs::{arithmetic::lagrange_interpolate, halo2curves::bn256::Fr};
use rayon::prelude::*;

use super::{Joined, Opened, add_scaled, divide, divide_by_all, evaluate};
use crate::{
    arithmetic::Backend,
    fft::powers,
    msm::Spread,
    prove::{Context, Messages, ProveError},
    watch::{Stage, Stop, Watch},
};

/// A set of points with the polynomial of its values.
struct Set {
    joined: Joined,
    /// The polynomial of lowest degree with the values.
    low: Vec<Fr>,
}

/// Writes `W = sum_i v^i (f_i - r_i) / Z_i` and, at a point u, the quotient by `X - u` of
/// `sum_i v^i z_i (f_i - r_i(u)) - z W`, divided by `z_0`. Here Z vanishes on the points of a set, z is Z of all points
/// at u, and `z_i` of those that a set lacks.
pub(crate) fn open<B: Backend>(
    context: &Context<'_, B>,
    opened: &Opened<'_, B>,
    messages: &mut Messages,
) -> Result<(), ProveError> {
    let fft = &context.key.fft;
    let (y, v) = (messages.challenge(), messages.challenge());
    let sets: Vec<Set> = opened
        .sets()
        .par_iter()
        .map(|set| {
            let joined = set.join(fft, &powers(y, set.openings.len()), context.watch())?;
            let low = lagrange_interpolate(&joined.points, &joined.values);
            Ok(Set { joined, low })
        })
        .collect::<Result<_, Stop>>()?;
    let v = powers(v, sets.len());
    let quotients: Vec<Vec<Fr>> =
        sets.par_iter().map(|set| set.quotient(context.watch())).collect::<Result<_, Stop>>()?;
    let mut w = vec![Fr::ZERO; fft.n()];
    for (v, quotient) in v.iter().zip(&quotients) {
        context.watch().check()?;
        add_scaled(&mut w, *v, quotient);
    }
    drop(quotients);
    commit(context, &w, messages)?;

    let u = messages.challenge();
    let all: Vec<Fr> = opened.points.values().copied().collect();
    let vanishing = |points: &mut dyn Iterator<Item = &Fr>| points.fold(Fr::ONE, |z, point| z * (u - point));
    let mut rest: Vec<Fr> = Vec::new();
    let mut first = None;
    for (v, set) in v.iter().zip(&sets) {
        context.watch().check()?;
        let lacking = vanishing(&mut all.iter().filter(|point| !set.joined.points.contains(point)));
        first.get_or_insert(lacking);
        let factor = lacking * v;
        add_scaled(&mut rest, factor, &set.joined.coefficients);
        rest[0] -= factor * evaluate(&set.low, u);
    }
    add_scaled(&mut rest, -vanishing(&mut all.iter()), &w);
    debug_assert_eq!(evaluate(&rest, u), Fr::ZERO);
    divide(&mut rest, u);
    // u is a point of a set with negligible probability only; then there is no proof with these challenges.
    let scale = first.and_then(|first| Option::<Fr>::from(first.invert())).ok_or(ProveError::Identity)?;
    rest.iter_mut().for_each(|coefficient| *coefficient *= scale);
    commit(context, &rest, messages)
}

impl Set {
    /// `(f - r) / Z`.
    fn quotient(&self, watch: &dyn Watch) -> Result<Vec<Fr>, Stop> {
        let mut numerator = self.joined.coefficients.clone();
        numerator.iter_mut().zip(&self.low).for_each(|(coefficient, low)| *coefficient -= low);
        divide_by_all(&mut numerator, &self.joined.points, watch)?;
        Ok(numerator)
    }
}

/// Commits to coefficients in natural order, at most n of them.
fn commit<B: Backend>(
    context: &Context<'_, B>,
    natural: &[Fr],
    messages: &mut Messages,
) -> Result<(), ProveError> {
    let fft = &context.key.fft;
    let coefficient = |i: usize| natural.get(fft.reversed(i)).copied().unwrap_or(Fr::ZERO);
    let reversed = (0..fft.n()).map(coefficient).collect();
    let point = context.bases.commit_coefficients(reversed, Fr::ZERO, Spread::All, context.watch())?;
    context.meter.advance(Stage::Open, 1);
    messages.points(&[point])
}
