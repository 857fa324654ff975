//! Making keys and finding them again.
//!
//! A [`Keyring`] makes the verifying key of a compiled circuit on first use, and the proving key when it is first
//! needed, and keeps both in the store. One process makes the keys of a circuit while others wait for it.

mod proving;
mod record;

use halo2_proofs::plonk;
use lemma_circuits::CompiledCircuit;
use lemma_verifier::{
    artifact::{ArtifactError, VerifyingKeyFile},
    circuit_id::CircuitId,
    digest::Digest,
    env::{self, EnvError},
    envelope::{HEADER_LEN, Kind},
    proof_system::Commitment,
    scheme::Scheme,
    setup::Setup,
    verify::{BareKey, VerifierKey, VerifierKeyError},
};

pub use proving::ProvingKeys;
pub use record::CircuitRecord;
use record::{PlanRecord, plan_name};

pub use crate::proof_system::ProverChoice;

use crate::{
    params::{Parameters, ParamsError, SrsChoice, SrsRecord},
    progress::{Phase, Progress, step},
    proof_system::{self},
    store::{ObjectKind, RecordKind, Store, StoreError},
};

/// Largest ONNX file that is kept, in bytes.
const MAX_MODEL_BYTES: u64 = 64 << 20;

/// Where a circuit's commitment parameters come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupChoice {
    /// Nobody has to be trusted: the ipa scheme.
    Transparent,
    /// A KZG string.
    Kzg(SrsChoice),
}

impl SetupChoice {
    /// The scheme a circuit must be compiled for.
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::Transparent => Scheme::Ipa,
            Self::Kzg(_) => Scheme::Kzg,
        }
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The environment is unusable.
    #[error(transparent)]
    Environment(#[from] EnvError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are no parameters.
    #[error(transparent)]
    Parameters(#[from] ParamsError),
    /// The verifying key is unusable.
    #[error(transparent)]
    VerifierKey(#[from] VerifierKeyError),
    /// The circuit is planned for the other scheme.
    #[error(
        "the circuit is compiled for the scheme {compiled:?}, but the setup is for {setup:?}; compile it again"
    )]
    Scheme {
        /// Scheme of the circuit.
        compiled: Scheme,
        /// Scheme of the setup.
        setup: Scheme,
    },
    /// The proof library refused the circuit.
    #[error("cannot make keys: {0}")]
    Library(#[source] plonk::Error),
    /// The circuit is none that lemma-plonk can prove.
    #[error("cannot prove with these keys: {0}")]
    Unsupported(#[from] lemma_plonk::Unsupported),
    /// Not even with nothing kept to be fast does a prover take so little memory.
    #[error(
        "the prover takes {0} MiB at least, but may take {1} MiB only; allow it more (--memory {0}), or prove on a machine \
         that has more",
        .least.div_ceil(1 << 20),
        .allowed >> 20
    )]
    Memory {
        /// What it takes at least, in bytes.
        least: u64,
        /// What it may take, in bytes.
        allowed: u64,
    },
    /// The id is of no circuit in the store.
    #[error(
        "circuit {circuit} is not in the store; compile its model, or pass its key as well, with --vk FILE"
    )]
    UnknownCircuit {
        /// The id asked for.
        circuit: CircuitId,
    },
    /// The store knows the circuit, but has its key no more.
    #[error(
        "the verifying key of circuit {circuit} is lost ({source}); compile its model again, or pass the key with --vk FILE"
    )]
    KeyLost {
        /// The circuit.
        circuit: CircuitId,
        /// What became of the key.
        source: StoreError,
    },
    /// A stored key is of another circuit than its record says.
    #[error(
        "the stored verifying key of circuit {expected} is of circuit {got}; delete the store's record of it"
    )]
    WrongKey {
        /// The circuit of the record.
        expected: CircuitId,
        /// The circuit of the key.
        got: CircuitId,
    },
}

impl KeysError {
    /// Whether files of the store are missing or damaged, which making the circuit's keys again repairs.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(error) => error.is_damage() || error.is_not_found(),
            Self::VerifierKey(VerifierKeyError::File(_))
            | Self::WrongKey { .. }
            | Self::KeyLost { .. }
            | Self::UnknownCircuit { .. } => true,
            _ => false,
        }
    }
}

impl From<ArtifactError> for KeysError {
    fn from(error: ArtifactError) -> Self {
        Self::VerifierKey(error.into())
    }
}

/// Keys of circuits, made on first use and kept in a store.
#[derive(Debug)]
pub struct Keyring {
    store: Store,
    parameters: Parameters,
    prover: ProverChoice,
    /// Most bytes a prover may take, if not all the machine has.
    memory: Option<u64>,
}

impl Keyring {
    /// Keys in this store.
    pub fn new(store: Store) -> Self {
        Self::with_parameters(store.clone(), Parameters::new(store))
    }

    /// Keys in this store, with commitment parameters that are cached elsewhere.
    pub fn with_parameters(store: Store, parameters: Parameters) -> Self {
        Self { store, parameters, prover: ProverChoice::default(), memory: None }
    }

    /// The same, with proving keys for this prover.
    #[must_use]
    pub fn for_prover(self, prover: ProverChoice) -> Self {
        Self { prover, ..self }
    }

    /// The same, with provers that take at most so many bytes: they go without what would make them faster. The plan of
    /// the circuit and the program itself come on top.
    #[must_use]
    pub fn within_memory(self, bytes: u64) -> Self {
        Self { memory: Some(bytes), ..self }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Commitment parameters, cached in the same store.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The verifying key of a compiled circuit, which is what gives it its id. `onnx` is the model's file, kept
    /// beside the key.
    ///
    /// # Errors
    /// When the setup is of the other scheme or not there, or the store fails.
    pub fn verifier_for(
        &self,
        circuit: &CompiledCircuit,
        onnx: &[u8],
        setup: SetupChoice,
        progress: &dyn Progress,
    ) -> Result<VerifierKey, KeysError> {
        env::check()?;
        let setup = self.setup(circuit, setup)?;
        let _alone = self.store.lock(&lock_name(circuit, &setup))?;
        Ok(self.ensure_verifier(circuit, onnx, &setup, progress)?.1)
    }

    /// The verifying key of a circuit in the store.
    ///
    /// # Errors
    /// When it is not there or damaged.
    pub fn verifier(&self, circuit: CircuitId, progress: &dyn Progress) -> Result<VerifierKey, KeysError> {
        self.parameters.complete(self.bare_verifier(circuit)?, progress)
    }

    /// The same, without its parameters.
    ///
    /// # Errors
    /// When it is not there or damaged.
    pub fn bare_verifier(&self, circuit: CircuitId) -> Result<BareKey, KeysError> {
        self.load_bare(&self.circuit(circuit)?)
    }

    /// The verifying key in a `.vk` file.
    ///
    /// # Errors
    /// When the bytes are no such file.
    pub fn verifier_from_file(
        &self,
        bytes: &[u8],
        progress: &dyn Progress,
    ) -> Result<VerifierKey, KeysError> {
        self.parameters.complete(self.bare_verifier_from_file(bytes)?, progress)
    }

    /// The same, without its parameters. A key this store made may have any size.
    ///
    /// # Errors
    /// When the bytes are no such file, or [`VerifierKeyError::UnpinnedSize`].
    pub fn bare_verifier_from_file(&self, bytes: &[u8]) -> Result<BareKey, KeysError> {
        let file = VerifyingKeyFile::decode(bytes)?;
        if self.circuit(file.circuit_id()).is_ok() {
            Ok(BareKey::of_file(file, bytes.len())?)
        } else {
            Ok(BareKey::read(bytes)?)
        }
    }

    /// All circuits in the store, by id.
    ///
    /// # Errors
    /// When the store fails.
    pub fn circuits(&self) -> Result<Vec<CircuitRecord>, KeysError> {
        Ok(self.store.all_records()?)
    }

    /// One circuit in the store.
    ///
    /// # Errors
    /// When it is not there.
    pub fn circuit(&self, circuit: CircuitId) -> Result<CircuitRecord, KeysError> {
        let record: CircuitRecord =
            self.store.record(&circuit.to_string())?.ok_or(KeysError::UnknownCircuit { circuit })?;
        let (expected, got) = (circuit, record.circuit);
        if expected == got { Ok(record) } else { Err(KeysError::WrongKey { expected, got }) }
    }

    /// Checks that model and verifying key of a circuit are in the store and undamaged. A proving key is checked when it
    /// is loaded, and made again if it is not what it was.
    ///
    /// # Errors
    /// [`KeysError::is_damage`] when they are not; also when the store cannot be read.
    pub fn check_files(&self, circuit: CircuitId) -> Result<(), KeysError> {
        let record = self.circuit(circuit)?;
        self.onnx(&record)?;
        self.load_bare(&record).map(drop)
    }

    /// The ONNX file of a circuit in the store.
    ///
    /// # Errors
    /// When the store fails.
    pub fn onnx(&self, record: &CircuitRecord) -> Result<Vec<u8>, KeysError> {
        self.model_file(record.onnx)
    }

    /// The ONNX file with this sha256 in the store, of whichever circuit.
    ///
    /// # Errors
    /// When the store fails.
    pub fn model_file(&self, sha256: Digest) -> Result<Vec<u8>, KeysError> {
        Ok(self.store.get(ObjectKind::Model, sha256, MAX_MODEL_BYTES)?)
    }

    /// The `.vk` file of a circuit in the store.
    ///
    /// # Errors
    /// When the store fails.
    pub fn vk_bytes(&self, record: &CircuitRecord) -> Result<Vec<u8>, KeysError> {
        let limit = u64::from(Kind::VerifyingKey.max_body()) + HEADER_LEN as u64;
        let read = self.store.get(ObjectKind::VerifyingKey, record.vk, limit);
        read.map_err(|source| match source {
            source if source.is_not_found() || source.is_damage() => {
                KeysError::KeyLost { circuit: record.circuit, source }
            }
            source => source.into(),
        })
    }

    fn setup(&self, circuit: &CompiledCircuit, choice: SetupChoice) -> Result<Setup, KeysError> {
        let (compiled, setup) = (circuit.scheme(), choice.scheme());
        if compiled != setup {
            return Err(KeysError::Scheme { compiled, setup });
        }
        match choice {
            SetupChoice::Transparent => Ok(Setup::Transparent),
            SetupChoice::Kzg(choice) => {
                let SrsRecord { setup, .. } = self.parameters.choose_srs(choice, circuit.k())?;
                Ok(Setup::Kzg(setup))
            }
        }
    }

    /// Parameters for committing and proving.
    fn commitment(&self, setup: &Setup, k: u32, progress: &dyn Progress) -> Result<Commitment, ParamsError> {
        match setup {
            Setup::Transparent => self.parameters.ipa(k, progress).map(Commitment::Ipa),
            Setup::Kzg(setup) => self.parameters.kzg(setup.srs(), k, progress).map(Commitment::Kzg),
        }
    }

    fn ensure_verifier(
        &self,
        circuit: &CompiledCircuit,
        onnx: &[u8],
        setup: &Setup,
        progress: &dyn Progress,
    ) -> Result<(CircuitRecord, VerifierKey), KeysError> {
        let plan = plan_name(circuit, setup);
        if let Some((record, verifier)) = self.recorded_verifier(circuit, setup, &plan, progress)? {
            return Ok((self.ensure_model(record, onnx)?, verifier));
        }
        let commitment = self.commitment(setup, circuit.k(), progress)?;
        let key = step(progress, Phase::VerifyingKey, || {
            proof_system::verifying_key(&commitment, &circuit.circuit())
        })
        .map_err(KeysError::Library)?;
        let (shape, interface) = (circuit.shape().clone(), circuit.interface().clone());
        let file = VerifyingKeyFile::new(circuit.model_id(), shape, interface, *setup, &key)?;
        drop(key);
        let bytes = file.encode()?;
        let _session = self.store.session()?;
        let record = CircuitRecord {
            circuit: file.circuit_id(),
            model: circuit.model_id(),
            onnx: self.store.put(ObjectKind::Model, onnx)?,
            k: circuit.k(),
            setup: *setup,
            vk: self.store.put(ObjectKind::VerifyingKey, &bytes)?,
            pk: None,
        };
        self.store.put_record(&record.circuit.to_string(), &record)?;
        self.store.put_record(&plan, &PlanRecord { circuit: record.circuit })?;
        let verifier: VerifierKey =
            self.parameters.complete::<KeysError>(BareKey::of_file(file, bytes.len())?, progress)?;
        Ok((record, verifier))
    }

    /// Keeps the model of a circuit whose own copy is missing or damaged.
    fn ensure_model(&self, record: CircuitRecord, onnx: &[u8]) -> Result<CircuitRecord, KeysError> {
        match self.onnx(&record) {
            Err(error) if error.is_damage() => {
                let _session = self.store.session()?;
                let record = CircuitRecord { onnx: self.store.put(ObjectKind::Model, onnx)?, ..record };
                self.store.put_record(&record.circuit.to_string(), &record)?;
                Ok(record)
            }
            found => found.map(|_| record),
        }
    }

    /// The circuit that this store made of a plan with a setup.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn made(&self, circuit: &CompiledCircuit, setup: &Setup) -> Result<Option<CircuitId>, KeysError> {
        let plan = undamaged(self.store.record::<PlanRecord>(&plan_name(circuit, setup)))?.flatten();
        Ok(plan.map(|plan| plan.circuit))
    }

    /// What the plan's record leads to; `None` when there is none, it is damaged, or it leads to a key of anything
    /// but this circuit: the key can be made again.
    fn recorded_verifier(
        &self,
        circuit: &CompiledCircuit,
        setup: &Setup,
        plan: &str,
        progress: &dyn Progress,
    ) -> Result<Option<(CircuitRecord, VerifierKey)>, KeysError> {
        let Some(PlanRecord { circuit: id }) = undamaged(self.store.record(plan))?.flatten() else {
            return Ok(None);
        };
        let Some(record) = undamaged(self.store.record::<CircuitRecord>(&id.to_string()))?.flatten() else {
            return Ok(None);
        };
        let verifier = match self.load_verifier(&record, progress) {
            Err(
                KeysError::KeyLost { .. }
                | KeysError::WrongKey { .. }
                | KeysError::VerifierKey(VerifierKeyError::File(_)),
            ) => {
                return Ok(None);
            }
            loaded => loaded?,
        };
        let same = verifier.circuit_id() == id
            && verifier.model_id() == circuit.model_id()
            && verifier.shape() == circuit.shape()
            && verifier.interface() == circuit.interface()
            && verifier.file().setup() == setup
            && record.model == circuit.model_id()
            && record.k == circuit.k()
            && record.setup == *setup;
        Ok(same.then_some((record, verifier)))
    }

    fn load_verifier(
        &self,
        record: &CircuitRecord,
        progress: &dyn Progress,
    ) -> Result<VerifierKey, KeysError> {
        self.parameters.complete(self.load_bare(record)?, progress)
    }

    fn load_bare(&self, record: &CircuitRecord) -> Result<BareKey, KeysError> {
        let bytes = self.vk_bytes(record)?;
        let key = BareKey::of_file(VerifyingKeyFile::decode(&bytes)?, bytes.len())?;
        let (expected, got) = (record.circuit, key.circuit_id());
        if expected == got { Ok(key) } else { Err(KeysError::WrongKey { expected, got }) }
    }
}

/// `None` instead of an error about damage.
fn undamaged<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error) if error.is_damage() => Ok(None),
        read => read.map(Some),
    }
}

fn lock_name(circuit: &CompiledCircuit, setup: &Setup) -> String {
    format!("{}-{}", RecordKind::Plan.as_str(), plan_name(circuit, setup))
}

#[cfg(test)]
mod tests;
