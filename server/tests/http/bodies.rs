use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use lemma_server::process::config::Settings;
use reqwest::Method;
use serde_json::json;

use crate::support::{Server, answer, directory, settings, shared};

/// Routes that read JSON.
const JSON: [&str; 3] = ["/v1/circuits", "/v1/proofs", "/v1/infer"];

#[tokio::test]
async fn hostile_json_is_refused() {
    let server = shared();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_inputs = format!(r#"{{"circuit":"{}","inputs":{{"pixels":{deep}}}}}"#, server.circuit().await);
    let post = |route: &str, body: String| {
        answer(server.request(Method::POST, route).header("content-type", "application/json").body(body))
    };
    for route in JSON {
        for body in ["", "{", "nul", "\u{0}", "{'a':1}", "[1,]", "{} {}", "NaN"] {
            post(route, body.into()).await.problem("malformed-json", 400);
        }
        for body in [
            "null",
            "\"\\ud800\"",
            "1e400",
            "[\"digits:test\"]",
            "\"x\"",
            "[]",
            r#"{"model":"a","model":"b"}"#,
            r#"{"circuit":"a","circuit":"b"}"#,
        ] {
            let refused = post(route, body.into()).await;
            assert!(matches!(refused.status.as_u16(), 400 | 422), "{body}: {}", refused.json);
        }
        let refused = post(route, deep.clone()).await;
        assert!(matches!(refused.status.as_u16(), 400 | 422), "{}", refused.json);
    }
    for route in &JSON[1..] {
        let refused = post(route, deep_inputs.clone()).await;
        assert!(matches!(refused.status.as_u16(), 400 | 422), "{}", refused.json);
    }
    let not_utf8 = server.request(Method::POST, "/v1/infer").header("content-type", "application/json");
    let refused = answer(not_utf8.body(b"{\"circuit\":\"\xff\"}".to_vec())).await;
    refused.problem("malformed-json", 400);
}

#[tokio::test]
async fn other_media_types_are_refused() {
    let server = shared();
    for route in JSON {
        for media_type in
            ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "json"]
        {
            let request = server.request(Method::POST, route).header("content-type", media_type).body("{}");
            let refused = answer(request).await;
            assert!(refused.problem("unsupported-media-type", 415).contains("application/json"));
        }
        let request = server.request(Method::POST, route).body("{}");
        answer(request).await.problem("unsupported-media-type", 415);
    }
    let circuit = server.circuit().await;
    for route in ["/v1/models".to_owned(), format!("/v1/verify?circuit={circuit}")] {
        server.post_json(&route, &json!({})).await.problem("unsupported-media-type", 415);
    }
    let request =
        server.request(Method::POST, "/v1/infer").header("content-type", "Application/JSON; charset=utf-8");
    answer(request.body("{}")).await.problem("invalid-request", 422);
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let server = shared();
    for (route, media_type) in [("/v1/infer", "application/json"), ("/v1/models", "application/octet-stream")]
    {
        let request = server.request(Method::POST, route).header("content-type", media_type);
        let refused = answer(request.header("content-encoding", "gzip").body("x")).await;
        assert!(refused.problem("unsupported-media-type", 415).contains("gzip"));
    }
    let plain = server.request(Method::POST, "/v1/infer").header("content-type", "application/json");
    answer(plain.header("content-encoding", "identity").body("{}")).await.problem("invalid-request", 422);
}

fn small(name: &str) -> Server {
    let data = directory(name);
    let limits = Settings {
        json_mib: Some(1),
        file_mib: Some(1),
        body_memory_mib: Some(1),
        body_timeout_seconds: Some(4),
        ..settings(&data)
    };
    Server::start(limits, data)
}

#[tokio::test]
async fn oversized_bodies_are_refused_announced_or_not() {
    let server = small("oversized");
    for size in [(1 << 20) + 1, 8 << 20] {
        let announced = server.post_bytes("/v1/models", vec![0; size]).await;
        announced.problem("body-too-large", 413);
    }
    let mut chunked = TcpStream::connect(server.address).unwrap();
    chunked.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "POST /v1/models HTTP/1.1\r\nhost: {}\r\ncontent-type: application/octet-stream\r\n\
                transfer-encoding: chunked\r\n\r\n",
        server.address
    );
    chunked.write_all(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[0; 0x10000], b"\r\n"].concat();
    // The service answers and closes before all of it is sent.
    let sent = (0..64).take_while(|_| chunked.write_all(&chunk).is_ok()).count();
    let mut text = Vec::new();
    let _ = chunked.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    assert!(text.is_empty() && sent < 64 || text.starts_with("HTTP/1.1 413"), "{sent} chunks: {text}");
    server.get("/livez").await.is(200);
}

#[tokio::test]
async fn an_announced_length_is_refused_before_the_body_is_sent() {
    let server = small("announced");
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "POST /v1/models HTTP/1.1\r\nhost: {}\r\ncontent-type: application/octet-stream\r\n\
                content-length: 100000000\r\n\r\n",
        server.address
    );
    let start = Instant::now();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..length]);
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    // For a moment the body may still come.
    stream.write_all(&[0; 1 << 20]).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}

#[tokio::test]
async fn slow_bodies_time_out_and_their_memory_comes_back() {
    let server = small("slow");
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "POST /v1/models HTTP/1.1\r\nhost: {}\r\ncontent-type: application/octet-stream\r\n\
                content-length: 1048576\r\n\r\nslow",
        server.address
    );
    let start = Instant::now();
    slow.write_all(head.as_bytes()).unwrap();
    // By then the slow body has reserved all memory for bodies.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let busy = server.post_bytes("/v1/models", "x").await;
    busy.problem("busy", 429);
    assert_eq!(busy.header("retry-after"), "1");
    let mut text = String::new();
    slow.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(text.contains("urn:lemma:problem:body-timeout"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(8));
    server.post_bytes("/v1/models", "x").await.problem("invalid-model", 422);
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_request() {
    let server = small("early");
    let mut early = TcpStream::connect(server.address).unwrap();
    early.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "POST /v1/infer HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{{\"circuit\"",
        server.address
    );
    early.write_all(head.as_bytes()).unwrap();
    early.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    let _ = early.read_to_string(&mut text);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    server.get("/livez").await.is(200);
}

#[tokio::test]
async fn refusals_before_the_body_is_read_reach_a_caller_that_is_still_sending() {
    let server = small("unread");
    let body = || vec![b' '; 8 << 20];
    let json =
        |method, path| server.request(method, path).header("content-type", "application/json").body(body());
    answer(json(Method::POST, "/v1/models")).await.problem("unsupported-media-type", 415);
    answer(json(Method::POST, "/nowhere")).await.problem("unknown-route", 404);
    answer(json(Method::PUT, "/v1/models")).await.problem("method-not-allowed", 405);
    let keyed = json(Method::POST, "/v1/proofs").header("idempotency-key", "x".repeat(256));
    answer(keyed).await.problem("invalid-parameter", 422);
}

#[tokio::test]
async fn a_request_with_two_lengths_is_the_last_of_its_connection() {
    let server = shared();
    for lengths in
        ["content-length: 5\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 5"]
    {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let host = server.address;
        // Whoever goes by the length takes what follows the empty chunk for a part of the first request.
        let text = format!(
            "POST /v1/infer HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{lengths}\r\n\r\n0\r\n\r\n\
             GET /livez HTTP/1.1\r\nhost: {host}\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
        assert!(answers.starts_with("HTTP/1.1 400"), "{answers}");
    }
}

#[tokio::test]
async fn refusals_speak_of_members_and_not_of_rust() {
    let server = shared();
    let circuit = server.circuit().await;
    for (route, body, told) in [
        ("/v1/infer", json!({}), "\"circuit\" is missing"),
        ("/v1/infer", json!({ "circuit": circuit }), "\"inputs\" is missing"),
        (
            "/v1/proofs",
            json!({ "circuit": circuit, "inputs": {}, "prove_timeout_seconds": "1" }),
            "a whole number",
        ),
        (
            "/v1/proofs",
            json!({ "circuit": circuit, "inputs": {}, "priority": "urgent" }),
            "none of low, normal, high",
        ),
        (
            "/v1/proofs",
            json!({ "circuit": circuit, "inputs": {}, "meta": "x" }),
            "meta: it is the text \"x\", expected an object",
        ),
        ("/v1/circuits", json!({ "model": "a:b", "k": 3 }), "\"k\" is not known here"),
    ] {
        let refused = server.post_json(route, &body).await;
        let detail = refused.problem("invalid-request", 422);
        assert!(detail.contains(told), "{detail}");
    }
    for (query, told) in [("limit=x", "a whole number"), ("surprise=1", "\"surprise\" is not known here")] {
        let refused = server.get(&format!("/v1/proofs?{query}")).await;
        let detail = refused.problem("invalid-parameter", 422);
        assert!(detail.contains(told) && !detail.contains("deserialize"), "{detail}");
    }
    for model in [&b"{\"pixels\": []}"[..], b"PK\x03\x04"] {
        let refused = server.post_bytes("/v1/models", model).await;
        assert!(refused.problem("invalid-model", 422).ends_with("send an ONNX file"));
    }
}
