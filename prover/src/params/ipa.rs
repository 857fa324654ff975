//! Parameters of the transparent inner-product argument: hashed to the curve, nobody has to be trusted.
//!
//! The generators are `hash_to_curve("Halo2-Parameters", i)`, exactly those of the library's `ParamsIPA::new`;
//! only the Lagrange basis is computed faster. A cached file has the library's own form (`Params::write`:
//! `k`, compressed generators, compressed Lagrange basis, `w`, `u`) and is believed only if its sha256 is the one
//! in this source. The library offers no way in for uncompressed points, so reading costs one square root per
//! point.

use std::io;

use halo2_proofs::{
    halo2curves::{
        CurveExt,
        bn256::{G1, G1Affine},
        group::{Curve, GroupEncoding},
    },
    poly::{commitment::Params as _, ipa::commitment::ParamsIPA},
};
use rayon::prelude::*;

use super::{ParamsError, group_fft};
use crate::digest::Digest;

/// Bytes of a compressed point.
pub(super) const POINT_LEN: usize = 32;

/// The smallest size with a pinned digest.
const FIRST_PINNED: u32 = 5;

/// The largest size with a pinned digest.
pub(crate) const LARGEST_PINNED: u32 = FIRST_PINNED + PINNED.len() as u32 - 1;

/// sha256 of the parameter file of sizes 2^5, 2^6, ...
const PINNED: [&str; 12] = [
    "cba85883d9b352e1d14b53cff7da34e962711dab562df5a6491ba530e9af5719",
    "4fb778bfcce6f5c3103a4d4b26f3fa4a73003bc636bfa2f700cd27645cbfb4b7",
    "3dd290590fa7718b4c77c063a9f5b5d388612f71e922d984d24378d253cfc963",
    "4c82d145210a552a027dd2658e07bd57056bfaae3f09803bf010f7eb779ed1d1",
    "e5e3d65def33f04f57e982e7c75d14bd371aa1b252bb1efa5f3b9607a3dcf94f",
    "cdc73811c97aca4ddd9c895510fd13a792bf8bb232c66193fb1277191bf0978d",
    "f8066f78d53f9f53d3ab22362f15aba58b8a87f4d81750f6eef3fd1248af2313",
    "3d99e109a2ad144c247d12708da4710b344f8318309cd296dd7be5e9c2c2fc25",
    "d74a1c777a27c5148f16c2ee7d356106ba53e403c2784d29bae1f8b6deae02e0",
    "d3e86a2fa3dc63e861f9e8f6ba78528b47418e859cd236ba0520e098311d34f7",
    "ee8a94e0e3168a06a595b24f1f3b0fea410958f8ab9f2701641ef9bf26ab0077",
    "444a3c3aa8c19c0c997371c0e2babbdf14ef74deeb7d55b0ec1630282c2941f0",
];

/// The digest a parameter file of size `2^k` must have; `None` when this source does not know it.
pub(super) fn pinned(k: u32) -> Option<Digest> {
    let index = k.checked_sub(FIRST_PINNED)? as usize;
    PINNED.get(index).map(|text| text.parse().expect("the pinned digests are digests"))
}

/// Bytes of the parameter file of size `2^k`.
pub(super) fn file_len(k: u32) -> u64 {
    4 + POINT_LEN as u64 * ((2 << k) + 2)
}

/// Derives the parameter file of size `2^k`.
pub(super) fn generate(k: u32) -> Vec<u8> {
    let n = 1usize << k;
    let mut generators = vec![G1::default(); n];
    generators.par_chunks_mut(64).enumerate().for_each(|(chunk, points)| {
        let hash = G1::hash_to_curve("Halo2-Parameters");
        for (i, point) in points.iter_mut().enumerate() {
            let index = (chunk * 64 + i) as u32;
            let mut message = [0; 5];
            message[1..].copy_from_slice(&index.to_le_bytes());
            *point = hash(&message);
        }
    });
    let hash = G1::hash_to_curve("Halo2-Parameters");
    let last = [hash(&[1]), hash(&[2])].map(|point| point.to_affine());
    let mut out = k.to_le_bytes().to_vec();
    let first = group_fft::affine(&generators);
    for point in first.iter().chain(&group_fft::lagrange_basis(generators, k)).chain(&last) {
        out.extend(point.to_bytes().as_ref());
    }
    out
}

/// Checks a parameter file against the digest pinned for its size, if there is one.
pub(super) fn check_pinned(k: u32, bytes: &[u8], pinned: Option<Digest>) -> Result<(), ParamsError> {
    match (pinned, Digest::of(bytes)) {
        (Some(expected), got) if expected != got => Err(ParamsError::PinnedDigest { k, expected, got }),
        _ => Ok(()),
    }
}

/// Reads a parameter file of size `2^k`.
pub(super) fn read(k: u32, mut bytes: &[u8]) -> Result<ParamsIPA<G1Affine>, ParamsError> {
    let malformed = |reason: String| ParamsError::Malformed { k, reason };
    if bytes.len() as u64 != file_len(k) {
        return Err(malformed(format!("{} bytes, expected {}", bytes.len(), file_len(k))));
    }
    if bytes[..4] != k.to_le_bytes() {
        return Err(malformed("it is of another size".into()));
    }
    ParamsIPA::read(&mut bytes).map_err(|error: io::Error| malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use halo2_proofs::poly::commitment::ParamsProver;

    use super::*;

    #[test]
    fn generated_parameters_are_the_library_s() {
        for k in [1, 5, 7] {
            let bytes = generate(k);
            assert_eq!(bytes.len() as u64, file_len(k));
            let mut library = Vec::new();
            ParamsIPA::<G1Affine>::new(k).write(&mut library).unwrap();
            assert!(bytes == library, "k = {k}");
        }
    }

    #[test]
    fn every_pinned_digest_is_the_generated_one_up_to_nine() {
        for k in FIRST_PINNED..=9 {
            let bytes = generate(k);
            check_pinned(k, &bytes, pinned(k)).unwrap();
            assert_eq!(read(k, &bytes).unwrap().get_g().len(), 1 << k);
        }
        assert_eq!(pinned(FIRST_PINNED - 1), None);
        assert_eq!(pinned(FIRST_PINNED + PINNED.len() as u32), None);
        for k in (FIRST_PINNED..).take(PINNED.len()) {
            assert!(pinned(k).is_some());
        }
    }

    #[test]
    #[ignore = "derives 2^17 points, about a minute of CPU time in a release build"]
    fn every_pinned_digest_is_the_generated_one() {
        for k in (FIRST_PINNED..).take(PINNED.len()) {
            check_pinned(k, &generate(k), pinned(k)).unwrap();
        }
    }

    #[test]
    fn other_files_are_refused() {
        let good = generate(5);
        let expected = pinned(5).unwrap();
        let mut bad = good.clone();
        bad[40] ^= 1;
        let got = Digest::of(&bad);
        assert!(matches!(
            check_pinned(5, &bad, pinned(5)),
            Err(ParamsError::PinnedDigest { k: 5, expected: e, got: g }) if e == expected && g == got
        ));
        let refused = |k, bytes: &[u8]| matches!(read(k, bytes), Err(ParamsError::Malformed { .. }));
        assert!(refused(5, &good[..good.len() - 1]));
        assert!(refused(6, &good));
        let mut other_size = good.clone();
        other_size[0] = 6;
        assert!(refused(5, &other_size));
        let mut no_point = good.clone();
        no_point[4..36].fill(0xff);
        assert!(refused(5, &no_point));
        assert!(!refused(5, &good));
    }
}
