//! `lemma store`: what the store holds, and removing what nothing needs.

use lemma_prover::store::Entry;
use serde_json::{Value, json};

use super::args::StoreCommand;
use super::failure::Failure;
use super::output::Outcome;
use super::session::Session;
use super::text;

/// Runs the command.
pub(crate) fn run(command: &StoreCommand, session: &Session) -> Result<Outcome, Failure> {
    let store = session.store()?;
    let path = store.root().display().to_string();
    match command {
        StoreCommand::List => {
            let objects = store.list().map_err(Failure::unusable)?;
            let json = json!({
                "store": path,
                "objects": objects.iter().map(object_json).collect::<Vec<_>>(),
            });
            Ok(Outcome::done(format!("{path}\n{}", list(&objects)), json))
        }
        StoreCommand::Gc => {
            let report = store.gc().map_err(Failure::unusable)?;
            let text = format!("removed {} files, {}", report.files, text::bytes(report.bytes));
            let json = json!({ "store": path, "files": report.files, "bytes": report.bytes });
            Ok(Outcome::done(text, json))
        }
    }
}

fn list(objects: &[Entry]) -> String {
    let header = ["object", "sha256", "size", ""].map(str::to_owned).to_vec();
    let row = |object: &Entry| {
        let use_of = if object.referenced { "" } else { "unused: `lemma store gc` removes it" };
        vec![
            object.kind.as_str().to_owned(),
            object.digest.to_string(),
            text::bytes(object.bytes),
            use_of.to_owned(),
        ]
    };
    let total: u64 = objects.iter().map(|object| object.bytes).sum();
    let rows: Vec<_> = std::iter::once(header).chain(objects.iter().map(row)).collect();
    format!("{}\n{} objects, {}", text::columns(&rows), objects.len(), text::bytes(total))
}

fn object_json(object: &Entry) -> Value {
    json!({
        "kind": object.kind.as_str(),
        "sha256": object.digest.to_string(),
        "bytes": object.bytes,
        "referenced": object.referenced,
    })
}
