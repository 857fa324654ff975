//! What a key's commitments rest on: nothing, or a string of powers of a secret.
//!
//! A string is the sequence `G, sG, s^2 G, ...` with `H, sH` in the second group. It is named by [`SrsId`], the
//! digest of `sH`: that point determines the secret and with it the whole sequence. It is also all of the string that a
//! verifier needs.

mod ceremony;

use std::{fmt, str::FromStr};

use halo2_proofs::{
    SerdeFormat,
    halo2curves::{
        bn256::{Bn256, G1Affine, G2Affine},
        group::{cofactor::CofactorGroup, prime::PrimeCurveAffine},
        serde::SerdeObject,
    },
    poly::kzg::commitment::ParamsKZG,
};
use serde::{Deserialize, Serialize};

pub use ceremony::UNKNOWN_CEREMONY;

use crate::{
    digest::{Digest, ParseDigestError},
    scheme::Scheme,
};

/// The setup a key is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setup {
    /// None: parameters hashed to the curve.
    Transparent,
    /// Powers of a secret.
    Kzg(KzgSetup),
}

impl Setup {
    /// The commitment scheme that has this setup.
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::Transparent => Scheme::Ipa,
            Self::Kzg(_) => Scheme::Kzg,
        }
    }

    /// Whether it rests on a string that was drawn on somebody's machine.
    pub const fn insecure(&self) -> bool {
        matches!(self, Self::Kzg(KzgSetup { insecure: true, .. }))
    }

    /// The KZG string it rests on.
    pub fn srs(&self) -> Option<SrsId> {
        match self {
            Self::Transparent => None,
            Self::Kzg(setup) => Some(setup.srs()),
        }
    }
}

/// Identity of a KZG string: sha256 over the secret's image in the second group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SrsId(pub Digest);

impl SrsId {
    /// The id of the string whose secret `s` gives `sH`, uncompressed, in Montgomery form.
    fn of_bytes(s_g2: &[u8]) -> Self {
        Self(Digest::of(&[b"lemma-srs-v1", s_g2].concat()))
    }
}

impl fmt::Display for SrsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SrsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrsId({self})")
    }
}

impl FromStr for SrsId {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Why a secret's image is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// Coordinates that are no point.
    #[error("the secret's image in group 2 is not a point of the curve")]
    Point,
    /// A point outside the prime-order subgroup.
    #[error("the secret's image in group 2 is outside the prime-order subgroup")]
    Subgroup,
    /// A secret everybody can guess.
    #[error("its secret is 0 or 1")]
    TrivialSecret,
}

/// A KZG string as keys and records name it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KzgSetup {
    /// `sH`, uncompressed, coordinates in Montgomery form.
    s_g2: [[u8; 32]; 4],
    /// Drawn on somebody's machine instead of in a ceremony.
    pub insecure: bool,
}

impl KzgSetup {
    /// The string whose secret has this image; what is no image is found out by [`KzgSetup::secret_image`].
    pub fn new(s_g2: &G2Affine, insecure: bool) -> Self {
        let mut bytes = [[0; 32]; 4];
        bytes.as_flattened_mut().iter_mut().zip(s_g2.to_raw_bytes()).for_each(|(place, byte)| *place = byte);
        Self::of_bytes(bytes, insecure)
    }

    /// The same from the image's coordinates, which may be of no point.
    pub const fn of_bytes(s_g2: [[u8; 32]; 4], insecure: bool) -> Self {
        Self { s_g2, insecure }
    }

    /// The secret's image, checked to be in the right group and not trivial.
    ///
    /// # Errors
    /// When the bytes are no such point.
    pub fn secret_image(&self) -> Result<G2Affine, SetupError> {
        let point = G2Affine::from_raw_bytes(self.s_g2.as_flattened()).ok_or(SetupError::Point)?;
        check_secret_image(&point)?;
        Ok(point)
    }

    /// The bytes of the secret's image.
    pub fn secret_image_bytes(&self) -> &[u8] {
        self.s_g2.as_flattened()
    }

    /// Id of the string.
    pub fn srs(&self) -> SrsId {
        SrsId::of_bytes(self.s_g2.as_flattened())
    }
}

impl fmt::Debug for KzgSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KzgSetup").field("srs", &self.srs()).field("insecure", &self.insecure).finish()
    }
}

/// `sH` must be in the right subgroup and `s` neither 0 nor 1.
///
/// # Errors
/// What it is instead.
pub fn check_secret_image(s_g2: &G2Affine) -> Result<(), SetupError> {
    if !bool::from(s_g2.to_curve().is_torsion_free()) {
        return Err(SetupError::Subgroup);
    }
    if bool::from(s_g2.is_identity()) || *s_g2 == G2Affine::generator() {
        return Err(SetupError::TrivialSecret);
    }
    Ok(())
}

/// A string of size `2^k` in both bases, or as much of it as its user needs, as the library's parameters.
///
/// `None` if the library does not take the point in the second group.
pub fn kzg_parameters(
    k: u32,
    powers: Vec<G1Affine>,
    lagrange: Vec<G1Affine>,
    s_g2: &G2Affine,
) -> Option<ParamsKZG<Bn256>> {
    Some(without_powers(s_g2)?.from_parts(k, powers, Some(lagrange), G2Affine::generator(), *s_g2))
}

/// All the verifier needs: the size, both generators and `sH`; no string.
pub fn kzg_verifier_parameters(k: u32, s_g2: &G2Affine) -> Option<ParamsKZG<Bn256>> {
    kzg_parameters(k, vec![G1Affine::generator()], Vec::new(), s_g2)
}

/// A parameter object that holds no string, to reach the library's constructor.
fn without_powers(s_g2: &G2Affine) -> Option<ParamsKZG<Bn256>> {
    // k = 0: one point in each basis.
    let mut bytes = 0u32.to_le_bytes().to_vec();
    for _ in 0..2 {
        bytes.extend(G1Affine::generator().to_raw_bytes());
    }
    bytes.extend(G2Affine::generator().to_raw_bytes());
    bytes.extend(s_g2.to_raw_bytes());
    ParamsKZG::read_custom(&mut bytes.as_slice(), SerdeFormat::RawBytes).ok()
}

#[cfg(test)]
mod tests {
    use halo2_proofs::{
        halo2curves::{bn256::Fr, group::Curve},
        poly::commitment::{Params, ParamsProver},
    };

    use super::*;

    #[test]
    fn verifier_parameters_hold_no_string() {
        let s_g2 = (G2Affine::generator() * Fr::from(7)).to_affine();
        let params = kzg_verifier_parameters(13, &s_g2).unwrap();
        assert_eq!((params.k(), params.n(), params.get_g().len()), (13, 1 << 13, 1));
        assert_eq!((params.g2(), params.s_g2()), (G2Affine::generator(), s_g2));
    }

    #[test]
    fn id_text_round_trip() {
        let id = SrsId::of_bytes(&G2Affine::generator().to_raw_bytes());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("x".parse::<SrsId>().is_err());
    }
}
