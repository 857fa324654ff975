//! Digests and ids as hexadecimal text in JSON.

/// For fields of type [`lemma_circuits::statement::CircuitId`].
pub(crate) mod circuit_id {
    use lemma_circuits::statement::CircuitId;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(id: &CircuitId, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<CircuitId, D::Error> {
        super::digest::deserialize(from).map(|digest| CircuitId(digest.0))
    }
}

/// For fields of type [`lemma_prover::digest::Digest`].
pub(crate) mod digest {
    use lemma_prover::digest::Digest;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(digest: &Digest, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(digest)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// For fields of bytes.
pub(crate) mod bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}
