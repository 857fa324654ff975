use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{DIGITS, SOFTMAX, Server, directory, settings, shared};

/// Reads a list to its end in parts.
async fn all(server: &Server, path: &str, member: &str, limit: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut next = format!("{path}limit={limit}");
    loop {
        let part = server.get(&next).await.is(200).json;
        let entries = part[member].as_array().unwrap();
        assert!(entries.len() <= limit);
        found.extend(entries.clone());
        match part["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}limit={limit}&cursor={cursor}"),
            None => return found,
        }
    }
}

fn ids(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_list_is_complete_and_without_repetition_in_parts_of_any_size() {
    let data = directory("lists");
    let server = Server::start(settings(&data), data);
    let order = server.order().await;
    server.post_bytes("/v1/models", SOFTMAX).await.is(201);
    server.post_bytes("/v1/models", DIGITS).await.is(200);
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(
            server.post_json("/v1/proofs", &order).await.is(202).json["id"].as_str().unwrap().to_owned(),
        );
    }
    for limit in [1, 2, 5, 100] {
        let proofs = all(&server, "/v1/proofs?", "proofs", limit).await;
        assert_eq!(ids(&proofs), expected.iter().rev().collect::<Vec<_>>(), "newest first");
        assert_eq!(all(&server, "/v1/models?", "models", limit).await.len(), 2);
        assert_eq!(all(&server, "/v1/circuits?", "circuits", limit).await.len(), 1);
    }
    let cancelled = &expected[4];
    server.post(&format!("/v1/proofs/{cancelled}/cancel")).await.is(200);
    let found = all(&server, "/v1/proofs?status=cancelled&", "proofs", 2).await;
    assert_eq!(ids(&found), [cancelled.as_str()]);
    let mut states = BTreeSet::new();
    for status in ["queued", "running", "succeeded", "failed", "cancelled", "expired"] {
        for proof in all(&server, &format!("/v1/proofs?status={status}&"), "proofs", 100).await {
            assert_eq!(proof["status"], status);
            states.insert(status);
        }
    }
    assert!(states.contains("cancelled"));
    let circuit = server.circuit().await;
    assert_eq!(all(&server, &format!("/v1/proofs?circuit={circuit}&"), "proofs", 3).await.len(), 5);
    let other = "0".repeat(64);
    assert!(all(&server, &format!("/v1/proofs?circuit={other}&"), "proofs", 3).await.is_empty());
}

#[tokio::test]
async fn parameters_of_lists_are_checked() {
    let server = shared();
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "cursor=x",
        "cursor=",
        "surprise=1",
        "limit=1&limit=2",
    ] {
        for list in ["models", "circuits", "proofs"] {
            server.get(&format!("/v1/{list}?{query}")).await.problem("invalid-parameter", 422);
        }
    }
    for query in ["status=done", "circuit=x", "status="] {
        server.get(&format!("/v1/proofs?{query}")).await.problem("invalid-parameter", 422);
    }
}
