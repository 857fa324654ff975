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
const POINT_LEN: usize = 32;

/// The smallest size with a pinned digest.
const FIRST_PINNED: u32 = 5;

/// sha256 of the parameter file of sizes 2^5, 2^6, ...
const PINNED: [&str; 0] = [];

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
#[cfg(test)]
mod temp { use super::*;
 #[test] #[ignore] fn gen_pins(){ for k in 5..=16 { let t=std::time::Instant::now(); let b=generate(k); println!("PIN {k} {} {:?}", Digest::of(&b), t.elapsed()); let t=std::time::Instant::now(); read(k,&b).unwrap(); println!("read {:?}", t.elapsed()); } } }
