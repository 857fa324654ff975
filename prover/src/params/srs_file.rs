//! Reading files of public ceremonies.
//!
//! Two formats are known: `.ptau` of snarkjs and the raw form of the halo2 libraries. Both store points
//! uncompressed, in little-endian Montgomery form. Nothing in a file is believed: points are checked to be on the
//! curve, the sequence by pairings, the second basis of a raw file against the first.

mod ptau;
mod raw;

use std::{
    io::{self, BufReader, Read, Seek},
    path::Path,
};

use lemma_verifier::{digest::Digest, setup::SetupError};
use sha2::{Digest as _, Sha256};

use super::{MAX_K, kzg::Powers};
use crate::regular_file;

/// Why a file is not a usable string.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SrsFileError {
    /// The operating system refused, or the file ends early.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// A directory, a device or a pipe.
    #[error("it is not a regular file; download the ceremony and name its file")]
    NotAFile,
    /// Neither format.
    #[error("it is neither a snarkjs .ptau file nor a halo2 raw parameter file")]
    Unrecognized,
    /// A `.ptau` version this reader does not know.
    #[error(".ptau version is {got}, expected 1")]
    Version {
        /// Version found.
        got: u32,
    },
    /// More sections than the format has.
    #[error(".ptau has {got} sections, more than the limit of {limit}")]
    SectionCount {
        /// Most sections.
        limit: u32,
        /// Sections found.
        got: u32,
    },
    /// A needed section is missing or there twice.
    #[error(".ptau section {section} occurs {got} times, expected once")]
    Section {
        /// Section number.
        section: u32,
        /// How often it was found.
        got: u32,
    },
    /// A section or the file has another length than its header says.
    #[error("{part} has {got} bytes, expected {expected}; the file is truncated or damaged")]
    Length {
        /// What was measured.
        part: &'static str,
        /// Bytes by the header.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// Powers over another curve.
    #[error("it is for another curve, expected BN254 (bn128)")]
    Curve,
    /// A size outside the limits.
    #[error("it has 2^{got} powers, expected 2^{min} to 2^{max}")]
    Power {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
        /// Exponent found.
        got: u32,
    },
    /// Coordinates that are no point.
    #[error("{list} element {index} is not a point of the curve")]
    Point {
        /// Which list of points.
        list: &'static str,
        /// Its index there.
        index: usize,
    },
    /// The first power is not the generator.
    #[error("it does not start with the standard generator of group {group}")]
    Generator {
        /// 1 or 2.
        group: u8,
    },
    /// The secret's image is unusable.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Not a geometric sequence.
    #[error("its points are not the powers of one secret (pairing check failed)")]
    Powers,
    /// The second basis does not belong to the first.
    #[error("its Lagrange basis does not belong to its powers")]
    LagrangeBasis,
}

/// A checked file.
#[derive(Debug)]
pub(super) struct SrsFile {
    pub(super) powers: Powers,
    pub(super) sha256: Digest,
}

/// Reads and checks a file; of a `.ptau` file the first `2^k + 1` powers, as many as fit `k` up to `MAX_K`.
pub(super) fn read(path: &Path) -> Result<SrsFile, SrsFileError> {
    let mut file = regular_file::open(path)?.ok_or(SrsFileError::NotAFile)?;
    let length = file.metadata()?.len();
    // The header is checked against the length before the whole file is read.
    let powers = read_from(&mut BufReader::with_capacity(1 << 20, &file), length, MAX_K)?;
    file.rewind()?;
    let mut hash = Sha256::new();
    io::copy(&mut file.take(length), &mut hash)?;
    Ok(SrsFile { powers, sha256: Digest(hash.finalize().into()) })
}

/// Tells the formats apart by their first four bytes.
fn read_from(file: &mut (impl Read + Seek), length: u64, max_k: u32) -> Result<Powers, SrsFileError> {
    let magic: [u8; 4] = read_array(file).map_err(|_| SrsFileError::Unrecognized)?;
    match &magic {
        b"ptau" => ptau::read(file, length, max_k),
        _ => raw::read(u32::from_le_bytes(magic), file, length, max_k),
    }
}

fn read_array<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_u32(file: &mut impl Read) -> io::Result<u32> {
    read_array(file).map(u32::from_le_bytes)
}

fn read_u64(file: &mut impl Read) -> io::Result<u64> {
    read_array(file).map(u64::from_le_bytes)
}

fn read_bytes(file: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
pub(super) mod tests;
