//! What a worker process is asked for.

use super::{AttemptLane, Attempted};
use crate::{
    store::{blobs::BlobKind, records::CircuitEntry},
    work::{
        dispatch::Ticket,
        jobs::{CircuitWork, Failure, FailureClass, Job, ProofWork, Setup, Work},
        protocol::{Origin, Request},
        worker::failures::failure,
    },
};

/// Writable memory of a worker process besides its columns. The system's limit counts what is mapped, not what is used:
/// stacks of 2 MiB per thread and the allocator's arenas, of which there may be eight per core and which keep what was
/// freed. It is to stop a process that runs away; how many run at once is decided by the predictions.
const MEMORY_BASE: u64 = 512 << 20;

/// Times the predicted peak that a worker process may map: freed columns stay mapped until the allocator returns them.
const MEMORY_SLACK: u64 = 2;

impl AttemptLane {
    /// What the worker process is asked for; `None` when the job's input is gone, as that of one that has ended.
    pub(super) fn request(
        &self,
        job: &Job,
        ticket: &Ticket,
    ) -> Result<Option<(Request, Vec<u8>)>, Attempted> {
        let memory_limit =
            ticket.memory.saturating_mul(MEMORY_SLACK).saturating_add(MEMORY_BASE + self.parts.keep_bytes);
        // What the system refuses is nobody's failed attempt; what is damaged stays so.
        let unread = |reason: String, transient| match transient {
            true => Attempted::Shortage(reason),
            false => failure(FailureClass::Storage, reason, false).into(),
        };
        match &job.work {
            Work::Proof(ProofWork { circuit, context }) => {
                let input = self.parts.runtime.block_on(self.parts.records.input(job.id));
                let input = input.map_err(|error| unread(error.to_string(), error.is_transient()))?;
                let entry = self.parts.runtime.block_on(self.parts.records.circuit(*circuit));
                let entry = entry.map_err(|error| unread(error.to_string(), error.is_transient()))?;
                if entry.as_ref().is_some_and(|entry| entry.facts.insecure_srs) {
                    self.check_insecure_srs()?;
                }
                let origin = entry.map(|CircuitEntry { model, setup, .. }| Origin {
                    onnx: self.parts.blobs.path(BlobKind::Model, model),
                    work: CircuitWork { model, setup },
                });
                Ok(input.map(|inputs| {
                    let (circuit, context) = (*circuit, context.clone());
                    (Request::Prove { circuit, context, inputs, origin, memory_limit }, Vec::new())
                }))
            }
            Work::Circuit(work) => {
                if work.setup == Setup::KzgInsecureLocal {
                    self.check_insecure_srs()?;
                }
                let onnx = self.parts.model_files.get(work.model);
                let onnx = onnx.map_err(|error| unread(error.to_string(), error.is_transient()))?;
                Ok(Some((Request::MakeKeys { setup: work.setup.clone(), memory_limit }, onnx)))
            }
        }
    }

    /// A job that was accepted while local parameters were allowed is not carried out once they are not.
    fn check_insecure_srs(&self) -> Result<(), Failure> {
        if self.parts.insecure_local_srs { Ok(()) } else { Err(unsupported_setup()) }
    }
}

/// Why nothing is proven that rests on parameters drawn on a server.
pub(super) fn unsupported_setup() -> Failure {
    let reason = "the circuit rests on parameters drawn on a server, which the service does not allow; start it with \
                  --insecure-local-srs, or use the ipa scheme or an imported ceremony";
    failure(FailureClass::UnsupportedSetup, reason, false)
}
