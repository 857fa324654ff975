//! Every reason why a file is refused.

use std::{collections::BTreeMap, fmt::Write};

use super::{ImportError, NodeLabel, ReasonGroup};

/// A refused file: every reason that does not follow from another one.
///
/// Its text is that of the reason if there is one; else they are grouped by what they are about, each once with the nodes it
/// lies in.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.listed(None))]
pub struct Refusal {
    /// The file name that the caller gave.
    pub file: String,
    /// At least one, in the order in which they were met.
    pub reasons: Vec<ImportError>,
}

/// One text, with the nodes it is about.
type Texts = Vec<(String, Vec<String>)>;

impl Refusal {
    /// The text with at most `limit` reasons of a group and `limit` nodes of a reason, if there is a limit; what is left
    /// out is counted.
    pub fn listed(&self, limit: Option<usize>) -> String {
        if let [only] = self.reasons.as_slice() {
            return only.to_string();
        }
        let limit = limit.unwrap_or(usize::MAX);
        let file = super::report::escaped(&self.file);
        let mut text = format!("{file}: {} reasons", self.reasons.len());
        for (group, texts) in self.groups() {
            // Writing to a string does not fail.
            let _ = write!(text, "\n{group}:");
            for (reason, nodes) in texts.iter().take(limit) {
                let _ = write!(text, "\n  - {reason}{}", at_nodes(nodes, limit));
            }
            let hidden: usize = texts.iter().skip(limit).map(|(_, nodes)| nodes.len().max(1)).sum();
            if hidden > 0 {
                let _ = write!(text, "\n  - and {hidden} more");
            }
        }
        text
    }

    /// Reasons of equal text together, in the order in which they were met.
    fn groups(&self) -> BTreeMap<ReasonGroup, Texts> {
        let mut groups: BTreeMap<ReasonGroup, Texts> = BTreeMap::new();
        for reason in &self.reasons {
            let (text, node) = (reason.reason(), reason.node.as_ref().map(NodeLabel::to_string));
            let node = node.map(|node| super::report::escaped(&node));
            let texts = groups.entry(reason.kind.group()).or_default();
            match texts.iter_mut().find(|(known, _)| *known == text) {
                Some((_, nodes)) => nodes.extend(node),
                None => texts.push((text, node.into_iter().collect())),
            }
        }
        groups
    }
}

/// Where a reason lies.
fn at_nodes(nodes: &[String], limit: usize) -> String {
    let shown: Vec<&str> = nodes.iter().take(limit).map(String::as_str).collect();
    let more = nodes.len() - shown.len();
    match (shown.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!("\n    {}", shown.join(", ")),
        (false, more) => format!("\n    {} and {more} more", shown.join(", ")),
    }
}
