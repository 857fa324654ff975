//! What a worker process does for a request.

use std::{
    io::{self, ErrorKind, Read},
    path::Path,
    time::{Duration, Instant},
};

use lemma_circuits::{Budget, CompiledCircuit, PlanError, compile_within, import};
use lemma_prover::{
    keys::{Keyring, ProvingKeys, SetupChoice},
    prediction,
    prove::{ProveOptions, prove},
    regular_file,
    store::Store,
};
use lemma_verifier::{circuit_id::CircuitId, digest::Digest, scheme::Scheme, statement::Context};

use super::{
    failures::{failure, of_import, of_keys, of_plan, of_prove},
    orders::Asked,
    reports::Reports,
};
use crate::work::{
    crash_points,
    jobs::{CircuitFacts, Failure, FailureClass, Setup},
    prediction::Prediction,
    protocol::{Origin, Report, Request},
};

/// The good end of a request.
pub(super) enum Answer {
    /// The bytes of a proof bundle.
    Bundle(Vec<u8>),
    /// The circuit whose keys are in the store.
    Facts(Box<CircuitFacts>),
    /// A plan, or why there is none.
    Plan(Report),
}

/// A circuit ready to prove.
struct Loaded {
    circuit: CompiledCircuit,
    keys: ProvingKeys,
}

/// What the process works with.
pub(super) struct Workbench {
    keyring: Keyring,
    /// The one used last comes last.
    loaded: Vec<Loaded>,
    keep_bytes: u64,
}

impl Workbench {
    /// Nothing is loaded; keys of at most this many bytes are kept beside the ones in use.
    pub(super) fn new(store: Store, keep_bytes: u64) -> Self {
        Self { keyring: Keyring::new(store), loaded: Vec::new(), keep_bytes }
    }

    /// Does what is asked; the payload is the ONNX file where one is needed. Only a proof can be cancelled.
    pub(super) fn answer(&mut self, asked: Asked, reports: &Reports) -> Result<Answer, Failure> {
        let Asked { request, payload, cancellation } = asked;
        match request {
            Request::Prove { circuit, context, inputs, origin, .. } => {
                let options = ProveOptions::telling(reports).until(&cancellation);
                self.prove(circuit, context, &inputs, origin.as_ref(), reports, options).map(Answer::Bundle)
            }
            Request::Plan { scheme, memory_limit, seconds } => {
                let budget = Budget { bytes: memory_limit, seconds };
                Ok(Answer::Plan(plan(&payload, scheme, &budget)))
            }
            Request::MakeKeys { setup, .. } => {
                self.make_keys(&payload, &setup, reports).map(|facts| Answer::Facts(Box::new(facts)))
            }
        }
        .map_err(|failure| Failure { phase: failure.phase.or(reports.last_phase()), ..failure })
    }

    fn prove(
        &mut self,
        circuit: CircuitId,
        context: Vec<u8>,
        inputs: &[Vec<i32>],
        origin: Option<&Origin>,
        reports: &Reports,
        options: ProveOptions<'_>,
    ) -> Result<Vec<u8>, Failure> {
        crash_points::disturb("start");
        let context = Context::new(context).map_err(|error| failure(FailureClass::Input, error, false))?;
        let loaded = self.load(circuit, origin, reports)?;
        crash_points::disturb("loaded");
        let proven = prove(&loaded.keys, &loaded.circuit, inputs, context, options)
            .map_err(|error| of_prove(&error))?;
        crash_points::disturb("proven");
        let mut bundle = proven.bundle;
        if crash_points::child_fault().as_deref() == Some("flip-bit")
            && let Some(byte) = bundle.last_mut()
        {
            *byte ^= 1;
        }
        Ok(bundle)
    }

    /// The circuit with its keys, from memory or the store.
    fn load(
        &mut self,
        circuit: CircuitId,
        origin: Option<&Origin>,
        reports: &Reports,
    ) -> Result<&Loaded, Failure> {
        let present = self.loaded.iter().position(|loaded| loaded.keys.circuit_id() == circuit);
        let loaded = match present {
            Some(index) => self.loaded.remove(index),
            None => {
                self.make_room();
                self.read(circuit, origin, reports)?
            }
        };
        self.loaded.push(loaded);
        self.loaded.last().ok_or_else(|| failure(FailureClass::Keys, "no keys are loaded", true))
    }

    /// Forgets the circuits used longest ago until the others' keys are within the limit.
    fn make_room(&mut self) {
        let mut kept = 0u64;
        let first = self.loaded.iter().rposition(|loaded| {
            kept = kept.saturating_add(loaded.keys.resident_bytes());
            kept > self.keep_bytes
        });
        self.loaded.drain(..first.map_or(0, |index| index + 1));
    }

    /// What is missing or damaged in the store is made again from the circuit's origin.
    fn read(
        &self,
        circuit: CircuitId,
        origin: Option<&Origin>,
        reports: &Reports,
    ) -> Result<Loaded, Failure> {
        let of_keys = |error| of_keys(&error);
        let stored = self.keyring.circuit(circuit);
        let stored = stored.and_then(|record| Ok((self.keyring.onnx(&record)?, Setup::choice_of(&record))));
        let (onnx, setup) = match (stored, origin) {
            (Err(error), Some(origin)) if error.is_damage() => self.read_origin(origin)?,
            (stored, _) => stored.map_err(of_keys)?,
        };
        let compiled = compile_model(&onnx, setup.scheme())?;
        let keys = self.keyring.proving_keys(&compiled, &onnx, setup, reports).map_err(of_keys)?;
        if keys.circuit_id() != circuit {
            let reason = format!(
                "this version compiles the model to circuit {}, not to {circuit}; create the circuit again",
                keys.circuit_id()
            );
            return Err(failure(FailureClass::Keys, reason, false));
        }
        Ok(Loaded { circuit: compiled, keys })
    }

    fn read_origin(&self, origin: &Origin) -> Result<(Vec<u8>, SetupChoice), Failure> {
        let read = read_model(&origin.onnx);
        let retryable = read.as_ref().is_err_and(|error| error.kind() != ErrorKind::NotFound);
        let undamaged = read.ok().flatten().filter(|onnx| Digest::of(onnx) == origin.work.model);
        let onnx =
            undamaged.or_else(|| self.keyring.model_file(origin.work.model).ok()).ok_or_else(|| {
                let reason =
                    "the circuit and its model are damaged; upload the model and build the circuit again";
                failure(FailureClass::Storage, reason, retryable)
            })?;
        let setup = origin.work.setup.choice().map_err(|error| failure(FailureClass::Keys, error, false))?;
        Ok((onnx, setup))
    }

    fn make_keys(&mut self, onnx: &[u8], setup: &Setup, reports: &Reports) -> Result<CircuitFacts, Failure> {
        crash_points::disturb("start");
        let choice = setup.choice().map_err(|error| failure(FailureClass::Keys, error, false))?;
        let start = Instant::now();
        let circuit = compile_model(onnx, setup.scheme())?;
        self.make_room();
        let of_keys = |error| of_keys(&error);
        let keys = self.keyring.proving_keys(&circuit, onnx, choice, reports).map_err(of_keys)?;
        let vk =
            keys.verifier().file().encode().map_err(|error| failure(FailureClass::Keys, error, false))?;
        let facts = facts(&circuit, &keys, &vk, start.elapsed());
        self.loaded.retain(|loaded| loaded.keys.circuit_id() != keys.circuit_id());
        self.loaded.push(Loaded { circuit, keys });
        crash_points::disturb("proven");
        Ok(facts)
    }
}

/// The bytes of a file; `None` if something else has its name.
fn read_model(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(mut file) = regular_file::open(path)? else { return Ok(None) };
    let mut onnx = Vec::new();
    file.read_to_end(&mut onnx)?;
    Ok(Some(onnx))
}

fn compile_model(onnx: &[u8], scheme: Scheme) -> Result<CompiledCircuit, Failure> {
    let model = import::import(onnx, "model").map_err(|error| of_import(&error))?;
    // A circuit with keys was within the budget of a plan, and the process has a limit of memory.
    compile_within(model, scheme, &Budget::UNLIMITED).map_err(|error| of_plan(&error))
}

fn facts(circuit: &CompiledCircuit, keys: &ProvingKeys, vk: &[u8], took: Duration) -> CircuitFacts {
    let (shape, predicted, verifier) =
        (circuit.shape(), prediction::Prediction::of(circuit), keys.verifier());
    CircuitFacts {
        circuit: keys.circuit_id(),
        model_id: circuit.model_id(),
        scheme: circuit.scheme(),
        insecure_srs: verifier.insecure_srs(),
        srs: verifier.srs().map(|srs| srs.to_string()),
        k: circuit.k(),
        rows_used: circuit.layout().rows() as u64,
        advice_columns: shape.num_advice(),
        fixed_columns: shape.num_fixed(),
        lookups: shape.lookup_slots(),
        predicted_prove: Duration::from_millis((predicted.reference_seconds() * 1e3) as u64),
        predicted_memory_bytes: predicted.memory_bytes,
        proof_bytes: verifier.proof_len() as u64,
        vk: Digest::of(vk),
        vk_bytes: vk.len() as u64,
        pk_bytes: keys.pk_bytes(),
        keygen: took,
    }
}

/// Plans a circuit, in the process that was started for it.
pub(super) fn plan(onnx: &[u8], scheme: Scheme, budget: &Budget) -> Report {
    let refused = |too_large, reason| Report::Unplannable { too_large, reason };
    let model = match import::import(onnx, "the model") {
        Ok(model) => model,
        Err(error) => return refused(false, error.to_string()),
    };
    match compile_within(model, scheme, budget) {
        Ok(circuit) => Report::Planned { prediction: Prediction::of(&circuit) },
        Err(error) => {
            let too_large = matches!(error, PlanError::TooLarge { .. } | PlanError::OverBudget { .. });
            refused(too_large, error.to_string())
        }
    }
}
