//! What a worker process brings: believed after it is checked, then kept.

use lemma_verifier::{
    digest::Digest,
    statement::Context,
    verify::{Expect, VerifyError, verify},
};
use tracing::warn;

use super::{AttemptLane, LONGEST_PAUSE, SHORTEST_PAUSE, request::unsupported_setup};
use crate::{
    store::{blobs::BlobKind, records::Results},
    work::{
        crash_points,
        dispatch::StopSignal,
        jobs::{Failure, FailureClass, Job, ProofWork, Work},
        protocol::Report,
        worker::failures::failure,
    },
};

impl AttemptLane {
    /// Believes a report only after checking it, and keeps what it brought.
    pub(super) fn check(
        &self,
        job: &Job,
        report: Report,
        payload: &[u8],
        stop: &StopSignal,
    ) -> Result<Results, Failure> {
        match (report, &job.work) {
            (Report::Proven { .. }, Work::Proof(work)) => {
                self.verify(job, work, payload)?;
                crash_points::reach("result-verified");
                let bundle = self.keep(payload, stop)?;
                Ok(Results { bundle: Some((bundle, payload.len() as u64)), ..Results::default() })
            }
            (Report::KeysMade { facts, .. }, Work::Circuit(_)) => {
                let key = self.parts.verifiers.get(facts.circuit);
                let key = key.map_err(|error| failure(FailureClass::SelfCheck, error, true))?;
                let same = key
                    .file()
                    .encode()
                    .is_ok_and(|vk| Digest::of(&vk) == facts.vk && vk.len() as u64 == facts.vk_bytes);
                if !same {
                    let reason = "the stored verifying key is not the one the worker reported";
                    return Err(failure(FailureClass::SelfCheck, reason, true));
                }
                Ok(Results { circuit: Some(*facts), ..Results::default() })
            }
            _ => Err(failure(FailureClass::SelfCheck, "the worker answered another request", true)),
        }
    }

    /// Keeps a bundle, however long the system refuses, as with a full disk; a proof is not made again for that.
    fn keep(&self, bundle: &[u8], stop: &StopSignal) -> Result<Digest, Failure> {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.parts.blobs.put(BlobKind::Bundle, bundle) {
                Err(error) if error.is_transient() && stop.get().is_none() => {
                    warn!(%error, "a finished proof cannot be kept; trying again");
                }
                kept => {
                    return kept
                        .map_err(|error| failure(FailureClass::Storage, &error, error.is_transient()));
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Verifies a bundle as its receivers do, and that it proves what was asked for.
    fn verify(&self, job: &Job, work: &ProofWork, bundle: &[u8]) -> Result<(), Failure> {
        let wrong = |reason: String| failure(FailureClass::SelfCheck, reason, true);
        let context =
            Context::new(work.context.clone()).map_err(|error| failure(FailureClass::Input, error, false))?;
        let key = self
            .parts
            .verifiers
            .get(work.circuit)
            .map_err(|error| failure(FailureClass::Keys, error, true))?;
        let expect = Expect {
            circuit: work.circuit,
            context: Some(context),
            allow_insecure_srs: self.parts.insecure_local_srs,
        };
        let statement = verify(bundle, &key, &expect).map_err(|error| match error {
            VerifyError::InsecureSrs => unsupported_setup(),
            error => wrong(format!("the finished proof does not verify: {error}")),
        })?;
        let input = self.parts.runtime.block_on(self.parts.records.input(job.id));
        match input {
            Ok(Some(input)) if input != statement.inputs => {
                Err(wrong("the finished proof is about another input".into()))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(failure(FailureClass::Storage, error, true)),
        }
    }

    /// Removes the bundle of an attempt that did not count; each proof is unlike any other, so nothing else names it.
    pub(super) fn forget(&self, results: &Results) {
        if let Some((bundle, _)) = results.bundle
            && let Err(error) = self.parts.blobs.remove(BlobKind::Bundle, bundle)
        {
            warn!(%error, "an unused bundle stays until the next start");
        }
    }
}
