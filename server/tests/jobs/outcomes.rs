//! The job service with real worker processes: results, cancellation, crashes of workers, limits, restarts.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use lemma_prover::{env::LANES_VARIABLE, progress::Phase};
use lemma_server::{
    service::{BundleError, JobService, OpenError, ServiceConfig, SubmitError, Submitted},
    store::{
        blobs::BlobError,
        records::{JobFilter, JobRow, NewJob},
    },
    work::{
        dispatch::Refused,
        jobs::{
            CircuitWork, Clock, EventKind, FailureClass, JobId, JobState, MAX_FAILED_ATTEMPTS, Outcome,
            Priority, Setup, SystemClock, Work,
        },
    },
};
use lemma_verifier::{digest::Digest, scheme::Scheme};
use rustix::process::Signal;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use crate::digits::{
    Asked, PATIENCE, Place, accept, check_proof, circuit, ended, lives, proof, send, submit, until, with_key,
};

type Test = tokio::task::JoinHandle<()>;

#[tokio::test(flavor = "multi_thread")]
async fn proofs_are_made_verified_and_remembered() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let entry = service.circuit(circuit).await.expect("reads").expect("the circuit is there");
    assert_eq!((entry.facts.circuit, entry.facts.scheme), (circuit, Scheme::Kzg));
    assert!(entry.facts.insecure_srs && entry.facts.pk_bytes > 0 && entry.facts.proof_bytes > 0);
    assert_eq!(service.circuit_of(entry.model, &entry.setup).await.expect("reads"), Some(entry.clone()));
    let mut jobs = Vec::new();
    for row in 0..3 {
        jobs.push(submit(&service, proof(circuit, row)).await.id);
    }
    for (row, id) in jobs.iter().enumerate() {
        let job = ended(&service, *id).await;
        check_proof(&service, &job, row).await;
        assert_eq!((job.life.attempt, job.life.failed_attempts), (1, 0));
        assert!(job.timings.iter().any(|timing| timing.phase == Phase::Prove), "{:?}", job.timings);
        let loads = job.timings.iter().any(|timing| timing.phase == Phase::LoadKeys);
        assert!(!loads, "the process that made the keys keeps them: {:?}", job.timings);
        let records = place.records().await;
        assert!(records.input(*id).await.expect("reads").is_none(), "the input must be gone");
        let events = records.events(*id, 0, 100).await.expect("reads");
        let sequence: Vec<_> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(sequence, (1..=events.len() as u64).collect::<Vec<_>>());
        assert_eq!(events[0].kind, EventKind::Queued);
        assert_eq!(events.iter().filter(|event| event.kind.is_terminal()).count(), 1);
        assert_eq!(events.last().map(|event| &event.kind), Some(&EventKind::Succeeded));
    }
    let workers = place.workers();
    assert_eq!(workers.len(), 1, "one process made all of them");
    let environment = fs::read(format!("/proc/{}/environ", workers[0].as_raw_nonzero())).expect("reads");
    let nothing = environment.is_empty() || std::env::var_os(LANES_VARIABLE).is_some();
    assert!(nothing, "a worker process inherits no environment");
    service.shutdown(Duration::from_secs(10)).await;
    assert!(place.workers().is_empty());
    let service = place.open().await;
    let job = service.job(jobs[0]).await.expect("reads").expect("the job is there");
    check_proof(&service, &job, 0).await;
    service.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_submits_with_one_key_are_one_job() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let submits: Vec<_> = (0..50)
        .map(|_| {
            let (service, job) = (service.clone(), with_key(proof(circuit, 0), "key", "body"));
            tokio::spawn(async move { accept(&service, job).await.expect("takes the job") })
        })
        .collect();
    let (mut ids, mut new) = (BTreeSet::new(), 0);
    for submit in submits {
        let submitted = submit.await.expect("ends");
        new += usize::from(matches!(submitted, Submitted::New(_)));
        ids.insert(submitted.into_job().id);
    }
    assert_eq!((ids.len(), new), (1, 1));
    let other = accept(&service, with_key(proof(circuit, 1), "key", "other body")).await;
    assert!(
        matches!(&other, Err(SubmitError::IdempotencyConflict { job, .. }) if ids.contains(job)),
        "{other:?}"
    );
    let elsewhere = Asked { owner: "somebody", ..with_key(proof(circuit, 1), "key", "other body") };
    assert!(matches!(accept(&service, elsewhere).await, Ok(Submitted::New(_))), "keys belong to owners");
    let job = ended(&service, *ids.first().expect("one job")).await;
    check_proof(&service, &job, 0).await;
    let again = accept(&service, with_key(proof(circuit, 0), "key", "body")).await.expect("replays");
    assert_eq!(again, Submitted::Replayed(job));
    service.shutdown(Duration::from_secs(10)).await;
}

/// Whether every thread of a process is stopped.
fn is_stopped(process: rustix::process::Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).expect("it runs");
    let stopped = |thread: fs::DirEntry| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("State:\tT"))
    };
    threads.flatten().all(stopped)
}

/// A running job whose worker process is stopped, so that it stays running. The process has been asked for it: one that
/// dies before that is replaced and costs no attempt.
async fn stuck(place: &Place, service: &JobService, job: NewJob) -> (JobId, rustix::process::Pid) {
    let worker = place.worker().await;
    send(worker, Signal::STOP);
    let deadline = Instant::now() + PATIENCE;
    // One of its threads stops the others, and until then the one that reads orders goes on.
    while !is_stopped(worker) {
        assert!(Instant::now() < deadline, "the worker process does not stop");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let id = submit(service, job).await.id;
    until(service, id, JobState::Running).await;
    let requests =
        fs::File::open(format!("/proc/{}/fd/0", worker.as_raw_nonzero())).expect("opens its input");
    while rustix::io::ioctl_fionread(&requests).expect("is a pipe") == 0 {
        assert!(Instant::now() < deadline, "nothing is asked of the worker process");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (id, worker)
}

/// A proof that is being made is given up; what its process has loaded serves the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_proof_does_not_cost_its_worker_process() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let worker = place.worker().await;
    let mut given_up = 0;
    let deadline = Instant::now() + PATIENCE;
    while given_up < 3 {
        assert!(Instant::now() < deadline, "no proof is seen while it is made");
        let mut job = submit(&service, proof(circuit, 0)).await;
        while service.advanced(&job).is_none() && !job.state().is_terminal() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            job = service.job(job.id).await.expect("reads").expect("the job is there");
        }
        if let Some(advanced) = service.advanced(&job) {
            assert!((0.0..=1.0).contains(&advanced.share), "{advanced:?}");
        }
        let job = service.cancel(job.id).await.expect("writes").expect("the job is there");
        given_up += usize::from(job.state() == JobState::Cancelled);
        assert_eq!(service.advanced(&job), None);
    }
    let next = ended(&service, submit(&service, proof(circuit, 1)).await.id).await;
    check_proof(&service, &next, 1).await;
    assert!(next.timings.iter().all(|timing| timing.phase != Phase::LoadKeys), "{:?}", next.timings);
    assert_eq!(place.workers(), [worker]);
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_works_in_each_state() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let (running, worker) = stuck(&place, &service, proof(circuit, 0)).await;
    let queued = submit(&service, proof(circuit, 1)).await.id;
    for id in [queued, running] {
        let job = service.cancel(id).await.expect("writes").expect("the job is there");
        assert_eq!(job.state(), JobState::Cancelled);
        assert!(place.records().await.input(id).await.expect("reads").is_none());
    }
    let cancelled = Instant::now();
    while lives(worker) {
        assert!(cancelled.elapsed() < Duration::from_secs(2), "the worker process goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let next = ended(&service, submit(&service, proof(circuit, 2)).await.id).await;
    check_proof(&service, &next, 2).await;
    let same = service.cancel(next.id).await.expect("reads").expect("the job is there");
    assert_eq!(same, next, "a job that has ended stays as it is");
    let unknown = JobId::from_parts(1, 1);
    assert_eq!(service.cancel(unknown).await.expect("reads"), None);
    for id in [queued, running] {
        assert_eq!(ended(&service, id).await.state(), JobState::Cancelled);
    }
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_costs_one_attempt_and_three_poison_the_job() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let (once, worker) = stuck(&place, &service, proof(circuit, 0)).await;
    send(worker, Signal::KILL);
    let job = ended(&service, once).await;
    check_proof(&service, &job, 0).await;
    assert_eq!((job.life.attempt, job.life.failed_attempts), (2, 1));

    let (poison, worker) = stuck(&place, &service, proof(circuit, 1)).await;
    let failing = place.with_failing_worker();
    send(worker, Signal::KILL);
    let job = ended(&service, poison).await;
    let failure = job.life.failure.clone().expect("a reason");
    assert_eq!((job.state(), failure.class), (JobState::Failed, FailureClass::Poisoned), "{job:?}");
    assert_eq!((job.life.attempt, job.life.failed_attempts), (3, 3));
    drop(failing);
    let next = submit(&service, proof(circuit, 2)).await.id;
    check_proof(&service, &ended(&service, next).await, 2).await;
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_is_noticed_and_its_job_tried_again() {
    let place = Place::new();
    let config = ServiceConfig { worker_silence: Duration::from_secs(4), ..place.config() };
    let service = JobService::open(config).await.expect("opens");
    let circuit = circuit(&service).await;
    let (id, worker) = stuck(&place, &service, proof(circuit, 0)).await;
    let begun = Instant::now();
    let job = ended(&service, id).await;
    check_proof(&service, &job, 0).await;
    assert_eq!((job.life.attempt, job.life.failed_attempts), (2, 1), "after {:?}", begun.elapsed());
    assert!(!lives(worker), "the stopped process is still there");
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_shortened_database_costs_no_proof() {
    let place = Place::new();
    let service = place.open().await;
    let kept = place.blob("bundles", Digest::of(b"a proof"));
    fs::write(&kept, b"a proof").expect("writes");
    service.shutdown(Duration::ZERO).await;
    drop(service);
    for file in fs::read_dir(place.directory.path()).expect("lists") {
        let path = file.expect("lists").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("records.sqlite")) {
            fs::remove_file(path).expect("removes");
        }
    }
    let service = place.open().await;
    assert_eq!(fs::read(&kept).expect("is there"), b"a proof");
    service.shutdown(Duration::ZERO).await;
    drop(service);
    let service = place.open().await;
    assert!(!kept.exists());
    let orphan = place.blob("orphans/bundles", Digest::of(b"a proof"));
    assert_eq!(fs::read(orphan).expect("is put aside"), b"a proof");
    service.shutdown(Duration::ZERO).await;
}

/// Overwrites the page that a table begins in.
async fn damage_table(database: &Path, table: &str) {
    let options = SqliteConnectOptions::new().filename(database);
    let mut connection = options.connect().await.expect("connects");
    let (page, size): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT rootpage FROM sqlite_master WHERE name = $1), (SELECT page_size FROM pragma_page_size)",
    )
    .bind(table)
    .fetch_one(&mut connection)
    .await
    .expect("reads");
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.expect("writes");
    connection.close().await.expect("closes");
    let file = fs::File::options().write(true).open(database).expect("opens");
    let offset = u64::try_from((page - 1) * size).expect("is a place");
    file.write_all_at(&vec![0xff; usize::try_from(size).expect("is a size")], offset).expect("writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_names_the_file() {
    let place = Place::new();
    place.open().await.shutdown(Duration::ZERO).await;
    let database = place.directory.path().join("records.sqlite");
    damage_table(&database, "jobs").await;
    let error = JobService::open(place.config()).await.expect_err("the records are damaged");
    assert!(error.to_string().contains(database.to_str().expect("is text")), "{error}");
    assert!(matches!(error, OpenError::Records { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_start_workers_keeps_its_jobs() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    service.shutdown(Duration::from_secs(10)).await;
    drop(service);
    let worker = place.directory.path().join("worker");
    let away = place.directory.path().join("away");
    fs::rename(&worker, &away).expect("moves");
    let service = place.open().await;
    let job = submit(&service, proof(circuit, 0)).await.id;
    // More attempts than a job has.
    let begun = Instant::now();
    while service.job(job).await.expect("reads").expect("is there").life.attempt <= MAX_FAILED_ATTEMPTS + 1 {
        assert!(begun.elapsed() < PATIENCE, "no more attempts");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fs::rename(&away, &worker).expect("moves back");
    let job = ended(&service, job).await;
    check_proof(&service, &job, 0).await;
    assert_eq!(job.life.failed_attempts, 0);
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_loses_nothing() {
    let place = Place::new();
    let config = ServiceConfig { queue_capacity: 2, ..place.config() };
    let service = JobService::open(config).await.expect("opens");
    let circuit = circuit(&service).await;
    let (running, worker) = stuck(&place, &service, proof(circuit, 0)).await;
    let mut taken = vec![running];
    for row in 1..3 {
        taken.push(submit(&service, with_key(proof(circuit, row), &format!("key {row}"), "body")).await.id);
    }
    match accept(&service, proof(circuit, 3)).await {
        Err(SubmitError::Refused(Refused::Full { queued: 2, capacity: 2, retry_after })) => {
            assert!(retry_after >= Duration::from_secs(1));
        }
        other => panic!("{other:?}"),
    }
    let replayed = accept(&service, with_key(proof(circuit, 1), "key 1", "body")).await.expect("replays");
    assert_eq!(replayed.into_job().id, taken[1], "a repeated request is answered by a full queue too");
    assert_eq!((service.load().queued, service.load().running), (2, 1));
    send(worker, Signal::CONT);
    for (row, id) in taken.into_iter().enumerate() {
        check_proof(&service, &ended(&service, id).await, row).await;
    }
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_too_long_expires_and_proving_too_long_fails() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let short = NewJob { prove_timeout: Duration::from_secs(2), ..proof(circuit, 0) };
    let (running, worker) = stuck(&place, &service, short).await;
    let waiting = NewJob { queue_timeout: Duration::from_millis(100), ..proof(circuit, 1) };
    let waiting = ended(&service, submit(&service, waiting).await.id).await;
    assert_eq!(waiting.state(), JobState::Expired);
    assert_eq!(service.load().queued, 0, "an expired job leaves the queue");
    let job = ended(&service, running).await;
    let failure = job.life.failure.expect("a reason");
    assert_eq!((failure.class, failure.retryable), (FailureClass::ProveTimeout, false));
    assert_eq!(job.life.failed_attempts, 1);
    assert!(!lives(worker), "the worker process goes on");
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_noticed() {
    let place = Place::new();
    let config = with_own_store(&place);
    let service = JobService::open(config.clone()).await.expect("the service opens");
    let circuit = circuit(&service).await;
    let job = ended(&service, submit(&service, proof(circuit, 0)).await.id).await;
    let Some(Outcome::Proof { bundle, .. }) = job.outcome else { panic!("no bundle: {job:?}") };
    let path = place.blob("bundles", bundle);
    let mut bytes = fs::read(&path).expect("reads");
    bytes[100] ^= 1;
    fs::write(&path, &bytes).expect("writes");
    assert!(matches!(
        service.bundle(&job).await,
        Err(BundleError::Blob { source: BlobError::Damaged { .. }, .. })
    ));
    // A damaged model without a copy fails the job that needs it, by name.
    fs::remove_dir_all(config.store_dir.join("objects/model")).expect("removes");
    let entry = service.circuit(circuit).await.expect("reads").expect("the circuit is there");
    let path = place.blob("models", entry.model);
    let mut bytes = fs::read(&path).expect("reads");
    bytes[100] ^= 1;
    fs::write(&path, &bytes).expect("writes");
    let setup = Setup::Ipa;
    let work = CircuitWork { model: entry.model, setup };
    let job = NewJob { work: Work::Circuit(work), inputs: None, ..proof(circuit, 0) };
    let job = ended(&service, submit(&service, job).await.id).await;
    let failure = job.life.failure.expect("a reason");
    assert_eq!((failure.class, failure.retryable), (FailureClass::Storage, false), "{failure:?}");
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_typed_and_do_not_repeat_the_input() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let bad = NewJob { inputs: Some(vec![vec![87_654_321; 64]]), ..proof(circuit, 0) };
    let job = ended(&service, submit(&service, bad).await.id).await;
    let failure = job.life.failure.expect("a reason");
    assert_eq!((failure.class, failure.retryable), (FailureClass::Input, false));
    assert!(!failure.reason.contains("87654321"), "{}", failure.reason);
    let unknown = lemma_verifier::circuit_id::CircuitId([7; 32]);
    assert!(matches!(accept(&service, proof(unknown, 0)).await, Err(SubmitError::UnknownCircuit { .. })));
    let none = NewJob { inputs: None, ..proof(circuit, 0) };
    assert!(matches!(accept(&service, none).await, Err(SubmitError::NoInput)));
    // The process that refused the input goes on.
    check_proof(&service, &ended(&service, submit(&service, proof(circuit, 4)).await.id).await, 4).await;
    service.shutdown(Duration::from_secs(10)).await;
    // No trace of the input remains in the data directory.
    for entry in fs::read_dir(place.directory.path()).expect("lists") {
        let path = entry.expect("lists").path();
        if path.is_file() && path.file_name().is_some_and(|name| name != "worker") {
            let bytes = fs::read(&path).expect("reads");
            let found = bytes.windows(8).any(|window| window == b"87654321");
            assert!(!found, "{} has an input value", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_gives_back_and_the_next_start_goes_on() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let (running, worker) = stuck(&place, &service, proof(circuit, 0)).await;
    let queued = submit(&service, NewJob { priority: Priority::High, ..proof(circuit, 1) }).await.id;
    assert!(matches!(JobService::open(place.config()).await, Err(OpenError::InUse { .. })));
    let waiter: Test = {
        let service = service.clone();
        tokio::spawn(async move {
            let job = service.wait(queued, Duration::from_secs(600)).await.expect("reads");
            assert!(job.is_some_and(|job| job.state() == JobState::Queued), "waiting ends with the service");
        })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    service.shutdown(Duration::from_millis(200)).await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(!lives(worker));
    waiter.await.expect("the waiter is answered");
    assert!(matches!(
        accept(&service, proof(circuit, 2)).await,
        Err(SubmitError::Refused(Refused::ShuttingDown) | SubmitError::Records(_))
    ));
    drop(service);
    let service = place.open().await;
    let first = ended(&service, running).await;
    check_proof(&service, &first, 0).await;
    assert_eq!((first.life.attempt, first.life.failed_attempts), (2, 0), "a shutdown costs no attempt");
    check_proof(&service, &ended(&service, queued).await, 1).await;
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_on_local_parameters_end_when_these_are_not_allowed_any_more() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let entry = service.circuit(circuit).await.expect("reads").expect("the circuit is there");
    let (running, worker) = stuck(&place, &service, proof(circuit, 0)).await;
    let queued = submit(&service, proof(circuit, 1)).await.id;
    let work = Work::Circuit(CircuitWork { model: entry.model, setup: entry.setup });
    let build = submit(&service, NewJob { work, inputs: None, ..proof(circuit, 0) }).await.id;
    service.shutdown(Duration::ZERO).await;
    assert!(!lives(worker));
    drop(service);
    let config = ServiceConfig { insecure_local_srs: false, ..place.config() };
    let service = JobService::open(config).await.expect("the service opens");
    for id in [running, queued, build] {
        let job = ended(&service, id).await;
        let failure = job.life.failure.clone().expect("a reason");
        assert_eq!((job.state(), failure.class), (JobState::Failed, FailureClass::UnsupportedSetup));
        assert_eq!((job.life.failed_attempts, failure.retryable), (1, false));
        assert!(failure.reason.contains("--insecure-local-srs"), "{}", failure.reason);
    }
    service.shutdown(Duration::ZERO).await;
}

/// A restart may find less memory than there was when the jobs were accepted.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_beyond_the_budget_of_the_next_start_are_finished() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let (running, _) = stuck(&place, &service, proof(circuit, 0)).await;
    let queued = submit(&service, proof(circuit, 1)).await.id;
    service.shutdown(Duration::ZERO).await;
    drop(service);
    let config = ServiceConfig { memory_budget: Some(1 << 20), ..place.config() };
    let service = JobService::open(config).await.expect("the service opens");
    for (row, id) in [running, queued].into_iter().enumerate() {
        check_proof(&service, &ended(&service, id).await, row).await;
    }
    let refused = accept(&service, proof(circuit, 2)).await;
    assert!(matches!(refused, Err(SubmitError::Refused(Refused::TooMuchMemory { .. }))), "{refused:?}");
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_are_filtered_and_paged() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    let mut ids = Vec::new();
    for row in 0..5 {
        ids.push(submit(&service, proof(circuit, row)).await.id);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for id in &ids {
        ended(&service, *id).await;
    }
    let filter = JobFilter { circuit: Some(circuit), ..JobFilter::default() };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = service.jobs(&filter, after, 2).await.expect("reads");
        seen.extend(page.jobs.iter().map(|job| job.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    ids.reverse();
    assert_eq!(seen, ids);
    let none = JobFilter { states: vec![JobState::Failed, JobState::Queued], ..JobFilter::default() };
    assert!(service.jobs(&none, None, 10).await.expect("reads").jobs.is_empty());
    let counts = service.counts().await.expect("reads");
    assert_eq!((counts[&JobState::Succeeded], counts[&JobState::Failed]), (6, 0));
    service.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_holds_is_found() {
    let place = Place::new();
    let service = place.open().await;
    let circuit = circuit(&service).await;
    // Recorded without telling the dispatcher, as after a commit whose answer was lost.
    let (id, new) = (JobId::from_parts(1, 1), proof(circuit, 0));
    let row = JobRow { id, predicted_memory: 1 << 20, owner: String::new(), idempotency: None, new };
    place.records().await.submit(row, SystemClock.now()).await.expect("records");
    check_proof(&service, &ended(&service, JobId::from_parts(1, 1)).await, 0).await;
    service.shutdown(Duration::from_secs(10)).await;
}

/// Settings of a service with a store of its own, which can be damaged.
fn with_own_store(place: &Place) -> ServiceConfig {
    ServiceConfig { store_dir: place.directory.path().join("store"), ..place.config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_made_again_from_the_uploaded_model() {
    let place = Place::new();
    let config = with_own_store(&place);
    let service = JobService::open(config.clone()).await.expect("the service opens");
    let circuit = circuit(&service).await;
    service.shutdown(Duration::ZERO).await;
    let objects = config.store_dir.join("objects");
    let record = config.store_dir.join("records/circuit").join(circuit.to_string());
    let damaged: [&dyn Fn(); 3] = [
        &|| fs::remove_dir_all(objects.join("model")).expect("removes"),
        &|| fs::write(&record, b"damaged").expect("writes"),
        &|| {
            for file in fs::read_dir(objects.join("vk")).expect("lists") {
                fs::write(file.expect("lists").path(), b"damaged").expect("writes");
            }
        },
    ];
    for damage in damaged {
        damage();
        let service = JobService::open(config.clone()).await.expect("the service opens");
        let job = ended(&service, submit(&service, proof(circuit, 0)).await.id).await;
        check_proof(&service, &job, 0).await;
        service.shutdown(Duration::ZERO).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_killed_workers_left_in_the_store_is_removed() {
    let place = Place::new();
    let config = with_own_store(&place);
    let left = config.store_dir.join("tmp/.lemma-left");
    fs::create_dir_all(config.store_dir.join("tmp")).expect("makes");
    fs::write(&left, b"left").expect("writes");
    let service = JobService::open(config).await.expect("the service opens");
    assert!(!left.exists(), "removed at the start");
    let circuit = circuit(&service).await;
    let (job, worker) = stuck(&place, &service, proof(circuit, 0)).await;
    fs::write(&left, b"left").expect("writes");
    send(worker, Signal::KILL);
    ended(&service, job).await;
    assert!(!left.exists(), "removed after the worker was killed");
    service.shutdown(Duration::from_secs(10)).await;
}
