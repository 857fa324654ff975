//! Columns that were committed to before the proof.
//!
//! A column of the first phase can be *registered*: `C = sum_i w_i B_i` over all rows, where the unusable rows hold
//! uniform elements. C is uniform whatever the values are, so it tells nothing of them. Every proof takes the column
//! with fresh uniform elements added on a few unusable rows, and with the commitment `C' = C + sum_i e_i B_i` over
//! these rows: a few multiplications instead of a column's. The [link](crate::link) proves that `C' - C` is such a
//! sum, so that all proofs hold the registered values on usable rows.
//!
//! # How many rows
//! Of a registered column that is read on its own row only, a proof tells two functionals of the values: with KZG the
//! commitment, which is the value of its polynomial at the secret s, and the value at x. Two rows a, b mask them: the matrix of
//! `L_a, L_b` at s and x has a determinant that is a multiple of `(omega^a - omega^b)(x - s)`, so every pair of
//! values is as likely as any other. With IPA the blind masks the commitment; the value at x, the share in the
//! joined polynomial's value at x_3, and a row in reserve make three. A column that is read on more rows than one
//! needs a row more for each; [`masked_rows`] takes as many. [`hiding`](crate::hiding) says why nothing else is told; it
//! needs the quotient to be blinded, so a setup without the power for that registers nothing.

use std::{fmt, ops::Range};

use ff::Field;
use halo2_proofs::{
    halo2curves::{
        bn256::{Fr, G1, G1Affine},
        group::Curve,
    },
    plonk::ConstraintSystem,
};
use rand::RngCore;

use crate::{
    arithmetic::Backend,
    bases::Scheme,
    hiding::told_of_advice,
    msm::{Comb, Spread},
    prove::{Context, random},
    watch::Stop,
};

/// Why columns cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// No such column, one of a later phase, or one that is there twice.
    #[error("advice column {column} is not a column of the first phase, or is given twice")]
    Column {
        /// The column.
        column: usize,
    },
    /// As many values as usable rows, or fewer.
    #[error("advice column {column} holds at most {limit} values, but {got} were passed")]
    Length {
        /// The column.
        column: usize,
        /// Usable rows.
        limit: usize,
        /// Passed.
        got: usize,
    },
    /// The setup has no power that blinds quotients: proofs would tell of the columns.
    #[error(
        "the KZG setup has no power more than rows, so proofs with it hide no columns; take one that has"
    )]
    Setup,
    /// A column is read on so many rows that its unusable rows cannot mask what a proof tells.
    #[error(
        "{needed} rows would have to mask what a proof tells of the columns, but {unusable} are unusable"
    )]
    Readings {
        /// Rows that would have to be masked.
        needed: usize,
        /// Unusable rows.
        unusable: usize,
    },
    /// The commitments were stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

/// A registered column. Everything but the commitment is secret.
#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) index: usize,
    /// On all rows, random on the unusable ones.
    values: Vec<Fr>,
    /// The blind of the commitment; counts with IPA only.
    blind: Fr,
    commitment: G1Affine,
}

/// Columns that were committed to, with the secrets that open the commitments.
#[derive(Clone)]
pub struct Registration {
    columns: Vec<Column>,
    /// The rows that proofs add fresh elements on, and multiples of their bases, the base of blinds last with IPA.
    rows: Range<usize>,
    combs: Vec<Comb>,
    bases: Vec<G1Affine>,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("columns", &self.indices()).finish_non_exhaustive()
    }
}

impl Registration {
    /// No columns.
    pub(crate) const fn none() -> Self {
        Self { columns: Vec::new(), rows: 0..0, combs: Vec::new(), bases: Vec::new() }
    }

    /// The advice columns.
    pub fn indices(&self) -> Vec<usize> {
        self.columns.iter().map(|column| column.index).collect()
    }

    /// The commitments, which are public.
    pub fn commitments(&self) -> Vec<G1Affine> {
        self.columns.iter().map(|column| column.commitment).collect()
    }

    /// The points of which a fresh commitment differs by a sum from the registered one. They are the setup's.
    pub fn bases(&self) -> &[G1Affine] {
        &self.bases
    }

    /// Whether a proof with this key and these bases masks the columns on just these rows, all of them unusable. With
    /// another circuit or setup the masks could be too few, or be taken for values.
    pub(crate) fn suits<B: Backend>(&self, context: &Context<'_, B>) -> bool {
        let key = context.key;
        let phases = key.system.advice_column_phase();
        let rows = || {
            masked_rows(&key.system, context.bases.scheme.has_blinds(), key.fft.n(), indices(&self.columns))
        };
        self.columns.is_empty()
            || context.bases.scheme.hides()
                && self
                    .columns
                    .iter()
                    .all(|column| phases.get(column.index) == Some(&0) && column.values.len() == key.fft.n())
                && self.rows == rows()
                && self.rows.start >= key.usable_rows()
                && self.bases == bases_of_rows(context, &self.rows)
    }

    pub(crate) fn combs(&self) -> &[Comb] {
        &self.combs
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Column> {
        self.columns.iter().find(|column| column.index == index)
    }

    /// A column for one proof, with fresh elements.
    pub(crate) fn refresh(&self, column: &Column, rng: &mut dyn RngCore) -> Fresh {
        let masks = random(rng, self.combs.len());
        let mut values = column.values.clone();
        for (row, mask) in self.rows.clone().zip(&masks) {
            values[row] += mask;
        }
        // Behind the rows' there is one of the blind with IPA.
        let blind = masks.get(self.rows.len()).map_or(column.blind, |mask| column.blind + mask);
        let difference = self.combs.iter().zip(&masks).map(|(comb, mask)| comb.multiply(mask));
        let commitment = difference.fold(G1::from(column.commitment), |sum, difference| sum + difference);
        Fresh { values, blind, commitment, masks }
    }
}

/// A registered column as one proof holds it.
pub(crate) struct Fresh {
    pub(crate) values: Vec<Fr>,
    pub(crate) blind: Fr,
    pub(crate) commitment: G1,
    pub(crate) masks: Vec<Fr>,
}

/// By what the commitments of one proof differ from the registered ones, column by column. Secret, and never to be used
/// for anything but the link of this proof.
pub struct Rerandomization {
    pub(crate) masks: Vec<Vec<Fr>>,
}

impl fmt::Debug for Rerandomization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rerandomization").field("columns", &self.masks.len()).finish_non_exhaustive()
    }
}

/// Commits to columns of the first phase.
pub(crate) fn register<B: Backend>(
    context: &Context<'_, B>,
    columns: Vec<(usize, Vec<Fr>)>,
    rng: &mut dyn RngCore,
) -> Result<Registration, RegisterError> {
    let key = context.key;
    if !context.bases.scheme.hides() {
        return Err(RegisterError::Setup);
    }
    let phases = key.system.advice_column_phase();
    let mut registered: Vec<Column> = Vec::new();
    for (index, mut values) in columns {
        if phases.get(index) != Some(&0) || registered.iter().any(|column| column.index == index) {
            return Err(RegisterError::Column { column: index });
        }
        let limit = key.usable_rows();
        if values.len() > limit {
            return Err(RegisterError::Length { column: index, limit, got: values.len() });
        }
        values.resize(limit, Fr::ZERO);
        values.extend(random(rng, key.fft.n() - limit));
        let blind = Fr::random(&mut *rng);
        let point = context.bases.commit_values(&values, blind, Spread::All, context.watch())?;
        registered.push(Column { index, values, blind, commitment: point.to_affine() });
    }
    // The order of the proof's commitments.
    registered.sort_by_key(|column| column.index);
    let rows = masked_rows(&key.system, context.bases.scheme.has_blinds(), key.fft.n(), indices(&registered));
    if rows.start < key.usable_rows() {
        let unusable = key.fft.n() - key.usable_rows();
        return Err(RegisterError::Readings { needed: rows.len(), unusable });
    }
    let bases = bases_of_rows(context, &rows);
    let combs = bases.iter().map(Comb::new).collect();
    Ok(Registration { columns: registered, rows, combs, bases })
}

fn indices(columns: &[Column]) -> impl Iterator<Item = usize> {
    columns.iter().map(|column| column.index)
}

/// The last rows, as many as mask what a proof tells of these columns, and one in reserve where commitments have blinds,
/// which is with IPA.
pub(crate) fn masked_rows(
    system: &ConstraintSystem<Fr>,
    with_blinds: bool,
    n: usize,
    columns: impl Iterator<Item = usize>,
) -> Range<usize> {
    let told = columns.map(|column| told_of_advice(system, column)).max().unwrap_or(0);
    n.saturating_sub(told + usize::from(with_blinds))..n
}

/// The bases of these rows, and of blinds with IPA.
fn bases_of_rows<B: Backend>(context: &Context<'_, B>, rows: &Range<usize>) -> Vec<G1Affine> {
    let mut bases: Vec<G1Affine> = rows.clone().map(|row| context.bases.row(row)).collect();
    if let Scheme::Ipa { w, .. } = context.bases.scheme {
        bases.push(w);
    }
    bases
}
