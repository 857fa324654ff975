use std::fs;

use serde_json::json;

use crate::support::{DIGITS, SOFTMAX, Server, digit, directory, settings, shared};

#[tokio::test]
async fn the_same_bytes_are_the_same_model() {
    let server = shared();
    let first = server.post_bytes("/v1/models?tag=softmax:a", SOFTMAX).await;
    assert!(matches!(first.status.as_u16(), 200 | 201), "{}", first.json);
    let again = server.post_bytes("/v1/models?tag=softmax:b", SOFTMAX).await.is(200);
    assert_eq!(first.json["id"], again.json["id"]);
    assert_eq!(first.json["id"].as_str().unwrap().len(), 64);
    assert_eq!(again.header("location"), format!("/v1/models/{}", first.json["id"].as_str().unwrap()));
    assert_eq!(again.json["bytes"], SOFTMAX.len());
    assert_eq!(again.json["inputs"], json!([{ "name": "pixels", "type": "float32", "shape": [1, 64] }]));
    let shown = server.get(again.header("location")).await.is(200);
    let tags = shown.json["tags"].as_array().unwrap();
    assert!(tags.contains(&json!("softmax:a")) && tags.contains(&json!("softmax:b")), "{tags:?}");
}

#[tokio::test]
async fn tags_move_and_ids_do_not() {
    let server = shared();
    let digits = server.post_bytes("/v1/models?tag=moving:tag", DIGITS).await.json["id"].clone();
    assert_eq!(server.get("/v1/models/moving:tag").await.is(200).json["id"], digits);
    let softmax = server.post_bytes("/v1/models?tag=moving:tag", SOFTMAX).await.json["id"].clone();
    assert_ne!(digits, softmax);
    assert_eq!(server.get("/v1/models/moving:tag").await.is(200).json["id"], softmax);
}

#[tokio::test]
async fn what_cannot_be_proven_is_refused_by_name() {
    let server = shared();
    let refused = server.post_bytes("/v1/models", "this is no ONNX file").await;
    refused.problem("invalid-model", 422);
    let float: &[u8] = include_bytes!("../../../fixtures/digits/mlp.f32.onnx");
    let refused = server.post_bytes("/v1/models", float).await;
    let detail = refused.problem("invalid-model", 422);
    assert!(detail.contains("uploaded file"), "{detail}");
    server.post_bytes("/v1/models", "").await.problem("invalid-request", 422);
    for tag in ["digits", "Digits:x", "a:b:c", "", "%00:a"] {
        let refused = server.post_bytes(&format!("/v1/models?tag={tag}"), DIGITS).await;
        refused.problem("invalid-parameter", 422);
    }
}

#[tokio::test]
async fn unknown_models_are_not_found() {
    let server = shared();
    for id in [&"0".repeat(64), "nobody:knows", "x", "%ff", "..%2f..%2fetc", &"A".repeat(64)] {
        server.get(&format!("/v1/models/{id}")).await.problem("unknown-model", 404);
    }
}

#[tokio::test]
async fn a_model_whose_file_is_lost_comes_back_from_the_store_or_by_uploading_it() {
    let data = directory("lost");
    let server = Server::start(settings(&data), data.clone());
    let id = server.circuit().await.to_owned();
    let circuit = json!({ "model": "digits:test" });
    let model = server.get(&format!("/v1/circuits/{id}")).await.json["model"].as_str().unwrap().to_owned();
    let blob = data.join("blobs/models").join(&model);
    let copies = data.join("store/objects/model");
    let damages: [&dyn Fn(); 3] =
        [&|| fs::remove_file(&blob).unwrap(), &|| fs::write(&blob, b"damaged").unwrap(), &|| {
            fs::remove_file(&blob).unwrap();
            fs::create_dir_all(blob.join("full")).unwrap();
        }];
    for damage in damages {
        damage();
        server.post_json("/v1/circuits", &circuit).await.is(200);
        assert_eq!(fs::read(&blob).unwrap(), DIGITS, "the store's copy is taken");
    }
    for damage in damages {
        damage();
        fs::remove_dir_all(&copies).unwrap();
        let refused = server.post_json("/v1/circuits", &circuit).await;
        let detail = refused.problem("model-lost", 409);
        assert!(detail.contains(&model) && detail.contains("POST /v1/models"), "{detail}");
        server.post_bytes("/v1/models", DIGITS).await.is(200);
        assert_eq!(server.build(&circuit).await, id);
    }
    drop(server);
    fs::remove_file(&blob).unwrap();
    let server = Server::start(settings(&data), data);
    let order = json!({ "circuit": id, "inputs": digit() });
    server.post_json("/v1/infer", &order).await.is(200);
    assert_eq!(fs::read(&blob).unwrap(), DIGITS);
}
