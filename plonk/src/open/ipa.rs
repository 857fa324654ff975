//! The inner product argument (Bowe, Grigg, Hopwood, "Recursive proof composition without a trusted setup", 2019,
//! section 3), behind a multipoint opening that joins all polynomials in one.

mod collapse;
mod endomorphism;
mod few;

use ff::Field;
use halo2_proofs::halo2curves::bn256::{Fr, G1, G1Affine};
use rand::RngCore;
use rayon::prelude::*;

use super::{Joined, Opened, add_scaled, divide_by_all, evaluate};
use crate::{
    arithmetic::Backend,
    fft::powers,
    msm::{Spread, Table, Windows},
    prove::{Context, Messages, ProveError, random},
    watch::{Stage, Stop, Watch},
};
use collapse::collapse;
use few::Few;

/// Points of the argument.
pub(crate) struct Generators<'a> {
    /// Of coefficients, in natural order.
    pub(crate) coefficients: &'a [G1Affine],
    /// Of blinds.
    pub(crate) w: &'a G1Affine,
    /// Of inner products.
    pub(crate) u: &'a G1Affine,
}

/// Rounds whose challenges are applied to the generators together. A round in between multiplies over more generators
/// than it must, with larger scalars; a collapse of eight to one shares its doublings.
const ROUNDS_PER_COLLAPSE: u32 = 3;

/// So few generators are not collapsed any more.
const FEWEST: usize = 32;

/// From so few generators on, buckets do not pay.
const FEW: usize = 256;

/// Opens everything.
pub(crate) fn open<B: Backend>(
    context: &Context<'_, B>,
    opened: &Opened<'_, B>,
    generators: &Generators<'_>,
    rng: &mut dyn RngCore,
    messages: &mut Messages,
) -> Result<(), ProveError> {
    let fft = &context.key.fft;
    let (x_1, x_2) = (messages.challenge(), messages.challenge());
    let joined: Vec<Joined> = opened
        .sets()
        .par_iter()
        .map(|set| {
            // The last polynomial has weight 1.
            let mut weights = powers(x_1, set.openings.len());
            weights.reverse();
            set.join(fft, &weights, context.watch())
        })
        .collect::<Result<_, Stop>>()?;
    let quotients: Vec<Vec<Fr>> =
        joined.par_iter().map(|joined| quotient(joined, context.watch())).collect::<Result<_, Stop>>()?;
    let mut q = vec![Fr::ZERO; fft.n()];
    for (weight, quotient) in powers(x_2, quotients.len()).iter().rev().zip(&quotients) {
        context.watch().check()?;
        add_scaled(&mut q, *weight, quotient);
    }
    drop(quotients);
    let q_blind = random(rng, 1)[0];
    commit(context, &q, q_blind, messages)?;

    let x_3 = messages.challenge();
    let values: Vec<Fr> = joined.par_iter().map(|joined| evaluate(&joined.coefficients, x_3)).collect();
    values.iter().for_each(|value| messages.scalar(*value));
    let x_4 = messages.challenge();
    // ((q x_4 + f_0) x_4 + f_1) ..
    let weights: Vec<Fr> = powers(x_4, joined.len() + 1).into_iter().rev().collect();
    let mut p = vec![Fr::ZERO; fft.n()];
    add_scaled(&mut p, weights[0], &q);
    let mut blind = weights[0] * q_blind;
    for (weight, joined) in weights[1..].iter().zip(&joined) {
        context.watch().check()?;
        add_scaled(&mut p, *weight, &joined.coefficients);
        blind += *weight * joined.blind;
    }
    argue(context, p, blind, generators, x_3, rng, messages)
}

/// `f / Z`, without the remainder.
fn quotient(joined: &Joined, watch: &dyn Watch) -> Result<Vec<Fr>, Stop> {
    let mut quotient = joined.coefficients.clone();
    divide_by_all(&mut quotient, &joined.points, watch)?;
    Ok(quotient)
}

fn commit<B: Backend>(
    context: &Context<'_, B>,
    natural: &[Fr],
    blind: Fr,
    messages: &mut Messages,
) -> Result<(), ProveError> {
    let fft = &context.key.fft;
    let reversed = (0..fft.n()).map(|i| natural[fft.reversed(i)]).collect();
    let point = context.bases.commit_coefficients(reversed, blind, Spread::All, context.watch())?;
    context.meter.advance(Stage::Open, 1);
    messages.points(&[point])
}

/// The rounds: half the coefficients, the powers of x and the generators by random combinations, until one of each is
/// left. Random elements are drawn in the library's order.
fn argue<B: Backend>(
    context: &Context<'_, B>,
    mut p: Vec<Fr>,
    blind: Fr,
    generators: &Generators<'_>,
    x: Fr,
    rng: &mut dyn RngCore,
    messages: &mut Messages,
) -> Result<(), ProveError> {
    let k = context.key.fft.k();
    // A random polynomial with the root x masks p.
    let mut mask = random(rng, p.len());
    let value = evaluate(&mask, x);
    mask[0] -= value;
    let mask_blind = random(rng, 1)[0];
    commit(context, &mask, mask_blind, messages)?;
    let (xi, z) = (messages.challenge(), messages.challenge());
    add_scaled(&mut p, xi, &mask);
    let value = evaluate(&p, x);
    p[0] -= value;
    let mut blind = mask_blind * xi + blind;

    let mut b = powers(x, p.len());
    let mut bases = Folded::First { context, generators, u: Few::new(&[*generators.u]) };
    let mut weights = vec![Fr::ONE];
    for round in 0..k {
        let half = p.len() / 2;
        let (low, high) = p.split_at(half);
        let values = [inner(high, &b[..half]), inner(low, &b[half..])];
        let blinds = [random(rng, 1)[0], random(rng, 1)[0]];
        let (left, right) = rayon::join(
            || bases.multiply(&weights, high, 0, values[0] * z, blinds[0]),
            || bases.multiply(&weights, low, half, values[1] * z, blinds[1]),
        );
        messages.points(&[left?, right?])?;
        context.meter.advance(Stage::Open, 1);
        let u = messages.challenge();
        let inverse = Option::<Fr>::from(u.invert()).ok_or(ProveError::Identity)?;
        fold(&mut p, inverse);
        fold(&mut b, u);
        blind += blinds[0] * inverse + blinds[1] * u;
        weights = weights.iter().flat_map(|weight| [*weight, *weight * u]).collect();
        if (round + 1) % ROUNDS_PER_COLLAPSE == 0 && bases.len() > FEWEST {
            bases = bases.collapse(&weights)?;
            weights = vec![Fr::ONE];
        }
    }
    messages.scalar(p[0]);
    messages.scalar(blind);
    Ok(())
}

/// The generators of a round: sums of blocks of these, weighted.
enum Folded<'a, B: Backend> {
    /// Those of the scheme, of which there is a table that ends with w.
    First { context: &'a Context<'a, B>, generators: &'a Generators<'a>, u: Few },
    /// Sums of them.
    Later {
        context: &'a Context<'a, B>,
        generators: &'a Generators<'a>,
        sums: Vec<G1Affine>,
        bases: Ready<B>,
    },
}

/// Sums, then u and w, ready to be multiplied.
enum Ready<B: Backend> {
    Many(Table<B>),
    Few(Few),
}

impl<'a, B: Backend> Folded<'a, B> {
    /// `sum_b weights[b] sum_i scalars[i] G_(m b + from + i) + product u + blind w` with blocks of m generators.
    fn multiply(
        &self,
        weights: &[Fr],
        scalars: &[Fr],
        from: usize,
        product: Fr,
        blind: Fr,
    ) -> Result<G1, Stop> {
        match self {
            Self::First { context, generators, u } => {
                let natural = expanded(generators.coefficients.len(), weights, scalars, from);
                let fft = &context.key.fft;
                let reversed = (0..fft.n()).map(|i| natural[fft.reversed(i)]).collect();
                let sum = context.bases.commit_coefficients(reversed, blind, Spread::All, context.watch())?;
                Ok(sum + u.multiply(&[product]))
            }
            Self::Later { context, sums, bases, .. } => {
                let mut all = expanded(sums.len(), weights, scalars, from);
                all.extend([product, blind]);
                match bases {
                    Ready::Many(table) => table.multiply(&all, Spread::All, context.watch()),
                    Ready::Few(few) => Ok(few.multiply(&all)),
                }
            }
        }
    }

    /// Generators, without u and w.
    fn len(&self) -> usize {
        match self {
            Self::First { generators, .. } => generators.coefficients.len(),
            Self::Later { sums, .. } => sums.len(),
        }
    }

    /// The weighted sums of blocks, as generators of their own.
    fn collapse(self, weights: &[Fr]) -> Result<Self, Stop> {
        let (context, generators, sums) = match &self {
            Self::First { context, generators, .. } => (*context, *generators, generators.coefficients),
            Self::Later { context, generators, sums, .. } => (*context, *generators, &sums[..]),
        };
        let backend = context.key.fft.backend();
        let sums = collapse(backend, sums, weights, context.watch())?;
        let bases: Vec<G1Affine> = sums.iter().copied().chain([*generators.u, *generators.w]).collect();
        let bases = if sums.len() <= FEW {
            Ready::Few(Few::new(&bases))
        } else {
            let windows = Windows::without_table(bases.len());
            Ready::Many(Table::new(backend, &bases, windows, &context.bases.workspaces))
        };
        Ok(Self::Later { context, generators, sums, bases })
    }
}

/// The scalars at `from` of every block of n, by its weight; 0 elsewhere.
fn expanded(n: usize, weights: &[Fr], scalars: &[Fr], from: usize) -> Vec<Fr> {
    let m = n / weights.len();
    let mut expanded = vec![Fr::ZERO; n];
    for (block, weight) in expanded.chunks_exact_mut(m).zip(weights) {
        let block = &mut block[from..from + scalars.len()];
        block.par_iter_mut().zip(scalars).with_min_len(1 << 10).for_each(|(s, scalar)| *s = *weight * scalar);
    }
    expanded
}

fn inner(a: &[Fr], b: &[Fr]) -> Fr {
    a.par_iter().zip(b).with_min_len(1 << 10).map(|(a, b)| *a * b).sum()
}

/// The lower half plus the upper one times a factor.
fn fold(v: &mut Vec<Fr>, factor: Fr) {
    let half = v.len() / 2;
    let (low, high) = v.split_at_mut(half);
    low.par_iter_mut().zip(high).with_min_len(1 << 10).for_each(|(low, high)| *low += *high * factor);
    v.truncate(half);
}
