//! What a running proof tells, and how it is stopped.

use std::fmt;

/// Part of a proof; a proof goes through them in this order, [`Stage::Assign`] and [`Stage::Commit`] once a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The circuit computes its cells.
    Assign,
    /// Commitments of advice columns.
    Commit,
    /// Permutation products and their commitments.
    Permutation,
    /// Coefficients of every column.
    Interpolate,
    /// The quotient of all constraints by the vanishing polynomial.
    Quotient,
    /// Evaluations and the opening argument.
    Open,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Assign, Self::Commit, Self::Permutation, Self::Interpolate, Self::Quotient, Self::Open];

    /// The stage as a stable lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Commit => "commit",
            Self::Permutation => "permutation",
            Self::Interpolate => "interpolate",
            Self::Quotient => "quotient",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a proof is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advance {
    /// What is being worked on.
    pub stage: Stage,
    /// Columns, or blocks, of the stage that are done; of a phase for stages that every phase has.
    pub done: usize,
    /// Columns, or blocks, of the stage.
    pub of: usize,
    /// Share of the whole proof that is done, from 0 to 1, by what the parts are known to cost.
    pub share: f32,
}

/// The proof was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof was cancelled")]
pub struct Stop;

/// Watches a proof from other threads: told how far it is, asked whether to go on.
///
/// The methods are called often and from any thread of the pool, so they must return at once.
pub trait Watch: Sync {
    /// A stage begins, and the one before is over; called by the thread that proves.
    fn began(&self, _: Stage) {}

    /// The proof has advanced.
    fn advanced(&self, _: Advance) {}

    /// Whether the proof must stop; asked at least every few milliseconds of every thread's work.
    fn cancelled(&self) -> bool {
        false
    }
}

impl dyn Watch + '_ {
    /// Goes on or not.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.cancelled() { Err(Stop) } else { Ok(()) }
    }
}

/// Tells nobody and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
