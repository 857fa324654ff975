//! A transcript reader that knows how much it read, and refuses second encodings of a point and the identity.
//!
//! The library's decoder looks at the top bit of a compressed point, the mark of the identity, only if the rest is
//! zero: a proof with that bit set would be a second proof of the same statement made without the witness. No
//! honest proof holds the identity, because every commitment in it is to a random or randomized polynomial.

use std::io;

use halo2_proofs::{
    halo2curves::{
        bn256::{Fr, G1Affine},
        group::{GroupEncoding, prime::PrimeCurveAffine},
    },
    transcript::{Blake2bRead, Challenge255, Transcript, TranscriptRead, TranscriptReadBuffer},
};

type Inner<'a> = Blake2bRead<&'a [u8], G1Affine, Challenge255<G1Affine>>;

/// Bytes of a compressed point and of a scalar.
const ELEMENT: usize = 32;

/// Reads a proof.
#[derive(Debug)]
pub(super) struct CanonicalRead<'a> {
    inner: Inner<'a>,
    left: &'a [u8],
    length: usize,
    refused_at: Option<usize>,
}

impl<'a> CanonicalRead<'a> {
    pub(super) fn new(proof: &'a [u8]) -> Self {
        Self { inner: Inner::init(proof), left: proof, length: proof.len(), refused_at: None }
    }

    /// Bytes not read yet.
    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    /// Where the first unreadable element starts, once there was one.
    pub(super) fn refused_at(&self) -> Option<usize> {
        self.refused_at
    }

    /// Reads one element and holds it against the bytes it was read from; `bytes_of` knows the encoding of each
    /// element that may occur.
    fn element<T>(
        &mut self,
        read: impl FnOnce(&mut Inner<'a>) -> io::Result<T>,
        bytes_of: impl FnOnce(&T) -> Option<[u8; ELEMENT]>,
    ) -> io::Result<T> {
        let canonical = |value: &T, left: &[u8]| match bytes_of(value) {
            Some(bytes) => left.first_chunk::<ELEMENT>() == Some(&bytes),
            None => false,
        };
        match read(&mut self.inner) {
            Ok(value) if canonical(&value, self.left) => {
                self.left = self.left.get(ELEMENT..).unwrap_or_default();
                Ok(value)
            }
            outcome => {
                self.refused_at.get_or_insert(self.length.saturating_sub(self.left.len()));
                Err(outcome.err().unwrap_or_else(|| io::Error::other("the encoding is not canonical")))
            }
        }
    }
}

impl Transcript<G1Affine, Challenge255<G1Affine>> for CanonicalRead<'_> {
    fn squeeze_challenge(&mut self) -> Challenge255<G1Affine> {
        self.inner.squeeze_challenge()
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.inner.common_point(point)
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.inner.common_scalar(scalar)
    }
}

impl TranscriptRead<G1Affine, Challenge255<G1Affine>> for CanonicalRead<'_> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        self.element(TranscriptRead::read_point, |point| {
            let mut bytes = [0; ELEMENT];
            bytes.iter_mut().zip(point.to_bytes().as_ref()).for_each(|(place, byte)| *place = *byte);
            (!bool::from(point.is_identity())).then_some(bytes)
        })
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        self.element(TranscriptRead::read_scalar, |scalar| Some(scalar.to_bytes()))
    }
}
