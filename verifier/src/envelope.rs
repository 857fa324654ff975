//! The frame around every file Lemma writes for others to read.
//!
//! ```text
//! offset  size  field
//!      0     8  magic "\x89LEMMA\r\n"
//!      8     2  kind, little-endian
//!     10     2  format version of that kind
//!     12     4  length of the body
//!     16    32  sha256 of bytes 0..16 and the body
//!     48     -  body, nothing after it
//! ```
//!
//! [`decode`] accepts exactly what [`encode`] makes. The digest finds accidents, not forgeries: whoever changes
//! the body can change the digest, so every meaning is checked again by the reader of the body.

use std::fmt;

use sha2::{Digest as _, Sha256};

const MAGIC: [u8; 8] = *b"\x89LEMMA\r\n";
const PREFIX_LEN: usize = 16;

/// Bytes before the body.
pub const HEADER_LEN: usize = 48;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A proof bundle: [`crate::artifact::ProofBundle`].
    Proof,
    /// A verifying key: [`crate::artifact::VerifyingKeyFile`].
    VerifyingKey,
    /// A record of the store, never handed out.
    StoreRecord,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Proof, Self::VerifyingKey, Self::StoreRecord];

    const fn code(self) -> u16 {
        match self {
            Self::Proof => 1,
            Self::VerifyingKey => 2,
            Self::StoreRecord => 3,
        }
    }

    /// The one format version of this kind that is written and read.
    pub const fn version(self) -> u16 {
        1
    }

    /// Longest body, in bytes.
    pub const fn max_body(self) -> u32 {
        16 << 20
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proof => "proof",
            Self::VerifyingKey => "verifying key",
            Self::StoreRecord => "store record",
        })
    }
}

/// Why bytes are not a file of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Too short to have a header.
    #[error(
        "file has {got} bytes, fewer than the {HEADER_LEN} of a header; it is truncated or not a Lemma file"
    )]
    NoHeader {
        /// Bytes found.
        got: usize,
    },
    /// Another program's file.
    #[error("file does not start with the mark of a Lemma file")]
    Magic,
    /// A kind this version does not know.
    #[error("file kind {got} is unknown; it was written by a newer version of Lemma")]
    UnknownKind {
        /// Kind code found.
        got: u16,
    },
    /// A Lemma file, but not the wanted one.
    #[error("file is a {got}, expected a {expected}")]
    WrongKind {
        /// Kind wanted.
        expected: Kind,
        /// Kind found.
        got: Kind,
    },
    /// A format this version does not read.
    #[error("{kind} has format version {got}, expected {expected}; use the version of Lemma that wrote it")]
    Version {
        /// Kind of the file.
        kind: Kind,
        /// The version read here.
        expected: u16,
        /// Version found.
        got: u16,
    },
    /// Larger than anything this version writes.
    #[error("{kind} of {got} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// Kind of the file.
        kind: Kind,
        /// Most bytes of a body.
        limit: u32,
        /// Bytes of the body.
        got: u64,
    },
    /// Truncated, or something appended.
    #[error(
        "{kind} has {got} bytes after its header, expected {expected}; it is truncated or something was appended"
    )]
    Length {
        /// Kind of the file.
        kind: Kind,
        /// Length in the header.
        expected: u32,
        /// Bytes found.
        got: u64,
    },
    /// Damaged.
    #[error("{kind} is damaged: its sha256 does not match")]
    Digest {
        /// Kind of the file.
        kind: Kind,
    },
}

/// Frames a body.
///
/// # Errors
/// [`EnvelopeError::TooLarge`] when the body is longer than the kind allows.
pub fn encode(kind: Kind, body: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= kind.max_body()).ok_or(
        EnvelopeError::TooLarge {
            kind,
            limit: kind.max_body(),
            got: u64::try_from(body.len()).unwrap_or(u64::MAX),
        },
    )?;
    let mut out = Vec::with_capacity(HEADER_LEN.saturating_add(body.len()));
    out.extend(MAGIC);
    out.extend(kind.code().to_le_bytes());
    out.extend(kind.version().to_le_bytes());
    out.extend(length.to_le_bytes());
    let digest = Sha256::new().chain_update(&out).chain_update(body).finalize();
    out.extend(digest);
    out.extend(body);
    Ok(out)
}

/// The header and what follows it.
struct Parts<'a> {
    prefix: &'a [u8; PREFIX_LEN],
    kind: Kind,
    version: u16,
    length: u32,
    digest: &'a [u8; 32],
    body: &'a [u8],
}

fn split(bytes: &[u8]) -> Result<Parts<'_>, EnvelopeError> {
    let short = || EnvelopeError::NoHeader { got: bytes.len() };
    let (prefix, rest) = bytes.split_first_chunk::<PREFIX_LEN>().ok_or_else(short)?;
    let (digest, body) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    let [magic @ .., k0, k1, v0, v1, l0, l1, l2, l3] = prefix;
    if *magic != MAGIC {
        return Err(EnvelopeError::Magic);
    }
    let code = u16::from_le_bytes([*k0, *k1]);
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.code() == code)
        .ok_or(EnvelopeError::UnknownKind { got: code })?;
    let version = u16::from_le_bytes([*v0, *v1]);
    let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]);
    Ok(Parts { prefix, kind, version, length, digest, body })
}

/// What a file says it is, from its header alone.
///
/// # Errors
/// When the bytes do not start with a header.
pub fn kind_of(bytes: &[u8]) -> Result<Kind, EnvelopeError> {
    split(bytes).map(|parts| parts.kind)
}

/// The body of a file of this kind.
///
/// # Errors
/// When the bytes are not exactly what [`encode`] makes for this kind.
pub fn decode(kind: Kind, bytes: &[u8]) -> Result<&[u8], EnvelopeError> {
    let parts = split(bytes)?;
    if parts.kind != kind {
        return Err(EnvelopeError::WrongKind { expected: kind, got: parts.kind });
    }
    if parts.version != kind.version() {
        return Err(EnvelopeError::Version { kind, expected: kind.version(), got: parts.version });
    }
    let got = u64::try_from(parts.body.len()).unwrap_or(u64::MAX);
    if parts.length > kind.max_body() {
        return Err(EnvelopeError::TooLarge { kind, limit: kind.max_body(), got: parts.length.into() });
    }
    if got != u64::from(parts.length) {
        return Err(EnvelopeError::Length { kind, expected: parts.length, got });
    }
    let digest = Sha256::new().chain_update(parts.prefix).chain_update(parts.body).finalize();
    if digest.as_slice() != parts.digest.as_slice() {
        return Err(EnvelopeError::Digest { kind });
    }
    Ok(parts.body)
}

#[cfg(test)]
mod tests;
