//! `lemma srs`: ceremony parameters of the kzg scheme.

use lemma_prover::inputs::shown;
use lemma_prover::params::{self, SrsRecord};
use serde_json::{Value, json};

use super::args::SrsCommand;
use super::failure::Failure;
use super::output::Outcome;
use super::progress::Step;
use super::session::Session;
use super::text;

/// Runs the command.
pub(crate) fn run(command: &SrsCommand, session: &Session) -> Result<Outcome, Failure> {
    let store = session.store()?;
    match command {
        SrsCommand::Import { file } => {
            let step = Step::start("checking the ceremony file", None);
            let record = params::import_srs(store, file).map_err(Failure::unusable)?;
            step.finish();
            let digest = record.source_sha256.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
            let fields = [
                ("ceremony", record.id().to_string()),
                ("powers", format!("2^{}: circuits of up to 2^{} rows", record.k, record.k)),
                ("file", shown(&record.source)),
                ("sha256", format!("{digest}  compare it with what the ceremony publishes")),
            ];
            Ok(Outcome::done(text::fields(&fields), json(&record)))
        }
        SrsCommand::List => {
            let records = params::list_srs(store).map_err(Failure::unusable)?;
            let listed: Vec<Value> = records.iter().map(json).collect();
            Ok(Outcome::done(list(&records), json!({ "srs": listed })))
        }
    }
}

fn list(records: &[SrsRecord]) -> String {
    if records.is_empty() {
        return "no ceremony parameters; `lemma srs import FILE` adds some. The ipa scheme needs none"
            .to_owned();
    }
    let header = ["ceremony", "powers", "trust", "from"].map(str::to_owned).to_vec();
    let row = |record: &SrsRecord| {
        let trust = if record.setup.insecure { "INSECURE" } else { "imported" };
        vec![record.id().to_string(), format!("2^{}", record.k), trust.to_owned(), shown(&record.source)]
    };
    text::columns(&std::iter::once(header).chain(records.iter().map(row)).collect::<Vec<_>>())
}

fn json(record: &SrsRecord) -> Value {
    json!({
        "id": record.id().to_string(),
        "k": record.k,
        "insecure": record.setup.insecure,
        "source": record.source,
        "source_sha256": record.source_sha256.map(|digest| digest.to_string()),
    })
}
