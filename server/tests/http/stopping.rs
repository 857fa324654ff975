//! What callers see while the service stops.

use std::{
    fs,
    time::{Duration, Instant},
};

use lemma_server::process::config::Settings;
use reqwest::Method;
use tokio::time::sleep;

use crate::support::{Server, answer, directory, held_child, settings};

#[tokio::test]
async fn an_answer_that_is_held_back_is_let_go() {
    let data = directory("stopping");
    let order = Server::start(settings(&data), data.clone()).order().await;
    let gate = data.join("gate");
    fs::write(&gate, []).unwrap();
    let server = Server::start_with(settings(&data), data, held_child(&gate));
    let request = server.request(Method::POST, "/v1/proofs").header("prefer", "wait=60").json(&order);
    let held = tokio::spawn(answer(request));
    while server.get("/v1/info").await.json["queue"]["running"] != 1 {
        sleep(Duration::from_millis(10)).await;
    }
    server.begin_shutdown();
    let begun = Instant::now();
    held.await.unwrap().is(202);
    assert!(begun.elapsed() < Duration::from_secs(10));
    server.get("/readyz").await.problem("unavailable", 503);
    fs::remove_file(&gate).unwrap();
}

#[tokio::test]
async fn a_job_that_was_accepted_survives_a_restart() {
    let data = directory("restart");
    let settings = Settings { grace_seconds: Some(1), ..settings(&data) };
    let ids = {
        let server = Server::start(settings.clone(), data.clone());
        let order = server.order().await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let accepted = server.post_json("/v1/proofs", &order).await.is(202);
            ids.push(accepted.json["id"].as_str().unwrap().to_owned());
        }
        ids
    };
    let server = Server::start(settings, data);
    for id in ids {
        let request = server.request(Method::GET, &format!("/v1/proofs/{id}")).header("prefer", "wait=60");
        assert_eq!(answer(request).await.is(200).json["status"], "succeeded");
    }
}

#[tokio::test]
async fn a_service_that_drains_answers_but_takes_no_jobs() {
    let data = directory("draining");
    let order = Server::start(settings(&data), data.clone()).order().await;
    let gate = data.join("gate");
    fs::write(&gate, []).unwrap();
    let server = Server::start_with(settings(&data), data, held_child(&gate));
    let running = server.post_json("/v1/proofs", &order).await.is(202).json;
    let href = running["href"].as_str().unwrap();
    while server.get(href).await.is(200).json["status"] != "running" {
        sleep(Duration::from_millis(10)).await;
    }
    server.begin_shutdown();
    // The signal is heard a moment after it was given.
    while server.get("/readyz").await.status == 200 {
        sleep(Duration::from_millis(10)).await;
    }
    let refused = server.post_json("/v1/proofs", &order).await;
    refused.problem("unavailable", 503);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    let waiting = server.get("/readyz").await;
    waiting.problem("unavailable", 503);
    assert!(waiting.header("retry-after").parse::<u64>().unwrap() > 0);
    let followed = server.get(href).await.is(200).json;
    assert_eq!((&followed["id"], &followed["status"]), (&running["id"], &"running".into()));

    fs::remove_file(&gate).unwrap();
    let data = server.data.clone();
    drop(server);
    let server = Server::start(settings(&data), data);
    assert_eq!(server.get(href).await.is(200).json["status"], "succeeded", "what ran was let end");
}
