//! `lemma compile`: a circuit's id, its size, and what proving will cost.

use std::time::Duration;

use lemma_circuits::CompiledCircuit;
use lemma_prover::{keys::KeysError, params::ParamsError, prediction, progress::Phase};
use lemma_verifier::{artifact::ProofBundle, verify::VerifierKey};
use serde_json::{Map, Value};

use super::{
    args::CompileArgs,
    failure::Failure,
    model, msm,
    output::{self, Outcome},
    progress::Screen,
    session::{Compiled, Session, scheme_name},
    setup, text,
};

/// Runs the command.
pub(crate) fn run(args: &CompileArgs, session: &Session) -> Result<Outcome, Failure> {
    let compiled = session.compile(&args.model, args.scheme, &args.setup);
    let compiled = compiled.map_err(|failure| if args.all_reasons { failure.in_full() } else { failure })?;
    let prediction = Prediction::of(&compiled.circuit, msm::unit_seconds(1)?);
    // What it will cost is said before anything is built.
    let known: Vec<_> = circuit_fields(&compiled.circuit).into_iter().chain(prediction.fields()).collect();
    session.output.say(text::fields(&known));

    let screen = Screen::default();
    let made = session.keyring()?.verifier_for(&compiled.circuit, &compiled.onnx, compiled.setup, &screen);
    let key = match made {
        Err(KeysError::Parameters(error @ ParamsError::NoSrs { .. })) => {
            return Ok(without_id(&compiled, prediction, &error));
        }
        made => made?,
    };
    compiled.check_id(key.circuit_id())?;
    let keygen = screen.total(Phase::VerifyingKey);
    let fields = [
        ("circuit  ", key.circuit_id().to_string()),
        ("setup", setup::text(key.file().setup())),
        ("proof", text::bytes(proof_file_bytes(&key))),
        ("key", format!("{}, in {}", text::bytes(key.file_len() as u64), session.store()?.root().display())),
    ];
    let mut json = circuit_json(&compiled.circuit);
    json.extend(prediction.json());
    json.extend(setup::json(key.file().setup()));
    json.extend(output::fields([
        ("circuit", key.circuit_id().to_string().into()),
        ("compile_s", compiled.elapsed.as_secs_f64().into()),
        ("keygen_s", keygen.wall.as_secs_f64().into()),
        ("vk_bytes", key.file_len().into()),
        ("proof_bytes", proof_file_bytes(&key).into()),
        ("note", model::note(&compiled.onnx).into()),
    ]));
    let notes = model::note_line(&compiled.onnx) + insecure_note(&key);
    Ok(Outcome::done(text::fields(&fields) + &notes, json.into()))
}

/// What is known of a circuit whose id needs a ceremony that is not there.
fn without_id(compiled: &Compiled, prediction: Prediction, missing: &ParamsError) -> Outcome {
    let mut json = circuit_json(&compiled.circuit);
    json.extend(prediction.json());
    json.extend(output::fields([
        ("compile_s", compiled.elapsed.as_secs_f64().into()),
        ("no_circuit_id", missing.to_string().into()),
    ]));
    Outcome::done(format!("no circuit id: {missing}"), json.into())
}

/// Length of a `.proof` file of this circuit.
pub(crate) fn proof_file_bytes(key: &VerifierKey) -> u64 {
    let bundle = ProofBundle {
        circuit: key.circuit_id(),
        scheme: key.scheme(),
        insecure_srs: key.insecure_srs(),
        statement: vec![0; key.interface().statement_bytes()],
        proof: vec![0; key.proof_len()],
    };
    bundle.encode().map_or(0, |bytes| bytes.len() as u64)
}

/// A line about parameters made on one machine, where the key rests on them.
pub(crate) fn insecure_note(key: &VerifierKey) -> &'static str {
    if key.insecure_srs() {
        "\nINSECURE: the parameters were made on one machine; whoever made them can forge proofs"
    } else {
        ""
    }
}

/// What a circuit looks like.
pub(crate) fn circuit_fields(circuit: &CompiledCircuit) -> Vec<(&'static str, String)> {
    let (shape, plan) = (circuit.shape(), circuit.layout());
    let number = |value: usize| text::count(value as u64);
    vec![
        ("network", circuit.model_id().to_string()),
        (
            "work",
            format!(
                "{} multiply-accumulates, {} activations",
                text::count(circuit.model().macs()),
                number(circuit.model().activations())
            ),
        ),
        ("scheme", scheme_name(circuit.scheme()).to_owned()),
        ("rows", format!("{} of 2^{} = {}", number(plan.rows()), shape.k, number(1 << shape.k))),
        ("columns", format!("{} advice, {} fixed", shape.num_advice(), shape.num_fixed())),
        ("cells", format!("{} of {} in use", number(plan.used_cells()), number(plan.all_cells()))),
        ("lookups", format!("{} per row", shape.lookup_slots())),
    ]
}

/// The same for programs.
pub(crate) fn circuit_json(circuit: &CompiledCircuit) -> Map<String, Value> {
    let (shape, plan) = (circuit.shape(), circuit.layout());
    output::fields([
        ("network", circuit.model_id().to_string().into()),
        ("scheme", scheme_name(circuit.scheme()).into()),
        ("k", shape.k.into()),
        ("advice_columns", shape.num_advice().into()),
        ("fixed_columns", shape.num_fixed().into()),
        ("rows_used", plan.rows().into()),
        ("cells_used", plan.used_cells().into()),
        ("cells", plan.all_cells().into()),
        ("lookups", shape.lookup_slots().into()),
        ("macs", circuit.model().macs().into()),
        ("activations", circuit.model().activations().into()),
    ])
}

/// The planner's cost, scaled by this machine's speed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prediction {
    units: f64,
    cpu_seconds: f64,
    memory_bytes: u64,
}

impl Prediction {
    /// The prediction for a circuit on a machine that needs `msm_unit_s` CPU seconds for one full 2^16
    /// multi-scalar multiplication.
    pub(crate) fn of(circuit: &CompiledCircuit, msm_unit_s: f64) -> Self {
        let prediction::Prediction { units, memory_bytes } = prediction::Prediction::of(circuit);
        Self { units, cpu_seconds: units * msm_unit_s, memory_bytes }
    }

    /// Time of a proof with all threads of this machine.
    pub(crate) fn wall(self) -> Duration {
        Duration::from_secs_f64(self.cpu_seconds / rayon::current_num_threads().max(1) as f64)
    }

    fn fields(self) -> [(&'static str, String); 2] {
        let time = format!(
            "about {} to prove ({} of CPU, {:.1} units of one 2^16 multi-scalar multiplication)",
            text::seconds(self.wall().as_secs_f64()),
            text::seconds(self.cpu_seconds),
            self.units
        );
        [("predicted", time), ("", format!("about {} of memory", text::bytes(self.memory_bytes)))]
    }

    /// Predicted seconds, units and bytes.
    pub(crate) fn json(self) -> Map<String, Value> {
        output::fields([
            ("predicted_prove_s", self.wall().as_secs_f64().into()),
            ("predicted_prove_cpu_s", self.cpu_seconds.into()),
            ("predicted_units", self.units.into()),
            ("predicted_memory_bytes", self.memory_bytes.into()),
        ])
    }
}
