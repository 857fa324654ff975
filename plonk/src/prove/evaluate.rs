//! Evaluations at the verifier's point and at its rotations.

use std::collections::HashMap;

use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;
use rayon::prelude::*;

use super::{
    Committed, Context, Messages, ProveError,
    quotient::{Piece, Witness},
    to_rows,
};
use crate::{
    arithmetic::{Backend, Pack},
    columns::{inner_product, weighted_sum},
    open::{Opened, Opening, Polynomial},
    watch::{Stage, Stop},
};

/// A polynomial that is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    Instance(usize),
    Advice(usize),
    Product(usize),
    Fixed(usize),
    Sigma(usize),
    Quotient,
    Mask,
}

/// A polynomial and how many rows below x it is read.
type Query = (Name, i32);

/// What is read of the columns, each list in the order of the constraint system.
struct Queries {
    witness: Vec<Query>,
    fixed: Vec<Query>,
    sigma: Vec<Query>,
    products: usize,
    /// The row on which a product ends.
    end: i32,
}

impl Queries {
    fn of<B: Backend>(context: &Context<'_, B>) -> Self {
        let system = &context.key.system;
        let instance = system.instance_queries().iter().map(|(c, at)| (Name::Instance(c.index()), at.0));
        let advice = system.advice_queries().iter().map(|(c, at)| (Name::Advice(c.index()), at.0));
        let fixed = system.fixed_queries().iter().map(|(c, at)| (Name::Fixed(c.index()), at.0));
        let opens_instance = context.bases.scheme.queries_instance();
        Self {
            witness: instance.filter(|_| opens_instance).chain(advice).collect(),
            fixed: fixed.collect(),
            sigma: (0..context.key.sigma.len()).map(|i| (Name::Sigma(i), 0)).collect(),
            products: context.key.sets.len(),
            end: -(system.blinding_factors() as i32 + 1),
        }
    }

    /// The order in which the verifier lists what is opened.
    fn opened(&self) -> Vec<Query> {
        let products = (0..self.products).flat_map(|i| [(Name::Product(i), 0), (Name::Product(i), 1)]);
        let ends = (0..self.products).rev().skip(1).map(|i| (Name::Product(i), self.end));
        let columns = self.witness.iter().copied().chain(products).chain(ends);
        let fixed = self.fixed.iter().chain(&self.sigma).copied();
        columns.chain(fixed).chain([(Name::Quotient, 0), (Name::Mask, 0)]).collect()
    }

    /// The order in which evaluations are written; the quotient's is not, it follows from the others.
    fn written(&self) -> Vec<Query> {
        let product = |i: usize| {
            let end = (i + 1 < self.products).then_some((Name::Product(i), self.end));
            [(Name::Product(i), 0), (Name::Product(i), 1)].into_iter().chain(end)
        };
        let columns = self.witness.iter().chain(&self.fixed).copied().chain([(Name::Mask, 0)]);
        columns.chain(self.sigma.iter().copied()).chain((0..self.products).flat_map(product)).collect()
    }
}

/// The folded quotient `sum_j x^(n j) h_j`, blinding included.
struct Folded<B: Backend> {
    coefficients: Vec<Pack<B>>,
    /// Coefficient of `X^n`; the constant term has it taken off `x^n` times.
    top: Fr,
    blind: Fr,
}

fn fold<B: Backend>(context: &Context<'_, B>, pieces: &[Piece<B>], x_n: Fr) -> Result<Folded<B>, Stop> {
    let powers: Vec<Fr> =
        std::iter::successors(Some(Fr::ONE), |p| Some(*p * x_n)).take(pieces.len()).collect();
    let columns: Vec<&[Pack<B>]> = pieces.iter().map(|piece| &piece.coefficients[..]).collect();
    let sum = |part: fn(&Piece<B>) -> Fr| pieces.iter().zip(&powers).map(|(piece, p)| part(piece) * p).sum();
    Ok(Folded {
        coefficients: weighted_sum(context.key.fft.backend(), &powers, &columns, context.watch())?,
        top: sum(|piece| piece.carried),
        blind: sum(|piece| piece.blind),
    })
}

/// What is opened of a committed column.
fn committed<B: Backend>(of: &Committed<Vec<Pack<B>>>) -> Opening<'_, B> {
    Opening::new(Polynomial::borrowed(&of.column), of.blind)
}

/// The values of polynomials at rotations of x: inner products, with powers of the point or with weights of values.
fn values<'p, B: Backend>(
    context: &Context<'_, B>,
    queries: &[Query],
    polynomial: &(dyn Fn(Name) -> Polynomial<'p, B> + Sync),
    x: Fr,
) -> Result<HashMap<Query, Fr>, Stop> {
    let fft = &context.key.fft;
    let is_by_values = |name: Name| matches!(polynomial(name), Polynomial::Values(_));
    let mut tables: Vec<(bool, i32)> = queries.iter().map(|query| (is_by_values(query.0), query.1)).collect();
    tables.sort_unstable();
    tables.dedup();
    let tables: HashMap<(bool, i32), Vec<Pack<B>>> = tables
        .into_par_iter()
        .map(|(by_values, rotation)| {
            context.watch().check()?;
            let point = fft.rotate(x, rotation);
            let table = if by_values { fft.weights(point) } else { fft.powers(point) };
            Ok(((by_values, rotation), table))
        })
        .collect::<Result<_, Stop>>()?;
    queries
        .par_iter()
        .map(|query| {
            context.watch().check()?;
            let polynomial = polynomial(query.0);
            let table = &tables[&(matches!(polynomial, Polynomial::Values(_)), query.1)];
            let value = inner_product(fft.backend(), polynomial.packs(), table);
            context.meter.advance(Stage::Open, 1);
            Ok((*query, value))
        })
        .collect()
}

/// Writes all evaluations, and answers what has to be opened.
pub(super) fn evaluate<'a, B: Backend>(
    context: &Context<'a, B>,
    witness: &'a Witness<B>,
    pieces: &[Piece<B>],
    mask: &'a Committed<Vec<Pack<B>>>,
    x: Fr,
    messages: &mut Messages,
) -> Result<Opened<'a, B>, ProveError> {
    let fft = &context.key.fft;
    let x_n = to_rows(context.key, x);
    let folded = fold(context, pieces, x_n)?;
    let lists = Queries::of(context);
    let queries: Vec<Query> = lists
        .opened()
        .into_iter()
        .map(|(name, rotation)| (name, rotation.rem_euclid(fft.n() as i32)))
        .collect();
    let mut rotations: Vec<i32> = queries.iter().map(|query| query.1).collect();
    rotations.sort_unstable();
    rotations.dedup();
    let polynomial = |name: Name| -> Polynomial<'_, B> {
        match name {
            Name::Instance(i) => Polynomial::borrowed(&witness.instance[i].column),
            Name::Advice(i) => Polynomial::borrowed(&witness.advice[i].column),
            Name::Product(i) => Polynomial::borrowed(&witness.products[i].column),
            Name::Fixed(i) => Polynomial::fixed(fft, &context.key.fixed[i]),
            Name::Sigma(i) => Polynomial::fixed(fft, &context.key.sigma[i]),
            Name::Quotient => Polynomial::borrowed(&folded.coefficients),
            Name::Mask => Polynomial::borrowed(&mask.column),
        }
    };
    let values = values(context, &queries, &polynomial, x)?;
    for (name, rotation) in lists.written() {
        messages.scalar(values[&(name, rotation.rem_euclid(fft.n() as i32))]);
    }
    let mut opened =
        Opened::new(rotations.iter().map(|rotation| (*rotation, fft.rotate(x, *rotation))).collect());
    let mut places: HashMap<Name, usize> = HashMap::new();
    for (name, rotation) in queries {
        let place = *places.entry(name).or_insert_with(|| {
            opened.push(match name {
                Name::Quotient => Opening::owned(folded.coefficients.clone(), folded.top, x_n, folded.blind),
                Name::Mask => committed(mask),
                Name::Advice(i) => committed(&witness.advice[i]),
                Name::Product(i) => committed(&witness.products[i]),
                Name::Instance(i) => committed(&witness.instance[i]),
                // Blinded with 1 by the library.
                Name::Fixed(i) => Opening::new(Polynomial::fixed(fft, &context.key.fixed[i]), Fr::ONE),
                Name::Sigma(i) => Opening::new(Polynomial::fixed(fft, &context.key.sigma[i]), Fr::ONE),
            })
        });
        opened.query(place, rotation, values[&(name, rotation)]);
    }
    Ok(opened)
}
