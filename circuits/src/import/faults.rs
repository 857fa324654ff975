//! What is wrong with a file: the first reason alone, or every reason.

use super::error::{ImportErrorKind, NodeLabel, ReasonGroup};

/// Most reasons that are collected before reading stops.
const MOST_REASONS: usize = 1_000;

/// A failure and the node it lies in.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) node: Option<NodeLabel>,
    pub(super) kind: Box<ImportErrorKind>,
}

impl<E> From<E> for Fault
where
    ImportErrorKind: From<E>,
{
    fn from(kind: E) -> Self {
        Self { node: None, kind: Box::new(kind.into()) }
    }
}

impl Fault {
    /// A failure in a node.
    pub(super) fn at(node: &NodeLabel, kind: impl Into<ImportErrorKind>) -> Self {
        Self { node: Some(node.clone()), kind: Box::new(kind.into()) }
    }
}

/// Failures that reading goes on behind.
#[derive(Debug)]
pub(super) struct Faults {
    collects: bool,
    noted: Vec<Fault>,
}

impl Faults {
    /// Ends reading at the first failure.
    pub(super) fn first() -> Self {
        Self { collects: false, noted: Vec::new() }
    }

    /// Keeps failures, and lets reading go on.
    pub(super) fn all() -> Self {
        Self { collects: true, noted: Vec::new() }
    }

    /// Keeps a failure, or gives it back where reading ends with it.
    ///
    /// A limit that was passed once is passed again by whatever follows, so it is kept once.
    pub(super) fn note(&mut self, fault: Fault) -> Result<(), Fault> {
        if !self.collects || self.noted.len() >= MOST_REASONS {
            return Err(fault);
        }
        let is_known = |kind: &ImportErrorKind| {
            kind.group() == ReasonGroup::Limit && self.noted.iter().any(|noted| noted.kind.is_alike(kind))
        };
        if !is_known(&fault.kind) {
            self.noted.push(fault);
        }
        Ok(())
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.noted.is_empty()
    }

    /// What was kept, and what ended the reading.
    pub(super) fn with(mut self, last: Option<Fault>) -> Vec<Fault> {
        self.noted.extend(last);
        self.noted
    }
}
