//! A verifying key ready to be used.

use std::sync::Arc;

use halo2_proofs::{halo2curves::bn256::G1Affine, plonk::VerifyingKey};

use crate::{
    artifact::{ArtifactError, VerifyingKeyFile},
    circuit_id::{CircuitId, ModelId},
    env::{self, EnvError},
    interface::Interface,
    proof_system::{Commitment, Domain, proof_len},
    scheme::Scheme,
    setup::{Setup, SetupError, SrsId, kzg_verifier_parameters},
    shape::Shape,
    transparent::{LARGEST_PINNED, Transparent, TransparentError},
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
    /// The transparent scheme's parameters could not be derived.
    #[error(transparent)]
    Transparent(#[from] TransparentError),
    /// The transparent parameters are of another size, or for fewer public inputs.
    #[error(
        "the parameters are not for a key of 2^{k} rows and {public_inputs} public inputs; derive those of the key"
    )]
    OtherParameters {
        /// Size exponent of the key.
        k: u32,
        /// Public inputs of the key.
        public_inputs: usize,
    },
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

    /// A key the caller made, of any size; `file_len` is the length of its file, for who shows it.
    ///
    /// # Errors
    /// When the parts of the file do not fit the constraint system of its shape.
    pub fn of_file(file: VerifyingKeyFile, file_len: usize) -> Result<Self, VerifierKeyError> {
        env::check()?;
        let key = file.library_key(Domain::Verifier)?;
        let proof_len = proof_len(key.cs(), file.shape().k, file.setup().scheme());
        Ok(Self { circuit_id: file.circuit_id(), file, file_len, key, proof_len })
    }

    /// Adds the parameters. A KZG key needs none; `transparent` has those of the transparent scheme for a size and
    /// a number of public inputs.
    ///
    /// # Errors
    /// Those of `transparent`; [`VerifierKeyError::OtherParameters`] if it has others; or that the KZG string's point is unusable.
    pub fn with_parameters<E: From<VerifierKeyError>>(
        self,
        transparent: impl FnOnce(u32, usize) -> Result<Transparent, E>,
    ) -> Result<VerifierKey, E> {
        let (k, public_inputs) = (self.file.shape().k, self.file.interface().instances());
        let commitment = match self.file.secret_image().map_err(VerifierKeyError::from)? {
            None => {
                let parameters = transparent(k, public_inputs)?;
                // Points that are not there would leave public inputs out of the commitment to them.
                if !parameters.are_for(k, public_inputs) {
                    return Err(VerifierKeyError::OtherParameters { k, public_inputs }.into());
                }
                Commitment::Ipa(parameters.library().clone())
            }
            Some(s_g2) => Commitment::Kzg(Arc::new(
                kzg_verifier_parameters(k, &s_g2)
                    .ok_or(VerifierKeyError::File(ArtifactError::Setup(SetupError::Point)))?,
            )),
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
    /// Reads a `.vk` file, as [`BareKey::read`] does, and derives its parameters.
    ///
    /// # Errors
    /// When the bytes are not a verifying key file, or this machine derives wrong parameters.
    pub fn read(bytes: &[u8]) -> Result<Self, VerifierKeyError> {
        BareKey::read(bytes)?.with_parameters(|k, inputs| Ok(Transparent::derive(k, inputs)?))
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

    /// The same for the proof library.
    pub fn library_key(&self) -> &VerifyingKey<G1Affine> {
        &self.key.key
    }

    /// The parameters of its scheme.
    pub fn commitment(&self) -> &Commitment {
        &self.commitment
    }
}
