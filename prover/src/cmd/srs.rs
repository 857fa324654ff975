//! `lemma srs`: ceremony parameters of the kzg scheme.

use lemma_prover::{
    inputs::shown,
    params::{self, Parameters, SrsRecord},
    store::Store,
};
use serde_json::{Value, json};

use super::{
    args::SrsCommand,
    failure::Failure,
    output::Outcome,
    progress::{Screen, Step},
    session::Session,
    text,
};

/// Runs the command.
pub(crate) fn run(command: &SrsCommand, session: &Session) -> Result<Outcome, Failure> {
    match command {
        SrsCommand::Import { file } => {
            let store = session.store()?;
            let step = Step::start("checking the ceremony file", None);
            let record = params::import_srs(store, file).map_err(Failure::unusable)?;
            step.finish();
            let digest = record.source_sha256.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
            let fields = [
                ("ceremony", record.id().to_string()),
                ("powers", format!("2^{}: circuits of up to 2^{} rows", record.k, record.k)),
                ("hides", hiding(&record, store)),
                ("file", shown(&record.source)),
                ("sha256", format!("{digest}  compare it with what the ceremony publishes")),
            ];
            Ok(Outcome::done(text::fields(&fields), json(&record, store)))
        }
        SrsCommand::List => {
            let store = session.stored()?.store();
            let records = params::list_srs(store).map_err(Failure::unusable)?;
            let listed: Vec<Value> = records.iter().map(|record| json(record, store)).collect();
            Ok(Outcome::done(list(&records, store), json!({ "srs": listed })))
        }
        SrsCommand::Warm { sizes } => {
            let (screen, parameters) = (Screen::default(), Parameters::new(session.store()?.clone()));
            for k in sizes {
                parameters.ipa(*k, &screen).map_err(Failure::unusable)?;
            }
            let rows: Vec<String> = sizes.iter().map(|k| format!("2^{k}")).collect();
            let text = format!("parameters of the ipa scheme for {} rows are in the store", rows.join(", "));
            Ok(Outcome::done(text, json!({ "ipa": sizes })))
        }
    }
}

/// For which circuits proofs hide their witness, and how to have it for the others.
fn hiding(record: &SrsRecord, store: &Store) -> String {
    match record.hiding_k(store) {
        all if all == record.k => "proofs of all of them hide their witness".to_owned(),
        some => format!(
            "proofs of up to 2^{some} rows; for 2^{} import the ceremony's .ptau file, or a raw file with more powers",
            record.k
        ),
    }
}

fn list(records: &[SrsRecord], store: &Store) -> String {
    if records.is_empty() {
        return "no ceremony parameters; `lemma srs import FILE` adds some. The ipa scheme needs none"
            .to_owned();
    }
    let header = ["ceremony", "powers", "hides up to", "trust", "from"].map(str::to_owned).to_vec();
    let row = |record: &SrsRecord| {
        let trust = if record.setup.insecure { "INSECURE" } else { "imported" };
        let [powers, hides] = [record.k, record.hiding_k(store)].map(|k| format!("2^{k}"));
        vec![record.id().to_string(), powers, hides, trust.to_owned(), shown(&record.source)]
    };
    text::columns(&std::iter::once(header).chain(records.iter().map(row)).collect::<Vec<_>>())
}

fn json(record: &SrsRecord, store: &Store) -> Value {
    json!({
        "id": record.id().to_string(),
        "k": record.k,
        "hiding_k": record.hiding_k(store),
        "insecure": record.setup.insecure,
        "source": record.source,
        "source_sha256": record.source_sha256.map(|digest| digest.to_string()),
    })
}
