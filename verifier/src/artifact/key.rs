//! Verifying key files.
//!
//! The file carries everything the circuit id hashes and everything verification needs: the shape from which the
//! constraint system is rebuilt, the public tensors, the commitments of the fixed and permutation columns, and for
//! KZG the secret's image. The transparent scheme's parameters depend on the size alone and are not in the file.

use bincode::Options;
use halo2_proofs::{
    halo2curves::{
        bn256::{G1Affine, G2Affine},
        group::GroupEncoding,
    },
    plonk::{VerifyingKey, permutation},
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{ArtifactError, interface};
use crate::{
    circuit_id::{CircuitId, ModelId, circuit_id},
    digest::Digest,
    envelope::{self, Kind},
    interface::Interface,
    proof_system::{Domain, domain},
    setup::Setup,
    shape::Shape,
    system::constraint_system,
};

/// Who sees a part of the computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visibility {
    /// Everybody who has the key or the proof.
    Public,
}

/// Who sees what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visibilities {
    /// The input is in the statement.
    pub input: Visibility,
    /// The weights are in fixed columns, which every proof opens at a point.
    pub weights: Visibility,
    /// The output is in the statement.
    pub output: Visibility,
}

/// The only visibilities there are.
const PUBLIC: Visibilities =
    Visibilities { input: Visibility::Public, weights: Visibility::Public, output: Visibility::Public };

/// The fields of a key file, which need not fit together; only [`VerifyingKeyFile::decode`] and [`VerifyingKeyFile::new`] make a file of them that is
/// believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyParts {
    /// Id of the quantized network.
    pub model: ModelId,
    /// Columns and gate constants.
    pub shape: Shape,
    /// The public tensors.
    pub interface: Interface,
    /// Who sees what.
    pub visibilities: Visibilities,
    /// The setup the key is bound to.
    pub setup: Setup,
    /// Compressed commitments of the fixed columns.
    pub fixed: Vec<[u8; 32]>,
    /// Compressed commitments of the permutation columns.
    pub permutation: Vec<[u8; 32]>,
}

impl KeyParts {
    /// A file of them, whether they fit together or not.
    ///
    /// # Errors
    /// When it is larger than any file may be.
    pub fn encode(&self) -> Result<Vec<u8>, ArtifactError> {
        let body = format().serialize(self).map_err(|_| malformed("it is too large"))?;
        Ok(envelope::encode(Kind::VerifyingKey, &body)?)
    }
}

/// A verifying key file whose parts fit together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct VerifyingKeyFile {
    parts: KeyParts,
}

fn format() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(Kind::VerifyingKey.max_body().into())
}

const fn malformed(reason: &'static str) -> ArtifactError {
    ArtifactError::Malformed { kind: Kind::VerifyingKey, reason }
}

impl VerifyingKeyFile {
    /// The file of a generated key.
    ///
    /// # Errors
    /// When the key is not of a circuit of this shape.
    pub fn new(
        model: ModelId,
        shape: Shape,
        interface: Interface,
        setup: Setup,
        key: &VerifyingKey<G1Affine>,
    ) -> Result<Self, ArtifactError> {
        let compress = |points: &[G1Affine]| points.iter().map(|point| bytes_of(*point)).collect();
        let parts = KeyParts {
            model,
            shape,
            interface,
            visibilities: PUBLIC,
            setup,
            fixed: compress(key.fixed_commitments()),
            permutation: compress(key.permutation().commitments()),
        };
        Self::checked(parts)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// When it is larger than any file may be.
    pub fn encode(&self) -> Result<Vec<u8>, ArtifactError> {
        self.parts.encode()
    }

    /// The fields.
    pub fn parts(&self) -> &KeyParts {
        &self.parts
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When the bytes are not exactly what [`VerifyingKeyFile::encode`] makes, or the parts do not fit together.
    pub fn decode(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let body = envelope::decode(Kind::VerifyingKey, bytes)?;
        let parts: KeyParts = format()
            .reject_trailing_bytes()
            .deserialize(body)
            .map_err(|_| malformed("its body is not a verifying key of this version"))?;
        if format().serialize(&parts).ok().as_deref() != Some(body) {
            return Err(malformed("it is not canonically encoded"));
        }
        Self::checked(parts)
    }

    /// Caps, column counts and public tensors, before any library call that trusts them.
    fn checked(parts: KeyParts) -> Result<Self, ArtifactError> {
        parts.shape.validate()?;
        let count = |columns, expected: u32, got: usize| match usize::try_from(expected) {
            Ok(expected) if expected == got => Ok(()),
            expected => {
                Err(ArtifactError::Columns { columns, expected: expected.unwrap_or(usize::MAX), got })
            }
        };
        count("fixed", parts.shape.num_fixed(), parts.fixed.len())?;
        count("permutation", parts.shape.num_permutation(), parts.permutation.len())?;
        // Every row can hold one public input; the exact number of usable rows is checked with the circuit.
        let (limit, got) = (1usize << parts.shape.k.min(30), parts.interface.instances());
        if got > limit {
            return Err(ArtifactError::PublicInputs { limit, got });
        }
        interface::check(&parts.interface)?;
        Ok(Self { parts })
    }

    /// The circuit the key is of.
    pub fn circuit_id(&self) -> CircuitId {
        circuit_id(
            self.parts.model,
            &self.parts.shape,
            &self.parts.interface,
            self.parts.setup.scheme(),
            self.digest().0,
        )
    }

    /// Digest of the commitments and the setup: what the circuit id calls the verifying key.
    fn digest(&self) -> Digest {
        let mut bytes = b"lemma-verifying-key-v1".to_vec();
        match &self.parts.setup {
            Setup::Transparent => bytes.push(0),
            Setup::Kzg(setup) => {
                bytes.extend([1, u8::from(setup.insecure)]);
                bytes.extend(setup.secret_image_bytes());
            }
        }
        // The numbers of both kinds of columns follow from the shape, so concatenation is unambiguous.
        bytes.extend(self.parts.fixed.as_flattened());
        bytes.extend(self.parts.permutation.as_flattened());
        Digest::of(&bytes)
    }

    /// Id of the quantized model.
    pub fn model_id(&self) -> ModelId {
        self.parts.model
    }

    /// Columns and gate constants.
    pub fn shape(&self) -> &Shape {
        &self.parts.shape
    }

    /// The public tensors.
    pub fn interface(&self) -> &Interface {
        &self.parts.interface
    }

    /// Who sees what.
    pub fn visibilities(&self) -> Visibilities {
        self.parts.visibilities
    }

    /// The setup the key is bound to.
    pub fn setup(&self) -> &Setup {
        &self.parts.setup
    }

    /// The secret's image of a KZG key, checked.
    ///
    /// # Errors
    /// When the file has another point.
    pub fn secret_image(&self) -> Result<Option<G2Affine>, ArtifactError> {
        match &self.parts.setup {
            Setup::Transparent => Ok(None),
            Setup::Kzg(setup) => setup.secret_image().map(Some).map_err(ArtifactError::Setup),
        }
    }

    /// The library's key: the constraint system rebuilt from the shape, the commitments decompressed.
    ///
    /// # Errors
    /// When commitments or public inputs are not as the shape's constraint system has them.
    pub fn library_key(&self, use_of: Domain) -> Result<VerifyingKey<G1Affine>, ArtifactError> {
        // What key generation does to a system without selectors.
        let (system, _) =
            constraint_system(&self.parts.shape).directly_convert_selectors_to_fixed(Vec::new());
        let count = |columns, expected: usize, got: usize| {
            if expected == got { Ok(()) } else { Err(ArtifactError::Columns { columns, expected, got }) }
        };
        count("fixed", system.num_fixed_columns(), self.parts.fixed.len())?;
        count("permutation", system.permutation().get_columns().len(), self.parts.permutation.len())?;
        count("instance", system.num_instance_columns(), 1)?;
        let rows = 1usize << self.parts.shape.k.min(30);
        let limit = rows.saturating_sub(system.blinding_factors().saturating_add(1));
        if self.parts.interface.instances() > limit {
            return Err(ArtifactError::PublicInputs { limit, got: self.parts.interface.instances() });
        }
        Ok(VerifyingKey::from_parts(
            domain(use_of, system.degree(), self.parts.shape.k),
            decompress("fixed", &self.parts.fixed)?,
            permutation::VerifyingKey::from_commitments(decompress("permutation", &self.parts.permutation)?),
            system,
            Vec::new(),
            false,
        ))
    }
}

fn bytes_of(point: G1Affine) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(point.to_bytes().as_ref()).for_each(|(place, byte)| *place = *byte);
    bytes
}

/// A column of zeros has the identity as its commitment under KZG, so that is a point here.
fn decompress(columns: &'static str, commitments: &[[u8; 32]]) -> Result<Vec<G1Affine>, ArtifactError> {
    commitments
        .par_iter()
        .enumerate()
        .map(|(index, bytes)| {
            let mut repr = <G1Affine as GroupEncoding>::Repr::default();
            repr.as_mut().iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
            Option::<G1Affine>::from(G1Affine::from_bytes(&repr))
                // The library ignores the identity's mark on other points.
                .filter(|point| bytes_of(*point) == *bytes)
                .ok_or(ArtifactError::Commitment { columns, index })
        })
        .collect()
}
