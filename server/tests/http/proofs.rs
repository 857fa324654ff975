use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::support::{Server, answer, digit, directory, settings, shared};

#[tokio::test]
async fn a_proof_is_followed_from_202_to_its_end() {
    let server = shared();
    let mut order = server.order().await;
    order["context"] = json!("c0ffee");
    order["meta"] = json!({ "order": 7 });
    order["priority"] = json!("high");
    let accepted = server.post_json("/v1/proofs", &order).await.is(202);
    let id = accepted.json["id"].as_str().unwrap();
    assert_eq!(accepted.header("location"), format!("/v1/proofs/{id}"));
    assert_eq!(accepted.json["meta"], json!({ "order": 7 }));
    assert_eq!(accepted.json["priority"], "high");
    let follow = server.request(Method::GET, accepted.header("location")).header("prefer", "wait=60");
    let proof = answer(follow).await.is(200).json;
    assert_eq!(proof["status"], "succeeded", "{proof}");
    assert_eq!(proof["attempt"], 1);
    assert_eq!(proof["context"], "c0ffee");
    for member in ["created", "started", "finished"] {
        assert!(proof[member].as_str().unwrap().ends_with('Z'), "{member}");
    }
    let phases: Vec<_> = proof["phases"].as_array().unwrap().iter().map(|phase| &phase["phase"]).collect();
    assert!(phases.contains(&&json!("prove")), "{phases:?}");
}

#[tokio::test]
async fn the_answer_is_held_back_as_long_as_the_caller_prefers() {
    let server = shared();
    let order = server.order().await;
    let request = server.request(Method::POST, "/v1/proofs").header("prefer", "wait=60");
    let held = answer(request.json(&order)).await.is(200);
    assert_eq!(held.header("preference-applied"), "wait=60");
    assert_eq!(held.json["status"], "succeeded");
    let start = Instant::now();
    let request = server.request(Method::POST, "/v1/proofs").header("prefer", "wait=0");
    answer(request.json(&order)).await.is(202);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn inputs_that_do_not_fit_are_answered_with_those_that_would() {
    let server = shared();
    let circuit = server.circuit().await;
    for inputs in [
        json!({}),
        json!({ "pixel": [[0.0]] }),
        json!({ "pixels": [vec![0.0; 63]] }),
        json!({ "pixels": [vec![1e39; 64]] }),
        json!({ "pixels": [vec![vec![0.0; 64]; 2]] }),
        json!({ "pixels": "zero" }),
        json!({ "pixels": [vec![0.0; 64]], "x": 1 }),
        json!({ "pixels": [vec![json!(null); 64]] }),
        json!([]),
        json!(7),
    ] {
        let request = json!({ "circuit": circuit, "inputs": inputs });
        for route in ["/v1/proofs", "/v1/infer"] {
            let refused = server.post_json(route, &request).await;
            refused.problem("invalid-input", 422);
            let expected = json!([{ "name": "pixels", "type": "float32", "shape": [1, 64] }]);
            assert_eq!(refused.json["expected"], expected);
        }
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let server = shared();
    let order = server.order().await;
    let with = |name: &str, value: serde_json::Value| {
        let mut changed = order.clone();
        changed[name] = value;
        changed
    };
    for request in [
        with("context", json!("0")),
        with("context", json!("zz")),
        with("context", json!("00".repeat(33))),
        with("priority", json!("urgent")),
        with("queue_timeout_seconds", json!(0)),
        with("queue_timeout_seconds", json!(604_801)),
        with("prove_timeout_seconds", json!(0)),
        with("prove_timeout_seconds", json!(-1)),
        with("prove_timeout_seconds", json!(1.5)),
        with("meta", json!("text")),
        with("meta", json!({ "long": "x".repeat(4096) })),
        with("surprise", json!(1)),
        with("prove", json!(false)),
        json!({ "inputs": digit() }),
        json!(null),
    ] {
        server.post_json("/v1/proofs", &request).await.problem("invalid-request", 422);
    }
    for circuit in ["0".repeat(64), "x".into(), String::new()] {
        let request = with("circuit", json!(circuit));
        server.post_json("/v1/proofs", &request).await.problem("unknown-circuit", 404);
    }
    // The same members on the route that answers first.
    server
        .post_json("/v1/infer", &with("prove_timeout_seconds", json!(0)))
        .await
        .problem("invalid-request", 422);
    server.post_json("/v1/infer", &with("queue_timeout_seconds", json!(9))).await.is(200);
}

#[tokio::test]
async fn cancelling_is_idempotent_and_ends_a_proof() {
    let data = directory("cancel");
    let server = Server::start(settings(&data), data);
    let order = server.order().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(
            server.post_json("/v1/proofs", &order).await.is(202).json["id"].as_str().unwrap().to_owned(),
        );
    }
    for id in ids.iter().rev() {
        for _ in 0..2 {
            let cancelled = server.post(&format!("/v1/proofs/{id}/cancel")).await.is(200);
            assert_eq!(cancelled.json["status"], "cancelled");
        }
        server.get(&format!("/v1/proofs/{id}/bundle")).await.problem("proof-not-made", 410);
        server.get(&format!("/v1/proofs/{id}/proof")).await.problem("proof-not-made", 410);
    }
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let queue = server.get("/v1/info").await.json["queue"].clone();
        if queue["running"] == 0 && queue["queued"] == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{queue}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let proof = server.proof(&order).await;
    let id = proof["id"].as_str().unwrap();
    let kept = server.post(&format!("/v1/proofs/{id}/cancel")).await.is(200).json;
    assert_eq!(kept["status"], "succeeded", "a proof that has ended stays as it is");
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let data = directory("full");
    let server =
        Server::start(lemma_server::process::config::Settings { queue: Some(1), ..settings(&data) }, data);
    let order = server.order().await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(server.post_json("/v1/proofs", &order).await);
    }
    let last = answers.last().unwrap();
    assert!(last.problem("queue-full", 429).contains("queued"));
    let seconds: u64 = last.header("retry-after").parse().unwrap();
    assert!(seconds >= 1);
    assert_eq!(last.json["retry_after_seconds"], seconds);
    let start = Instant::now();
    server.get("/livez").await.is(200);
    assert!(start.elapsed() < Duration::from_secs(1));
    let again = json!({ "circuit": order["circuit"], "inputs": order["inputs"] });
    server.post_json("/v1/infer", &again).await.problem("queue-full", 429);
    // A place is asked for before anything is computed, and inputs are looked at.
    let unread = json!({ "circuit": order["circuit"], "inputs": {} });
    for route in ["/v1/infer", "/v1/proofs"] {
        server.post_json(route, &unread).await.problem("queue-full", 429);
    }
    let without = json!({ "circuit": order["circuit"], "inputs": order["inputs"], "prove": false });
    server.post_json("/v1/infer", &without).await.is(200);
    for accepted in answers.iter().filter(|answer| answer.status == 202) {
        let id = accepted.json["id"].as_str().unwrap();
        let request = server.request(Method::GET, &format!("/v1/proofs/{id}")).header("prefer", "wait=60");
        assert_eq!(
            answer(request).await.is(200).json["status"],
            "succeeded",
            "an accepted job is never lost"
        );
    }
}

#[tokio::test]
async fn a_circuit_beyond_the_memory_budget_is_too_large() {
    let data = directory("memory");
    let settings = lemma_server::process::config::Settings { memory_mib: Some(1), ..settings(&data) };
    let server = Server::start(settings, data);
    server.post_bytes("/v1/models?tag=digits:test", crate::support::DIGITS).await.is(201);
    let refused = server.post_json("/v1/circuits", &json!({ "model": "digits:test" })).await;
    assert!(refused.problem("circuit-too-large", 413).contains("MiB of memory"));
}
