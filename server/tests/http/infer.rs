use reqwest::Method;
use serde_json::json;

use crate::support::{SOFTMAX, answer, digit, shared};

#[tokio::test]
async fn the_answer_comes_at_once_and_the_proof_states_it() {
    let server = shared();
    let order = server.order().await;
    let answered = server.post_json("/v1/infer", &order).await.is(200);
    let output = &answered.json["outputs"][0];
    assert_eq!(output["type"], "int8");
    assert_eq!(output["integers"][0].as_array().unwrap().len(), 10);
    assert_eq!(output["floats"][0].as_array().unwrap().len(), 10);
    let href = answered.json["proof"]["href"].as_str().unwrap();
    assert_eq!(answered.header("location"), href);
    let wait = server.request(Method::GET, href).header("prefer", "wait=60");
    let proof = answer(wait).await.is(200).json;
    let bundle = server.get(proof["bundle"]["href"].as_str().unwrap()).await.is(200).bytes;
    let path = format!("/v1/verify?circuit={}", server.circuit().await);
    let verdict = server.post_bytes(&path, bundle).await.is(200).json;
    assert_eq!(verdict["valid"], true, "{verdict}");
    assert_eq!(verdict["statement"]["outputs"], answered.json["outputs"]);
}

#[tokio::test]
async fn a_softmax_after_the_circuit_is_applied() {
    let server = shared();
    server.post_bytes("/v1/models?tag=softmax:infer", SOFTMAX).await;
    let circuit = server.build(&json!({ "model": "softmax:infer" })).await;
    let request = json!({ "circuit": circuit, "inputs": digit(), "prove": false });
    let answered = server.post_json("/v1/infer", &request).await.is(200).json;
    assert!(answered.get("proof").is_none());
    let floats: Vec<f64> = serde_json::from_value(answered["outputs"][0]["floats"][0].clone()).unwrap();
    assert!((floats.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{floats:?}");
    let best = floats.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    assert_eq!(best, 0, "the bundled digit is a 0");
}
