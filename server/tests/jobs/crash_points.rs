//! Death at every named point, and workers with faults. Needs the feature `crash-points`.

use std::time::Duration;

use crate::{
    digits::{Place, check_proof, ended},
    prepare, runtime,
    server_process::Server,
};
use lemma_prover::progress::Phase;
use lemma_server::work::{
    crash_points::{CHILD_FAULT, CRASH_POINT},
    jobs::{Failure, FailureClass, Job, JobId, JobState},
};

/// Submits until the server dies at its point; the acknowledged jobs with their rows.
fn submit_until_death(
    place: &Place,
    circuit: lemma_verifier::circuit_id::CircuitId,
    point: &str,
) -> Vec<(JobId, usize)> {
    let Some(mut server) = Server::start(place.directory.path(), &[(CRASH_POINT, point)]) else {
        return Vec::new();
    };
    let mut acknowledged = Vec::new();
    for row in 0..3 {
        match server.submit(&format!("{point} {row}").replace(' ', "-"), circuit, row) {
            Some(job) => acknowledged.push((job, row)),
            None => break,
        }
    }
    if point == "after-cancel"
        && let Some((job, _)) = acknowledged.last()
    {
        assert_eq!(server.ask(&format!("cancel {job}")), None, "it dies in the cancel");
    }
    // It dies by itself, or would be killed here after finishing what it has.
    let killer = server.killer(Duration::from_secs(60));
    server.wait();
    drop(killer);
    acknowledged
}

#[test]
fn death_at_each_point_loses_nothing() {
    let place = Place::new();
    let circuit = prepare(&place);
    for (point, acknowledges) in [
        ("before-submit", false),
        ("after-submit", false),
        ("after-start", true),
        ("result-verified", true),
        ("blob-written", true),
        ("blob-renamed", true),
        ("before-publish", true),
        ("after-publish", true),
        ("after-cancel", true),
        ("after-recover", false),
    ] {
        let acknowledged = submit_until_death(&place, circuit, point);
        assert_eq!(!acknowledged.is_empty(), acknowledges, "{point}: {acknowledged:?}");
        runtime().block_on(async {
            let service = place.open().await;
            for (job, row) in &acknowledged {
                let job = ended(&service, *job).await;
                if job.state() == JobState::Cancelled {
                    assert_eq!(point, "after-cancel");
                    continue;
                }
                check_proof(&service, &job, *row).await;
                assert_eq!(job.life.failed_attempts, 0, "{point}: {job:?}");
            }
            for id in place.records().await.unfinished().await.expect("reads") {
                // Recorded, although the caller was never told.
                ended(&service, id).await;
            }
            service.shutdown(Duration::from_secs(10)).await;
        });
    }
}

/// One job of a service whose worker processes have a fault, and its successor when they have none any more.
fn with_fault(fault: &str, next: impl Fn(&Job)) {
    let place = Place::new();
    let circuit = prepare(&place);
    let mut server = Server::start(place.directory.path(), &[(CHILD_FAULT, fault)]).expect("starts");
    let job = server.submit("fault", circuit, 0).expect("acknowledged");
    let end = loop {
        let state = server.ask(&format!("state {job}")).expect("answers");
        if JobState::of_name(&state).is_some_and(JobState::is_terminal) {
            break state;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(end, "failed", "{fault}");
    server.kill();
    runtime().block_on(async {
        let service = place.open().await;
        let job = service.job(job).await.expect("reads").expect("the job is there");
        assert_eq!((job.life.attempt, job.life.failed_attempts), (3, 3), "{fault}: {job:?}");
        next(&job);
        let other = crate::digits::submit(&service, crate::digits::proof(circuit, 1)).await.id;
        check_proof(&service, &ended(&service, other).await, 1).await;
        service.shutdown(Duration::from_secs(10)).await;
    });
}

fn reason(job: &Job) -> &Failure {
    job.life.failure.as_ref().expect("a reason")
}

#[test]
fn a_worker_that_always_aborts_poisons_its_job() {
    for moment in ["start", "loaded", "witness", "prove", "proven"] {
        with_fault(&format!("abort@{moment}"), |job| {
            assert_eq!(reason(job).class, FailureClass::Poisoned);
            assert!(reason(job).reason.contains("signal 6"), "{:?}", reason(job));
        });
    }
}

#[test]
fn a_worker_that_always_panics_poisons_its_job() {
    with_fault("panic@prove", |job| {
        assert_eq!(reason(job).class, FailureClass::Poisoned);
        assert!(reason(job).reason.contains("panicked at"), "{:?}", reason(job));
        assert_eq!(reason(job).phase, Some(Phase::Prove));
    });
}

#[test]
fn a_worker_that_eats_memory_meets_its_limit() {
    with_fault("eat@loaded", |job| {
        assert_eq!(reason(job).class, FailureClass::Poisoned);
        assert!(reason(job).reason.contains("ran out of the memory"), "{:?}", reason(job));
    });
}

#[test]
fn a_flipped_bit_in_a_finished_proof_is_never_served() {
    with_fault("flip-bit", |job| {
        assert_eq!(reason(job).class, FailureClass::SelfCheck);
        assert!(job.outcome.is_none());
    });
}
