//! `lemma verify`: a verdict about a `.proof` file, offline.

mod trust;

use std::path::Path;

use lemma_prover::{keys::KeysError, measure::Stopwatch, params::Parameters, progress::Phase};
use lemma_verifier::{
    circuit_id::CircuitId,
    envelope::{self, EnvelopeError, HEADER_LEN, Kind},
    interface::Interface,
    scheme::Scheme,
    setup::Setup,
    statement::{Context, Statement},
    verify::{Expect, VerifierKey, VerifyError, verify},
};
use serde_json::{Map, Value};

use super::{
    answer,
    args::VerifyArgs,
    compile::insecure_note,
    failure::Failure,
    files,
    output::{self, Outcome},
    progress::Screen,
    prove::parse_context,
    session::{Session, scheme_name},
    setup, text,
};
use trust::{NoKey, Trust};

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs, session: &Session) -> Result<Outcome, Failure> {
    let watch = Stopwatch::start();
    let context = parse_context(args.context.as_deref())?;
    let screen = Screen::default();
    let bundle = files::read(&args.proof, file_limit(Kind::Proof))?;
    expect_proof(&args.proof, &bundle)?;
    let (key, trust) = match trust::key(args, &bundle, session, &screen) {
        Ok(found) => found,
        Err(NoKey::Failure(failure)) => return Err(failure),
        Err(NoKey::Refusal(error)) => return refused(&error, Trust::Model, None, Map::new()),
    };
    let circuit = key.circuit_id();
    let expect = Expect { circuit, context: Some(context), allow_insecure_srs: args.allow_insecure_srs };
    // A bundle of another circuit or form is not worth the parameters.
    if let Err(error) = key.check_bundle(&bundle, &expect) {
        return refused(&error, trust, Some(circuit), setup::json(key.file().setup()));
    }
    let parameters = match key.file().setup() {
        Setup::Transparent => session.verifier_parameters(),
        // The key has all it needs.
        Setup::Kzg(_) => Parameters::in_memory(),
    };
    let key = parameters.complete::<KeysError>(key, &screen).map_err(Failure::unusable)?;
    let parameters = screen.total(Phase::Parameters).wall;
    let loading = watch.read().wall.saturating_sub(parameters);

    let watch = Stopwatch::start();
    let verdict = verify(&bundle, &key, &expect);
    let mut facts = setup::json(key.file().setup());
    facts.extend(output::fields([
        ("parameters_s", parameters.as_secs_f64().into()),
        ("load_s", loading.as_secs_f64().into()),
        ("verify_s", watch.read().wall.as_secs_f64().into()),
    ]));
    match verdict {
        Ok(statement) => valid(&statement, &key, trust, facts),
        Err(error) => refused(&error, trust, Some(circuit), facts),
    }
}

/// Refuses a file that is no proof: about such a file there is no verdict. A proof that is damaged is one, and not valid.
fn expect_proof(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let reason = match envelope::decode(Kind::Proof, bytes) {
        Err(EnvelopeError::WrongKind { got, .. }) => format!("is a {got}"),
        Err(error @ (EnvelopeError::UnknownKind { .. } | EnvelopeError::Version { .. })) => {
            return Err(Failure::file(path, error));
        }
        Err(EnvelopeError::Magic | EnvelopeError::NoHeader { .. }) => "is no file of Lemma's".to_owned(),
        _ => return Ok(()),
    };
    let help = "name a .proof file, as `lemma prove` writes it; `lemma inspect FILE` says what a file is";
    Err(Failure::file(path, format!("{reason}, expected a proof; {help}")))
}

/// Longest file of a kind, in bytes.
pub(crate) fn file_limit(kind: Kind) -> u64 {
    u64::from(kind.max_body()) + HEADER_LEN as u64
}

/// A verdict about the proof, unless the refusal blames the caller's side.
fn refused(
    error: &VerifyError,
    trust: Trust,
    circuit: Option<CircuitId>,
    facts: Map<String, Value>,
) -> Result<Outcome, Failure> {
    match error {
        VerifyError::Environment(_) | VerifyError::Key { .. } => Err(Failure::unusable(error)),
        _ => Ok(invalid(error, trust, circuit, facts)),
    }
}

fn valid(
    statement: &Statement,
    key: &VerifierKey,
    trust: Trust,
    facts: Map<String, Value>,
) -> Result<Outcome, Failure> {
    let (text, mut json) = show(statement, key.interface())?;
    json.extend(facts);
    json.extend(output::fields([
        ("valid", true.into()),
        ("trusted", trust.as_str().into()),
        ("scheme", scheme_name(key.scheme()).into()),
    ]));
    let network = key.model_id().to_string();
    let about = match trust {
        // The network a key file names is the word of whoever made it.
        Trust::KeyFile => {
            let compare = compare(key);
            json.insert("note".to_owned(), compare.clone().into());
            compare + "\n"
        }
        Trust::Circuit | Trust::Model => {
            let line = text::fields(&[("network", network.clone())]);
            json.insert("network".to_owned(), network.into());
            line + "\n"
        }
    };
    let setup = text::fields(&[("setup  ", setup::text(key.file().setup()))]);
    let note = insecure_note(key);
    Ok(Outcome::done(format!("VALID\n{about}{text}\n{setup}{note}"), json.into()))
}

/// What to do before a verdict for a key alone says anything about a model.
fn compare(key: &VerifierKey) -> String {
    let scheme = match key.scheme() {
        Scheme::Ipa => "",
        Scheme::Kzg => " --scheme kzg",
    };
    format!(
        "for the key you passed, circuit {}: compare with `lemma compile MODEL{scheme}`",
        key.circuit_id()
    )
}

fn invalid(
    error: &VerifyError,
    trust: Trust,
    circuit: Option<CircuitId>,
    facts: Map<String, Value>,
) -> Outcome {
    let hint = match (error, trust) {
        (VerifyError::Context { expected, .. }, _) if expected.bytes().is_empty() => {
            "; name the context you expect with --context HEX"
        }
        (VerifyError::Circuit { .. }, Trust::Model) => {
            ", the model's: the proof is of another model, version of Lemma or ceremony (--srs ID names one)"
        }
        _ => "",
    };
    let reason = format!("{error}{hint}");
    let mut json = facts;
    json.extend(output::fields([
        ("valid", false.into()),
        ("trusted", trust.as_str().into()),
        ("circuit", circuit.map(|circuit| circuit.to_string()).into()),
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
