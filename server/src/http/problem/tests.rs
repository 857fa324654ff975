use std::collections::BTreeSet;

use axum::body::to_bytes;
use lemma_verifier::env::EnvError;
use serde_json::Value;

use super::*;

async fn parts(problem: Problem) -> (Response<()>, Value) {
    let (head, body) = problem.into_response().into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap();
    (Response::from_parts(head, ()), serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn every_kind_is_a_problem_of_its_own() {
    let mut names = BTreeSet::new();
    for kind in ProblemType::ALL {
        assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        assert!(names.insert(kind.name()), "{kind:?} shares its name");
        let (head, body) = parts(Problem::new(kind, "what happened")).await;
        assert_eq!(head.status(), kind.status());
        assert_eq!(head.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(body["type"], format!("urn:lemma:problem:{}", kind.name()));
        assert_eq!(body["status"], kind.status().as_u16());
        assert_eq!(body["detail"], "what happened");
        assert!(body["instance"].as_str().unwrap().starts_with("urn:lemma:request:"));
        assert!(body.get("retry_after_seconds").is_none());
    }
}

#[tokio::test]
async fn retry_after_is_whole_seconds_in_header_and_body() {
    for (after, seconds) in [(0, 1), (900, 1), (1000, 1), (1001, 2), (30_000, 30)] {
        let problem = Problem::new(ProblemType::QueueFull, "full").retry_after(Duration::from_millis(after));
        let (head, body) = parts(problem).await;
        assert_eq!(head.headers()[header::RETRY_AFTER], seconds.to_string());
        assert_eq!(body["retry_after_seconds"], seconds);
    }
}

#[tokio::test]
async fn the_cause_of_an_internal_error_stays_in_the_log() {
    let (_, body) = parts(Problem::internal(&EnvError::MaxDegree { got: "secret".into() })).await;
    assert!(!body.to_string().contains("secret"));
}
