//! Permutation products.

use ff::{BatchInvert, Field};
use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{self, Any},
};
use rand::RngCore;
use rayon::prelude::*;

use super::{Committed, Context, Messages, ProveError, random};
use crate::{
    arithmetic::Backend,
    key::{Key, ProductSet},
    watch::{Stage, Stop},
};

/// Rows whose denominators are inverted together.
const CHUNK: usize = 1 << 10;

/// The columns that a permutation may move cells of, by their values.
pub(super) struct Columns<'a> {
    pub(super) advice: &'a [Committed<Vec<Fr>>],
    pub(super) instance: &'a [Committed<Vec<Fr>>],
}

impl<'a> Columns<'a> {
    fn get<B: Backend>(&self, key: &'a Key<B>, column: plonk::Column<Any>) -> &'a [Fr] {
        match column.column_type() {
            Any::Advice(_) => &self.advice[column.index()].column,
            Any::Fixed => &key.fixed_values[&column.index()],
            Any::Instance => &self.instance[column.index()].column,
        }
    }
}

/// The products of all sets of columns: each begins where the last has ended. Blinding rows and a blind are drawn
/// set by set, as the library does.
pub(super) fn products<B: Backend>(
    context: &Context<'_, B>,
    columns: &Columns<'_>,
    beta: Fr,
    gamma: Fr,
    rng: &mut dyn RngCore,
    messages: &mut Messages,
) -> Result<Vec<Committed<Vec<Fr>>>, ProveError> {
    let key = context.key;
    let usable = key.usable_rows();
    let mut runs: Vec<Vec<Fr>> = key
        .sets
        .par_iter()
        .map(|set| {
            context.watch().check()?;
            running_product(context, set, columns, beta, gamma)
        })
        .collect::<Result<_, Stop>>()?;
    let mut start = Fr::ONE;
    let mut starts = Vec::with_capacity(runs.len());
    for run in &runs {
        starts.push(start);
        start *= run[usable];
    }
    runs.par_iter_mut().zip(starts).try_for_each(|(run, start)| {
        context.watch().check()?;
        if start != Fr::ONE {
            run.iter_mut().for_each(|value| *value *= start);
        }
        Ok::<(), Stop>(())
    })?;
    let products: Vec<Committed<Vec<Fr>>> = runs
        .into_iter()
        .map(|mut column| {
            column.truncate(usable + 1);
            column.extend(random(rng, key.fft.n() - usable - 1));
            Committed { column, blind: random(rng, 1)[0] }
        })
        .collect();
    let to_commit: Vec<(&[Fr], Fr)> =
        products.iter().map(|product| (&product.column[..], product.blind)).collect();
    let points = context.commit(Stage::Permutation, &to_commit)?;
    messages.points(&points)?;
    Ok(products)
}

/// `z(0) = 1`, `z(i + 1) = z(i) prod_j (v_j + beta delta^j omega^i + gamma) / (v_j + beta sigma_j + gamma)`.
fn running_product<B: Backend>(
    context: &Context<'_, B>,
    set: &ProductSet,
    columns: &Columns<'_>,
    beta: Fr,
    gamma: Fr,
) -> Result<Vec<Fr>, Stop> {
    let key = context.key;
    let values: Vec<(&[Fr], Fr)> =
        set.columns.iter().map(|(column, delta)| (columns.get(key, *column), beta * delta)).collect();
    let ratios: Vec<Vec<Fr>> = set
        .rows
        .par_chunks(CHUNK)
        .zip(set.sigma.par_chunks(CHUNK * values.len()))
        .map(|(rows, sigma)| {
            context.watch().check()?;
            Ok(ratios(rows, sigma, &values, &key.omegas, beta, gamma))
        })
        .collect::<Result<_, Stop>>()?;
    let mut run = Vec::with_capacity(key.fft.n());
    let mut product = Fr::ONE;
    for (row, ratio) in set.rows.iter().zip(ratios.into_iter().flatten()) {
        // Up to and with this row the product has not changed.
        run.resize(*row as usize + 1, product);
        product *= ratio;
    }
    run.resize(key.fft.n(), product);
    Ok(run)
}

fn ratios(rows: &[u32], sigma: &[Fr], values: &[(&[Fr], Fr)], omegas: &[Fr], beta: Fr, gamma: Fr) -> Vec<Fr> {
    let (mut numerators, mut denominators) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (row, sigma) in rows.iter().zip(sigma.chunks_exact(values.len())) {
        let row = *row as usize;
        let (mut numerator, mut denominator) = (Fr::ONE, Fr::ONE);
        for ((values, beta_delta), sigma) in values.iter().zip(sigma) {
            let shifted = values[row] + gamma;
            numerator *= shifted + *beta_delta * omegas[row];
            denominator *= shifted + beta * sigma;
        }
        numerators.push(numerator);
        denominators.push(denominator);
    }
    denominators.iter_mut().batch_invert();
    numerators.iter_mut().zip(denominators).for_each(|(numerator, inverse)| *numerator *= inverse);
    numerators
}
