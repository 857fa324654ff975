use std::fs;

use lemma_verifier::{artifact::ProofBundle, digest::Digest};
use reqwest::Method;
use serde_json::json;

use crate::support::{Server, answer, directory, settings, shared};

#[tokio::test]
async fn files_are_named_by_their_digest_and_sent_once() {
    let server = shared();
    let proof = server.proof(&server.order().await).await;
    let bundle = server.get(proof["bundle"]["href"].as_str().unwrap()).await.is(200);
    assert_eq!(proof["bundle"]["sha256"], Digest::of(&bundle.bytes).to_string());
    assert_eq!(proof["bundle"]["bytes"], bundle.bytes.len());
    let bare = server.get(&format!("{}/proof", proof["href"].as_str().unwrap())).await.is(200);
    assert_eq!(ProofBundle::decode(&bundle.bytes).unwrap().proof, bare.bytes);
    let key = format!("/v1/circuits/{}/vk", server.circuit().await);
    let vk = server.get(&key).await.is(200);
    for (path, file) in [
        (format!("{}/bundle", proof["href"].as_str().unwrap()), bundle),
        (format!("{}/proof", proof["href"].as_str().unwrap()), bare),
        (key, vk),
    ] {
        assert_eq!(file.header("content-type"), "application/octet-stream");
        assert_eq!(file.header("etag"), format!("\"{}\"", Digest::of(&file.bytes)));
        assert!(file.header("content-disposition").starts_with("attachment; filename="));
        let request = server.request(Method::GET, &path).header("if-none-match", file.header("etag"));
        let unchanged = answer(request).await.is(304);
        assert!(unchanged.bytes.is_empty());
        assert_eq!(unchanged.header("etag"), file.header("etag"));
        let request = server.request(Method::GET, &path).header("if-none-match", "\"other\"");
        answer(request).await.is(200);
    }
}

#[tokio::test]
async fn an_unfinished_proof_has_no_files() {
    let data = directory("unfinished");
    let server = Server::start(settings(&data), data);
    let order = server.order().await;
    server.post_json("/v1/proofs", &order).await.is(202);
    let id = server.post_json("/v1/proofs", &order).await.is(202).json["id"].as_str().unwrap().to_owned();
    for file in ["proof", "bundle"] {
        let refused = server.get(&format!("/v1/proofs/{id}/{file}")).await;
        refused.problem("proof-not-finished", 409);
        assert_eq!(refused.json["job"], json!(id));
        assert_eq!(refused.header("retry-after"), "1");
    }
    for file in ["", "/proof", "/bundle"] {
        for id in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "%ff"] {
            server.get(&format!("/v1/proofs/{id}{file}")).await.problem("unknown-proof", 404);
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_on_the_disk_is_never_served() {
    let data = directory("damage");
    let server = Server::start(settings(&data), data);
    let proof = server.proof(&server.order().await).await;
    let digest = proof["bundle"]["sha256"].as_str().unwrap();
    let path = server.data.join("blobs/bundles").join(digest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    for file in ["proof", "bundle"] {
        let path = format!("{}/{file}", proof["href"].as_str().unwrap());
        let refused = server.get(&path).await;
        let detail = refused.problem("proof-lost", 410);
        assert!(!detail.contains(digest), "the cause stays in the log");
        assert_eq!(refused.json["job"], proof["id"]);
    }
    fs::remove_file(&path).unwrap();
    server.get(proof["bundle"]["href"].as_str().unwrap()).await.problem("proof-lost", 410);
}
