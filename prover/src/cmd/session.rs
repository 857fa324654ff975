//! What every command has: where results go, the store, and the circuits MODEL arguments name.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use lemma_circuits::{CompiledCircuit, compile_within};
use lemma_prover::{
    inputs::shown,
    keys::{CircuitRecord, Keyring, KeysError, SetupChoice},
    measure::Stopwatch,
    memory::plan_budget,
    params::{Parameters, SrsChoice},
    store::{Store, StoreError},
};
use lemma_verifier::{circuit_id::CircuitId, scheme::Scheme};

use super::{
    args::{SchemeName, SetupArgs},
    failure::Failure,
    model::{ModelArgument, OnnxModel},
    output::Output,
};

/// The surroundings of a command.
#[derive(Debug)]
pub(crate) struct Session {
    root: Option<PathBuf>,
    keyring: OnceLock<Keyring>,
    /// Where results go.
    pub(crate) output: Output,
}

/// A compiled model and the setup its keys are to have.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The ONNX file's bytes.
    pub(crate) onnx: Vec<u8>,
    /// The circuit.
    pub(crate) circuit: CompiledCircuit,
    /// Commitment parameters to use.
    pub(crate) setup: SetupChoice,
    /// The id the caller asked for.
    pub(crate) wanted: Option<CircuitId>,
    /// Time of import and planning.
    pub(crate) elapsed: Duration,
}

impl Compiled {
    /// Whether the circuit is the one the caller named, if one was named.
    ///
    /// # Errors
    /// [`Failure::Unusable`] when this version of Lemma lays the model out differently.
    pub(crate) fn check_id(&self, made: CircuitId) -> Result<(), Failure> {
        match self.wanted {
            Some(wanted) if wanted != made => Err(Failure::Unusable(format!(
                "circuit {wanted} was made by another version of Lemma, this one makes {made} of its model; use that \
                 version, or name the ONNX file"
            ))),
            _ => Ok(()),
        }
    }
}

impl Session {
    /// A session on the store in `root`, else on the default one; it is opened on first use.
    pub(crate) fn new(root: Option<PathBuf>, output: Output) -> Self {
        Self { root, keyring: OnceLock::new(), output }
    }

    /// The keys in the store, which is made if it is not there.
    ///
    /// # Errors
    /// [`Failure::Unusable`] when the store's directory cannot be made.
    pub(crate) fn keyring(&self) -> Result<&Keyring, Failure> {
        self.keyring_of(Store::open)
    }

    /// The keys in a store that is there: what only reads makes none.
    ///
    /// # Errors
    /// [`Failure::Unusable`] when it is not there.
    pub(crate) fn stored(&self) -> Result<&Keyring, Failure> {
        self.keyring_of(Store::existing)
    }

    fn keyring_of(&self, open: fn(&Path) -> Result<Store, StoreError>) -> Result<&Keyring, Failure> {
        if let Some(keyring) = self.keyring.get() {
            return Ok(keyring);
        }
        let given = self.root.clone().filter(|root| !root.as_os_str().is_empty());
        let root = given.map_or_else(Store::default_root, Ok).map_err(Failure::unusable)?;
        let store = open(&root).map_err(Failure::unusable)?;
        Ok(self.keyring.get_or_init(|| Keyring::new(store)))
    }

    /// The store, which is made if it is not there.
    ///
    /// # Errors
    /// [`Failure::Unusable`] when its directory cannot be made.
    pub(crate) fn store(&self) -> Result<&Store, Failure> {
        self.keyring().map(Keyring::store)
    }

    /// Parameters for verifying: cached in the store, or in memory where there is none, as on a machine that may
    /// not write.
    pub(crate) fn verifier_parameters(&self) -> Parameters {
        self.store().map_or_else(|_| Parameters::in_memory(), |store| Parameters::new(store.clone()))
    }

    /// The circuit with this id, of which all digits must be given: trust rests on it.
    ///
    /// # Errors
    /// [`Failure::Unusable`] when the id is not complete or not in the store.
    pub(crate) fn trusted_circuit(&self, id: &str) -> Result<CircuitRecord, Failure> {
        match self.circuit_of_id(complete_circuit_id(id)?) {
            Err(Failure::Unusable(reason)) => {
                Err(Failure::Unusable(format!("{reason}; or pass the circuit's key as well, with --vk FILE")))
            }
            found => found,
        }
    }

    /// The circuit whose id begins with `prefix`, at least 8 digits.
    ///
    /// # Errors
    /// [`Failure::Unusable`] when there is none, or more than one.
    pub(crate) fn circuit(&self, prefix: &str) -> Result<CircuitRecord, Failure> {
        if let Some(id) = complete_id(prefix) {
            return self.circuit_of_id(id);
        }
        if Path::new(prefix).exists() {
            return Err(Failure::Unusable(format!(
                "'{}' is a file, expected the id of a circuit in the store; `lemma compile` shows that of a model, `lemma inspect` \
                 that of a proof or key",
                shown(prefix)
            )));
        }
        if prefix.len() < MIN_PREFIX_DIGITS {
            return Err(Failure::Unusable(format!(
                "'{}' is too short for a circuit id and no file; write at least {MIN_PREFIX_DIGITS} of the id's \
                 {ID_DIGITS} digits; `lemma compile MODEL` makes one, `lemma store list` shows all",
                shown(prefix)
            )));
        }
        let known = self.stored()?.circuits().map_err(Failure::unusable)?;
        let prefix = prefix.to_ascii_lowercase();
        let named = |record: &&CircuitRecord| record.circuit.to_string().starts_with(&prefix);
        match known.iter().filter(named).collect::<Vec<_>>().as_slice() {
            [record] => Ok(**record),
            [] => Err(self.no_circuit(&prefix)?),
            several => {
                let ids: Vec<String> =
                    several.iter().take(8).map(|record| record.circuit.to_string()).collect();
                Err(Failure::Unusable(format!(
                    "{} circuits have an id that begins with '{prefix}'; write more of it: {}",
                    several.len(),
                    ids.join(", ")
                )))
            }
        }
    }

    /// Reads that circuit's record alone, so that no other one matters.
    fn circuit_of_id(&self, id: CircuitId) -> Result<CircuitRecord, Failure> {
        match self.stored()?.circuit(id) {
            Err(KeysError::UnknownCircuit { .. }) => Err(self.no_circuit(&id.to_string())?),
            found => Ok(found?),
        }
    }

    fn no_circuit(&self, id: &str) -> Result<Failure, Failure> {
        let what = if id.len() < ID_DIGITS { "an id that begins with" } else { "the id" };
        Ok(Failure::Unusable(format!(
            "no circuit in the store {} has {what} '{}'; `lemma compile MODEL` makes one, `lemma store list` shows all",
            self.stored()?.store().root().display(),
            shown(id)
        )))
    }

    /// The model a MODEL argument names.
    ///
    /// # Errors
    /// [`Failure::Unusable`] when there is no such file or circuit, or it cannot be imported.
    pub(crate) fn model(&self, argument: &str) -> Result<OnnxModel, Failure> {
        match ModelArgument::parse(argument) {
            ModelArgument::File(path) => OnnxModel::read(&path),
            ModelArgument::Circuit(prefix) => self.stored_model(&self.circuit(&prefix)?),
        }
    }

    fn stored_model(&self, record: &CircuitRecord) -> Result<OnnxModel, Failure> {
        let onnx = self.keyring()?.onnx(record).map_err(Failure::unusable)?;
        OnnxModel::of(onnx, format!("circuit {}", record.circuit))
    }

    /// Compiles what a MODEL|CIRCUIT argument names. A circuit fixes the scheme and its parameters; for a file the
    /// default is ipa.
    ///
    /// # Errors
    /// [`Failure::Unusable`] when it cannot be compiled, or the arguments contradict the circuit.
    pub(crate) fn compile(
        &self,
        argument: &str,
        scheme: Option<SchemeName>,
        setup: &SetupArgs,
    ) -> Result<Compiled, Failure> {
        match ModelArgument::parse(argument) {
            ModelArgument::File(path) => {
                let setup = setup_choice(scheme.unwrap_or(SchemeName::Ipa), setup)?;
                compile_model(OnnxModel::read(&path)?, setup)
            }
            ModelArgument::Circuit(prefix) => {
                let record = self.circuit(&prefix)?;
                let setup = setup_of(&record, scheme, setup)?;
                let compiled = compile_model(self.stored_model(&record)?, setup)?;
                Ok(Compiled { wanted: Some(record.circuit), ..compiled })
            }
        }
    }
}

/// Hexadecimal digits of a circuit id.
const ID_DIGITS: usize = 64;

/// Fewest digits that stand for a circuit id.
const MIN_PREFIX_DIGITS: usize = 8;

/// A circuit id of which all digits are given, because trust rests on it.
///
/// # Errors
/// [`Failure::Unusable`] when some are missing, or are none.
pub(crate) fn complete_circuit_id(text: &str) -> Result<CircuitId, Failure> {
    complete_id(text.trim()).ok_or_else(|| {
        Failure::Unusable(format!(
            "--circuit has {} characters, expected the {ID_DIGITS} hexadecimal digits of the whole id, which is \
             what you trust; `lemma compile MODEL` derives it",
            text.chars().count()
        ))
    })
}

fn complete_id(text: &str) -> Option<CircuitId> {
    let mut id = [0; ID_DIGITS / 2];
    hex::decode_to_slice(text, &mut id).ok()?;
    Some(CircuitId(id))
}

/// Compiles an imported model.
///
/// # Errors
/// [`Failure::Unusable`] when no exact circuit exists.
pub(crate) fn compile_model(onnx: OnnxModel, setup: SetupChoice) -> Result<Compiled, Failure> {
    let watch = Stopwatch::start();
    let circuit = compile_within(onnx.model, setup.scheme(), &plan_budget())
        .map_err(|error| Failure::unusable(format!("{}: {error}", onnx.name)))?;
    Ok(Compiled { onnx: onnx.bytes, circuit, setup, wanted: None, elapsed: onnx.elapsed + watch.read().wall })
}

/// The setup these arguments choose.
///
/// # Errors
/// [`Failure::Unusable`] when kzg arguments come with the ipa scheme.
pub(crate) fn setup_choice(scheme: SchemeName, setup: &SetupArgs) -> Result<SetupChoice, Failure> {
    match scheme {
        SchemeName::Ipa if setup.insecure_local_srs || setup.srs.is_some() => Err(Failure::unusable(
            "the ipa scheme has no parameters to choose; drop --srs and --insecure-local-srs, or add --scheme kzg",
        )),
        SchemeName::Ipa => Ok(SetupChoice::Transparent),
        SchemeName::Kzg if setup.insecure_local_srs => Ok(SetupChoice::Kzg(SrsChoice::InsecureLocal)),
        SchemeName::Kzg => Ok(SetupChoice::Kzg(SrsChoice::Ceremony(setup.srs))),
    }
}

/// The setup of a circuit in the store, which the arguments may repeat but not change.
fn setup_of(
    record: &CircuitRecord,
    scheme: Option<SchemeName>,
    setup: &SetupArgs,
) -> Result<SetupChoice, Failure> {
    let has = scheme_name(record.scheme());
    if scheme.is_some_and(|scheme| scheme.scheme() != record.scheme()) {
        return Err(Failure::Unusable(format!(
            "circuit {} has the scheme {has}; drop --scheme, or name the ONNX file to compile it anew",
            record.circuit
        )));
    }
    if setup.srs.is_some() && setup.srs != record.srs() {
        return Err(Failure::Unusable(format!(
            "circuit {} has other parameters than --srs names; drop --srs, or name the ONNX file to compile it anew",
            record.circuit
        )));
    }
    match record.srs() {
        None => setup_choice(SchemeName::Ipa, setup),
        Some(_) if record.insecure_srs() && !setup.insecure_local_srs => Err(Failure::Unusable(format!(
            "circuit {} rests on parameters made on this machine, which prove nothing to others; add \
             --insecure-local-srs if this is a benchmark or a test",
            record.circuit
        ))),
        srs => Ok(SetupChoice::Kzg(SrsChoice::Ceremony(srs))),
    }
}

impl SchemeName {
    /// The library's scheme.
    pub(crate) fn scheme(self) -> Scheme {
        match self {
            Self::Ipa => Scheme::Ipa,
            Self::Kzg => Scheme::Kzg,
        }
    }
}

/// The name of a scheme in arguments and results.
pub(crate) fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Ipa => "ipa",
        Scheme::Kzg => "kzg",
    }
}
