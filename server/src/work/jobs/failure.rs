//! Why a job failed.

use lemma_prover::progress::Phase;
use serde::{Deserialize, Serialize};

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureClass {
    /// The model cannot be compiled.
    Model,
    /// The input is not the model's.
    Input,
    /// Keys or commitment parameters could not be made or read.
    Keys,
    /// It rests on parameters drawn on a server, which the service does not allow.
    UnsupportedSetup,
    /// The prover reported an error.
    Prover,
    /// A finished proof or result did not pass its check and was thrown away.
    SelfCheck,
    /// The worker process died.
    Crash,
    /// The worker process ran out of the memory it may use.
    OutOfMemory,
    /// The attempt took longer than the prove timeout.
    ProveTimeout,
    /// Every attempt killed its worker, or the service died again and again; the job will not be tried again.
    Poisoned,
    /// The service's storage failed or held damaged bytes.
    Storage,
}

impl FailureClass {
    /// The class as a stable lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Input => "input",
            Self::Keys => "keys",
            Self::UnsupportedSetup => "unsupported_setup",
            Self::Prover => "prover",
            Self::SelfCheck => "self_check",
            Self::Crash => "crash",
            Self::OutOfMemory => "out_of_memory",
            Self::ProveTimeout => "prove_timeout",
            Self::Poisoned => "poisoned",
            Self::Storage => "storage",
        }
    }

    /// Whether the worker died of it.
    pub const fn killed_worker(self) -> bool {
        matches!(self, Self::Crash | Self::OutOfMemory)
    }
}

/// Why an attempt or a whole job failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// Kind of failure.
    pub class: FailureClass,
    /// The step it happened in, if any had begun.
    pub phase: Option<Phase>,
    /// What happened, in words; never contains a value of an input.
    pub reason: String,
    /// Whether another attempt, or the same request later, can succeed.
    pub retryable: bool,
}
