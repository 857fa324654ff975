//! Proof bundles.
//!
//! ```text
//! offset  size  field
//!      0    32  circuit id
//!     32     1  scheme: 0 ipa, 1 kzg
//!     33     1  1 if the key uses a string drawn on somebody's machine, else 0
//!     34     4  length s of the statement, little-endian
//!     38     4  length p of the proof
//!     42     s  statement, encoded by [`crate::statement`]
//!   42+s     p  proof
//! ```

use super::ArtifactError;
use crate::{
    circuit_id::CircuitId,
    envelope::{self, Kind},
    scheme::Scheme,
};

/// A proof with the statement it claims to prove.
///
/// Decoding one proves nothing; [`crate::verify::verify`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofBundle {
    /// The circuit the proof claims to be for.
    pub circuit: CircuitId,
    /// Its commitment scheme.
    pub scheme: Scheme,
    /// Whether its key uses a KZG string that was drawn on somebody's machine.
    pub insecure_srs: bool,
    /// The encoded statement.
    pub statement: Vec<u8>,
    /// The proof.
    pub proof: Vec<u8>,
}

const MALFORMED: ArtifactError = malformed("its parts do not have the lengths it gives");

const fn malformed(reason: &'static str) -> ArtifactError {
    ArtifactError::Malformed { kind: Kind::Proof, reason }
}

impl ProofBundle {
    /// The file's bytes.
    ///
    /// # Errors
    /// When the bundle is too large, or is for the transparent scheme and yet marked as using a string.
    pub fn encode(&self) -> Result<Vec<u8>, ArtifactError> {
        let scheme = match (self.scheme, self.insecure_srs) {
            (Scheme::Ipa, true) => return Err(malformed("the ipa scheme has no string to be insecure")),
            (Scheme::Ipa, false) => 0,
            (Scheme::Kzg, _) => 1,
        };
        let length =
            |part: &[u8]| u32::try_from(part.len()).map_err(|_| malformed("a part is longer than 4 GiB"));
        let mut body = self.circuit.0.to_vec();
        body.extend([scheme, u8::from(self.insecure_srs)]);
        body.extend(length(&self.statement)?.to_le_bytes());
        body.extend(length(&self.proof)?.to_le_bytes());
        body.extend(&self.statement);
        body.extend(&self.proof);
        Ok(envelope::encode(Kind::Proof, &body)?)
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// When the bytes are not exactly what [`ProofBundle::encode`] makes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let body = envelope::decode(Kind::Proof, bytes)?;
        let (circuit, rest) = body.split_first_chunk::<32>().ok_or(MALFORMED)?;
        let ([scheme, insecure], rest) = rest.split_first_chunk::<2>().ok_or(MALFORMED)?;
        let (statement_len, rest) = rest.split_first_chunk::<4>().ok_or(MALFORMED)?;
        let (proof_len, rest) = rest.split_first_chunk::<4>().ok_or(MALFORMED)?;
        let length = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).map_err(|_| MALFORMED);
        let (statement, proof) = rest.split_at_checked(length(statement_len)?).ok_or(MALFORMED)?;
        if proof.len() != length(proof_len)? {
            return Err(MALFORMED);
        }
        let (scheme, insecure_srs) = match (scheme, insecure) {
            (0, 0) => (Scheme::Ipa, false),
            (1, 0) => (Scheme::Kzg, false),
            (1, 1) => (Scheme::Kzg, true),
            _ => return Err(malformed("its scheme or its mark of an insecure string is unknown")),
        };
        Ok(Self {
            circuit: CircuitId(*circuit),
            scheme,
            insecure_srs,
            statement: statement.to_vec(),
            proof: proof.to_vec(),
        })
    }
}
