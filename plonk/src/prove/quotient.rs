//! The quotient of all constraints by the vanishing polynomial of the rows.

use std::borrow::Cow;

use ff::Field;
use halo2_proofs::{
    arithmetic::lagrange_interpolate,
    halo2curves::bn256::{Fr, G1},
};
use rand::RngCore;
use rayon::prelude::*;

use super::{Committed, Context, Messages, ProveError, random, to_rows};
use crate::{
    arithmetic::{Backend, Pack, lanes, zero},
    bases::Scheme,
    columns::{scaled, weighted_sum},
    key::{FixedColumn, Key},
    msm::Spread,
    program::{Challenges, Column, Program, run::Compiled},
    watch::{Stage, Stop},
};

/// Rows of constraints between two questions whether to go on.
const UNWATCHED_ROWS: usize = 1 << 11;

/// Coefficients of everything that the witness decides.
pub(super) struct Witness<B: Backend> {
    pub(super) advice: Vec<Committed<Vec<Pack<B>>>>,
    pub(super) instance: Vec<Committed<Vec<Pack<B>>>>,
    pub(super) products: Vec<Committed<Vec<Pack<B>>>>,
}

/// A piece of the quotient: its coefficients, and with KZG the one of `X^n` that blinds it.
pub(super) struct Piece<B: Backend> {
    pub(super) coefficients: Vec<Pack<B>>,
    /// The coefficient of `X^n`, which the next piece takes off its constant term.
    pub(super) carried: Fr,
    /// The blind of the commitment; counts with IPA only.
    pub(super) blind: Fr,
}

/// Draws and commits to the random polynomial that masks what the opening tells of the quotient.
pub(super) fn mask<B: Backend>(
    context: &Context<'_, B>,
    rng: &mut dyn RngCore,
    messages: &mut Messages,
) -> Result<Committed<Vec<Pack<B>>>, ProveError> {
    let coefficients = random(rng, context.key.fft.n());
    let column = context.key.fft.pack(&coefficients);
    let blind = random(rng, 1)[0];
    let extra = extra(context, blind, Fr::ZERO);
    let point = context.bases.commit_coefficients(coefficients, extra, Spread::All, context.watch())?;
    messages.points(&[point])?;
    Ok(Committed { column, blind })
}

/// What a commitment to coefficients takes besides: a blind, or a coefficient.
fn extra<B: Backend>(context: &Context<'_, B>, blind: Fr, carried: Fr) -> Fr {
    match context.bases.scheme {
        Scheme::Kzg { .. } => carried,
        Scheme::Ipa { .. } => blind,
    }
}

/// Computes, blinds and commits to the pieces of the quotient, `h = sum_j X^(n j) h_j`.
///
/// # Soundness and hiding
/// With KZG the piece j becomes `h_j + b_j X^n - b_(j-1)` with random b, of which the first and the last are 0. The
/// sum is the same, so the verifier notices nothing, but the values of all pieces except one at the setup's secret s are
/// uniform. Together with that one they tell `h(s)` and nothing else; [`hiding`](crate::hiding) says why it is uniform
/// as well.
pub(super) fn pieces<B: Backend>(
    context: &Context<'_, B>,
    witness: &Witness<B>,
    challenges: &Challenges,
    rng: &mut dyn RngCore,
    messages: &mut Messages,
) -> Result<Vec<Piece<B>>, ProveError> {
    let key = context.key;
    let residues = residues(context, witness, challenges)?;
    let count = key.degree - 1;
    let matrix =
        pieces_of_residues(&key.fft.shifts().iter().map(|shift| to_rows(key, *shift)).collect::<Vec<_>>());
    let residues: Vec<&[Pack<B>]> = residues.iter().map(|residue| &residue[..]).collect();
    let coefficients: Vec<Vec<Pack<B>>> = matrix[..count]
        .par_iter()
        .map(|weights| weighted_sum(key.fft.backend(), weights, &residues, context.watch()))
        .collect::<Result<_, Stop>>()?;
    drop(residues);
    let blinds_quotient = matches!(context.bases.scheme, Scheme::Kzg { blinds_quotient: true });
    let carried = carried(if blinds_quotient { count } else { 0 }, count, rng);
    let blinds = random(rng, count);
    let pieces: Vec<Piece<B>> = coefficients
        .into_iter()
        .zip(carried)
        .zip(blinds)
        .map(|((coefficients, carried), blind)| Piece { coefficients, carried, blind })
        .collect();
    messages.points(&commit(context, &pieces)?)?;
    Ok(pieces)
}

/// The coefficients of `X^n`: random, but of the last piece 0.
fn carried(blinded: usize, count: usize, rng: &mut dyn RngCore) -> Vec<Fr> {
    let mut carried = random(rng, blinded.saturating_sub(1));
    carried.resize(count, Fr::ZERO);
    carried
}

fn commit<B: Backend>(context: &Context<'_, B>, pieces: &[Piece<B>]) -> Result<Vec<G1>, Stop> {
    pieces
        .par_iter()
        .enumerate()
        .map(|(j, piece)| {
            let mut coefficients = context.key.fft.unpack(&piece.coefficients);
            if j > 0 {
                coefficients[0] -= pieces[j - 1].carried;
            }
            let extra = extra(context, piece.blind, piece.carried);
            let point =
                context.bases.commit_coefficients(coefficients, extra, Spread::One, context.watch())?;
            context.meter.advance(Stage::Quotient, 0);
            Ok(point)
        })
        .collect()
}

/// Row j, column s: what the residue on coset s contributes to piece j, `X^n` being `nodes[s]` there.
fn pieces_of_residues(nodes: &[Fr]) -> Vec<Vec<Fr>> {
    let columns: Vec<Vec<Fr>> = (0..nodes.len())
        .map(|s| {
            let unit: Vec<Fr> = (0..nodes.len()).map(|i| if i == s { Fr::ONE } else { Fr::ZERO }).collect();
            lagrange_interpolate(nodes, &unit)
        })
        .collect();
    (0..nodes.len()).map(|j| columns.iter().map(|column| column[j]).collect()).collect()
}

/// Per coset the quotient modulo `X^n - g^n`.
fn residues<B: Backend>(
    context: &Context<'_, B>,
    witness: &Witness<B>,
    challenges: &Challenges,
) -> Result<Vec<Vec<Pack<B>>>, Stop> {
    let key = context.key;
    let program = Program::new(&key.system, challenges);
    let columns = program.columns();
    let compiled = Compiled::<B>::new(&program, |column| {
        columns.binary_search(&column).expect("columns() lists every column that the program reads")
    });
    let combined = combine(context, witness, &program)?;
    let sources = Sources { context, witness, combined: &combined };
    // Allocated by this thread, which has freed columns of values.
    let room = |column: &Column| if kept(key, *column, 0).is_some() { Vec::new() } else { key.fft.room() };
    let mut buffers: Vec<Vec<Pack<B>>> = columns.iter().map(room).collect();
    let blocks = (key.fft.packs() / 8).max(1);
    let unwatched = (UNWATCHED_ROWS / lanes::<B>()).min(blocks);
    (0..key.fft.shifts().len())
        .map(|coset| {
            sources.extend(&columns, coset, &mut buffers)?;
            let extended: Vec<&[Pack<B>]> = columns
                .iter()
                .zip(&buffers)
                .map(|(column, buffer)| kept(key, *column, coset).unwrap_or(&buffer[..]))
                .collect();
            let mut values = vec![zero::<B>(); key.fft.packs()];
            values.par_chunks_mut(blocks).enumerate().try_for_each(|(i, out)| {
                for (j, out) in out.chunks_mut(unwatched).enumerate() {
                    context.watch().check()?;
                    let start = i * blocks + j * unwatched;
                    compiled.run(key.fft.backend(), &extended, key.fft.padding(), start, out);
                }
                context.meter.advance(Stage::Quotient, 1);
                Ok(())
            })?;
            key.fft.quotient(&mut values, coset, context.watch())?;
            Ok(values)
        })
        .collect()
}

/// Coefficients of the weighted sums of columns that the program reads as one.
fn combine<B: Backend>(
    context: &Context<'_, B>,
    witness: &Witness<B>,
    program: &Program,
) -> Result<Vec<Vec<Pack<B>>>, Stop> {
    let key = context.key;
    program
        .combinations
        .list
        .par_iter()
        .map(|combination| {
            context.watch().check()?;
            let weights: Vec<Fr> = combination.terms.iter().map(|(_, weight)| *weight).collect();
            let columns: Vec<Cow<'_, [Pack<B>]>> = combination
                .terms
                .iter()
                .map(|(column, _)| match column {
                    Column::Advice(i) => Ok(Cow::Borrowed(&witness.advice[*i].column[..])),
                    other => unchanging(key, *other).coefficients(&key.fft, context.watch()),
                })
                .collect::<Result<_, Stop>>()?;
            let columns: Vec<&[Pack<B>]> = columns.iter().map(|column| &column[..]).collect();
            weighted_sum(key.fft.backend(), &weights, &columns, context.watch())
        })
        .collect()
}

/// Values on a coset of a column that no proof changes, if they are kept.
fn kept<B: Backend>(key: &Key<B>, column: Column, coset: usize) -> Option<&[Pack<B>]> {
    key.unchanging(column)?.on_coset(coset)
}

fn unchanging<B: Backend>(key: &Key<B>, column: Column) -> &FixedColumn<B> {
    key.unchanging(column).expect("all columns that a proof makes are matched before")
}

/// Where the coefficients of a program's columns are.
struct Sources<'a, B: Backend> {
    context: &'a Context<'a, B>,
    witness: &'a Witness<B>,
    combined: &'a [Vec<Pack<B>>],
}

impl<B: Backend> Sources<'_, B> {
    /// Values on a coset of all columns that are not kept.
    fn extend(&self, columns: &[Column], coset: usize, buffers: &mut [Vec<Pack<B>>]) -> Result<(), Stop> {
        let (key, watch) = (self.context.key, self.context.watch());
        columns.par_iter().zip(buffers).try_for_each(|(column, buffer)| {
            watch.check()?;
            match *column {
                Column::Point => self.points(coset, buffer),
                column if kept(key, column, coset).is_some() => return Ok(()),
                column => key.fft.extend(&self.coefficients(column)?, coset, buffer, watch)?,
            }
            self.context.meter.advance(Stage::Quotient, 1);
            Ok(())
        })
    }

    fn coefficients(&self, column: Column) -> Result<Cow<'_, [Pack<B>]>, Stop> {
        let (key, watch) = (self.context.key, self.context.watch());
        Ok(Cow::Borrowed(match column {
            Column::Advice(i) => &self.witness.advice[i].column,
            Column::Instance(i) => &self.witness.instance[i].column,
            Column::Product(i) => &self.witness.products[i].column,
            Column::Combined(i) => &self.combined[i],
            column => return unchanging(key, column).coefficients(&key.fft, watch),
        }))
    }

    /// `g omega^i`; nothing reads it at a rotation, so padding is left as it is.
    fn points(&self, coset: usize, buffer: &mut Vec<Pack<B>>) {
        let fft = &self.context.key.fft;
        buffer.resize(fft.extended_packs(), zero::<B>());
        let rows = &mut buffer[fft.padding()..fft.padding() + fft.packs()];
        scaled(fft.backend(), fft.shifts()[coset], &self.context.key.omega_packs, rows);
    }
}
