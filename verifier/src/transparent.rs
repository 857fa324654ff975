//! Parameters of the transparent inner-product argument: hashed to the curve, nobody has to be trusted.
//!
//! The generators are `hash_to_curve("Halo2-Parameters", i)`, exactly those of the library's `ParamsIPA::new`. A prover needs their Lagrange
//! basis too, a verifier of it only as many points as there are public inputs: that is what [`Transparent::derive`] makes, in a fraction of the time. A
//! file of the whole ([`Transparent::derive_whole`]) has the library's own form (`Params::write`: `k`, compressed generators, compressed Lagrange basis,
//! `w`, `u`). Both are believed only if their sha256 is the one in this source, where it has one. The library offers no way in for
//! uncompressed points, so reading costs one square root per point.

use std::{iter, sync::Arc};

use ff::{Field, FromUniformBytes};
use halo2_proofs::{
    halo2curves::{
        CurveExt,
        bn256::{Fr, G1, G1Affine},
        group::{Curve, GroupEncoding},
    },
    poly::{
        EvaluationDomain,
        commitment::{Blind, Params as _, ParamsProver as _},
        ipa::commitment::ParamsIPA,
    },
};
use rayon::prelude::*;

use crate::{
    digest::Digest,
    env::{self, EnvError},
    group_fft,
    integers::size,
};

/// Why there are no parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransparentError {
    /// The environment is unusable.
    #[error(transparent)]
    Environment(#[from] EnvError),
    /// Derived parameters are not those of this source.
    #[error(
        "the derived parameters of size 2^{k} have sha256 {got}, expected {expected}; this machine computes wrongly"
    )]
    PinnedDigest {
        /// Size exponent.
        k: u32,
        /// The digest in the source.
        expected: Digest,
        /// The digest found.
        got: Digest,
    },
    /// Parameter bytes of another form.
    #[error("the parameters of size 2^{k} are malformed: {reason}")]
    Malformed {
        /// Size exponent.
        k: u32,
        /// What is wrong.
        reason: String,
    },
}

/// Bytes of a compressed point.
pub const POINT_LEN: usize = 32;

/// The smallest size with a pinned digest.
const FIRST_PINNED: u32 = 5;

/// The largest size with a pinned digest.
pub const LARGEST_PINNED: u32 = 16;

/// Sizes with pinned digests.
const SIZES: usize = 12;

/// sha256 of the parameter file of sizes 2^5, 2^6, ...
const FILES: [&str; SIZES] = [
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

/// sha256 of the compressed generators, `w` and `u` of sizes 2^5, 2^6, ...
const GENERATORS: [&str; SIZES] = [
    "3525676c2ab2bd1e8369a8f7f8ebec7bcb5b70a8e4a618f7c119ecc42be31c1b",
    "39967fad72fd24b3689347de5799fd147425e49b52fd79027bcf3afd3346fe0a",
    "a6ee72c2cd421422d477c70965704777c3cd4a71a7bf5d0712424d95844bb4ce",
    "6816a1d9c4e0d90d21d0d6fd301d2c3cd83d6f858e47d5a6658e53f9a6d39ee8",
    "b2e39803be92783bac9e34ae980b38c8d433eb1586ac271c21f428d16c960cb0",
    "e88e8fcb1345c8861b98053bc93eec931ebc5971c50839bc64210b5961774a64",
    "3b1f089fae154af5024f8d51d7272541d31bacfe59316592a8a361a89805c4f2",
    "dffe87ac495bcbe93a6ee26260c52b3b70c85ed63ab5d125bca2bd975ef5b8d1",
    "51a1984871c91b74d1740e92c1cb16f526bed33a50890d902613ef74f50d1558",
    "ebaedfe5aac3d8740f5b681f0e3210993124433f152d3168b75228f2d03ecc93",
    "157436dfb42286766e0519668d0dce1bffe0581f724f51d8c2a5d9af0e428ab6",
    "f7b14ff67a706b21be22f15f4018315ef28545d7adf915c70721840eeb2ecda6",
];

/// The digest in a list for a size; `None` when this source does not know it.
fn pinned(list: &[&str; SIZES], k: u32) -> Option<Digest> {
    list.get(size(k.checked_sub(FIRST_PINNED)?))?.parse().ok()
}

/// The digest a parameter file of size `2^k` must have; `None` when this source does not know it.
pub fn pinned_file(k: u32) -> Option<Digest> {
    pinned(&FILES, k)
}

/// Bytes of the parameter file of size `2^k`.
pub fn file_len(k: u32) -> u64 {
    let points = 2u64.checked_shl(k).unwrap_or(u64::MAX).saturating_add(2);
    points.saturating_mul(32).saturating_add(4)
}

/// The points of parameters.
struct Points {
    k: u32,
    generators: Vec<G1Affine>,
    /// The first of the Lagrange basis, as many as were asked for, then the identity.
    lagrange: Vec<G1Affine>,
    w: G1Affine,
    u: G1Affine,
}

impl Points {
    /// Hashes to the curve, and transforms as far as the first `count` points of the Lagrange basis need.
    fn derive(k: u32, count: usize) -> Self {
        let hash = || G1::hash_to_curve("Halo2-Parameters");
        let mut points = vec![G1::default(); rows(k)];
        points.par_chunks_mut(64).enumerate().for_each(|(chunk, points)| {
            let (hash, first) = (hash(), chunk.saturating_mul(64));
            for (offset, point) in points.iter_mut().enumerate() {
                let index = u32::try_from(first.saturating_add(offset)).unwrap_or(u32::MAX);
                let [a, b, c, d] = index.to_le_bytes();
                *point = hash(&[0, a, b, c, d]);
            }
        });
        let generators = group_fft::affine(&points);
        let mut lagrange = group_fft::lagrange_basis(points, k, count);
        lagrange.resize(generators.len(), G1Affine::default());
        let [w, u] = [1, 2].map(|name| hash()(&[name]).to_affine());
        Self { k, generators, lagrange, w, u }
    }

    /// In the library's form.
    fn file(&self) -> Vec<u8> {
        let points = self.generators.iter().chain(&self.lagrange).chain([&self.w, &self.u]);
        self.k.to_le_bytes().into_iter().chain(compressed(points)).collect()
    }
}

fn compressed<'a>(points: impl Iterator<Item = &'a G1Affine>) -> impl Iterator<Item = u8> {
    points.flat_map(|point| point.to_bytes().as_ref().to_vec())
}

/// Parameters that are what they are called: nothing else makes these than deriving them, or reading a file that is held against a digest.
#[derive(Clone, Debug)]
pub struct Transparent {
    library: Arc<ParamsIPA<G1Affine>>,
    /// Points of the Lagrange basis that are there.
    public_inputs: usize,
}

impl Transparent {
    /// Derives those of size `2^k` for a verifier of so many public inputs.
    ///
    /// # Errors
    /// When the generators are not those this source knows by digest: this machine computes wrongly.
    pub fn derive(k: u32, public_inputs: usize) -> Result<Self, TransparentError> {
        Ok(Self::derive_some(k, public_inputs)?.0)
    }

    /// The same with a file of them, in which the identity stands for the other points of the Lagrange basis.
    ///
    /// # Errors
    /// As [`Transparent::derive`].
    pub fn derive_some(k: u32, public_inputs: usize) -> Result<(Self, Vec<u8>), TransparentError> {
        env::check()?;
        let file = Points::derive(k, public_inputs).file();
        check(k, pinned(&GENERATORS, k), digest_of_generators(&file))?;
        Ok((Self { library: read(k, &file)?, public_inputs }, file))
    }

    /// Derives those of size `2^k` for provers and every verifier, with their file.
    ///
    /// # Errors
    /// As [`Transparent::derive`].
    pub fn derive_whole(k: u32) -> Result<(Self, Vec<u8>), TransparentError> {
        env::check()?;
        let file = Points::derive(k, usize::MAX).file();
        check(k, pinned_file(k), Digest::of(&file))?;
        Ok((Self { library: read(k, &file)?, public_inputs: rows(k) }, file))
    }

    /// Reads a file of [`Transparent::derive_some`] that has lain around, for so many public inputs.
    ///
    /// Its generators are believed by their digest. Its Lagrange basis is if both bases commit alike to public inputs `r, r^2, ..`, r a hash
    /// of the file: for another basis a chance of (public inputs)/p.
    ///
    /// # Errors
    /// When it is no such file, or this source knows no digest of the size.
    pub fn read_some(k: u32, public_inputs: usize, file: &[u8]) -> Result<Self, TransparentError> {
        env::check()?;
        check(k, Some(pinned(&GENERATORS, k).ok_or(unknown(k))?), digest_of_generators(file))?;
        let library = read(k, file)?;
        let mut seed = [0; 64];
        seed.iter_mut().zip(Digest::of(file).0).for_each(|(place, byte)| *place = byte);
        let step = Fr::from_uniform_bytes(&seed);
        let powers = iter::successors(Some(step), |power| Some(*power * step));
        let mut column: Vec<Fr> = powers.take(public_inputs.min(rows(k))).collect();
        column.resize(rows(k), Fr::ZERO);
        let domain = EvaluationDomain::<Fr>::new(2, k);
        let column = domain.lagrange_from_vec(column);
        let committed = library.commit_lagrange(&column, Blind::default());
        if committed != library.commit(&domain.lagrange_to_coeff(column), Blind::default()) {
            let reason = "its Lagrange basis is not that of its generators".into();
            return Err(TransparentError::Malformed { k, reason });
        }
        Ok(Self { library, public_inputs })
    }

    /// Reads a file of [`Transparent::derive_whole`].
    ///
    /// # Errors
    /// When it is no such file, or this source knows no digest of the size.
    pub fn read_whole(k: u32, file: &[u8]) -> Result<Self, TransparentError> {
        env::check()?;
        check(k, Some(pinned_file(k).ok_or(unknown(k))?), Digest::of(file))?;
        Ok(Self { library: read(k, file)?, public_inputs: rows(k) })
    }

    /// As the library has them.
    pub fn library(&self) -> &Arc<ParamsIPA<G1Affine>> {
        &self.library
    }

    /// Whether a key of `2^k` rows can be used with them, one of so many public inputs.
    pub fn are_for(&self, k: u32, public_inputs: usize) -> bool {
        self.library.k() == k && public_inputs <= self.public_inputs
    }
}

fn unknown(k: u32) -> TransparentError {
    TransparentError::Malformed { k, reason: "this version knows no digest to compare them with".into() }
}

/// `2^k`.
fn rows(k: u32) -> usize {
    1 << k.min(usize::BITS - 2)
}

/// sha256 of a file without its Lagrange basis, which follows from the rest.
fn digest_of_generators(file: &[u8]) -> Digest {
    let (_, points) = file.split_at_checked(4).unwrap_or_default();
    let points = points.as_chunks::<POINT_LEN>().0;
    let count = points.len().saturating_sub(2) >> 1;
    let (first, rest) = points.split_at_checked(count).unwrap_or_default();
    let (_, last) = rest.split_at_checked(count).unwrap_or_default();
    Digest::of(&[first.as_flattened(), last.as_flattened()].concat())
}

/// Compares a digest with the one in this source, if there is one.
fn check(k: u32, pinned: Option<Digest>, got: Digest) -> Result<(), TransparentError> {
    match pinned {
        Some(expected) if expected != got => Err(TransparentError::PinnedDigest { k, expected, got }),
        _ => Ok(()),
    }
}

/// Reads the form of a parameter file of size `2^k`.
fn read(k: u32, mut bytes: &[u8]) -> Result<Arc<ParamsIPA<G1Affine>>, TransparentError> {
    let malformed = |reason: String| TransparentError::Malformed { k, reason };
    if u64::try_from(bytes.len()) != Ok(file_len(k)) {
        return Err(malformed(format!("{} bytes, expected {}", bytes.len(), file_len(k))));
    }
    if bytes.first_chunk() != Some(&k.to_le_bytes()) {
        return Err(malformed("it is of another size".into()));
    }
    ParamsIPA::read(&mut bytes).map(Arc::new).map_err(|error| malformed(error.to_string()))
}

#[cfg(test)]
mod tests;
