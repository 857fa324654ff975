use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use lemma_server::process::config::Settings;
use reqwest::Method;
use serde_json::Value;

use crate::support::{Server, answer, directory, settings, shared};

#[tokio::test]
async fn the_service_says_what_it_is_and_how_it_is() {
    let server = shared();
    let info = server.get("/v1/info").await.is(200).json;
    assert_eq!(info["name"], "lemma-server");
    assert_eq!(info["authentication"], "none");
    assert!(info["operators"].as_array().unwrap().iter().any(|entry| entry["operator"] == "QLinearMatMul"));
    assert!(info["queue"]["capacity"].as_u64().unwrap() > 0);
    assert_eq!(server.get("/livez").await.is(200).json["status"], "live");
    assert_eq!(server.get("/readyz").await.is(200).json["status"], "ready");
}

#[tokio::test]
async fn probes_are_answered_when_callers_hold_all_connections() {
    let data = directory("connections");
    let server = Server::start(Settings { connections: Some(2), ..settings(&data) }, data);
    let held = [(); 2].map(|()| TcpStream::connect(server.address).unwrap());
    for path in ["/livez", "/readyz", "/metrics"] {
        let watched = server.get(path).await.is(200);
        assert_eq!(watched.header("connection"), "close");
    }
    let busy = server.get("/v1/info").await;
    busy.problem("busy", 429);
    assert_eq!((busy.header("connection"), busy.header("retry-after")), ("close", "1"));
    let body = "x".repeat(1 << 20);
    server.post_bytes("/v1/models", body).await.problem("busy", 429);
    drop(held);
    while server.get("/v1/info").await.status == 429 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn metrics_have_bounded_labels() {
    let server = shared();
    for path in ["/v1/models/unbounded-1", "/v1/models/unbounded-2", "/unbounded-3", "/docs/unbounded-4"] {
        server.get(path).await.is(404);
    }
    let invented = Method::from_bytes(b"UNBOUNDED").unwrap();
    answer(server.request(invented, "/livez")).await.is(405);
    let metrics = server.get("/metrics").await.is(200);
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let text = String::from_utf8(metrics.bytes).unwrap();
    assert!(!text.to_lowercase().contains("unbounded"), "{text}");
    for name in [
        "lemma_http_requests_total{",
        "lemma_http_request_duration_seconds_bucket{",
        "lemma_jobs{state=\"succeeded\"}",
        "lemma_queue_waiting",
        "route=\"/v1/models/{id}\"",
        "route=\"unknown\"",
        "method=\"other\"",
    ] {
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let server = shared();
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/proofs/",
        "/v1/proofs/a/b/c",
        "/docs/nothing",
        "/docs/%ff",
        "/%00",
        "/%ff",
    ] {
        server.get(path).await.problem("unknown-route", 404);
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/v1/models", "GET"),
        (Method::PUT, "/v1/proofs", "POST"),
        (Method::GET, "/v1/verify", "POST"),
        (Method::GET, "/v1/infer", "POST"),
        (Method::POST, "/livez", "GET"),
        (Method::PATCH, "/openapi.json", "GET"),
    ] {
        let refused = answer(server.request(method, path)).await;
        refused.problem("method-not-allowed", 405);
        assert!(refused.header("allow").contains(allowed), "{}", refused.header("allow"));
    }
}

#[tokio::test]
async fn web_pages_of_other_origins_neither_read_nor_change_anything() {
    let server = shared();
    let rebound = server.request(Method::GET, "/v1/models").header("host", "evil.example");
    answer(rebound).await.problem("misdirected-request", 421);
    for (name, value) in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")] {
        let cancel = server.request(Method::POST, "/v1/proofs/x/cancel").header(name, value);
        answer(cancel).await.problem("foreign-origin", 403);
    }
    let own = format!("http://{}", server.address);
    let cancel = server.request(Method::POST, "/v1/proofs/x/cancel").header("origin", own);
    answer(cancel).await.problem("unknown-proof", 404);
    let mut bare = TcpStream::connect(server.address).unwrap();
    bare.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    bare.write_all(b"GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    bare.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400") && text.contains("urn:lemma:problem:invalid-host"), "{text}");
}

#[tokio::test]
async fn requests_have_ids() {
    let server = shared();
    let named = server.request(Method::GET, "/v1/proofs/x").header("x-request-id", "mine-1");
    let named = answer(named).await;
    named.problem("unknown-proof", 404);
    assert_eq!(named.json["instance"], "urn:lemma:request:mine-1");
    let hostile = server.request(Method::GET, "/livez").header("x-request-id", "a b\"c");
    assert_eq!(answer(hostile).await.header("x-request-id").len(), 26);
}

#[tokio::test]
async fn the_document_describes_the_routes_and_the_page_shows_it_offline() {
    let server = shared();
    let document = server.get("/openapi.json").await.is(200).json;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let printed =
        std::process::Command::new(env!("CARGO_BIN_EXE_lemma-server")).arg("openapi").output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).unwrap(), document);
    let paths = document["paths"].as_object().unwrap();
    for path in ["/v1/models", "/v1/circuits/{id}/vk", "/v1/proofs/{id}/cancel", "/v1/infer", "/metrics"] {
        assert!(paths.contains_key(path), "{path}");
    }
    let page = server.get("/docs/").await.is(200);
    let mut names = vec!["swagger-initializer.js".to_owned()];
    let html = String::from_utf8(page.bytes).unwrap();
    for part in html.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")) {
        assert!(!part.contains("://"), "{part} is loaded from outside");
        names.push(part.trim_start_matches("./").to_owned());
    }
    assert!(names.len() > 3, "{names:?}");
    for name in names {
        let file = server.get(&format!("/docs/{name}")).await.is(200);
        assert!(!file.bytes.is_empty());
        let policy = file.header("content-security-policy");
        assert!(
            policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(file.header("x-content-type-options"), "nosniff");
    }
    for path in ["/docs", "/"] {
        let redirected = server.get(path).await.is(200);
        assert!(redirected.header("content-type").starts_with("text/html"));
    }
    let initializer = server.get("/docs/swagger-initializer.js").await;
    assert!(String::from_utf8(initializer.bytes).unwrap().contains("/openapi.json"));
}

#[test]
fn garbage_instead_of_http_is_harmless() {
    let server = shared();
    for garbage in [b"\x16\x03\x01\x02\x00\x01\x00".as_slice(), b"GET\r\n\r\n", &[0; 4096]] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = Vec::new();
        // The service may close before everything has been read.
        let _ = stream.read_to_end(&mut text);
        assert!(text.is_empty() || text.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&text));
    }
}
