//! What the service is and how it is doing.

use serde::Serialize;
use utoipa::ToSchema;

/// What the service is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Info {
    /// `lemma-server`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Version of the statement, artifact and circuit formats.
    pub format_version: u32,
    /// Who may use it: `none` means that whoever reaches it may.
    pub authentication: &'static str,
    /// What it refuses.
    pub limits: Limits,
    /// How full it is.
    pub queue: QueueLoad,
    /// The ONNX operators it proves.
    pub operators: Vec<Operator>,
}

/// What the service refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// Largest JSON body.
    pub json_bytes: u64,
    /// Largest model or proof file.
    pub file_bytes: u64,
    /// Largest predicted memory of a proof.
    pub memory_bytes: u64,
    /// Most rows of a circuit, as a power of two.
    pub k: u32,
    /// Longest `Prefer: wait`.
    pub wait_seconds: u64,
}

/// How full the service is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct QueueLoad {
    /// Jobs that wait.
    pub queued: usize,
    /// Jobs that run.
    pub running: usize,
    /// Most jobs that may wait.
    pub capacity: usize,
    /// Most jobs that run at once.
    pub parallel: usize,
    /// Memory taken by running jobs and resident keys.
    pub memory_in_use_bytes: u64,
}

/// An ONNX operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Operator {
    /// Its name.
    pub operator: &'static str,
    /// Its domain.
    pub domain: &'static str,
    /// In which form of a quantized model it appears.
    pub form: &'static str,
    /// Restrictions, and what becomes of it.
    pub restrictions: &'static str,
}

/// Whether the service takes jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`.
    pub status: &'static str,
}
