//! The link of a proof to registered columns: that each fresh commitment `C'_j` differs from the registered `C_j` by a sum
//! of multiples of the bases `B_i` of unusable rows (and of blinds, with IPA) only.
//!
//! For all columns at once: with gamma from a hash of everything public, `D = sum_j gamma^j (C'_j - C_j)`, and a proof of
//! knowledge of a representation of D over the `B_i` (Schnorr; Okamoto, CRYPTO 1992): `A = sum_i a_i B_i`, c from a
//! hash of that too, `z_i = a_i + c sum_j gamma^j e_(j,i)`. It is accepted iff `sum_i z_i B_i = A + c D`.
//!
//! # Soundness
//! Two answers to different c give a representation of D; representations for as many gamma as columns give one of every
//! `C'_j - C_j`, because the matrix of powers of gamma is invertible. So a polynomial behind `C'_j` minus a combination of
//! the Lagrange polynomials of unusable rows opens `C_j`, and agrees with it on usable rows. Two proofs with different
//! values on a usable row would give two openings of `C_j`: a relation between the setup's points.
//!
//! The challenges hash what names the proof: a domain, the caller's context, the columns and both commitments of each, and
//! the proof's bytes. A link is of one proof and one registration.
//!
//! # Zero knowledge
//! A and z are simulated from c by choosing z first. The nonces are fresh for every link: used twice, they give away the
//! masks of the proof, and with them values of registered polynomials. So they are *hedged*: a hash of fresh randomness,
//! of the masks and of everything that the challenges hash, which differs between links even if the generator repeats
//! itself.

use ff::{Field, FromUniformBytes, PrimeField};
use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        bn256::{Fr, G1, G1Affine},
        group::{Curve, Group, GroupEncoding},
    },
    plonk::ConstraintSystem,
};
use rand::RngCore;
use sha2::{Digest, Sha256, Sha512};

use crate::{
    bases::Points,
    committed::{Registration, Rerandomization, masked_rows},
    msm::normalized,
};

/// Bytes of a compressed point and of a scalar.
const ELEMENT: usize = 32;

/// What a link is about; all of it is public.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Names the registration and the statement: circuit, public inputs, whatever a link must not be moved to another of.
    pub context: &'a [u8],
    /// The circuit's constraint system.
    pub system: &'a ConstraintSystem<Fr>,
    /// The advice columns that were registered.
    pub columns: &'a [usize],
    /// Their registered commitments.
    pub registered: &'a [G1Affine],
    /// The setup's points of the unusable rows that proofs refresh, and of blinds with IPA: [`link_bases`]. Whoever
    /// checks a link takes them from his own setup; with points of the prover's choice a link says nothing.
    pub bases: &'a [G1Affine],
    /// The proof.
    pub proof: &'a [u8],
}

/// Why a link is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The lists of the subject do not belong together.
    #[error("the registration has {columns} columns, but {commitments} commitments")]
    Subject {
        /// Columns.
        columns: usize,
        /// Commitments.
        commitments: usize,
    },
    /// The subject names other columns, commitments or bases than the registration that is to be linked to.
    #[error("the subject of the link is not the registration")]
    Registration,
    /// A registered column is not of the first phase.
    #[error("advice column {column} is not of the first phase")]
    Column {
        /// The column.
        column: usize,
    },
    /// The proof has no commitment where the column's should be.
    #[error("the proof holds no commitment to advice column {column}")]
    Commitment {
        /// The column.
        column: usize,
    },
    /// The link has another length than its bases ask for.
    #[error("the link has {got} bytes, expected {expected}")]
    Length {
        /// By the number of bases.
        expected: usize,
        /// Passed.
        got: usize,
    },
    /// The link holds no canonically encoded point and scalars.
    #[error("the link is not canonically encoded")]
    Encoding,
    /// The equation does not hold: the proof is of other values than were registered.
    #[error("the proof is not of the registered columns")]
    Equation,
}

/// Bytes of a link over so many bases.
pub const fn link_len(bases: usize) -> usize {
    ELEMENT * (1 + bases)
}

/// The points that fresh commitments to these columns may differ by multiples of from registered ones: of the rows that
/// proofs refresh, the last ones, and of blinds with IPA.
pub fn link_bases(points: &Points<'_>, system: &ConstraintSystem<Fr>, columns: &[usize]) -> Vec<G1Affine> {
    let (lagrange, blind) = match *points {
        Points::Kzg { lagrange, .. } => (lagrange, None),
        Points::Ipa { lagrange, w, .. } => (lagrange, Some(w)),
    };
    let rows = masked_rows(system, blind.is_some(), points.n(), columns.iter().copied());
    lagrange[rows].iter().copied().chain(blind).collect()
}

/// Where a proof holds the commitment to an advice column of the first phase, in bytes.
fn place(system: &ConstraintSystem<Fr>, column: usize) -> Option<usize> {
    let phases = system.advice_column_phase();
    (phases.get(column) == Some(&0))
        .then(|| ELEMENT * phases[..column].iter().filter(|phase| **phase == 0).count())
}

impl Subject<'_> {
    /// The commitments of the proof to the columns.
    fn fresh(&self) -> Result<Vec<G1Affine>, LinkError> {
        let commitments = self.registered.len();
        if self.columns.len() != commitments {
            return Err(LinkError::Subject { columns: self.columns.len(), commitments });
        }
        self.columns
            .iter()
            .map(|column| {
                let place = place(self.system, *column).ok_or(LinkError::Column { column: *column })?;
                let bytes = self.proof.get(place..place + ELEMENT);
                bytes.and_then(point).ok_or(LinkError::Commitment { column: *column })
            })
            .collect()
    }

    /// Everything that challenges depend on.
    fn hash(&self, fresh: &[G1Affine]) -> Sha512 {
        let mut hash = Sha512::new();
        hash.update(b"lemma committed columns link v1");
        hash.update((self.context.len() as u64).to_le_bytes());
        hash.update(self.context);
        hash.update((self.columns.len() as u64).to_le_bytes());
        for ((column, registered), fresh) in self.columns.iter().zip(self.registered).zip(fresh) {
            hash.update((*column as u64).to_le_bytes());
            hash.update(registered.to_bytes());
            hash.update(fresh.to_bytes());
        }
        hash.update((self.bases.len() as u64).to_le_bytes());
        self.bases.iter().for_each(|base| hash.update(base.to_bytes()));
        hash.update(Sha256::digest(self.proof));
        hash
    }
}

fn challenge(hash: &Sha512, label: &[u8], point: Option<&G1Affine>) -> Fr {
    let mut hash = hash.clone();
    hash.update(label);
    point.into_iter().for_each(|point| hash.update(point.to_bytes()));
    Fr::from_uniform_bytes(&hash.finalize().into())
}

/// A canonically encoded point that is not the identity.
fn point(bytes: &[u8]) -> Option<G1Affine> {
    let mut repr = <G1Affine as GroupEncoding>::Repr::default();
    repr.as_mut().copy_from_slice(bytes);
    let point = Option::<G1Affine>::from(G1Affine::from_bytes(&repr))?;
    let identity = bool::from(G1::from(point).is_identity());
    (!identity && point.to_bytes().as_ref() == bytes).then_some(point)
}

fn scalar(bytes: &[u8]) -> Option<Fr> {
    let mut repr = <Fr as PrimeField>::Repr::default();
    repr.as_mut().copy_from_slice(bytes);
    Fr::from_repr(repr).into()
}

/// Makes the link of a proof that was made with this registration.
///
/// # Errors
/// When the subject is not that of the registration.
pub fn link(
    subject: &Subject<'_>,
    registration: &Registration,
    rerandomization: &Rerandomization,
    rng: &mut dyn RngCore,
) -> Result<Vec<u8>, LinkError> {
    let named = subject.columns == registration.indices()
        && subject.registered == registration.commitments()
        && subject.bases == registration.bases();
    if named { answer(subject, registration, rerandomization, rng) } else { Err(LinkError::Registration) }
}

/// A link about any subject, of which the registration may be another's.
pub(crate) fn answer(
    subject: &Subject<'_>,
    registration: &Registration,
    rerandomization: &Rerandomization,
    rng: &mut dyn RngCore,
) -> Result<Vec<u8>, LinkError> {
    let fresh = subject.fresh()?;
    let hash = subject.hash(&fresh);
    let gamma = challenge(&hash, b"gamma", None);
    let nonces = nonces(&hash, registration.combs().len(), rerandomization, rng);
    let sum: G1 = registration.combs().iter().zip(&nonces).map(|(comb, nonce)| comb.multiply(nonce)).sum();
    let a = sum.to_affine();
    let c = challenge(&hash, b"c", Some(&a));
    let mut bytes = a.to_bytes().as_ref().to_vec();
    for (i, nonce) in nonces.iter().enumerate() {
        let joined = rerandomization.masks.iter().rev().fold(Fr::ZERO, |sum, masks| sum * gamma + masks[i]);
        bytes.extend_from_slice((*nonce + c * joined).to_repr().as_ref());
    }
    Ok(bytes)
}

/// Secret elements that no two links share, whatever the generator says.
fn nonces(hash: &Sha512, count: usize, rerandomization: &Rerandomization, rng: &mut dyn RngCore) -> Vec<Fr> {
    let mut entropy = [0; 64];
    rng.fill_bytes(&mut entropy);
    let mut hash = hash.clone();
    hash.update(b"nonces");
    hash.update(entropy);
    rerandomization.masks.iter().flatten().for_each(|mask| hash.update(mask.to_repr()));
    let nonce = |i: usize| {
        let hash = hash.clone().chain_update((i as u64).to_le_bytes());
        Fr::from_uniform_bytes(&hash.finalize().into())
    };
    (0..count).map(nonce).collect()
}

/// Accepts the link of a proof to registered columns. The proof itself is to be verified besides, from the same bytes.
///
/// # Errors
/// When the proof is not, or cannot be, of the registered columns.
pub fn check_link(subject: &Subject<'_>, link: &[u8]) -> Result<(), LinkError> {
    let fresh = subject.fresh()?;
    let expected = link_len(subject.bases.len());
    if link.len() != expected {
        return Err(LinkError::Length { expected, got: link.len() });
    }
    let (first, rest) = link.split_at(ELEMENT);
    let a = point(first).ok_or(LinkError::Encoding)?;
    let z: Vec<Fr> =
        rest.chunks_exact(ELEMENT).map(scalar).collect::<Option<_>>().ok_or(LinkError::Encoding)?;
    let hash = subject.hash(&fresh);
    let gamma = challenge(&hash, b"gamma", None);
    let c = challenge(&hash, b"c", Some(&a));
    // A + c D - sum_i z_i B_i
    let differences: Vec<G1> = fresh
        .iter()
        .zip(subject.registered)
        .map(|(fresh, registered)| G1::from(*fresh) - registered)
        .collect();
    let mut points = normalized(&differences);
    let mut scalars: Vec<Fr> =
        std::iter::successors(Some(c), |c| Some(*c * gamma)).take(points.len()).collect();
    points.extend(subject.bases);
    scalars.extend(z.iter().map(|z| -*z));
    points.push(a);
    scalars.push(Fr::ONE);
    let sum = best_multiexp(&scalars, &points);
    if bool::from(sum.is_identity()) { Ok(()) } else { Err(LinkError::Equation) }
}
