//! `lemma verify`: a verdict about a `.proof` file, offline.

use lemma_circuits::statement::{CircuitId, Context, Interface, Statement};
use lemma_prover::envelope::{HEADER_LEN, Kind};
use lemma_prover::measure::Stopwatch;
use lemma_prover::progress::Phase;
use lemma_prover::verify::{BareKey, Expect, VerifierKey, VerifyError, verify};
use serde_json::{Map, Value};

use super::answer;
use super::args::VerifyArgs;
use super::compile::insecure_note;
use super::failure::Failure;
use super::files;
use super::output::{self, Outcome};
use super::progress::Screen;
use super::prove::parse_context;
use super::session::{Session, scheme_name};
use super::text;

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs, session: &Session) -> Result<Outcome, Failure> {
    let watch = Stopwatch::start();
    let context = parse_context(args.context.as_deref())?;
    let screen = Screen::default();
    let key = trusted_key(args, session)?;
    let bundle = files::read(&args.proof, file_limit(Kind::Proof))?;
    let circuit = key.circuit_id();
    let expect = Expect { circuit, context: Some(context), allow_insecure_srs: args.allow_insecure_srs };
    // A bundle of another circuit or form is not worth the parameters.
    if let Err(error) = key.check_bundle(&bundle, &expect) {
        return refused(&error, circuit, Map::new());
    }
    let key = key.with_parameters(&session.verifier_parameters(), &screen).map_err(Failure::unusable)?;
    let parameters = screen.total(Phase::Parameters).wall;
    let loading = watch.read().wall.saturating_sub(parameters);

    let watch = Stopwatch::start();
    let verdict = verify(&bundle, &key, &expect);
    let times = output::fields([
        ("parameters_s", parameters.as_secs_f64().into()),
        ("load_s", loading.as_secs_f64().into()),
        ("verify_s", watch.read().wall.as_secs_f64().into()),
    ]);
    match verdict {
        Ok(statement) => valid(&statement, &key, times),
        Err(error) => refused(&error, circuit, times),
    }
}

/// Longest file of a kind, in bytes.
pub(crate) fn file_limit(kind: Kind) -> u64 {
    u64::from(kind.max_body()) + HEADER_LEN as u64
}

fn trusted_key(args: &VerifyArgs, session: &Session) -> Result<BareKey, Failure> {
    match (&args.vk, &args.circuit) {
        (Some(path), _) => {
            let bytes = files::read(path, file_limit(Kind::VerifyingKey))?;
            let key = match session.keyring() {
                Ok(keyring) => keyring.bare_verifier_from_file(&bytes).map_err(Failure::from),
                // A machine that may not write has no store.
                Err(_) => BareKey::read(&bytes).map_err(Failure::unusable),
            };
            key.map_err(|error| Failure::file(path, error))
        }
        (None, Some(id)) => {
            let record = session.trusted_circuit(id)?;
            Ok(session.keyring()?.bare_verifier(record.circuit)?)
        }
        (None, None) => Err(Failure::unusable("name what you trust: --circuit ID or --vk FILE")),
    }
}

/// A verdict about the proof, unless the refusal blames the caller's side.
fn refused(error: &VerifyError, circuit: CircuitId, times: Map<String, Value>) -> Result<Outcome, Failure> {
    match error {
        VerifyError::Environment(_) | VerifyError::Key { .. } => Err(Failure::unusable(error)),
        _ => Ok(invalid(error, circuit, times)),
    }
}

fn valid(statement: &Statement, key: &VerifierKey, times: Map<String, Value>) -> Result<Outcome, Failure> {
    let (text, mut json) = show(statement, key.interface())?;
    json.extend(times);
    json.extend(output::fields([
        ("valid", true.into()),
        ("model", key.model_id().to_string().into()),
        ("scheme", scheme_name(key.scheme()).into()),
        ("insecure_srs", key.insecure_srs().into()),
    ]));
    Ok(Outcome::done(format!("VALID\n{text}{}", insecure_note(key)), json.into()))
}

fn invalid(error: &VerifyError, circuit: CircuitId, times: Map<String, Value>) -> Outcome {
    let hint = match error {
        VerifyError::Context { .. } => "; name the context you expect with --context HEX",
        _ => "",
    };
    let reason = format!("{error}{hint}");
    let mut json = times;
    json.extend(output::fields([
        ("valid", false.into()),
        ("circuit", circuit.to_string().into()),
        ("reason", reason.clone().into()),
    ]));
    Outcome { text: format!("INVALID: {reason}"), json: json.into(), exit_code: 1 }
}

/// A statement for a person and for a program.
///
/// # Errors
/// [`Failure::Unusable`] when the interface of a key file makes no sense.
pub(crate) fn show(
    statement: &Statement,
    interface: &Interface,
) -> Result<(String, Map<String, Value>), Failure> {
    let inputs = answer::answers(&interface.inputs, &statement.inputs)?;
    let outputs = answer::answers(&interface.outputs, &statement.outputs)?;
    let fields = [("circuit", statement.circuit.to_string()), ("context", context_text(&statement.context))];
    let text = format!(
        "{}\ninput  {}\noutput {}",
        text::fields(&fields),
        answer::text(&inputs),
        answer::text(&outputs)
    );
    let json = output::fields([
        ("circuit", statement.circuit.to_string().into()),
        ("context", hex::encode(statement.context.bytes()).into()),
        ("inputs", answer::json(&inputs)),
        ("outputs", answer::json(&outputs)),
    ]);
    Ok((text, json))
}

fn context_text(context: &Context) -> String {
    if context.bytes().is_empty() { "none".to_owned() } else { hex::encode(context.bytes()) }
}
