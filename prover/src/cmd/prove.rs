//! `lemma prove`: from a model and an input to a `.proof` file.

use std::path::{Path, PathBuf};

use lemma_prover::{
    inputs::shown,
    keys::{Keyring, ProvingKeys},
    measure,
    progress::Phase,
    prove::{Proven, prove},
};
use lemma_verifier::{interface::MAX_CONTEXT, statement::Context};
use serde_json::{Map, Value};

use super::{
    answer,
    args::{MemoryArgs, ProveArgs},
    compile::{Prediction, circuit_json, insecure_note},
    failure::Failure,
    files,
    output::{self, Outcome},
    progress::Screen,
    run::read_inputs,
    session::{Compiled, Session},
    text,
};

/// CPU seconds of the unit on the reference machine: good enough for a progress bar.
const REFERENCE_UNIT_S: f64 = lemma_circuits::cost::MSM_MICROSECONDS as f64 * 1e-6;

/// Runs the command.
pub(crate) fn run(args: &ProveArgs, session: &Session) -> Result<Outcome, Failure> {
    let context = parse_context(args.context.as_deref())?;
    let compiled = session.compile(&args.model, args.scheme, &args.setup)?;
    let inputs = read_inputs(&args.input, compiled.circuit.interface())?;
    let path = args.output.clone().unwrap_or_else(|| default_path(&args.input.input, args.input.row));
    files::check_place(&path, &[Path::new(&args.model), &args.input.input])?;

    let screen = Screen::predicting(Prediction::of(&compiled.circuit, REFERENCE_UNIT_S).wall());
    let keys = proving_keys(session, &compiled, args.memory, &screen)?;
    let proven = prove(&keys, &compiled.circuit, &inputs, context, &screen)?;
    files::write(&path, &proven.bundle)?;

    let answers = answer::answers(&compiled.circuit.interface().outputs, &proven.statement.outputs)?;
    let fields = [
        ("circuit", keys.circuit_id().to_string()),
        ("proof", format!("{}, {}", path.display(), text::bytes(proven.bundle.len() as u64))),
        ("proved in", text::seconds(screen.total(Phase::Prove).wall.as_secs_f64())),
        ("verified in", text::seconds(screen.total(Phase::Verify).wall.as_secs_f64())),
    ];
    let notes = insecure_note(keys.verifier()).to_owned() + hiding_note(&keys);
    let text = format!("{}\n{}{notes}", answer::text(&answers), text::fields(&fields));
    let mut json = circuit_json(&compiled.circuit);
    json.extend(measured_json(&compiled, &keys, &proven, &screen));
    json.insert("outputs".into(), answer::json(&answers));
    json.insert("proof".into(), path.display().to_string().into());
    Ok(Outcome::done(text, json.into()))
}

/// Both keys of a compiled circuit, made on first use.
///
/// # Errors
/// [`Failure::Unusable`] when there are no parameters, the store cannot be written, or the circuit is not the wanted
/// one.
pub(crate) fn proving_keys(
    session: &Session,
    compiled: &Compiled,
    memory: MemoryArgs,
    screen: &Screen,
) -> Result<ProvingKeys, Failure> {
    let keyring = memory.limit(Keyring::new(session.store()?.clone()));
    let keys = keyring.proving_keys(&compiled.circuit, &compiled.onnx, compiled.setup, screen)?;
    compiled.check_id(keys.circuit_id())?;
    Ok(keys)
}

/// A line about a proof that may tell something of its witness.
fn hiding_note(keys: &ProvingKeys) -> &'static str {
    if keys.hides() {
        ""
    } else {
        "\nDOES NOT HIDE: the kzg parameters have no power beyond the circuit's rows, so the proof may tell something about cells that \
         are not public; import the ceremony's .ptau file, or a raw file with more powers, and prove again"
    }
}

/// Sizes and times of a proof.
fn measured_json(
    compiled: &Compiled,
    keys: &ProvingKeys,
    proven: &Proven,
    screen: &Screen,
) -> Map<String, Value> {
    let wall = |phase| screen.total(phase).wall.as_secs_f64();
    let cpu = |phase| screen.total(phase).cpu.as_secs_f64();
    output::fields([
        ("circuit", keys.circuit_id().to_string().into()),
        ("insecure_srs", keys.verifier().insecure_srs().into()),
        ("hides", keys.hides().into()),
        ("context", hex::encode(proven.statement.context.bytes()).into()),
        ("compile_s", compiled.elapsed.as_secs_f64().into()),
        ("parameters_s", wall(Phase::Parameters).into()),
        ("keygen_s", (wall(Phase::VerifyingKey) + wall(Phase::ProvingKey)).into()),
        ("keygen_cpu_s", (cpu(Phase::VerifyingKey) + cpu(Phase::ProvingKey)).into()),
        ("load_keys_s", wall(Phase::LoadKeys).into()),
        ("tables_s", wall(Phase::Tables).into()),
        ("prepare_key_s", wall(Phase::PrepareKey).into()),
        ("witness_s", wall(Phase::Witness).into()),
        ("prove_s", wall(Phase::Prove).into()),
        ("prove_cpu_s", cpu(Phase::Prove).into()),
        ("verify_s", wall(Phase::Verify).into()),
        ("proof_bytes", proven.bundle.len().into()),
        ("vk_bytes", keys.verifier().file_len().into()),
        ("pk_bytes", keys.pk_bytes().into()),
        ("peak_rss_bytes", measure::peak_rss_bytes().into()),
    ])
}

/// The bytes of a `--context` argument; none without one.
///
/// # Errors
/// [`Failure::Unusable`] when it is not hexadecimal or too long.
pub(crate) fn parse_context(text: Option<&str>) -> Result<Context, Failure> {
    let text = text.unwrap_or_default();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let bytes = hex::decode(digits).map_err(|_| {
        Failure::Unusable(format!(
            "--context: '{}' is not an even number of hexadecimal digits; give up to {MAX_CONTEXT} bytes, each as two of \
             the digits 0-9 and a-f",
            shown(text)
        ))
    })?;
    Context::new(bytes).map_err(|error| Failure::Unusable(format!("--context: {error}")))
}

fn default_path(input: &Path, row: Option<usize>) -> PathBuf {
    let stem = Path::new(input.file_stem().unwrap_or("lemma".as_ref())).with_extension("");
    let mut name = stem.into_os_string();
    if let Some(row) = row {
        name.push(format!("-{row}"));
    }
    name.push(".proof");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_hexadecimal_and_bounded() {
        assert_eq!(parse_context(None).unwrap().bytes(), b"");
        assert_eq!(parse_context(Some("00fF")).unwrap().bytes(), [0, 255]);
        assert_eq!(parse_context(Some("0x00fF")).unwrap().bytes(), [0, 255]);
        assert_eq!(parse_context(Some(&"ab".repeat(32))).unwrap().bytes(), [0xab; 32]);
        for wrong in ["0", "xy", "0x0", "0x0x00", &"ab".repeat(33)] {
            let failure = parse_context(Some(wrong)).unwrap_err();
            assert!(failure.to_string().starts_with("--context: "), "{failure}");
        }
    }

    #[test]
    fn the_proof_is_named_after_the_input() {
        assert_eq!(default_path(Path::new("/data/row.7.npz"), None), Path::new("row.proof"));
        assert_eq!(default_path(Path::new("digit.json"), None), Path::new("digit.proof"));
        assert_eq!(default_path(Path::new("digits.npz"), Some(3)), Path::new("digits-3.proof"));
    }
}
