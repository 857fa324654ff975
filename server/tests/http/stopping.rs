//! What callers see while the service stops.

use std::{
    fs,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use lemma_server::{
    App, app,
    http::metrics,
    process::{
        config::{Config, Settings},
        shutdown::Shutdown,
    },
    service::{JobService, ServiceConfig},
};
use reqwest::Method;
use serde_json::Value;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::support::{DIGITS, Server, answer, child, digit, directory, held_child, settings};

#[tokio::test]
async fn a_stopping_service_is_not_ready_and_takes_no_jobs() {
    let data = directory("stopping");
    let config = Config::of(settings(&data)).unwrap();
    let service = JobService::open(ServiceConfig::new(data.clone(), child())).await.unwrap();
    let shutdown = Shutdown::default();
    let router = app(App::new(service.clone(), config, metrics::start().unwrap(), shutdown.clone()).unwrap());
    let send = async |method: &str, path: &str, media_type: &str, body: Vec<u8>| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost:0")
            .header("content-type", media_type)
            .header("prefer", "wait=60");
        let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice::<Value>(&bytes).unwrap_or_default())
    };
    let (status, _) =
        send("POST", "/v1/models?tag=digits:stop", "application/octet-stream", DIGITS.to_vec()).await;
    assert_eq!(status, StatusCode::CREATED);
    let json = "application/json";
    let (_, build) = send("POST", "/v1/circuits", json, br#"{"model":"digits:stop"}"#.to_vec()).await;
    let order = serde_json::json!({ "circuit": build["circuit"], "inputs": digit() }).to_string();

    shutdown.begin();
    let (status, ready) = send("GET", "/readyz", json, Vec::new()).await;
    assert_eq!(
        (status, &ready["type"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"urn:lemma:problem:unavailable".into())
    );
    let held = Instant::now();
    let (status, _) = send("POST", "/v1/proofs", json, order.clone().into_bytes()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "an answer that is held back is let go");
    assert!(held.elapsed() < Duration::from_secs(10));
    service.shutdown(Duration::ZERO).await;
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
