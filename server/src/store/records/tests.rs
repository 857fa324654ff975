//! Tests of the records on a database of their own.

use super::*;
use lemma_circuits::ir::ModelId;
use lemma_prover::progress::Phase;
use lemma_verifier::{circuit_id::CircuitId, digest::Digest, scheme::Scheme};

use crate::work::jobs::{
    CircuitFacts, CircuitWork, Event, EventKind, Failure, FailureClass, JobId, JobState, MAX_SERVICE_DEATHS,
    Outcome, Priority, ProofWork, Refusal, Setup, Timestamp, Work,
};

const NOW: Timestamp = Timestamp(1_000_000);

async fn records() -> (tempfile::TempDir, Records) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let records = Records::open(&directory.path().join("records.sqlite")).await.expect("opens");
    (directory, records)
}

fn row(number: u128) -> JobRow {
    row_of(number, |_| {})
}

/// A row whose request differs in something.
fn row_of(number: u128, change: impl FnOnce(&mut NewJob)) -> JobRow {
    let mut new = NewJob {
        work: Work::Proof(ProofWork { circuit: CircuitId([7; 32]), context: vec![1, 2] }),
        inputs: Some(vec![vec![1, -2, 3]]),
        predicted_memory: None,
        priority: Priority::Normal,
        queue_timeout: Duration::from_secs(10),
        prove_timeout: Duration::from_secs(60),
        meta: Some(serde_json::json!({"of": "the caller"})),
    };
    change(&mut new);
    let id = JobId::from_parts(1, number);
    JobRow { id, predicted_memory: 5, owner: String::new(), idempotency: None, new }
}

async fn submit(records: &Records, row: JobRow) -> JobId {
    let (job, event) = records.submit(row, NOW).await.expect("records");
    assert_eq!((event.sequence, event.kind), (1, EventKind::Queued));
    assert_eq!(records.job(job.id).await.expect("reads"), Some(job.clone()));
    job.id
}

#[tokio::test]
async fn a_key_stands_for_one_job_of_its_owner() {
    let (_directory, records) = records().await;
    let idempotency = |body: &[u8]| Idempotency { key: "key".into(), request: Digest::of(body) };
    let keyed = |number| JobRow { idempotency: Some(idempotency(b"x")), ..row(number) };
    let id = submit(&records, keyed(1)).await;
    let repeat = |owner: &'static str, body: &'static [u8]| {
        let records = records.clone();
        async move { records.repeat(owner, &idempotency(body)).await.expect("reads") }
    };
    assert!(matches!(repeat("", b"x").await, Some(Repeat::Same(job)) if job.id == id));
    assert_eq!(repeat("", b"y").await, Some(Repeat::Other(id)));
    assert_eq!(repeat("somebody", b"x").await, None);
    let twice = records.submit(keyed(2), NOW).await.expect_err("one key for two jobs");
    assert!(!twice.is_transient(), "{twice}");
    records.join("somebody", &idempotency(b"z"), id).await.expect("writes");
    assert!(matches!(repeat("somebody", b"z").await, Some(Repeat::Same(job)) if job.id == id));
}

async fn apply(records: &Records, id: JobId, event: Event) -> Applied {
    let bundle = matches!(event, Event::Succeed { .. }).then_some((Digest([9; 32]), 3));
    let results = Results { bundle, ..Results::default() };
    records.apply(id, &event, results, NOW).await.expect("records")
}

async fn spoil(records: &Records, sql: &'static str) {
    sqlx::query(sql).execute(&records.durable).await.expect("writes");
}

#[tokio::test]
async fn what_is_acknowledged_waits_for_the_disk() {
    let (_directory, records) = records().await;
    for (pool, expected) in [(&records.durable, 2), (&records.relaxed, 1)] {
        let (level,): (i64,) = sqlx::query_as("PRAGMA synchronous").fetch_one(pool).await.expect("reads");
        assert_eq!(level, expected);
        let (mode,): (String,) = sqlx::query_as("PRAGMA journal_mode").fetch_one(pool).await.expect("reads");
        assert_eq!(mode, "wal");
        let (on,): (i64,) = sqlx::query_as("PRAGMA secure_delete").fetch_one(pool).await.expect("reads");
        assert_eq!(on, 1);
    }
}

#[tokio::test]
async fn a_database_that_was_full_takes_writes_again() {
    let (_directory, records) = records().await;
    submit(&records, row(1)).await;
    for number in 2..5 {
        let (pages,): (i64,) =
            sqlx::query_as("PRAGMA page_count").fetch_one(&records.durable).await.expect("reads");
        // The limit belongs to the connection, and one that has failed is not used again.
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}")))
            .execute(&records.durable)
            .await
            .expect("sets");
        let large = row_of(number, |new| new.inputs = Some(vec![vec![-1_000_000; 100_000]]));
        let error = records.submit(large, NOW).await.expect_err("there is no room");
        assert!(error.is_transient() && error.to_string().contains("full"), "{error}");
        submit(&records, row(number)).await;
    }
    assert_eq!(records.unfinished().await.expect("reads").len(), 4);
}

#[tokio::test]
async fn the_check_makes_a_durable_write() {
    let (_directory, records) = records().await;
    records.check_writable(NOW).await.expect("takes writes");
    records.check_writable(NOW).await.expect("takes writes again");
    spoil(&records, "PRAGMA query_only = ON").await;
    let error = records.check_writable(NOW).await.expect_err("takes no writes");
    assert!(error.is_transient(), "{error}");
    records.check_writable(NOW).await.expect("takes writes once more");
}

#[tokio::test]
async fn an_abandoned_write_is_undone() {
    let (_directory, records) = records().await;
    let id = submit(&records, row(1)).await;
    let mut write = records.begin(Durability::Durable).await.expect("begins");
    sqlx::query("UPDATE jobs SET owner = 'nobody'").execute(&mut *write).await.expect("writes");
    drop(write);
    apply(&records, id, Event::Cancel).await;
    assert_eq!(records.job(id).await.expect("reads").expect("is there").owner, "");
}

#[tokio::test]
async fn of_two_workers_only_the_current_one_changes_the_job() {
    let (_directory, records) = records().await;
    let id = submit(&records, row(1)).await;
    apply(&records, id, Event::Start { attempt: 1 }).await;
    let recovered = records.recover(NOW).await.expect("recovers");
    assert_eq!(recovered.len(), 1);
    assert_eq!((recovered[0].job.life.attempt, recovered[0].predicted_memory), (2, 5));
    apply(&records, id, Event::Start { attempt: 2 }).await;
    let before = records.job(id).await.expect("reads").expect("is there");
    let failure =
        Failure { class: FailureClass::Crash, phase: None, reason: "late".into(), retryable: false };
    for stale in [Event::Succeed { attempt: 1 }, Event::Fail { attempt: 1, failure }] {
        let refused = apply(&records, id, stale).await;
        assert_eq!(
            refused,
            Applied::Refused(Box::new(before.clone()), Refusal::Fenced { expected: 2, got: 1 })
        );
    }
    let Applied::Changed(job, _) = apply(&records, id, Event::Succeed { attempt: 2 }).await else {
        panic!("the current worker is refused")
    };
    assert_eq!(job.outcome, Some(Outcome::Proof { bundle: Digest([9; 32]), bytes: 3 }));
    assert_eq!(records.job(id).await.expect("reads"), Some(*job));
    assert_eq!(records.bundles().await.expect("reads"), [Digest([9; 32])]);
    assert!(matches!(
        apply(&records, id, Event::Succeed { attempt: 2 }).await,
        Applied::Refused(_, Refusal::Ended { state: JobState::Succeeded })
    ));
    assert_eq!(apply(&records, JobId::from_parts(5, 5), Event::Cancel).await, Applied::Unknown);
}

#[tokio::test]
async fn the_input_is_there_until_the_job_has_ended() {
    let (_directory, records) = records().await;
    let id = submit(&records, row(1)).await;
    assert_eq!(records.input(id).await.expect("reads"), Some(vec![vec![1, -2, 3]]));
    apply(&records, id, Event::Cancel).await;
    assert_eq!(records.input(id).await.expect("reads"), None);
    let id = submit(&records, row(2)).await;
    spoil(&records, "UPDATE job_inputs SET input = '[[1,-2,4]]'").await;
    assert!(
        matches!(records.input(id).await, Err(RecordsError::Damaged { column, .. }) if column == "input")
    );
}

#[tokio::test]
async fn recovery_keeps_order_and_stops_at_the_limit() {
    let (_directory, records) = records().await;
    for (number, priority) in [(1, Priority::Low), (2, Priority::Normal), (3, Priority::High)] {
        submit(&records, row_of(number, |new| new.priority = priority)).await;
    }
    let order = async || {
        let queued = records.recover(NOW).await.expect("recovers");
        queued.into_iter().map(|queued| queued.job.id).collect::<Vec<_>>()
    };
    assert_eq!(order().await, [3, 2, 1].map(|number| JobId::from_parts(1, number)));
    for attempt in 1..=MAX_SERVICE_DEATHS {
        apply(&records, JobId::from_parts(1, 2), Event::Start { attempt }).await;
        let left = order().await.len();
        assert_eq!(left, if attempt == MAX_SERVICE_DEATHS { 2 } else { 3 });
    }
    let job = records.job(JobId::from_parts(1, 2)).await.expect("reads").expect("is there");
    assert_eq!(job.life.failure.map(|failure| failure.class), Some(FailureClass::Poisoned));
    assert_eq!((job.life.service_deaths, job.life.failed_attempts), (MAX_SERVICE_DEATHS, 0));
}

#[tokio::test]
async fn only_what_waited_too_long_expires() {
    let (_directory, records) = records().await;
    let short = submit(&records, row(1)).await;
    let long = submit(&records, row_of(2, |new| new.queue_timeout = Duration::from_secs(99))).await;
    let running = submit(&records, row(3)).await;
    apply(&records, running, Event::Start { attempt: 1 }).await;
    assert!(records.expire_due(NOW).await.expect("records").is_empty());
    let expired = records.expire_due(NOW.after(Duration::from_secs(10))).await.expect("records");
    assert_eq!(expired.iter().map(|(job, _)| job.id).collect::<Vec<_>>(), [short]);
    assert_eq!(records.unfinished().await.expect("reads"), [long, running]);
    let counts = records.counts().await.expect("reads");
    assert_eq!(counts[&JobState::Expired], 1);
    assert_eq!(counts.len(), JobState::ALL.len());
}

#[tokio::test]
async fn steps_are_noted_for_the_current_attempt_only() {
    let (_directory, records) = records().await;
    let id = submit(&records, row(1)).await;
    assert_eq!(records.note_phase(id, 1, Phase::Prove, NOW).await.expect("records"), None);
    apply(&records, id, Event::Start { attempt: 1 }).await;
    assert_eq!(records.note_phase(id, 2, Phase::Prove, NOW).await.expect("records"), None);
    let event = records.note_phase(id, 1, Phase::Prove, NOW).await.expect("records").expect("noted");
    assert_eq!((event.sequence, event.kind), (3, EventKind::Phase { phase: Phase::Prove }));
    let job = records.job(id).await.expect("reads").expect("is there");
    assert_eq!(job.phase, Some(Phase::Prove));
    let events = records.events(id, 1, 1).await.expect("reads");
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn tags_move_and_models_stay() {
    let (_directory, records) = records().await;
    let model = |byte, details| ModelRecord {
        model: Digest([byte; 32]),
        bytes: 10,
        created: NOW,
        details: serde_json::json!({ "which": details }),
    };
    for byte in [1, 2] {
        assert!(records.insert_model(model(byte, "first")).await.expect("records").1);
    }
    let (present, new) = records.insert_model(model(1, "second")).await.expect("records");
    assert_eq!((present, new), (model(1, "first"), false));
    let unknown = Digest([3; 32]);
    assert!(matches!(
        records.set_tag("digits", "latest", unknown, NOW).await,
        Err(RecordsError::UnknownModel { model }) if model == unknown
    ));
    for byte in [1, 2] {
        let target = Digest([byte; 32]);
        records.set_tag("digits", "latest", target, NOW).await.expect("records");
        assert_eq!(records.tagged("digits", "latest").await.expect("reads"), Some(target));
    }
    assert!(records.tags_of(Digest([1; 32])).await.expect("reads").is_empty());
    assert_eq!(
        records.tags_of(Digest([2; 32])).await.expect("reads"),
        [("digits".to_owned(), "latest".to_owned())]
    );
    let rest = records.models(Some(Digest([1; 32])), 10).await.expect("reads");
    assert_eq!(rest, [model(2, "first")]);
}

fn facts(circuit: CircuitId) -> CircuitFacts {
    CircuitFacts {
        circuit,
        model_id: ModelId([6; 32]),
        scheme: Scheme::Ipa,
        insecure_srs: false,
        srs: None,
        k: 9,
        rows_used: 1,
        advice_columns: 1,
        fixed_columns: 1,
        lookups: 1,
        predicted_prove: Duration::from_millis(1),
        predicted_memory_bytes: 1,
        proof_bytes: 1,
        vk: Digest([8; 32]),
        vk_bytes: 1,
        pk_bytes: 1,
        keygen: Duration::from_millis(1),
    }
}

/// Databases hold such texts, from versions whose types were others.
#[test]
fn facts_are_written_as_ever() {
    let written = serde_json::to_value(facts(CircuitId([7; 32]))).unwrap();
    assert_eq!(
        (&written["scheme"], &written["predicted_prove_ms"], &written["keygen_ms"]),
        (&"ipa".into(), &1.into(), &1.into())
    );
    assert_eq!(written["model_id"], "06".repeat(32));
    assert_eq!(serde_json::from_value::<CircuitFacts>(written).unwrap(), facts(CircuitId([7; 32])));
}

#[tokio::test]
async fn two_files_that_become_one_circuit_both_lead_to_it() {
    let (_directory, records) = records().await;
    let circuit = CircuitId([7; 32]);
    let facts = facts(circuit);
    for byte in [1, 2] {
        let model = Digest([byte; 32]);
        let record = ModelRecord { model, bytes: 1, created: NOW, details: serde_json::json!({}) };
        records.insert_model(record).await.expect("records");
        let work = Work::Circuit(CircuitWork { model, setup: Setup::Ipa });
        let id = submit(&records, row_of(byte.into(), |new| (new.work, new.inputs) = (work, None))).await;
        apply(&records, id, Event::Start { attempt: 1 }).await;
        let results = Results { circuit: Some(facts.clone()), ..Results::default() };
        let applied = records.apply(id, &Event::Succeed { attempt: 1 }, results, NOW).await;
        let Ok(Applied::Changed(job, _)) = applied else { panic!("{applied:?}") };
        assert_eq!(job.outcome, Some(Outcome::Circuit { circuit }));
        let entry = records.circuit_of(model, &Setup::Ipa).await.expect("reads").expect("is there");
        assert_eq!((entry.facts, entry.model), (facts.clone(), Digest([1; 32])));
        assert_eq!(records.circuit_of(model, &Setup::KzgInsecureLocal).await.expect("reads"), None);
    }
    assert_eq!(records.circuits(None, 10).await.expect("reads").len(), 1);
}

#[tokio::test]
async fn damaged_rows_are_named() {
    for (sql, expected) in [
        ("UPDATE jobs SET work = '{}'", "work"),
        ("UPDATE jobs SET priority = 7", "priority"),
        ("UPDATE jobs SET state = 'asleep'", "state"),
        ("UPDATE jobs SET attempt = -1", "attempt"),
        ("UPDATE jobs SET timings = 'none'", "timings"),
    ] {
        let (_directory, records) = records().await;
        let id = submit(&records, row(1)).await;
        spoil(&records, sql).await;
        for error in [
            records.job(id).await.expect_err("damaged"),
            records.apply(id, &Event::Cancel, Results::default(), NOW).await.expect_err("damaged"),
        ] {
            let RecordsError::Damaged { what, column } = error else { panic!("{error}") };
            assert_eq!((what, column), (format!("job {id}"), expected.to_owned()));
        }
    }
}

/// Damage of every column of the first job.
const DAMAGES: [&str; 21] = [
    "UPDATE jobs SET id = 'nothing' WHERE rowid = 1",
    "UPDATE jobs SET id = x'00' WHERE rowid = 1",
    "UPDATE jobs SET owner = x'00' WHERE rowid = 1",
    "UPDATE jobs SET work = x'00' WHERE rowid = 1",
    "UPDATE jobs SET priority = 'high' WHERE rowid = 1",
    "UPDATE jobs SET meta = '{' WHERE rowid = 1",
    "UPDATE jobs SET predicted_memory = 'much' WHERE rowid = 1",
    "UPDATE jobs SET created = 'yesterday' WHERE rowid = 1",
    "UPDATE jobs SET state = 'asleep' WHERE rowid = 1",
    "UPDATE jobs SET state = x'00' WHERE rowid = 1",
    "UPDATE jobs SET attempt = -1 WHERE rowid = 1",
    "UPDATE jobs SET failed_attempts = 0.5 WHERE rowid = 1",
    "UPDATE jobs SET service_deaths = 'none' WHERE rowid = 1",
    "UPDATE jobs SET queued = x'00' WHERE rowid = 1",
    "UPDATE jobs SET queue_timeout = 'long' WHERE rowid = 1",
    "UPDATE jobs SET queue_deadline = 'now' WHERE rowid = 1",
    "UPDATE jobs SET prove_timeout = -1 WHERE rowid = 1",
    "UPDATE jobs SET started = 'now' WHERE rowid = 1",
    "UPDATE jobs SET failure = '{' WHERE rowid = 1",
    "UPDATE jobs SET phase = x'00' WHERE rowid = 1",
    "UPDATE jobs SET outcome = 'none' WHERE rowid = 1",
];

#[tokio::test]
async fn a_damaged_row_does_not_withhold_the_others() {
    for (sql, running) in DAMAGES.into_iter().flat_map(|sql| [(sql, false), (sql, true)]) {
        let (_directory, records) = records().await;
        let (damaged, other) = (submit(&records, row(1)).await, submit(&records, row(2)).await);
        if running {
            apply(&records, damaged, Event::Start { attempt: 1 }).await;
        }
        spoil(&records, "PRAGMA foreign_keys = OFF").await;
        spoil(&records, sql).await;
        let page = records.list(&JobFilter::default(), None, 1).await.expect(sql);
        assert_eq!(page.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [other], "{sql}");
        assert!(records.unfinished().await.expect(sql).contains(&other), "{sql}");
        assert!(records.counts().await.expect(sql)[&JobState::Queued] >= 1, "{sql}");
        let queued = records.recover(NOW).await.expect(sql);
        assert!(queued.iter().any(|queued| queued.job.id == other), "{sql}");
        let expired = records.expire_due(NOW.after(Duration::from_secs(10))).await.expect(sql);
        assert!(expired.iter().any(|(job, _)| job.id == other), "{sql}");
    }
}

#[tokio::test]
async fn lists_go_on_after_damaged_rows() {
    let (_directory, records) = records().await;
    let mut ids = Vec::new();
    for number in 1..=9 {
        ids.push(submit(&records, row(number)).await);
    }
    spoil(&records, "UPDATE jobs SET created = 'yesterday' WHERE rowid IN (3, 4, 5, 9)").await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = records.list(&JobFilter::default(), after, 2).await.expect("reads");
        seen.extend(page.jobs.iter().map(|job| job.id));
        let Some(next) = page.next else { break };
        assert_eq!(page.jobs.len(), 2);
        after = Some(next);
    }
    assert_eq!(seen, [ids[7], ids[6], ids[5], ids[1], ids[0]]);
}

#[tokio::test]
async fn bundles_are_named_all_or_not_at_all() {
    let (_directory, records) = records().await;
    for number in [1, 2] {
        let id = submit(&records, row(number)).await;
        apply(&records, id, Event::Start { attempt: 1 }).await;
        apply(&records, id, Event::Succeed { attempt: 1 }).await;
    }
    assert_eq!(records.bundles().await.expect("reads").len(), 2);
    for sql in
        ["UPDATE jobs SET bundle = 'x' WHERE rowid = 1", "UPDATE jobs SET bundle = x'00' WHERE rowid = 1"]
    {
        spoil(&records, sql).await;
        let error = records.bundles().await.expect_err("one is not known");
        assert!(matches!(&error, RecordsError::Damaged { column, .. } if column == "bundle"), "{error}");
    }
}

#[tokio::test]
async fn damaged_models_and_circuits_are_left_out_and_written_again() {
    let (_directory, records) = records().await;
    let (circuit, model) = (CircuitId([7; 32]), Digest([1; 32]));
    let uploaded = |model| ModelRecord { model, bytes: 1, created: NOW, details: serde_json::json!({}) };
    for digest in [model, Digest([2; 32])] {
        records.insert_model(uploaded(digest)).await.expect("records");
    }
    let build = async |number| {
        let work = Work::Circuit(CircuitWork { model, setup: Setup::Ipa });
        let id = submit(&records, row_of(number, |new| (new.work, new.inputs) = (work, None))).await;
        apply(&records, id, Event::Start { attempt: 1 }).await;
        let results = Results { circuit: Some(facts(circuit)), ..Results::default() };
        records.apply(id, &Event::Succeed { attempt: 1 }, results, NOW).await.expect("records");
    };
    build(1).await;
    spoil(&records, "PRAGMA foreign_keys = OFF").await;
    let damages = [
        "UPDATE circuits SET model = 'lost'",
        "UPDATE circuits SET model = x'00'",
        "UPDATE circuits SET setup = '{'",
        "UPDATE circuits SET facts = '{}'",
        "UPDATE circuits SET created = 'yesterday'",
        "UPDATE circuits SET job = 'nobody'",
    ];
    for (sql, number) in damages.into_iter().zip(2..) {
        spoil(&records, sql).await;
        assert!(records.circuits(None, 10).await.expect(sql).is_empty());
        assert!(matches!(records.circuit(circuit).await, Err(RecordsError::Damaged { .. })), "{sql}");
        build(number).await;
        let entry = records.circuit(circuit).await.expect(sql).expect("is there");
        assert_eq!((entry.model, entry.job), (model, JobId::from_parts(1, number)));
        assert_eq!(records.circuits(None, 10).await.expect(sql), [entry]);
    }
    for sql in [
        "UPDATE models SET bytes = 'many' WHERE rowid = 1",
        "UPDATE models SET created = x'00' WHERE rowid = 1",
        "UPDATE models SET details = '{' WHERE rowid = 1",
        "UPDATE models SET details = '-1' WHERE rowid = 1",
    ] {
        spoil(&records, sql).await;
        assert_eq!(records.models(None, 1).await.expect(sql), [uploaded(Digest([2; 32]))]);
        assert_eq!(records.insert_model(uploaded(model)).await.expect(sql), (uploaded(model), false));
        assert_eq!(records.models(None, 1).await.expect(sql), [uploaded(model)]);
    }
}

#[tokio::test]
async fn only_what_can_pass_is_transient() {
    let (_directory, records) = records().await;
    submit(&records, row(1)).await;
    let twice = records.submit(row(1), NOW).await.expect_err("one id for two jobs");
    assert!(!twice.is_transient(), "{twice}");
    sqlx::query("PRAGMA query_only = ON").execute(&records.durable).await.expect("forbids writing");
    let refused = records.check_writable(NOW).await.expect_err("nothing may be written");
    assert!(refused.is_transient(), "{refused}");
    records.close().await;
    assert!(records.check_writable(NOW).await.expect_err("closed").is_transient());
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (directory, records) = records().await;
    spoil(
        &records,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', TRUE, x'00', 0)",
    )
    .await;
    records.close().await;
    let again = Records::open(&directory.path().join("records.sqlite")).await;
    assert!(matches!(&again, Err(OpenRecordsError { source: RecordsError::Schema(_), .. })), "{again:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("records.sqlite");
    std::fs::write(&path, vec![7; 8192]).expect("writes");
    let error = Records::open(&path).await.expect_err("no database");
    assert!(matches!(error.source, RecordsError::Database(_) | RecordsError::Schema(_)), "{error}");
    let error = error.to_string();
    assert!(error.contains(&path.display().to_string()) && error.contains("backup"), "{error}");
}

#[tokio::test]
async fn an_input_of_a_cancelled_job_is_in_no_file_after_a_checkpoint() {
    let (directory, records) = records().await;
    let needle = b"87654321,87654322";
    let found = || {
        let files = std::fs::read_dir(directory.path()).expect("lists");
        files
            .map(|file| std::fs::read(file.expect("lists").path()).expect("reads"))
            .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    };
    let secret = row_of(1, |new| new.inputs = Some(vec![vec![87_654_321, 87_654_322]]));
    let id = submit(&records, secret).await;
    assert!(found(), "a queued job's input is kept");
    apply(&records, id, Event::Cancel).await;
    assert!(records.checkpoint().await.expect("nobody reads"));
    assert!(!found());
}

#[tokio::test]
async fn a_damaged_job_is_left_out_of_lists() {
    let (_directory, records) = records().await;
    for number in 1..=4 {
        submit(&records, row(number)).await;
    }
    let damaged = JobId::from_parts(1, 3);
    sqlx::query("UPDATE jobs SET work = '{}' WHERE id = $1")
        .bind(damaged.to_string())
        .execute(&records.durable)
        .await
        .expect("spoils");
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = records.list(&JobFilter::default(), after, 2).await.expect("reads");
        listed.extend(page.jobs.iter().map(|job| job.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, [4, 2, 1].map(|number| JobId::from_parts(1, number)));
}

#[tokio::test]
async fn nothing_is_accepted_into_a_file_that_is_gone() {
    let (directory, records) = records().await;
    let (path, aside) = (directory.path().join("records.sqlite"), directory.path().join("aside"));
    let is_gone = |result: Result<(), RecordsError>| {
        let error = result.expect_err("the file is gone");
        assert!(error.is_transient() && error.to_string().contains("put it back or restart"), "{error}");
    };
    std::fs::rename(&path, &aside).expect("moves");
    is_gone(records.check_writable(NOW).await);
    is_gone(records.submit(row(1), NOW).await.map(drop));
    std::fs::copy(&aside, &path).expect("copies");
    is_gone(records.check_writable(NOW).await);
    std::fs::rename(&aside, &path).expect("moves back");
    submit(&records, row(1)).await;
}
