//! The worker process.

use std::{
    io::{self, BufReader, BufWriter, Stdin, Stdout},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lemma_circuits::{
    CompiledCircuit, compile, import,
    statement::{CircuitId, Context},
};
use lemma_prover::{
    digest::Digest,
    keys::{Keyring, ProvingKeys},
    measure,
    progress::{Phase, Progress},
    prove::prove,
    store::Store,
};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};

use super::{
    failures::{failure, of_import, of_keys, of_plan, of_prove},
    protocol::{Report, Request, read_message, write_message},
};
use crate::{
    crash_points,
    jobs::{CircuitFacts, Failure, FailureClass, Setup},
};

/// Exit code when the process cannot begin.
const CANNOT_BEGIN: i32 = 3;

/// Arguments of the hidden subcommand that is a worker process.
#[derive(Clone, Debug, clap::Args)]
pub struct ChildArgs {
    /// Process that started this one; without it there is nothing to do.
    #[arg(long)]
    parent: i32,
    /// Directory of the store.
    #[arg(long)]
    store: PathBuf,
    /// Threads to prove with.
    #[arg(long)]
    threads: usize,
    /// Bytes of proving keys to keep for circuits other than the one in use.
    #[arg(long)]
    keep_bytes: u64,
}

/// Runs a worker process until its parent closes its standard input; the exit code.
///
/// Nothing else in the process may write to standard output.
pub fn child_main(args: ChildArgs) -> i32 {
    if let Err(reason) = begin(&args) {
        eprintln!("{reason}");
        return CANNOT_BEGIN;
    }
    let store = match Store::open(&args.store) {
        Ok(store) => store,
        Err(error) => {
            eprintln!("{error}");
            return CANNOT_BEGIN;
        }
    };
    let mut bench = Bench { keyring: Keyring::new(store), loaded: Vec::new(), keep_bytes: args.keep_bytes };
    let (mut requests, reports) = (BufReader::new(io::stdin()), Reports::default());
    match serve(&mut bench, &mut requests, &reports) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            CANNOT_BEGIN
        }
    }
}

/// Binds the process to its parent and gives it bounds.
fn begin(args: &ChildArgs) -> Result<(), String> {
    let system = |what: &str| {
        let what = what.to_owned();
        move |error: rustix::io::Errno| format!("cannot {what}: {error}")
    };
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(system("follow the parent process"))?;
    // A parent that died before the line above sends no signal.
    if getppid().map(Pid::as_raw_nonzero).map(i32::from) != Some(args.parent) {
        return Err("the parent process is gone".into());
    }
    // A core file would hold the input.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(system("forbid core files"))?;
    // When memory runs out, the kernel is to take this process and not the service. The service answers requests
    // while this one computes.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    let _ = rustix::process::nice(5);
    // The text of a panic could repeat a value.
    std::panic::set_hook(Box::new(|info| match info.location() {
        Some(place) => eprintln!("panicked at {}:{}", place.file(), place.line()),
        None => eprintln!("panicked"),
    }));
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()
        .map_err(|error| format!("cannot start threads: {error}"))
}

fn serve(bench: &mut Bench, requests: &mut BufReader<Stdin>, reports: &Reports) -> io::Result<()> {
    while let Some((request, payload)) = read_message::<Request>(requests)? {
        let result = match &request {
            Request::Prove { memory_limit, .. } | Request::MakeKeys { memory_limit, .. } => {
                limit_memory(*memory_limit)
            }
        };
        let result = result.and_then(|()| bench.answer(request, &payload, reports));
        let resident_bytes = resident_bytes();
        match result {
            Ok(Answer::Bundle(bundle)) => reports.send(&Report::Proven { resident_bytes }, &bundle)?,
            Ok(Answer::Facts(facts)) => reports.send(&Report::KeysMade { facts, resident_bytes }, &[])?,
            Err(failure) => reports.send(&Report::Failed { failure, resident_bytes }, &[])?,
        }
    }
    Ok(())
}

/// Sets the most private memory from here on; the most the system allows stays where it is.
fn limit_memory(bytes: u64) -> Result<(), Failure> {
    let maximum = getrlimit(Resource::Data).maximum;
    let current = Some(maximum.map_or(bytes, |maximum| maximum.min(bytes)));
    setrlimit(Resource::Data, Rlimit { current, maximum }).map_err(|error| {
        failure(FailureClass::OutOfMemory, format!("cannot limit the memory of the worker: {error}"), true)
    })
}

/// The resident set now, in bytes.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    pages.map_or_else(|| measure::peak_rss_bytes().unwrap_or_default(), |pages| pages.saturating_mul(page))
}

enum Answer {
    Bundle(Vec<u8>),
    Facts(Box<CircuitFacts>),
}

/// A circuit ready to prove.
struct Loaded {
    circuit: CompiledCircuit,
    keys: ProvingKeys,
}

/// What the process works with.
struct Bench {
    keyring: Keyring,
    /// The one used last comes last.
    loaded: Vec<Loaded>,
    keep_bytes: u64,
}

impl Bench {
    fn answer(&mut self, request: Request, payload: &[u8], reports: &Reports) -> Result<Answer, Failure> {
        match request {
            Request::Prove { circuit, context, inputs, .. } => {
                self.prove(circuit, context, &inputs, reports).map(Answer::Bundle)
            }
            Request::MakeKeys { setup, .. } => {
                self.make_keys(payload, &setup, reports).map(|facts| Answer::Facts(Box::new(facts)))
            }
        }
        .map_err(|failure| Failure { phase: failure.phase.or(reports.last_phase()), ..failure })
    }

    fn prove(
        &mut self,
        circuit: CircuitId,
        context: Vec<u8>,
        inputs: &[Vec<i32>],
        reports: &Reports,
    ) -> Result<Vec<u8>, Failure> {
        disturb("start");
        let context = Context::new(context).map_err(|error| failure(FailureClass::Input, error, false))?;
        let loaded = self.load(circuit, reports)?;
        disturb("loaded");
        let proven = prove(&loaded.keys, &loaded.circuit, inputs, context, reports)
            .map_err(|error| of_prove(&error))?;
        disturb("proven");
        let mut bundle = proven.bundle;
        if crash_points::child_fault().as_deref() == Some("flip-bit")
            && let Some(byte) = bundle.last_mut()
        {
            *byte ^= 1;
        }
        Ok(bundle)
    }

    /// The circuit with its keys, from memory or the store.
    fn load(&mut self, circuit: CircuitId, reports: &Reports) -> Result<&Loaded, Failure> {
        let present = self.loaded.iter().position(|loaded| loaded.keys.circuit_id() == circuit);
        let loaded = match present {
            Some(index) => self.loaded.remove(index),
            None => {
                self.make_room();
                self.read(circuit, reports)?
            }
        };
        self.loaded.push(loaded);
        self.loaded.last().ok_or_else(|| failure(FailureClass::Keys, "no keys are loaded", true))
    }

    /// Forgets the circuits used longest ago until the others' keys are within the limit.
    fn make_room(&mut self) {
        let mut kept = 0u64;
        let first = self.loaded.iter().rposition(|loaded| {
            kept = kept.saturating_add(loaded.keys.pk_bytes());
            kept > self.keep_bytes
        });
        self.loaded.drain(..first.map_or(0, |index| index + 1));
    }

    fn read(&self, circuit: CircuitId, reports: &Reports) -> Result<Loaded, Failure> {
        let of_keys = |error| of_keys(&error);
        let record = self.keyring.circuit(circuit).map_err(of_keys)?;
        let onnx = self.keyring.onnx(&record).map_err(of_keys)?;
        let compiled = compile_model(&onnx, record.scheme())?;
        let setup = Setup::choice_of(&record);
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

    fn make_keys(&mut self, onnx: &[u8], setup: &Setup, reports: &Reports) -> Result<CircuitFacts, Failure> {
        disturb("start");
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
        disturb("proven");
        Ok(facts)
    }
}

/// Has the fault the environment asks for at this moment of an attempt; for crash tests.
fn disturb(moment: &str) {
    match crash_points::child_fault().as_deref().and_then(|fault| fault.split_once('@')) {
        Some(("abort", wanted)) if wanted == moment => std::process::abort(),
        Some(("panic", wanted)) if wanted == moment => panic!("asked for by the environment"),
        Some(("hang", wanted)) if wanted == moment => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        Some(("eat", wanted)) if wanted == moment => {
            let mut eaten: Vec<Vec<u8>> = Vec::new();
            loop {
                eaten.push(vec![1; 64 << 20]);
            }
        }
        _ => {}
    }
}

fn compile_model(onnx: &[u8], scheme: lemma_circuits::plan::Scheme) -> Result<CompiledCircuit, Failure> {
    let model = import::import(onnx, "model").map_err(|error| of_import(&error))?;
    compile(model, scheme).map_err(|error| of_plan(&error))
}

fn facts(circuit: &CompiledCircuit, keys: &ProvingKeys, vk: &[u8], took: Duration) -> CircuitFacts {
    let (shape, cost, verifier) = (circuit.shape(), circuit.plan().cost(), keys.verifier());
    CircuitFacts {
        circuit: keys.circuit_id(),
        model_id: circuit.model_id().to_string(),
        scheme: scheme_name(circuit.scheme()).into(),
        insecure_srs: verifier.insecure_srs(),
        k: circuit.k(),
        rows_used: circuit.plan().rows() as u64,
        advice_columns: shape.num_advice(),
        fixed_columns: shape.num_fixed(),
        lookups: shape.lookup_slots(),
        predicted_prove_ms: cost.microseconds / 1000,
        predicted_memory_bytes: cost.memory_bytes,
        proof_bytes: verifier.proof_len() as u64,
        vk: Digest::of(vk),
        vk_bytes: vk.len() as u64,
        pk_bytes: keys.pk_bytes(),
        keygen_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

const fn scheme_name(scheme: lemma_circuits::plan::Scheme) -> &'static str {
    match scheme {
        lemma_circuits::plan::Scheme::Ipa => "ipa",
        lemma_circuits::plan::Scheme::Kzg => "kzg",
    }
}

/// The way back to the parent.
struct Reports {
    out: Mutex<BufWriter<Stdout>>,
    phase: Mutex<Option<&'static str>>,
}

impl Default for Reports {
    fn default() -> Self {
        Self { out: Mutex::new(BufWriter::new(io::stdout())), phase: Mutex::default() }
    }
}

impl Reports {
    fn send(&self, report: &Report, payload: &[u8]) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        write_message(&mut *out, report, payload)
    }

    /// A parent that does not read any more kills this process anyway.
    fn tell(&self, report: &Report) {
        let _ = self.send(report, &[]);
    }

    fn last_phase(&self) -> Option<String> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner).map(Into::into)
    }
}

impl Progress for Reports {
    fn begin(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = Some(phase.as_str());
        self.tell(&Report::Began { phase: phase.as_str().into() });
        disturb(phase.as_str());
    }

    fn end(&self, phase: Phase, elapsed: Duration) {
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.tell(&Report::Ended { phase: phase.as_str().into(), milliseconds });
    }
}
