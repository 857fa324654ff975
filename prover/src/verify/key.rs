//! A verifying key ready to be used.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

use std::sync::Arc;

use halo2_proofs::{halo2curves::bn256::G1Affine, plonk::VerifyingKey};
use lemma_circuits::{
    ir::ModelId,
    shape::{Scheme, Shape},
    statement::{CircuitId, Interface},
};

use crate::{
    artifact::{ArtifactError, Setup, VerifyingKeyFile},
    env::{self, EnvError},
    params::{LARGEST_PINNED, Parameters, ParamsError, SrsId, kzg},
    progress::Progress,
    proof_system::{Commitment, Domain, proof_len},
};

/// Why a verifying key is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierKeyError {
    /// The environment is unusable.
    #[error(transparent)]
    Environment(#[from] EnvError),
    /// Not a verifying key file.
    #[error(transparent)]
    File(#[from] ArtifactError),
    /// The transparent scheme's parameters could not be had.
    #[error(transparent)]
    Parameters(#[from] ParamsError),
    /// A key from elsewhere that would cost minutes to use.
    #[error(
        "a transparent key of 2^{k} rows is larger than the 2^{LARGEST_PINNED} that is accepted from others; compile its \
         model into this store, or ask for a kzg key"
    )]
    UnpinnedSize {
        /// Size exponent of the key.
        k: u32,
    },
}

/// A verifying key without the parameters its scheme needs, which may take long to derive: enough to refuse a
/// bundle that is of another circuit or form.
#[derive(Debug)]
pub struct BareKey {
    circuit_id: CircuitId,
    file: VerifyingKeyFile,
    file_len: usize,
    key: VerifyingKey<G1Affine>,
    proof_len: usize,
}

impl BareKey {
    /// Reads a `.vk` file from anybody. Of the transparent scheme, only sizes whose parameters this source knows by
    /// digest are accepted: deriving larger ones takes minutes, which a file must not cost its reader.
    ///
    /// # Errors
    /// When the bytes are not a verifying key file, or need such parameters.
    pub fn read(bytes: &[u8]) -> Result<Self, VerifierKeyError> {
        let file = VerifyingKeyFile::decode(bytes)?;
        let k = file.shape().k;
        if file.setup() == &Setup::Transparent && k > LARGEST_PINNED {
            return Err(VerifierKeyError::UnpinnedSize { k });
        }
        Self::of_file(file, bytes.len())
    }

    /// A key the caller made, of any size.
    pub(crate) fn of_file(file: VerifyingKeyFile, file_len: usize) -> Result<Self, VerifierKeyError> {
        env::check()?;
        let key = file.library_key(Domain::Verifier)?;
        let proof_len = proof_len(key.cs(), file.shape().k, file.setup().scheme());
        Ok(Self { circuit_id: file.circuit_id(), file, file_len, key, proof_len })
    }

    /// Adds the parameters. A KZG key needs none; `parameters` answers for the transparent scheme.
    ///
    /// # Errors
    /// When the transparent parameters cannot be had, or the KZG string's point is unusable.
    pub fn with_parameters(
        self,
        parameters: &Parameters,
        progress: &dyn Progress,
    ) -> Result<VerifierKey, VerifierKeyError> {
        let k = self.file.shape().k;
        let commitment = match self.file.secret_image()? {
            None => Commitment::Ipa(parameters.ipa(k, progress)?),
            Some(s_g2) => {
                let params = kzg::verifier_params(k, &s_g2);
                Commitment::Kzg(Arc::new(params.ok_or(ParamsError::unusable_second_group(k))?))
            }
        };
        Ok(VerifierKey { key: self, commitment })
    }

    /// The circuit the key is of.
    pub fn circuit_id(&self) -> CircuitId {
        self.circuit_id
    }

    /// The key as a file.
    pub fn file(&self) -> &VerifyingKeyFile {
        &self.file
    }

    /// Length of every proof of this circuit, in bytes.
    pub fn proof_len(&self) -> usize {
        self.proof_len
    }
}

/// A verifying key with the parameters its scheme needs. Everything shown about a circuit comes from here.
#[derive(Debug)]
pub struct VerifierKey {
    key: BareKey,
    commitment: Commitment,
}

impl VerifierKey {
    /// Reads a `.vk` file, as [`BareKey::read`] does, with its parameters.
    ///
    /// # Errors
    /// When the bytes are not a verifying key file, or the transparent parameters cannot be had.
    pub fn read(
        bytes: &[u8],
        parameters: &Parameters,
        progress: &dyn Progress,
    ) -> Result<Self, VerifierKeyError> {
        BareKey::read(bytes)?.with_parameters(parameters, progress)
    }

    /// The key without its parameters.
    pub fn bare(&self) -> &BareKey {
        &self.key
    }

    /// The circuit the key is of.
    pub fn circuit_id(&self) -> CircuitId {
        self.key.circuit_id
    }

    /// Id of the quantized model.
    pub fn model_id(&self) -> ModelId {
        self.key.file.model_id()
    }

    /// The commitment scheme.
    pub fn scheme(&self) -> Scheme {
        self.key.file.setup().scheme()
    }

    /// The circuit has 2^k rows.
    pub fn k(&self) -> u32 {
        self.key.file.shape().k
    }

    /// Columns and gate constants.
    pub fn shape(&self) -> &Shape {
        self.key.file.shape()
    }

    /// The public tensors.
    pub fn interface(&self) -> &Interface {
        self.key.file.interface()
    }

    /// Whether it rests on a KZG string that was drawn on somebody's machine.
    pub fn insecure_srs(&self) -> bool {
        self.key.file.setup().insecure()
    }

    /// The KZG string it rests on.
    pub fn srs(&self) -> Option<SrsId> {
        self.key.file.setup().srs()
    }

    /// Length of every proof of this circuit, in bytes.
    pub fn proof_len(&self) -> usize {
        self.key.proof_len
    }

    /// Length of the `.vk` file, in bytes.
    pub fn file_len(&self) -> usize {
        self.key.file_len
    }

    /// The key as a file.
    pub fn file(&self) -> &VerifyingKeyFile {
        &self.key.file
    }

    pub(crate) fn library_key(&self) -> &VerifyingKey<G1Affine> {
        &self.key.key
    }

    pub(crate) fn commitment(&self) -> &Commitment {
        &self.commitment
    }
}
