use std::{fs, time::Duration};

use futures::future::join_all;
use lemma_server::process::config::Settings;
use lemma_verifier::{digest::Digest, envelope};
use reqwest::Method;
use serde_json::json;

use crate::support::{DIGITS, Server, answer, directory, held_child, settings, shared};

#[tokio::test]
async fn a_circuit_has_its_size_its_cost_and_its_key() {
    let server = shared();
    let id = server.circuit().await;
    let circuit = server.get(&format!("/v1/circuits/{id}")).await.is(200).json;
    assert_eq!(circuit["id"], id);
    assert_eq!(circuit["scheme"], "ipa");
    assert_eq!(circuit["insecure_srs"], false);
    assert_eq!(circuit["outputs"][0]["shape"], json!([1, 10]));
    for member in ["k", "rows_used", "advice_columns", "fixed_columns", "lookups", "proof_bytes"] {
        assert!(circuit[member].as_u64().unwrap() > 0, "{member}");
    }
    assert!(circuit["predicted_memory_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(circuit["predicted_prove_cpu_seconds"].as_f64().unwrap() > 0.0);
    let key = server.get(circuit["verifying_key"]["href"].as_str().unwrap()).await.is(200);
    assert_eq!(envelope::kind_of(&key.bytes).unwrap(), envelope::Kind::VerifyingKey);
    assert_eq!(key.header("etag"), format!("\"{}\"", Digest::of(&key.bytes)));
    assert_eq!(circuit["verifying_key"]["sha256"], Digest::of(&key.bytes).to_string());
}

#[tokio::test]
async fn a_circuit_that_is_there_is_answered_at_once() {
    let server = shared();
    let id = server.circuit().await;
    let model = server.post_bytes("/v1/models", DIGITS).await.is(200).json["id"].clone();
    let again = server.post_json("/v1/circuits", &json!({ "model": model, "scheme": "ipa" })).await.is(200);
    assert_eq!(again.json["circuit"], id);
    assert_eq!(again.json["status"], "succeeded");
    assert_eq!(again.header("location"), format!("/v1/circuits/{id}"));
    let build = server.get(again.json["href"].as_str().unwrap()).await.is(200).json;
    assert_eq!(build["circuit"], id);
    let circuit = server.get(&format!("/v1/circuits/{id}")).await.json;
    let prediction = build["prediction"].as_object().unwrap();
    assert_eq!(prediction.len(), 7, "{prediction:?}");
    for (name, predicted) in prediction {
        let (found, predicted) = (circuit[name].as_f64().unwrap(), predicted.as_f64().unwrap());
        assert!((found - predicted).abs() < 1e-3, "{name} has one name and one value: {found}, {predicted}");
    }
    let cancelled = server.post(&format!("{}/cancel", again.json["href"].as_str().unwrap())).await.is(200);
    assert_eq!(cancelled.json["status"], "succeeded", "a build that has ended stays as it is");
}

#[tokio::test]
async fn a_build_that_is_under_way_is_joined() {
    let data = directory("joined");
    fs::create_dir_all(&data).unwrap();
    let gate = data.join("gate");
    fs::write(&gate, []).unwrap();
    let server = Server::start_with(settings(&data), data, held_child(&gate));
    server.post_bytes("/v1/models?tag=digits:test", DIGITS).await.is(201);
    let request = json!({ "model": "digits:test" });
    let first = server.post_json("/v1/circuits", &request).await.is(202).json;
    let keyed =
        server.request(Method::POST, "/v1/circuits").header("idempotency-key", "joins").json(&request);
    let (second, third) = (server.post_json("/v1/circuits", &request).await, answer(keyed).await);
    for joined in [second.is(202), third.is(202)] {
        assert_eq!(joined.json["id"], first["id"]);
    }
    let other = json!({ "model": "digits:test", "scheme": "ipa" });
    let other = server.request(Method::POST, "/v1/circuits").header("idempotency-key", "joins").json(&other);
    answer(other).await.problem("idempotency-conflict", 422);
    let kzg = json!({ "model": "digits:test", "scheme": "kzg", "insecure_local_srs": true });
    let other = server.post_json("/v1/circuits", &kzg).await.is(202).json;
    assert_ne!(other["id"], first["id"], "another setup is another build");
    server.post(&format!("{}/cancel", first["href"].as_str().unwrap())).await.is(200);
    let again = server.post_json("/v1/circuits", &request).await.is(202).json;
    assert_ne!(again["id"], first["id"], "a build that was cancelled is not joined");
    fs::remove_file(&gate).unwrap();
}

#[tokio::test]
async fn kzg_needs_parameters() {
    let server = shared();
    server.circuit().await;
    let request = json!({ "model": "digits:test", "scheme": "kzg" });
    let refused = server.post_json("/v1/circuits", &request).await;
    assert!(refused.problem("unsupported-setup", 422).contains("--store DATA/store"));
    let request = json!({ "model": "digits:test", "scheme": "kzg", "ceremony": "x" });
    server.post_json("/v1/circuits", &request).await.problem("unsupported-setup", 422);
    for request in [
        json!({ "model": "digits:test", "ceremony": "x" }),
        json!({ "model": "digits:test", "insecure_local_srs": true }),
        json!({ "model": "digits:test", "scheme": "kzg", "ceremony": "x", "insecure_local_srs": true }),
        json!({ "model": "digits:test", "scheme": "stark" }),
        json!({ "model": "digits:test", "k": 3 }),
        json!({ "model": 3 }),
        json!({}),
        json!([]),
    ] {
        server.post_json("/v1/circuits", &request).await.problem("invalid-request", 422);
    }
    let request = json!({ "model": "nobody:knows" });
    server.post_json("/v1/circuits", &request).await.problem("unknown-model", 404);
}

#[tokio::test]
async fn unknown_circuits_and_builds_are_not_found() {
    let server = shared();
    for id in [&"0".repeat(64), "x", "%ff"] {
        server.get(&format!("/v1/circuits/{id}")).await.problem("unknown-circuit", 404);
        server.get(&format!("/v1/circuits/{id}/vk")).await.problem("unknown-circuit", 404);
    }
    let order = server.order().await;
    let proof = server.post_json("/v1/proofs", &order).await.is(202).json["id"].clone();
    for id in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", proof.as_str().unwrap()] {
        server.get(&format!("/v1/builds/{id}")).await.problem("unknown-build", 404);
        server.post(&format!("/v1/builds/{id}/cancel")).await.problem("unknown-build", 404);
    }
    let build = server.get("/v1/circuits").await.json["circuits"][0]["model"].clone();
    let build = server.post_json("/v1/circuits", &json!({ "model": build })).await.json["id"].clone();
    let build = build.as_str().unwrap();
    answer(server.request(Method::GET, &format!("/v1/proofs/{build}"))).await.problem("unknown-proof", 404);
}

#[tokio::test]
async fn fifty_requests_for_a_circuit_are_planned_once_and_built_once() {
    let data = directory("planned");
    let server = Server::start(Settings { queue: Some(1), ..settings(&data) }, data);
    server.post_bytes("/v1/models?tag=digits:test", DIGITS).await.is(201);
    let request = json!({ "model": "digits:test" });
    let answers = join_all((0..50).map(|_| server.post_json("/v1/circuits", &request))).await;
    for answer in &answers {
        assert!(answer.status.is_success(), "{}", answer.json);
        assert_eq!(answer.json["id"], answers[0].json["id"]);
    }
}

#[tokio::test]
async fn a_circuit_whose_files_are_damaged_is_built_again() {
    let data = directory("repaired");
    let server = Server::start(settings(&data), data);
    let id = server.circuit().await;
    let store = server.data.join("store");
    for (round, kind) in
        ["objects/model", "objects/vk", "records/circuit"].into_iter().cycle().take(9).enumerate()
    {
        for file in fs::read_dir(store.join(kind)).unwrap() {
            let path = file.unwrap().path();
            match round / 3 {
                0 => fs::write(path, b"damaged").unwrap(),
                1 => fs::remove_file(path).unwrap(),
                _ => {
                    fs::remove_file(&path).unwrap();
                    fs::create_dir(path).unwrap();
                }
            }
        }
        if kind != "objects/model" {
            let refused = server.get(&format!("/v1/circuits/{id}/vk")).await;
            assert!(refused.problem("unavailable", 503).contains("POST /v1/circuits"));
        }
        let request = json!({ "model": "digits:test" });
        let build = server.post_json("/v1/circuits", &request).await.is(202).json;
        let href = build["href"].as_str().unwrap();
        let ended = loop {
            let build = server.get(href).await.is(200).json;
            if build["status"] != "queued" && build["status"] != "running" {
                break build;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!((&ended["status"], &ended["circuit"]), (&json!("succeeded"), &json!(id)), "{ended}");
        server.get(&format!("/v1/circuits/{id}/vk")).await.is(200);
        server.post_json("/v1/circuits", &request).await.is(200);
    }
}
