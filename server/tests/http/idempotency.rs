use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, directory, settings, shared};

async fn send(server: &Server, route: &str, key: &str, body: &Value) -> Answer {
    answer(server.request(Method::POST, route).header("idempotency-key", key).json(body)).await
}

#[tokio::test]
async fn the_same_key_and_body_are_the_same_proof() {
    let server = shared();
    let order = server.order().await;
    let first = send(server, "/v1/proofs", "same", &order).await.is(202);
    let again = send(server, "/v1/proofs", "same", &order).await;
    assert!(again.status.is_success(), "{}", again.json);
    assert_eq!(first.json["id"], again.json["id"]);
    assert_eq!(first.header("location"), again.header("location"));
    let follow = server.request(Method::GET, first.header("location")).header("prefer", "wait=60");
    assert_eq!(answer(follow).await.is(200).json["status"], "succeeded");
    let finished = send(server, "/v1/proofs", "same", &order).await.is(200);
    assert_eq!(finished.json["id"], first.json["id"]);
    let other = send(server, "/v1/proofs", "another", &order).await.is(202);
    assert_ne!(first.json["id"], other.json["id"]);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_a_conflict() {
    let server = shared();
    let mut order = server.order().await;
    let first = send(server, "/v1/proofs", "conflict", &order).await.is(202);
    order["context"] = json!("00");
    let refused = send(server, "/v1/proofs", "conflict", &order).await;
    refused.problem("idempotency-conflict", 422);
    assert_eq!(refused.json["job"], first.json["id"]);
}

#[tokio::test]
async fn a_key_belongs_to_its_route() {
    let server = shared();
    let order = server.order().await;
    send(server, "/v1/proofs", "route", &order).await.is(202);
    send(server, "/v1/infer", "route", &order).await.problem("idempotency-conflict", 422);
}

#[tokio::test]
async fn an_inference_repeated_with_its_key_has_one_proof() {
    let server = shared();
    let order = server.order().await;
    let first = send(server, "/v1/infer", "infer", &order).await.is(200).json;
    let again = send(server, "/v1/infer", "infer", &order).await.is(200).json;
    assert_eq!(first["proof"]["id"], again["proof"]["id"]);
    assert_eq!(first["outputs"], again["outputs"]);
}

#[tokio::test]
async fn fifty_at_once_are_one_proof_even_when_the_queue_is_short() {
    let data = directory("fifty");
    let server =
        Server::start(lemma_server::process::config::Settings { queue: Some(2), ..settings(&data) }, data);
    let order = server.order().await;
    let requests = (0..50).map(|_| send(&server, "/v1/proofs", "fifty", &order));
    let answers = futures::future::join_all(requests).await;
    let ids: BTreeSet<_> = answers.iter().map(|answer| answer.json["id"].as_str()).collect();
    assert!(answers.iter().all(|answer| answer.status.is_success()), "{answers:?}");
    assert_eq!(ids.len(), 1, "{ids:?}");
    let again = send(&server, "/v1/proofs", "fifty", &order).await;
    assert!(again.status.is_success(), "{}", again.json);
    let list = server.get("/v1/proofs").await.json;
    assert_eq!(list["proofs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_requests_with_one_key_at_once_are_one_proof_and_conflicts() {
    let server = shared();
    let order = server.order().await;
    let mut other = order.clone();
    other["context"] = json!("00");
    let bodies = [&order, &other].into_iter().cycle().take(20);
    let answers =
        futures::future::join_all(bodies.map(|body| send(server, "/v1/proofs", "both", body))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status.is_success());
    let ids: BTreeSet<_> = accepted.iter().map(|answer| answer.json["id"].as_str()).collect();
    assert_eq!((ids.len(), accepted.len(), refused.len()), (1, 10, 10), "{answers:?}");
    for answer in refused {
        answer.problem("idempotency-conflict", 422);
        assert_eq!(answer.json["job"].as_str(), *ids.first().unwrap());
    }
}

#[tokio::test]
async fn fifty_inferences_at_once_have_one_proof_and_the_same_answer() {
    let server = shared();
    let order = server.order().await;
    let requests = (0..50).map(|_| send(server, "/v1/infer", "fifty-inferences", &order));
    let answers = futures::future::join_all(requests).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.json);
        assert_eq!(answer.json["proof"]["id"], answers[0].json["proof"]["id"]);
        assert_eq!(answer.json["outputs"], answers[0].json["outputs"]);
    }
}

#[tokio::test]
async fn a_key_of_a_circuit_that_is_there_stands_for_its_request() {
    let server = shared();
    server.circuit().await;
    let request = json!({ "model": "digits:test" });
    let first = send(server, "/v1/circuits", "ready", &request).await.is(200).json;
    let again = send(server, "/v1/circuits", "ready", &request).await.is(200).json;
    assert_eq!(first, again);
    let kzg = json!({ "model": "digits:test", "scheme": "kzg", "insecure_local_srs": true });
    let refused = send(server, "/v1/circuits", "ready", &kzg).await;
    refused.problem("idempotency-conflict", 422);
    assert_eq!(refused.json["job"], first["id"]);
    let order = server.order().await;
    send(server, "/v1/proofs", "ready", &order).await.problem("idempotency-conflict", 422);
}

#[tokio::test]
async fn keys_are_short_and_printable() {
    let server = shared();
    let order = server.order().await;
    for key in ["", &"x".repeat(256)] {
        send(server, "/v1/proofs", key, &order).await.problem("invalid-parameter", 422);
    }
}
