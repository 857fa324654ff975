//! Plans, and the processes that make them.

use std::{fs, path::Path, time::Duration};

use lemma_server::process::config::Settings;
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::{Answer, DIGITS, SOFTMAX, Server, answer, child_after, directory, settings};

/// A service whose processes that plan run this script first.
fn server(name: &str, script: &str, change: impl FnOnce(Settings) -> Settings) -> Server {
    let data = directory(name);
    fs::create_dir_all(&data).unwrap();
    let script = format!("case \"$*\" in *--store*) ;; *) {script};; esac");
    let child = child_after(&script, &data.join("file"));
    Server::start_with(change(settings(&data)), data, child)
}

async fn build(server: &Server, tag: &str) -> Answer {
    server.post_json("/v1/circuits", &json!({ "model": tag })).await
}

async fn cancel(server: &Server, build: &Answer) {
    server.post(&format!("{}/cancel", build.json["href"].as_str().unwrap())).await.is(200);
}

#[tokio::test]
async fn a_plan_has_a_deadline_that_is_not_the_models_fault() {
    let hang = r#"[ ! -e "$path" ] || exec sleep 60"#;
    let server = server("slow-plan", hang, |settings| Settings { plan_timeout_seconds: Some(1), ..settings });
    server.post_bytes("/v1/models?tag=digits:test", DIGITS).await.is(201);
    fs::write(server.data.join("file"), []).unwrap();
    let refused = build(&server, "digits:test").await;
    assert!(refused.problem("circuit-too-large", 413).contains("longer than the 1 s"));
    fs::remove_file(server.data.join("file")).unwrap();
    cancel(&server, &build(&server, "digits:test").await.is(202)).await;
}

#[tokio::test]
async fn a_plan_has_a_limit_of_memory() {
    let data = directory("large-plan");
    let server = Server::start(Settings { plan_memory_mib: Some(1), ..settings(&data) }, data);
    server.post_bytes("/v1/models?tag=digits:test", DIGITS).await.is(201);
    let refused = build(&server, "digits:test").await;
    assert!(refused.problem("circuit-too-large", 413).contains("more than the 1 MiB"));
    server.get("/readyz").await.is(200);
}

#[tokio::test]
async fn a_process_that_dies_costs_its_request_alone() {
    let die = r#"[ ! -e "$path" ] || kill -9 $$"#;
    let server = server("dead-plan", die, |settings| settings);
    server.post_bytes("/v1/models?tag=digits:test", DIGITS).await.is(201);
    fs::write(server.data.join("file"), []).unwrap();
    for _ in 0..2 {
        let died = build(&server, "digits:test").await;
        assert!(died.problem("unavailable", 503).contains("another try may succeed"));
    }
    fs::remove_file(server.data.join("file")).unwrap();
    cancel(&server, &build(&server, "digits:test").await.is(202)).await;
}

#[tokio::test]
async fn a_slow_plan_holds_no_other_back() {
    let first = r#"if mkdir "$path" 2>/dev/null; then exec sleep 60; fi"#;
    let server =
        server("side-by-side", first, |settings| Settings { plan_timeout_seconds: Some(5), ..settings });
    server.post_bytes("/v1/models?tag=digits:slow", DIGITS).await.is(201);
    server.post_bytes("/v1/models?tag=softmax:fast", SOFTMAX).await.is(201);
    let begin = Instant::now();
    let slow = build(&server, "digits:slow");
    let fast = async {
        while !server.data.join("file").exists() {
            sleep(Duration::from_millis(5)).await;
        }
        let fast = build(&server, "softmax:fast").await.is(202);
        (fast, begin.elapsed())
    };
    let (slow, (fast, took)) = tokio::join!(slow, fast);
    slow.problem("circuit-too-large", 413);
    assert!(took < Duration::from_secs(4), "{took:?}");
    cancel(&server, &fast).await;
}

/// Whether there is a process of this id, which is in the file.
fn lives(file: &Path) -> bool {
    let pid = fs::read_to_string(file).unwrap();
    Path::new("/proc").join(pid.trim()).exists()
}

#[tokio::test]
async fn a_plan_that_nobody_waits_for_any_more_is_given_up() {
    let server = server("abandoned-plan", r#"echo $$ >"$path"; exec sleep 60"#, |settings| settings);
    server.post_bytes("/v1/models?tag=digits:test", DIGITS).await.is(201);
    let request = |patience| {
        let body = json!({ "model": "digits:test" });
        let request = server.request(Method::POST, "/v1/circuits").timeout(Duration::from_millis(patience));
        async move { request.json(&body).send().await.unwrap_err() }
    };
    let pid = server.data.join("file");
    let shared = async {
        while !fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) {
            sleep(Duration::from_millis(5)).await;
        }
        let first = fs::read_to_string(&pid).unwrap();
        sleep(Duration::from_millis(700)).await;
        assert!(lives(&pid), "one of them still waits");
        assert_eq!(fs::read_to_string(&pid).unwrap(), first, "they wait for one plan");
    };
    let (first, second, ()) = tokio::join!(request(400), request(1500), shared);
    assert!(first.is_timeout() && second.is_timeout());
    let gone = Instant::now();
    while lives(&pid) {
        assert!(gone.elapsed() < Duration::from_secs(2), "the process goes on");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn plans_end_with_an_answer_when_the_service_stops() {
    let server = server("stopped-plan", r#"echo $$ >"$path"; exec sleep 60"#, |settings| settings);
    server.post_bytes("/v1/models?tag=digits:test", DIGITS).await.is(201);
    let pid = server.data.join("file");
    let stop = async {
        while !fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) {
            sleep(Duration::from_millis(5)).await;
        }
        server.begin_shutdown();
        Instant::now()
    };
    let (answer, told) = tokio::join!(build(&server, "digits:test"), stop);
    answer.problem("unavailable", 503);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert!(told.elapsed() < Duration::from_secs(4), "{:?}", told.elapsed());
    while lives(&pid) {
        assert!(told.elapsed() < Duration::from_secs(4), "the process goes on");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn when_all_places_are_taken_the_answer_says_how_long() {
    let server = server("planning-busy", "exec sleep 60", |settings| Settings {
        plan_timeout_seconds: Some(3),
        ..settings
    });
    let mut requests = Vec::new();
    for number in 0..66u8 {
        // Every file is a model of its own: names of producers are not part of what is computed.
        let named = [DIGITS, &[0x12, 3, b'a', b'0' + number / 10, b'0' + number % 10]].concat();
        let id = server.post_bytes("/v1/models", named).await.is(201).json["id"].clone();
        requests.push(json!({ "model": id }));
    }
    let begin = Instant::now();
    let mut busy = Vec::new();
    let answers = requests.iter().map(|request| async {
        let body = server.request(Method::POST, "/v1/circuits").timeout(Duration::from_secs(2)).json(request);
        body.send().await.ok()
    });
    for response in futures::future::join_all(answers).await.into_iter().flatten() {
        busy.push((
            response.status().as_u16(),
            response.headers()["retry-after"].to_str().unwrap().to_owned(),
        ));
    }
    assert!(begin.elapsed() < Duration::from_secs(4));
    assert!(!busy.is_empty() && busy.iter().all(|(status, _)| *status == 429), "{busy:?}");
    // Those that waited have gone, and soon so have their places.
    let after = loop {
        let after = answer(server.request(Method::POST, "/v1/circuits").json(&requests[0])).await;
        if after.status != 429 {
            break after;
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "places stay taken");
        sleep(Duration::from_millis(20)).await;
    };
    assert!(after.problem("circuit-too-large", 413).contains("longer than the 3 s"));
}
