//! sha256 digests as names.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

/// A sha256 digest; prints and parses as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is not a sha256 digest; expected 64 lower-case hexadecimal digits")]
pub struct ParseDigestError {
    /// The text.
    pub got: String,
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest)
            .ok()
            .filter(|()| !text.bytes().any(|byte| byte.is_ascii_uppercase()))
            .map(|()| Self(digest))
            .ok_or_else(|| ParseDigestError { got: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip_is_strict() {
        let digest = Digest::of(b"lemma");
        let text = digest.to_string();
        assert_eq!(text.parse(), Ok(digest));
        for wrong in
            [text.to_uppercase(), text[1..].into(), format!("{text}0"), text.replacen(&text[..1], "g", 1)]
        {
            assert_eq!(wrong.parse::<Digest>(), Err(ParseDigestError { got: wrong.clone() }));
        }
    }
}
