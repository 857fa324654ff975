//! Names of circuits and models.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    digest::{self, ParseDigestError},
    interface::Interface,
    scheme::Scheme,
    shape::Shape,
};

/// Version of the statement, artifact and circuit formats; part of every circuit id.
pub const FORMAT_VERSION: u32 = 1;

/// The network id: sha256 of the canonical bytes of a quantized network, whatever file it came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelId(pub [u8; 32]);

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelId({self})")
    }
}

/// Names one circuit: network, shape, interface, visibility, commitment scheme and verifying key. A proof is valid for a
/// circuit id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CircuitId(pub [u8; 32]);

impl fmt::Display for CircuitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for CircuitId {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|digest::Digest(id)| Self(id))
    }
}

impl fmt::Debug for CircuitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CircuitId({self})")
    }
}

/// The circuit id: sha256 over everything that decides what a valid proof means.
///
/// `verifying_key_digest` covers the key's commitments and, for KZG, the verifier's part of the reference
/// string. Input, weights and output are public in this format version.
pub fn circuit_id(
    model: ModelId,
    shape: &Shape,
    interface: &Interface,
    scheme: Scheme,
    verifying_key_digest: [u8; 32],
) -> CircuitId {
    let mut hash = Sha256::new();
    hash.update(b"lemma-circuit");
    hash.update(FORMAT_VERSION.to_le_bytes());
    hash.update(model.0);
    hash.update(digest(b"lemma-shape", shape));
    hash.update(digest(b"lemma-interface", interface));
    hash.update(b"input:public weights:public output:public");
    hash.update(digest(b"lemma-scheme", &scheme));
    hash.update(verifying_key_digest);
    CircuitId(hash.finalize().into())
}

/// sha256 of a domain and the canonical (fixed-width, length-prefixed) encoding of `value`.
#[expect(clippy::expect_used, reason = "a digest of less than the value would name other circuits too")]
fn digest<T: Serialize>(domain: &[u8], value: &T) -> [u8; 32] {
    let bytes = bincode::serialize(value).expect("plain data without maps always serializes");
    Sha256::new().chain_update(domain).chain_update(bytes).finalize().into()
}
