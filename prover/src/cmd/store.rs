//! `lemma store`: what the store holds, and removing what nothing needs.

use lemma_prover::{
    keys::CircuitRecord,
    store::{DamagedRecord, Entry},
};
use serde_json::{Value, json};

use super::{
    args::StoreCommand,
    failure::Failure,
    output::Outcome,
    session::{Session, scheme_name},
    text,
};

/// Runs the command.
pub(crate) fn run(command: &StoreCommand, session: &Session) -> Result<Outcome, Failure> {
    let keyring = session.stored()?;
    let store = keyring.store();
    let path = store.root().display().to_string();
    match command {
        StoreCommand::List => {
            let circuits = keyring.circuits().map_err(Failure::unusable)?;
            let objects = store.list().map_err(Failure::unusable)?;
            let damaged = store.damaged_records().map_err(Failure::unusable)?;
            let json = json!({
                "store": path,
                "circuits": circuits.iter().map(circuit_json).collect::<Vec<_>>(),
                "objects": objects.iter().map(object_json).collect::<Vec<_>>(),
                "damaged": damaged_json(&damaged),
            });
            let text = format!(
                "{path}\n\n{}\n\n{}{}",
                list_circuits(&circuits),
                list(&objects),
                list_damaged(&damaged, "DAMAGED: `lemma store gc` removes it")
            );
            Ok(Outcome::done(text, json))
        }
        StoreCommand::Gc => {
            let report = store.gc().map_err(Failure::unusable)?;
            let text = format!(
                "removed {} files, {}{}",
                report.files,
                text::bytes(report.bytes),
                list_damaged(&report.damaged, "removed, it was damaged")
            );
            let json = json!({
                "store": path,
                "files": report.files,
                "bytes": report.bytes,
                "damaged": damaged_json(&report.damaged),
            });
            Ok(Outcome::done(text, json))
        }
    }
}

fn list_damaged(records: &[DamagedRecord], state: &str) -> String {
    let line = |record: &DamagedRecord| format!("\n{:?}  {state}", record.path);
    records.iter().map(line).collect()
}

fn damaged_json(records: &[DamagedRecord]) -> Vec<Value> {
    let describe = |record: &DamagedRecord| json!({ "path": record.path.display().to_string(), "reason": record.reason });
    records.iter().map(describe).collect()
}

fn list_circuits(circuits: &[CircuitRecord]) -> String {
    if circuits.is_empty() {
        return "no circuits; `lemma compile MODEL` makes one".to_owned();
    }
    let header = ["circuit", "scheme", "rows", "parameters"].map(str::to_owned).to_vec();
    let row = |record: &CircuitRecord| {
        let parameters = match record.srs() {
            None => "transparent".to_owned(),
            Some(_) if record.insecure_srs() => "INSECURE".to_owned(),
            Some(srs) => format!("ceremony {srs}"),
        };
        vec![
            record.circuit.to_string(),
            scheme_name(record.scheme()).to_owned(),
            format!("2^{}", record.k),
            parameters,
        ]
    };
    text::columns(&std::iter::once(header).chain(circuits.iter().map(row)).collect::<Vec<_>>())
}

fn circuit_json(record: &CircuitRecord) -> Value {
    json!({
        "circuit": record.circuit.to_string(),
        "network": record.model.to_string(),
        "scheme": scheme_name(record.scheme()),
        "k": record.k,
        "insecure_srs": record.insecure_srs(),
        "has_proving_key": record.pk.is_some(),
    })
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
