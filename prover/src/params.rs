//! Commitment parameters: derived, imported, checked, cached.
//!
//! The transparent scheme (IPA) needs parameters that depend on the size alone; the KZG scheme needs powers of a
//! secret nobody may know, from a public ceremony. Both need a second basis per size, which is expensive and
//! therefore kept in the store.
//!
//! With KZG a proof over `2^k` rows hides its witness only if the string has a power beyond the `2^k` that columns need:
//! the prover blinds the pieces of the quotient with it. `.ptau` files have such a power for every size, the raw files of
//! the halo2 libraries for every size but their own.

mod cache;
mod insecure;
mod kept;
pub(crate) mod kzg;
mod points;
mod srs_file;
mod strings;
mod tables;

use std::{ops::RangeInclusive, path::PathBuf};

use lemma_verifier::{setup::SrsId, transparent::TransparentError};

pub use cache::Parameters;
/// The smallest and the largest size, as powers of two of rows: at most 256 MiB of points in each basis.
pub use lemma_verifier::shape::{MAX_K, MIN_K};
pub use srs_file::SrsFileError;
pub use strings::{SrsRecord, import_srs, list_srs};

use crate::store::StoreError;

/// Why there are no parameters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Strings live in a store, and there is none.
    #[error("KZG strings are kept in a store, but none was given; set LEMMA_HOME or pass --store")]
    NoStore,
    /// A size outside the limits.
    #[error("the circuit needs 2^{k} rows, expected 2^{} to 2^{}", range.start(), range.end())]
    Size {
        /// Exponent asked for.
        k: u32,
        /// Exponents allowed.
        range: RangeInclusive<u32>,
    },
    /// The transparent scheme's could not be derived or read.
    #[error(transparent)]
    Transparent(#[from] TransparentError),
    /// Parameter bytes of another form.
    #[error("the parameters of size 2^{k} are malformed: {reason}")]
    Malformed {
        /// Size exponent.
        k: u32,
        /// What is wrong.
        reason: String,
    },
    /// An import failed.
    #[error("{}: {source}", path.display())]
    SrsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: SrsFileError,
    },
    /// KZG without a string.
    #[error(
        "the kzg scheme needs a ceremony file with at least 2^{k} powers; import one with `lemma srs import FILE`, or use \
         the ipa scheme, which needs none"
    )]
    NoSrs {
        /// Size exponent needed.
        k: u32,
    },
    /// More than one ceremony would do.
    #[error("several imported ceremonies would do; choose one with --srs ID: {}", join(candidates))]
    AmbiguousSrs {
        /// Their ids.
        candidates: Vec<SrsId>,
    },
    /// The named string is not in the store.
    #[error("ceremony {id} is not in the store; `lemma srs list` shows what is")]
    UnknownSrs {
        /// The id asked for.
        id: SrsId,
    },
    /// A record of the store is of another string.
    #[error(
        "the store's record of ceremony {expected} is of ceremony {got}; import both again with `lemma srs import`"
    )]
    WrongSrs {
        /// The id asked for.
        expected: SrsId,
        /// The id of what is there.
        got: SrsId,
    },
    /// A record of the store has the powers of another string.
    #[error("the store's powers of ceremony {id} are of another; import it again with `lemma srs import`")]
    WrongPowers {
        /// The string.
        id: SrsId,
    },
    /// The named string is too short.
    #[error("ceremony {id} has 2^{got} powers, expected at least 2^{expected}; import a larger file of it")]
    SrsTooSmall {
        /// The id asked for.
        id: SrsId,
        /// Size exponent needed.
        expected: u32,
        /// Size exponent of the string.
        got: u32,
    },
}

impl ParamsError {
    pub(crate) fn unusable_second_group(k: u32) -> Self {
        Self::Malformed { k, reason: "the points of the second group are unusable".into() }
    }
}

fn join(ids: &[SrsId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Where a KZG string comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrsChoice {
    /// An imported ceremony: the named one, else the only one that is large enough.
    Ceremony(Option<SrsId>),
    /// A string drawn on this machine: for benchmarks and tests. Whoever drew it can forge proofs, so every key
    /// and proof made with it says so.
    InsecureLocal,
}

#[cfg(test)]
mod tests;
