//! `kill -9` of the whole service: what was acknowledged is finished, once.

use std::{collections::BTreeMap, fs, time::Duration};

use crate::{
    digits::{Place, check_proof, ended, lives, send},
    prepare, runtime,
    server_process::Server,
};
use lemma_server::work::jobs::{EventKind, JobId, JobState, MAX_FAILED_ATTEMPTS, MAX_SERVICE_DEATHS};
use lemma_verifier::circuit_id::CircuitId;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;

/// Rounds of work that end with a kill.
const ROUNDS: usize = 20;

/// The job at the head of the queue can be the one that runs at every kill.
const _: () = assert!(ROUNDS < MAX_SERVICE_DEATHS as usize);

/// What a client remembers of its calls.
#[derive(Default)]
struct History {
    /// By key: the job that was acknowledged, and its row.
    acknowledged: BTreeMap<String, (JobId, usize)>,
    /// The last state that was seen.
    seen: BTreeMap<JobId, String>,
    cancelled: usize,
}

impl History {
    fn submit(&mut self, server: &mut Server, key: &str, circuit: CircuitId, row: usize) -> Option<()> {
        let job = server.submit(key, circuit, row)?;
        let (known, _) = *self.acknowledged.entry(key.into()).or_insert((job, row));
        assert_eq!(known, job, "one key, two jobs");
        Some(())
    }

    fn look(&mut self, job: JobId, state: &str) {
        assert_ne!(state, "unknown", "job {job} was acknowledged and is gone");
        let state = state.to_owned();
        if let Some(before) = self.seen.insert(job, state.clone())
            && JobState::of_name(&before).is_some_and(JobState::is_terminal)
        {
            assert_eq!(before, state, "job {job} left its terminal state");
        }
    }
}

/// Until the server dies, one client's calls.
fn work(history: &mut History, server: &mut Server, random: &mut StdRng, circuit: CircuitId, round: usize) {
    for call in 0.. {
        let jobs: Vec<_> = history.acknowledged.values().map(|(job, _)| *job).collect();
        let any = |random: &mut StdRng| jobs[random.gen_range(0..jobs.len())];
        let done = match random.gen_range(0..10) {
            0..5 if call < 8 => {
                history.submit(server, &format!("{round}-{call}"), circuit, random.gen_range(0..500))
            }
            5 if !jobs.is_empty() => {
                // The same call again, as after a lost answer.
                let index = random.gen_range(0..jobs.len());
                let (key, row) = history
                    .acknowledged
                    .iter()
                    .nth(index)
                    .map(|(key, (_, row))| (key.clone(), *row))
                    .expect("in range");
                history.submit(server, &key, circuit, row)
            }
            6 if !jobs.is_empty() && random.gen_bool(0.3) => {
                let job = any(random);
                server.ask(&format!("cancel {job}")).map(|state| {
                    history.cancelled += usize::from(state == "cancelled");
                    history.look(job, &state);
                })
            }
            _ if !jobs.is_empty() => {
                let job = any(random);
                server.ask(&format!("state {job}")).map(|state| history.look(job, &state))
            }
            _ => Some(()),
        };
        if done.is_none() {
            return;
        }
        std::thread::sleep(Duration::from_millis(random.gen_range(0..20)));
    }
}

#[test]
fn twenty_rounds_of_kill_lose_nothing() {
    let seed = std::env::var("LEMMA_CRASH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random::<u64>);
    println!("LEMMA_CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let place = Place::new();
    let circuit = prepare(&place);
    let mut history = History::default();
    let mut early = 0;
    for round in 0..ROUNDS {
        let Some(mut server) = Server::start(place.directory.path(), &[]) else {
            early += 1;
            continue;
        };
        let killer = server.killer(Duration::from_millis(random.gen_range(20..1500)));
        work(&mut history, &mut server, &mut random, circuit, round);
        killer.join().expect("kills");
        server.wait();
        let deadline = std::time::Instant::now() + Duration::from_secs(2);
        while place.workers().into_iter().any(lives) {
            assert!(std::time::Instant::now() < deadline, "a worker process outlives its service");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert_eq!(early, 0, "the service did not come back {early} times");
    let finished = runtime().block_on(check(&place, &history));
    println!(
        "{ROUNDS} rounds of kill -9: {} jobs acknowledged, {} finished: {finished:?}",
        history.acknowledged.len(),
        finished.values().sum::<usize>()
    );
    assert_eq!(finished.values().sum::<usize>(), history.acknowledged.len());
}

/// Lets everything finish and demands that each acknowledged job has ended once and as it should.
async fn check(place: &Place, history: &History) -> BTreeMap<JobState, usize> {
    let service = place.open().await;
    let records = place.records().await;
    let mut finished = BTreeMap::new();
    for (job, row) in history.acknowledged.values() {
        let job = ended(&service, *job).await;
        let events = records.events(job.id, 0, 10_000).await.expect("reads");
        let terminal = events.iter().filter(|event| event.kind.is_terminal()).count();
        assert_eq!(terminal, 1, "{events:?}");
        let starts: Vec<_> = events
            .iter()
            .filter_map(|event| match event.kind {
                EventKind::Started { attempt } => Some(attempt),
                _ => None,
            })
            .collect();
        assert!(starts.is_sorted_by(|one, next| one < next), "an attempt began twice: {events:?}");
        let ended = history.seen.get(&job.id).and_then(|state| JobState::of_name(state));
        if let Some(before) = ended.filter(|state| state.is_terminal()) {
            assert_eq!(before, job.state(), "job {} left its terminal state", job.id);
        }
        match job.state() {
            JobState::Succeeded => check_proof(&service, &job, *row).await,
            JobState::Cancelled => assert!(history.cancelled > 0),
            _ => panic!("{job:?}"),
        }
        *finished.entry(job.state()).or_insert(0) += 1;
    }
    assert_eq!(service.load().queued + service.load().running, 0);
    check_bundles(place, finished.get(&JobState::Succeeded).copied().unwrap_or_default()).await;
    service.shutdown(Duration::from_secs(10)).await;
    finished
}

/// Every bundle on the disk is some job's.
async fn check_bundles(place: &Place, succeeded: usize) {
    let named = place.records().await.bundles().await.expect("reads").len();
    let there = fs::read_dir(place.directory.path().join("blobs/bundles")).expect("lists").count();
    assert_eq!(there, named, "bundles that nobody names");
    assert!(named >= succeeded);
}

#[test]
fn a_job_outlives_more_kills_than_it_has_attempts() {
    let place = Place::new();
    let circuit = prepare(&place);
    let mut job = None;
    for kill in 1..=MAX_FAILED_ATTEMPTS + 1 {
        let worker = place.with_idle_worker();
        let mut server = Server::start(place.directory.path(), &[]).expect("starts");
        let id = *job.get_or_insert_with(|| server.submit("often", circuit, 0).expect("acknowledged"));
        while server.ask(&format!("state {id}")).expect("answers") != "running" {
            std::thread::sleep(Duration::from_millis(5));
        }
        server.kill();
        drop(worker);
        println!("{kill} kills of the service while the job ran");
    }
    runtime().block_on(async {
        let service = place.open().await;
        let job = ended(&service, job.expect("acknowledged")).await;
        check_proof(&service, &job, 0).await;
        assert_eq!((job.life.attempt, job.life.failed_attempts), (MAX_FAILED_ATTEMPTS + 2, 0), "{job:?}");
        service.shutdown(Duration::from_secs(10)).await;
    });
}

#[test]
fn killed_in_each_state() {
    let place = Place::new();
    let circuit = prepare(&place);
    let mut server = Server::start(place.directory.path(), &[]).expect("starts");
    // Queued behind a running job whose worker process is stopped; another has ended before.
    let done = server.submit("done", circuit, 0).expect("acknowledged");
    let is = |server: &mut Server, job: JobId, state: &str| {
        server.ask(&format!("state {job}")).expect("answers") == state
    };
    while !is(&mut server, done, "succeeded") {
        std::thread::sleep(Duration::from_millis(5));
    }
    let worker = place.workers()[0];
    send(worker, Signal::STOP);
    let running = server.submit("running", circuit, 1).expect("acknowledged");
    while !is(&mut server, running, "running") {
        std::thread::sleep(Duration::from_millis(5));
    }
    let queued = server.submit("queued", circuit, 2).expect("acknowledged");
    let cancelled = server.submit("cancelled", circuit, 3).expect("acknowledged");
    assert_eq!(server.ask(&format!("cancel {cancelled}")).as_deref(), Some("cancelled"));
    server.kill();
    let deadline = std::time::Instant::now() + Duration::from_secs(2);
    while lives(worker) {
        assert!(std::time::Instant::now() < deadline, "a stopped worker process outlives its service");
        std::thread::sleep(Duration::from_millis(5));
    }
    runtime().block_on(async {
        let service = place.open().await;
        for (row, job, attempts) in [(0, done, 1), (1, running, 2), (2, queued, 1)] {
            let job = ended(&service, job).await;
            check_proof(&service, &job, row).await;
            assert_eq!(job.life.attempt, attempts, "{job:?}");
        }
        assert_eq!(ended(&service, cancelled).await.state(), JobState::Cancelled);
        service.shutdown(Duration::from_secs(10)).await;
    });
}
