use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn round_trip_of_every_kind() {
    for kind in Kind::ALL {
        for body in [&b""[..], b"body"] {
            let bytes = encode(kind, body).unwrap();
            assert_eq!(bytes.len(), HEADER_LEN + body.len());
            assert_eq!(kind_of(&bytes), Ok(kind));
            assert_eq!(decode(kind, &bytes), Ok(body));
        }
    }
}

#[test]
fn every_byte_edit_truncation_and_append_is_refused() {
    let good = encode(Kind::Proof, b"some body").unwrap();
    for position in 0..good.len() {
        for edit in 1..=255 {
            let mut bad = good.clone();
            bad[position] ^= edit;
            assert!(decode(Kind::Proof, &bad).is_err(), "byte {position} ^ {edit}");
        }
    }
    for length in 0..good.len() {
        assert!(decode(Kind::Proof, &good[..length]).is_err(), "{length} bytes");
    }
    for extra in 1..=64 {
        let mut bad = good.clone();
        bad.extend(vec![0; extra]);
        let error = EnvelopeError::Length { kind: Kind::Proof, expected: 9, got: 9 + extra as u64 };
        assert_eq!(decode(Kind::Proof, &bad), Err(error));
    }
}

#[test]
fn errors_name_what_is_wrong() {
    let good = encode(Kind::Proof, b"body").unwrap();
    let edited = |position: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[position] = value;
        decode(Kind::Proof, &bytes).map(<[u8]>::to_vec).unwrap_err()
    };
    assert_eq!(decode(Kind::Proof, &good[..47]), Err(EnvelopeError::NoHeader { got: 47 }));
    assert_eq!(edited(0, 0), EnvelopeError::Magic);
    assert_eq!(edited(8, 200), EnvelopeError::UnknownKind { got: 200 });
    assert_eq!(edited(8, 2), EnvelopeError::WrongKind { expected: Kind::Proof, got: Kind::VerifyingKey });
    assert_eq!(edited(10, 9), EnvelopeError::Version { kind: Kind::Proof, expected: 1, got: 9 });
    let limit = Kind::Proof.max_body();
    let got = (0xff << 24) + 4;
    assert_eq!(edited(15, 0xff), EnvelopeError::TooLarge { kind: Kind::Proof, limit, got });
    assert_eq!(edited(20, good[20] ^ 1), EnvelopeError::Digest { kind: Kind::Proof });
    let body = vec![0; limit as usize + 1];
    let got = u64::from(limit) + 1;
    assert_eq!(encode(Kind::Proof, &body), Err(EnvelopeError::TooLarge { kind: Kind::Proof, limit, got }));
}

proptest! {
    #[test]
    fn whatever_decodes_is_what_encode_makes(bytes in proptest::collection::vec(any::<u8>(), 0..80), framed: bool) {
        let bytes = if framed { encode(Kind::VerifyingKey, &bytes).unwrap() } else { bytes };
        if let Ok(body) = decode(Kind::VerifyingKey, &bytes) {
            prop_assert_eq!(encode(Kind::VerifyingKey, body).unwrap(), bytes);
        } else {
            prop_assert!(!framed);
        }
    }
}

/// One field of a header changed.
type Lie = (&'static str, fn(&mut Header), EnvelopeError);

/// A header as a forger writes it.
#[derive(Clone)]
struct Header {
    magic: [u8; 8],
    kind: u16,
    version: u16,
    length: u32,
    /// In place of the right digest.
    digest: Option<[u8; 32]>,
    body: Vec<u8>,
}

impl Header {
    /// The file, sealed again.
    fn bytes(&self) -> Vec<u8> {
        let mut prefix = self.magic.to_vec();
        prefix.extend(self.kind.to_le_bytes());
        prefix.extend(self.version.to_le_bytes());
        prefix.extend(self.length.to_le_bytes());
        let right = Sha256::new().chain_update(&prefix).chain_update(&self.body).finalize();
        let digest = self.digest.unwrap_or(right.into());
        [prefix.as_slice(), &digest, &self.body].concat()
    }
}

/// What a body means is its reader's to check: a body sealed again is another file, whose lies are in the prover's tests.
#[test]
fn every_field_of_a_header_has_its_lie() {
    const KIND: Kind = Kind::Proof;
    let lies: [Lie; 7] = [
        ("prefix", |header| header.magic[0] ^= 1, EnvelopeError::Magic),
        (
            "kind",
            |header| header.kind = 2,
            EnvelopeError::WrongKind { expected: KIND, got: Kind::VerifyingKey },
        ),
        ("kind", |header| header.kind = 9, EnvelopeError::UnknownKind { got: 9 }),
        ("version", |header| header.version = 2, EnvelopeError::Version { kind: KIND, expected: 1, got: 2 }),
        ("length", |header| header.length = 5, EnvelopeError::Length { kind: KIND, expected: 5, got: 4 }),
        ("digest", |header| header.digest = Some([0; 32]), EnvelopeError::Digest { kind: KIND }),
        ("body", |header| header.body.push(0), EnvelopeError::Length { kind: KIND, expected: 4, got: 5 }),
    ];
    let honest =
        Header { magic: MAGIC, kind: 1, version: 1, length: 4, digest: None, body: b"body".to_vec() };
    assert_eq!(honest.bytes(), encode(KIND, b"body").unwrap());
    let bytes = honest.bytes();
    let parts = split(&bytes).unwrap();
    // A field without a name here does not compile.
    let Parts { prefix: _, kind: _, version: _, length: _, digest: _, body: _ } = parts;
    let fields = ["prefix", "kind", "version", "length", "digest", "body"];
    assert_eq!(BTreeSet::from(fields), lies.iter().map(|(field, ..)| *field).collect());
    for (field, lie, refusal) in lies {
        let mut header = honest.clone();
        lie(&mut header);
        assert_eq!(decode(KIND, &header.bytes()), Err(refusal), "{field}");
    }
}
