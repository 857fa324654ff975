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
    plan::{Scheme, Shape},
    statement::{CircuitId, Interface},
};

use crate::{
    artifact::{ArtifactError, Setup, VerifyingKeyFile},
    env::{self, EnvError},
    params::{Parameters, ParamsError, SrsId, kzg},
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
}

/// A verifying key with the parameters its scheme needs. Everything shown about a circuit comes from here.
#[derive(Debug)]
pub struct VerifierKey {
    circuit_id: CircuitId,
    file: VerifyingKeyFile,
    file_len: usize,
    key: VerifyingKey<G1Affine>,
    commitment: Commitment,
    proof_len: usize,
}

impl VerifierKey {
    /// Reads a `.vk` file. A KZG key needs no parameters; `parameters` answers for the transparent scheme.
    ///
    /// # Errors
    /// When the bytes are not a verifying key file, or the transparent parameters cannot be had.
    pub fn read(
        bytes: &[u8],
        parameters: &Parameters,
        progress: &dyn Progress,
    ) -> Result<Self, VerifierKeyError> {
        env::check()?;
        Self::of_file(VerifyingKeyFile::decode(bytes)?, bytes.len(), parameters, progress)
    }

    pub(crate) fn of_file(
        file: VerifyingKeyFile,
        file_len: usize,
        parameters: &Parameters,
        progress: &dyn Progress,
    ) -> Result<Self, VerifierKeyError> {
        let k = file.shape().k;
        let key = file.library_key(Domain::Verifier)?;
        let commitment = match file.secret_image()? {
            None => Commitment::Ipa(parameters.ipa(k, progress)?),
            Some(s_g2) => {
                let params = kzg::verifier_params(k, &s_g2);
                Commitment::Kzg(Arc::new(params.ok_or(ParamsError::unusable_second_group(k))?))
            }
        };
        let proof_len = proof_len(key.cs(), k, file.setup().scheme());
        Ok(Self { circuit_id: file.circuit_id(), file, file_len, key, commitment, proof_len })
    }

    /// The circuit the key is of.
    pub fn circuit_id(&self) -> CircuitId {
        self.circuit_id
    }

    /// Id of the quantized model.
    pub fn model_id(&self) -> ModelId {
        self.file.model_id()
    }

    /// The commitment scheme.
    pub fn scheme(&self) -> Scheme {
        self.file.setup().scheme()
    }

    /// The circuit has 2^k rows.
    pub fn k(&self) -> u32 {
        self.file.shape().k
    }

    /// Columns and gate constants.
    pub fn shape(&self) -> &Shape {
        self.file.shape()
    }

    /// The public tensors.
    pub fn interface(&self) -> &Interface {
        self.file.interface()
    }

    /// Whether it rests on a KZG string that was drawn on somebody's machine.
    pub fn insecure_srs(&self) -> bool {
        self.file.setup().insecure()
    }

    /// The KZG string it rests on.
    pub fn srs(&self) -> Option<SrsId> {
        match self.file.setup() {
            Setup::Transparent => None,
            Setup::Kzg(setup) => Some(setup.srs()),
        }
    }

    /// Length of every proof of this circuit, in bytes.
    pub fn proof_len(&self) -> usize {
        self.proof_len
    }

    /// Length of the `.vk` file, in bytes.
    pub fn file_len(&self) -> usize {
        self.file_len
    }

    /// The key as a file.
    pub fn file(&self) -> &VerifyingKeyFile {
        &self.file
    }

    pub(crate) fn library_key(&self) -> &VerifyingKey<G1Affine> {
        &self.key
    }

    pub(crate) fn commitment(&self) -> &Commitment {
        &self.commitment
    }
}
