//! A proof, message by message, in the order in which the stock verifier reads it.

mod assign;
mod evaluate;
mod permutation;
mod quotient;

use ff::Field;
use halo2_proofs::{
    halo2curves::{
        bn256::{Fr, G1, G1Affine},
        group::prime::PrimeCurveAffine,
    },
    plonk,
    transcript::{
        Blake2bWrite, Challenge255, EncodedChallenge, Transcript, TranscriptWrite, TranscriptWriterBuffer,
    },
};
use rand::RngCore;
use rayon::prelude::*;

use crate::{
    arithmetic::{Backend, Pack},
    bases::{Bases, Scheme},
    committed::{Registration, Rerandomization},
    key::Key,
    msm::{Spread, normalized},
    open,
    program::Challenges,
    progress::Meter,
    watch::{Stage, Stop, Watch},
};

pub(crate) use assign::{Configured, Synthesis};

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// As many lists of public inputs as instance columns are needed.
    #[error("the circuit has {expected} instance columns, but {got} lists of public inputs were passed")]
    InstanceColumns {
        /// Of the circuit.
        expected: usize,
        /// Passed.
        got: usize,
    },
    /// Public inputs do not fit on the usable rows.
    #[error("instance column {column} holds at most {limit} values, but {got} were passed")]
    InstanceLength {
        /// The column.
        column: usize,
        /// Usable rows.
        limit: usize,
        /// Passed.
        got: usize,
    },
    /// The circuit has assigned no value to a cell that it has to.
    #[error("the circuit left the cell of advice column {column}, row {row} without a value")]
    NoValue {
        /// The column.
        column: usize,
        /// The row.
        row: usize,
    },
    /// The circuit has assigned a cell that does not exist or is kept for blinding.
    #[error("the circuit assigned advice column {column}, row {row}; usable rows end before {limit}")]
    NoCell {
        /// The column.
        column: usize,
        /// The row.
        row: usize,
        /// Usable rows.
        limit: usize,
    },
    /// The circuit gave up.
    #[error("the circuit could not compute its cells: {0}")]
    Synthesis(#[source] plonk::Error),
    /// Registered columns are masked for one setup, and for circuits that read them alike.
    #[error(
        "the registration is of another setup, or of columns that this circuit has not or reads on other rows"
    )]
    Registration,
    /// A commitment is the identity, which transcripts do not take; with fresh randomness it is another.
    #[error("a commitment came out as the point at infinity; prove again")]
    Identity,
    /// The proof was told to stop.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

/// Messages of the prover, and challenges.
pub(crate) struct Messages(Blake2bWrite<Vec<u8>, G1Affine, Challenge255<G1Affine>>);

impl Messages {
    fn new() -> Self {
        Self(Blake2bWrite::init(Vec::new()))
    }

    /// Hashes what the verifier knows anyway.
    fn known_scalar(&mut self, scalar: Fr) {
        self.0.common_scalar(scalar).expect("a vector takes everything");
    }

    fn known_point(&mut self, point: G1Affine) -> Result<(), ProveError> {
        Self::affine(point)?;
        self.0.common_point(point).map_err(|_| ProveError::Identity)
    }

    /// Writes points by one inversion.
    pub(crate) fn points(&mut self, points: &[G1]) -> Result<(), ProveError> {
        for point in normalized(points) {
            Self::affine(point)?;
            self.0.write_point(point).map_err(|_| ProveError::Identity)?;
        }
        Ok(())
    }

    fn affine(point: G1Affine) -> Result<(), ProveError> {
        if bool::from(point.is_identity()) { Err(ProveError::Identity) } else { Ok(()) }
    }

    pub(crate) fn scalar(&mut self, scalar: Fr) {
        self.0.write_scalar(scalar).expect("a vector takes everything");
    }

    pub(crate) fn challenge(&mut self) -> Fr {
        EncodedChallenge::<G1Affine>::get_scalar(&self.0.squeeze_challenge())
    }

    fn finish(self) -> Vec<u8> {
        self.0.finalize()
    }
}

/// A committed column.
pub(crate) struct Committed<T> {
    /// Values or coefficients.
    pub(crate) column: T,
    /// The blind of the commitment; counts with IPA only.
    pub(crate) blind: Fr,
}

/// What all steps of a proof need.
pub(crate) struct Context<'a, B: Backend> {
    pub(crate) key: &'a Key<B>,
    pub(crate) bases: &'a Bases<B>,
    pub(crate) meter: Meter<'a>,
}

impl<B: Backend> Context<'_, B> {
    /// Commits to columns of values, each on a thread; alone, a column is spread over all of them.
    fn commit(&self, stage: Stage, columns: &[(&[Fr], Fr)]) -> Result<Vec<G1>, Stop> {
        let spread = if columns.len() < rayon::current_num_threads() { Spread::All } else { Spread::One };
        columns
            .par_iter()
            .map(|(values, blind)| {
                let point = self.bases.commit_values(values, *blind, spread, self.watch())?;
                self.meter.advance(stage, 1);
                Ok(point)
            })
            .collect()
    }

    pub(crate) fn watch(&self) -> &dyn Watch {
        self.meter.watch()
    }

    /// Coefficients of columns of values, in their place where they fit; otherwise a column is freed as soon as it is
    /// transformed.
    fn interpolate(&self, columns: Vec<Committed<Vec<Fr>>>) -> Result<Vec<Committed<Vec<Pack<B>>>>, Stop> {
        columns
            .into_par_iter()
            .map(|Committed { column, blind }| {
                let coefficients = self.key.fft.interpolate(column, self.watch())?;
                self.meter.advance(Stage::Interpolate, 1);
                Ok(Committed { column: coefficients, blind })
            })
            .collect()
    }
}

/// So many random elements.
pub(crate) fn random(rng: &mut dyn RngCore, count: usize) -> Vec<Fr> {
    (0..count).map(|_| Fr::random(&mut *rng)).collect()
}

/// Makes a proof; and says by what its commitments to registered columns differ from the registered ones.
pub(crate) fn prove<B: Backend>(
    context: Context<'_, B>,
    circuit: &dyn Synthesis,
    instances: &[&[Fr]],
    registration: &Registration,
    rng: &mut dyn RngCore,
) -> Result<(Vec<u8>, Rerandomization), ProveError> {
    let (key, bases) = (context.key, context.bases);
    check_instances(key, instances)?;
    if !registration.suits(&context) {
        return Err(ProveError::Registration);
    }
    let mut messages = Messages::new();
    messages.known_scalar(key.transcript_repr);
    let instance = absorb_instances(&context, instances, &mut messages)?;

    let assigned = assign::assign(&context, circuit, instances, registration, rng, &mut messages)?;
    let _theta = messages.challenge();
    let (beta, gamma) = (messages.challenge(), messages.challenge());
    let challenges = |y| Challenges { circuit: assigned.challenges.clone(), beta, gamma, y };
    context.meter.begin(Stage::Permutation);
    let columns = permutation::Columns { advice: &assigned.advice, instance: &instance };
    let products = permutation::products(&context, &columns, beta, gamma, rng, &mut messages)?;
    let mask = quotient::mask(&context, rng, &mut messages)?;
    let challenges = challenges(messages.challenge());

    context.meter.begin(Stage::Interpolate);
    let products = context.interpolate(products)?;
    let advice = context.interpolate(assigned.advice)?;
    let instance = context.interpolate(instance)?;
    let witness = quotient::Witness { advice, instance, products };
    context.meter.begin(Stage::Quotient);
    // What follows takes the most memory, and multiplies little.
    bases.workspaces.clear();
    let pieces = quotient::pieces(&context, &witness, &challenges, rng, &mut messages)?;
    context.meter.begin(Stage::Open);
    let x = messages.challenge();
    let opened = evaluate::evaluate(&context, &witness, &pieces, &mask, x, &mut messages)?;
    match &bases.scheme {
        Scheme::Kzg { .. } => open::shplonk::open(&context, &opened, &mut messages)?,
        Scheme::Ipa { generators, w, u } => {
            let generators = open::ipa::Generators { coefficients: generators, w, u };
            open::ipa::open(&context, &opened, &generators, rng, &mut messages)?;
        }
    }
    context.meter.finish();
    Ok((messages.finish(), assigned.rerandomization))
}

fn check_instances<B: Backend>(key: &Key<B>, instances: &[&[Fr]]) -> Result<(), ProveError> {
    let expected = key.system.num_instance_columns();
    if instances.len() != expected {
        return Err(ProveError::InstanceColumns { expected, got: instances.len() });
    }
    let limit = key.usable_rows();
    match instances.iter().position(|column| column.len() > limit) {
        Some(column) => Err(ProveError::InstanceLength { column, limit, got: instances[column].len() }),
        None => Ok(()),
    }
}

/// Hashes public inputs: as they are with KZG, as commitments with IPA. Their columns, filled up with zeros.
fn absorb_instances<B: Backend>(
    context: &Context<'_, B>,
    instances: &[&[Fr]],
    messages: &mut Messages,
) -> Result<Vec<Committed<Vec<Fr>>>, ProveError> {
    let filled = |values: &&[Fr]| {
        let mut column = values.to_vec();
        column.resize(context.key.fft.n(), Fr::ZERO);
        // The library's default blind, which the verifier uses as well.
        Committed { column, blind: Fr::ONE }
    };
    let columns: Vec<_> = instances.iter().map(filled).collect();
    if context.bases.scheme.queries_instance() {
        for Committed { column, blind } in &columns {
            let point = context.bases.commit_values(column, *blind, Spread::All, context.watch())?;
            messages.known_point(normalized(&[point])[0])?;
        }
    } else {
        instances.iter().flat_map(|values| *values).for_each(|value| messages.known_scalar(*value));
    }
    Ok(columns)
}

/// `x^n`.
pub(crate) fn to_rows<B: Backend>(key: &Key<B>, x: Fr) -> Fr {
    x.pow_vartime([key.fft.n() as u64])
}
