//! `lemma bench`: what every step costs, measured against the prediction.
//!
//! Each model is measured in a fresh process of this program, so that its peak memory is its own.

mod measurement;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use lemma_prover::keys::ProverChoice;
use serde_json::{Value, json};

use super::{
    args::{BenchArgs, BenchProver, BenchScheme, SchemeName},
    bundled::{DIGITS_NAME, DIGITS_ONNX},
    failure::Failure,
    files,
    output::Outcome,
    session::{Session, scheme_name},
    text,
};

impl BenchProver {
    /// The library's choice.
    pub(crate) fn choice(self) -> ProverChoice {
        match self {
            Self::Own => ProverChoice::Own,
            Self::Stock => ProverChoice::Stock,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &BenchArgs, session: &Session) -> Result<Outcome, Failure> {
    if args.memory.mebibytes.is_some() && args.prover.choice() == ProverChoice::Stock {
        return Err(Failure::unusable("--memory limits our own prover; the library's takes what it takes"));
    }
    if args.in_this_process {
        return measurement::run(args, session);
    }
    let directory = tempfile::tempdir().map_err(Failure::internal)?;
    let models = models(args, directory.path())?;
    let (mut measured, mut refused) = (Vec::new(), Vec::new());
    for model in &models {
        for scheme in schemes(args.scheme) {
            match measure_apart(model, scheme, args, session) {
                Ok(figures) => measured.push(figures),
                Err(Failure::Unusable(message)) => refused.push(Refused { model, scheme, message }),
                Err(internal) => return Err(internal),
            }
        }
    }
    if let (true, [first, ..]) = (measured.is_empty(), refused.as_slice()) {
        return Err(Failure::unusable(&first.message));
    }
    let threads = rayon::current_num_threads();
    let json = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "debug_build": cfg!(debug_assertions),
        "threads": threads,
        "runs": args.runs,
        "prover": args.prover.choice().as_str(),
        "models": measured,
        "refused": refused.iter().map(Refused::json).collect::<Vec<_>>(),
    });
    let refusals: String =
        refused.iter().map(|refused| format!("\nNOT MEASURED: {}", refused.message)).collect();
    let exit_code = if refused.is_empty() { 0 } else { 2 };
    Ok(Outcome { text: table(&measured, args.prover, threads) + &refusals, json, exit_code })
}

/// A model that cannot be measured.
struct Refused<'a> {
    model: &'a Path,
    scheme: SchemeName,
    message: String,
}

impl Refused<'_> {
    fn json(&self) -> Value {
        json!({
            "file": self.model.display().to_string(),
            "scheme": scheme_name(self.scheme.scheme()),
            "message": self.message,
        })
    }
}

fn schemes(scheme: BenchScheme) -> Vec<SchemeName> {
    match scheme {
        BenchScheme::Ipa => vec![SchemeName::Ipa],
        BenchScheme::Kzg => vec![SchemeName::Kzg],
        BenchScheme::Both => vec![SchemeName::Kzg, SchemeName::Ipa],
    }
}

/// Models to measure.
fn models(args: &BenchArgs, directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !args.models.is_empty() {
        return Ok(args.models.clone());
    }
    let digits = directory.join(DIGITS_NAME).with_extension("onnx");
    files::write(&digits, DIGITS_ONNX)?;
    Ok(vec![digits])
}

/// Measures one model in a process of its own.
fn measure_apart(
    model: &Path,
    scheme: SchemeName,
    args: &BenchArgs,
    session: &Session,
) -> Result<Value, Failure> {
    let program = std::env::current_exe().map_err(Failure::internal)?;
    let mut command = Command::new(program);
    command.args(["--json", "bench", "--in-this-process", "--scheme", scheme_name(scheme.scheme())]);
    command.args(["--prover", args.prover.choice().as_str()]);
    command.arg("--runs").arg(args.runs.to_string()).arg("--store").arg(session.store()?.root());
    if let Some(mebibytes) = args.memory.mebibytes {
        command.arg("--memory").arg(mebibytes.to_string());
    }
    if scheme == SchemeName::Kzg && args.setup.insecure_local_srs {
        command.arg("--insecure-local-srs");
    }
    if let Some(srs) = args.setup.srs.filter(|_| scheme == SchemeName::Kzg) {
        command.arg("--srs").arg(srs.to_string());
    }
    let child =
        command.arg("--").arg(model).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let finished = child.spawn().and_then(|child| child.wait_with_output()).map_err(Failure::internal)?;
    let answer: Value = serde_json::from_slice(&finished.stdout).map_err(|_| {
        Failure::Internal(format!("measuring {} ended with {}", model.display(), finished.status))
    })?;
    let message = answer["error"]["message"].as_str().map(str::to_owned);
    match (message, finished.status.code()) {
        (None, Some(0)) => Ok(answer),
        (Some(message), Some(2)) => Err(Failure::Unusable(message)),
        (message, _) => Err(Failure::Internal(message.unwrap_or_else(|| finished.status.to_string()))),
    }
}

/// One column of the table: its title and how a figure is shown.
type Column = (&'static str, fn(&Value) -> String);

const COLUMNS: [Column; 16] = [
    ("model", |m| m["name"].as_str().unwrap_or_default().to_owned()),
    ("scheme", |m| m["scheme"].as_str().unwrap_or_default().to_owned()),
    ("k", |m| integer(&m["k"])),
    ("advice", |m| integer(&m["advice_columns"])),
    ("fixed", |m| integer(&m["fixed_columns"])),
    ("compile", |m| seconds(&m["compile_s"])),
    ("keygen", |m| seconds(&m["keygen_s"])),
    ("witness", |m| seconds(&m["witness_s"])),
    ("prove", |m| seconds(&m["prove_s"])),
    ("CPU", |m| seconds(&m["prove_cpu_s"])),
    ("units", |m| decimal(&m["prove_units"])),
    ("predicted", |m| decimal(&m["predicted_units"])),
    ("verify", |m| seconds(&m["verify_s"])),
    ("proof", |m| bytes(&m["proof_bytes"])),
    ("proving key", |m| bytes(&m["pk_bytes"])),
    ("peak memory", |m| bytes(&m["peak_rss_bytes"])),
];

fn table(measured: &[Value], prover: BenchProver, threads: usize) -> String {
    let header = COLUMNS.iter().map(|column| column.0.to_owned()).collect();
    let rows = measured.iter().map(|model| COLUMNS.iter().map(|column| (column.1)(model)).collect());
    let table = text::table(&std::iter::once(header).chain(rows).collect::<Vec<_>>());
    let unit = measured.first().map_or_else(String::new, |model| seconds(&model["msm_unit_s"]));
    let build = if cfg!(debug_assertions) { "\nA DEBUG BUILD: run it with --release" } else { "" };
    let threads = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    let prover = match prover {
        BenchProver::Own => "",
        BenchProver::Stock => "the proof library's prover; ",
    };
    format!(
        "{table}\n{prover}{threads}; medians; the unit is one multi-scalar multiplication of 2^16 on one thread, {unit} \
         here{build}"
    )
}

fn integer(value: &Value) -> String {
    value.as_u64().map_or_else(|| "-".to_owned(), text::count)
}

fn decimal(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}

fn seconds(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), text::seconds)
}

fn bytes(value: &Value) -> String {
    value.as_u64().map_or_else(|| "-".to_owned(), text::bytes)
}
