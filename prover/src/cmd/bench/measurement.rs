//! One model, one scheme, this process.

use lemma_circuits::ir::Elem;
use lemma_prover::{
    keys::{Keyring, ProverChoice, ProvingKeys},
    measure::{self, Elapsed, Stopwatch},
    progress::{Phase, Silent},
    prove::{Proven, prove},
    store::Store,
};
use lemma_verifier::{
    interface::Interface,
    statement::Context,
    verify::{Expect, verify},
};
use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde_json::{Map, Value, json};

use crate::cmd::{
    answer,
    args::{BenchArgs, BenchScheme, SchemeName},
    compile::{Prediction, circuit_json},
    failure::Failure,
    model::OnnxModel,
    msm::{self, median},
    output::{self, Outcome},
    progress::{Screen, Step},
    session::{Compiled, Session, compile_model, setup_choice},
};

const UNIT_REPEATS: usize = 5;
const VERIFY_REPEATS: usize = 21;

/// Measures the one model of the arguments.
pub(crate) fn run(args: &BenchArgs, session: &Session) -> Result<Outcome, Failure> {
    let ([path], Some(scheme)) = (args.models.as_slice(), only(args.scheme)) else {
        return Err(Failure::unusable("--in-this-process measures one model with one scheme"));
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let setup = setup_choice(scheme, &args.setup)?;
    let compiled = compile_model(OnnxModel::read(path)?, setup)?;

    // Keys are made anew in a store of their own; parameters come from the user's.
    let directory = tempfile::tempdir().map_err(Failure::internal)?;
    let store = Store::open(directory.path()).map_err(Failure::unusable)?;
    let prover = args.prover.choice();
    let keyring = Keyring::with_parameters(store, session.verifier_parameters()).for_prover(prover);
    let keyring = args.memory.limit(keyring);
    let screen = Screen::default();
    let keys = keyring.proving_keys(&compiled.circuit, &compiled.onnx, compiled.setup, &screen)?;

    let proofs = prove_repeatedly(&name, &keys, &compiled, args.runs)?;
    let peak_rss = measure::peak_rss_bytes();
    let verification = verify_repeatedly(&keys, &keyring, &proofs.last)?;
    let step = Step::start("measuring this machine's speed", None);
    let unit = msm::unit_seconds(UNIT_REPEATS)?;
    step.finish();

    let mut json = circuit_json(&compiled.circuit);
    json.extend(output::fields([
        ("name", name.into()),
        ("prover", prover.as_str().into()),
        ("circuit", keys.circuit_id().to_string().into()),
        ("compile_s", compiled.elapsed.as_secs_f64().into()),
        ("peak_rss_bytes", peak_rss.into()),
        ("msm_unit_s", unit.into()),
        ("prove_units", (proofs.cpu(Phase::Prove) / unit).into()),
        ("phases", phases(&screen, &proofs)),
    ]));
    // The library's prover has no prediction.
    if prover == ProverChoice::Own {
        json.extend(Prediction::of(&compiled.circuit, unit).json());
    }
    json.extend(key_json(&keys, &screen));
    json.extend(proofs.json(&compiled)?);
    json.extend(verification);
    Ok(Outcome::done("", json.into()))
}

fn only(scheme: BenchScheme) -> Option<SchemeName> {
    match scheme {
        BenchScheme::Ipa => Some(SchemeName::Ipa),
        BenchScheme::Kzg => Some(SchemeName::Kzg),
        BenchScheme::Both => None,
    }
}

/// The same random integers on every machine, over the whole range of every input.
fn random_inputs(interface: &Interface) -> Vec<Vec<i32>> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut value = |elem: Elem| random.gen_range(elem.min()..=elem.max());
    interface.inputs.iter().map(|port| (0..port.len()).map(|_| value(port.elem)).collect()).collect()
}

/// Times of several proofs of the same inference.
struct Proofs {
    screens: Vec<Screen>,
    last: Proven,
}

fn prove_repeatedly(
    name: &str,
    keys: &ProvingKeys,
    compiled: &Compiled,
    runs: u16,
) -> Result<Proofs, Failure> {
    let inputs = random_inputs(compiled.circuit.interface());
    let once = |run: u16| {
        let step = Step::start(format!("{name}: proof {run} of {runs}"), None);
        let screen = Screen::default();
        let proven = prove(keys, &compiled.circuit, &inputs, Context::default(), &screen)?;
        step.finish();
        Ok::<_, Failure>((screen, proven))
    };
    let (screen, mut last) = once(1)?;
    let mut screens = vec![screen];
    for run in 2..=runs {
        let (screen, proven) = once(run)?;
        screens.push(screen);
        last = proven;
    }
    Ok(Proofs { screens, last })
}

impl Proofs {
    fn median(&self, phase: Phase, seconds: fn(Elapsed) -> f64) -> f64 {
        median(self.screens.iter().map(|screen| seconds(screen.total(phase))).collect())
    }

    fn wall(&self, phase: Phase) -> f64 {
        self.median(phase, |elapsed| elapsed.wall.as_secs_f64())
    }

    fn cpu(&self, phase: Phase) -> f64 {
        self.median(phase, |elapsed| elapsed.cpu.as_secs_f64())
    }

    fn json(&self, compiled: &Compiled) -> Result<Map<String, Value>, Failure> {
        let outputs = answer::answers(&compiled.circuit.interface().outputs, &self.last.statement.outputs)?;
        Ok(output::fields([
            ("witness_s", self.wall(Phase::Witness).into()),
            ("prove_s", self.wall(Phase::Prove).into()),
            ("prove_cpu_s", self.cpu(Phase::Prove).into()),
            ("proof_bytes", self.last.bundle.len().into()),
            ("outputs", answer::json(&outputs)),
        ]))
    }
}

/// Sizes of the keys, and the time it took to make them.
fn key_json(keys: &ProvingKeys, screen: &Screen) -> Map<String, Value> {
    let both = [Phase::VerifyingKey, Phase::ProvingKey].map(|phase| screen.total(phase));
    output::fields([
        ("keygen_s", both.iter().map(|step| step.wall.as_secs_f64()).sum::<f64>().into()),
        ("keygen_cpu_s", both.iter().map(|step| step.cpu.as_secs_f64()).sum::<f64>().into()),
        ("parameters_s", screen.total(Phase::Parameters).wall.as_secs_f64().into()),
        ("tables_s", screen.total(Phase::Tables).wall.as_secs_f64().into()),
        ("prepare_key_s", screen.total(Phase::PrepareKey).wall.as_secs_f64().into()),
        ("vk_bytes", keys.verifier().file_len().into()),
        ("pk_bytes", keys.pk_bytes().into()),
        ("insecure_srs", keys.verifier().insecure_srs().into()),
        ("hides", keys.hides().into()),
    ])
}

/// Time of a verification with the key loaded, and of one that reads the key first.
fn verify_repeatedly(
    keys: &ProvingKeys,
    keyring: &Keyring,
    proven: &Proven,
) -> Result<Map<String, Value>, Failure> {
    let expect = Expect {
        circuit: keys.circuit_id(),
        context: Some(Context::default()),
        // This process has made the parameters, and its figures say so.
        allow_insecure_srs: true,
    };
    let vk = keys.verifier().file().encode().map_err(Failure::internal)?;
    let (mut loaded, mut loading) = (Vec::new(), Vec::new());
    for _ in 0..VERIFY_REPEATS {
        let watch = Stopwatch::start();
        verify(&proven.bundle, keys.verifier(), &expect).map_err(Failure::internal)?;
        loaded.push(watch.read().wall.as_secs_f64());
        let watch = Stopwatch::start();
        let key = keyring.verifier_from_file(&vk, &Silent).map_err(Failure::internal)?;
        verify(&proven.bundle, &key, &expect).map_err(Failure::internal)?;
        loading.push(watch.read().wall.as_secs_f64());
    }
    Ok(output::fields([
        ("verify_s", median(loaded).into()),
        ("verify_with_loading_s", median(loading).into()),
    ]))
}

/// Wall-clock and CPU seconds of every step.
fn phases(keygen: &Screen, proofs: &Proofs) -> Value {
    const MADE: [Phase; 5] =
        [Phase::Parameters, Phase::VerifyingKey, Phase::ProvingKey, Phase::Tables, Phase::PrepareKey];
    let made = MADE.map(|phase| {
        let step = keygen.total(phase);
        (phase, step.wall.as_secs_f64(), step.cpu.as_secs_f64())
    });
    let proven = [Phase::Witness, Phase::Prove, Phase::Verify]
        .map(|phase| (phase, proofs.wall(phase), proofs.cpu(phase)));
    let step =
        |(phase, wall, cpu): (Phase, f64, f64)| json!({ "phase": phase.as_str(), "s": wall, "cpu_s": cpu });
    made.into_iter().chain(proven).map(step).collect::<Vec<_>>().into()
}
