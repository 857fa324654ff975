//! What a caller gets: the file, the node and the reason.

use std::fmt;

use super::ImportErrorKind;

/// A refused file: which file, which node, why and what to do.
///
/// Its text quotes names of the file; control characters in them are escaped and the text has at most
/// [`ImportError::TEXT_LIMIT`] characters.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.text())]
pub struct ImportError {
    /// The file name that the caller gave.
    pub file: String,
    /// The node that was being read, if the reason lies in one.
    pub node: Option<NodeLabel>,
    /// The reason.
    pub kind: Box<ImportErrorKind>,
}

impl ImportError {
    /// Most characters of the message.
    pub const TEXT_LIMIT: usize = 4096;

    fn text(&self) -> String {
        let node = self.node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default();
        escaped(&format!("{}: {node}{}", self.file, self.kind))
    }

    /// The reason without file and node, as short and as harmless as the whole text.
    pub fn reason(&self) -> String {
        escaped(&self.kind.to_string())
    }
}

/// The text with control characters escaped, cut to [`ImportError::TEXT_LIMIT`].
pub(super) fn escaped(text: &str) -> String {
    let escaped = text.chars().flat_map(|character| {
        let escape = character.is_control().then(|| character.escape_default());
        let plain = escape.is_none().then_some(character);
        escape.into_iter().flatten().chain(plain)
    });
    escaped.take(ImportError::TEXT_LIMIT).collect()
}

/// How messages name a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeLabel {
    /// The node's name; when it has none, that of its first output, or `#` and its index in the file.
    pub name: String,
    /// Whether the node has a name of its own.
    pub has_name: bool,
    /// The operator, with its domain unless it is the default one.
    pub op: String,
}

impl fmt::Display for NodeLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, has_name, op } = self;
        match has_name {
            true => write!(f, "node '{name}' ({op})"),
            false => write!(f, "the {op} node without a name whose output is '{name}'"),
        }
    }
}
