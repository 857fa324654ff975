//! `lemma ops`: the importer's table of supported operators.

use lemma_circuits::import::{SupportedOp, supported};
use serde_json::{Value, json};

use super::{output::Outcome, text};

const NOTE_WIDTH: usize = 60;

/// Runs the command.
pub(crate) fn run() -> Outcome {
    let operators: Vec<Value> = supported().iter().map(operator_json).collect();
    let header = ["operator", "domain", "form", "restrictions"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(header).chain(supported().iter().flat_map(rows)).collect();
    Outcome::done(text::columns(&rows), json!({ "operators": operators }))
}

fn rows(operator: &SupportedOp) -> Vec<Vec<String>> {
    let mut lines = text::wrap(operator.notes, NOTE_WIDTH).into_iter();
    let names = [operator.op, operator.domain, operator.form.name()].map(str::to_owned).to_vec();
    let first = [names, vec![lines.next().unwrap_or_default()]].concat();
    let rest = lines.map(|line| vec![String::new(), String::new(), String::new(), line]);
    std::iter::once(first).chain(rest).collect()
}

fn operator_json(operator: &SupportedOp) -> Value {
    json!({
        "operator": operator.op,
        "domain": operator.domain,
        "form": operator.form.name(),
        "restrictions": operator.notes,
    })
}
