//! How digests, ids, names and times are written in JSON.

/// For fields of type [`lemma_verifier::circuit_id::CircuitId`].
pub(crate) mod circuit_id {
    use lemma_verifier::circuit_id::CircuitId;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(id: &CircuitId, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<CircuitId, D::Error> {
        super::digest::deserialize(from).map(|digest| CircuitId(digest.0))
    }
}

/// For fields of type [`lemma_verifier::digest::Digest`].
pub(crate) mod digest {
    use lemma_verifier::digest::Digest;
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

/// For fields of type [`lemma_circuits::ir::ModelId`].
pub(crate) mod model_id {
    use lemma_circuits::ir::ModelId;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(id: &ModelId, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ModelId, D::Error> {
        super::digest::deserialize(from).map(|digest| ModelId(digest.0))
    }
}

/// For fields of type [`lemma_verifier::scheme::Scheme`], in lower case.
pub(crate) mod scheme {
    use lemma_verifier::scheme::Scheme;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(scheme: &Scheme, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(match scheme {
            Scheme::Ipa => "ipa",
            Scheme::Kzg => "kzg",
        })
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Scheme, D::Error> {
        match String::deserialize(from)?.as_str() {
            "ipa" => Ok(Scheme::Ipa),
            "kzg" => Ok(Scheme::Kzg),
            other => Err(D::Error::custom(format_args!("{other:?} is no commitment scheme"))),
        }
    }
}

/// For times, in whole milliseconds.
pub(crate) mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
