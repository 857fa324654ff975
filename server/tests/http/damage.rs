//! Rows of the database that hold what the service did not write.

use std::{fs, path::Path, time::Duration};

use lemma_server::process::config::Settings;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tokio::time::sleep;

use crate::support::{SOFTMAX, Server, answer, digit, directory, held_child, settings};

/// Changes the database behind the service's back.
async fn spoil(data: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(data.join("records.sqlite")).foreign_keys(false);
    let mut connection = options.connect().await.unwrap();
    let changed = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    assert!(changed.rows_affected() > 0, "{sql}");
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_is_not_damaged_goes_on() {
    let data = directory("rows");
    let server = Server::start(settings(&data), data.clone());
    let circuit = server.circuit().await.to_owned();
    let first = server.proof(&server.order().await).await;
    let second = server.proof(&server.order().await).await;
    let bundle = server.get(first["bundle"]["href"].as_str().unwrap()).await.is(200).bytes;
    let softmax = server.post_bytes("/v1/models", SOFTMAX).await.is(201).json["id"].clone();
    let other = server.build(&json!({ "model": softmax })).await;
    let id = first["id"].as_str().unwrap();
    for change in ["created = 'yesterday'", "priority = 'high'", "state = 'asleep'", "state = x'00'"] {
        spoil(&data, &format!("UPDATE jobs SET {change} WHERE id = '{id}'")).await;
        let listed = server.get("/v1/proofs").await.is(200).json["proofs"].clone();
        assert_eq!(listed.as_array().unwrap().len(), 1, "{change}: {listed}");
        assert_eq!(listed[0]["id"], second["id"]);
        server.get("/metrics").await.is(200);
        server.get(&format!("/v1/proofs/{id}")).await.problem("proof-lost", 410);
        spoil(
            &data,
            &format!("UPDATE jobs SET created = 1, priority = 1, state = 'succeeded' WHERE id = '{id}'"),
        )
        .await;
    }
    spoil(&data, &format!("UPDATE models SET details = '{{}}' WHERE model = {softmax}").replace('"', "'"))
        .await;
    assert_eq!(server.get("/v1/models").await.is(200).json["models"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/v1/circuits").await.is(200).json["circuits"].as_array().unwrap().len(), 1);
    spoil(&data, &format!("UPDATE circuits SET model = 'lost' WHERE circuit = '{other}'")).await;
    assert_eq!(server.get("/v1/circuits").await.is(200).json["circuits"][0]["id"], circuit);
    spoil(&data, &format!("UPDATE jobs SET bundle = 'lost' WHERE id = '{id}'")).await;
    spoil(&data, &format!("UPDATE models SET details = '{{' WHERE model = {softmax}").replace('"', "'"))
        .await;
    let refused = server.post_json("/v1/circuits", &json!({ "model": softmax })).await;
    assert!(refused.problem("model-lost", 409).contains("POST /v1/models"));
    server.post_bytes("/v1/models", SOFTMAX).await.is(200);
    server.get(&format!("/v1/models/{}", softmax.as_str().unwrap())).await.is(200);
    drop(server);
    let server = Server::start(settings(&data), data);
    assert_eq!(server.get(first["bundle"]["href"].as_str().unwrap()).await.is(200).bytes, bundle);
    let order = |circuit: &str| json!({ "circuit": circuit, "inputs": digit() });
    let refused = server.post_json("/v1/proofs", &order(&other)).await;
    assert!(refused.problem("unavailable", 503).contains("POST /v1/circuits"));
    server.post_json("/v1/proofs", &order(&circuit)).await.is(202);
    assert_eq!(server.build(&json!({ "model": softmax })).await, other);
    server.post_json("/v1/proofs", &order(&other)).await.is(202);
}

#[tokio::test]
async fn a_job_without_its_input_fails_and_says_so() {
    let data = directory("no-input");
    let order = Server::start(settings(&data), data.clone()).order().await;
    let gate = data.join("gate");
    fs::write(&gate, []).unwrap();
    let one = Settings { parallel: Some(1), ..settings(&data) };
    let server = Server::start_with(one, data.clone(), held_child(&gate));
    let held = server.post_json("/v1/proofs", &order).await.is(202).json;
    let lost = server.post_json("/v1/proofs", &order).await.is(202).json;
    while server.get(held["href"].as_str().unwrap()).await.is(200).json["status"] != "running" {
        sleep(Duration::from_millis(10)).await;
    }
    spoil(&data, &format!("DELETE FROM job_inputs WHERE job = '{}'", lost["id"].as_str().unwrap())).await;
    fs::remove_file(&gate).unwrap();
    let ended = |job: &Value| {
        let request = server.request(Method::GET, job["href"].as_str().unwrap()).header("prefer", "wait=60");
        async move { answer(request).await.is(200).json }
    };
    assert_eq!(ended(&held).await["status"], "succeeded");
    let lost = ended(&lost).await;
    assert_eq!(lost["status"], "failed", "{lost}");
    assert!(lost["failure"]["reason"].as_str().unwrap().contains("input is gone"), "{lost}");
}

#[tokio::test]
async fn a_pipe_in_the_place_of_a_proof_keeps_nobody_waiting() {
    let data = directory("pipe");
    let server = Server::start(settings(&data), data.clone());
    let proof = server.proof(&server.order().await).await;
    let path = data.join("blobs/bundles").join(proof["bundle"]["sha256"].as_str().unwrap());
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let get = server.get(proof["bundle"]["href"].as_str().unwrap());
    let lost = tokio::time::timeout(Duration::from_secs(10), get).await.expect("the request hangs");
    lost.problem("proof-lost", 410);
    let stopping = std::time::Instant::now();
    drop(server);
    assert!(stopping.elapsed() < Duration::from_secs(10), "the service does not end");
}
