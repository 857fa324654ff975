//! The names of requests, by which a caller's problem is found in the log.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    response::Response,
};
use ulid::Ulid;

/// Header that names a request, both ways.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken over from a caller.
const MAX_REQUEST_ID: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// The request being answered, as a URN.
pub(super) fn urn() -> String {
    let id = CURRENT.try_with(Clone::clone).unwrap_or_else(|_| Ulid::nil().to_string());
    format!("urn:lemma:request:{id}")
}

/// Answers a request under its name.
pub(super) async fn scope(id: String, answer: impl Future<Output = Response>) -> Response {
    let value = HeaderValue::from_str(&id);
    let mut response = CURRENT.scope(id, answer).await;
    if let Ok(value) = value {
        response.headers_mut().insert(REQUEST_ID.clone(), value);
    }
    response
}

/// The caller's id if it is harmless in a log, else a new one.
pub(super) fn of(request: &Request) -> String {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given.filter(harmless).map_or_else(|| Ulid::new().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_callers_request_id_is_taken_only_if_harmless() {
        let id =
            |value: &str| of(&Request::builder().header("x-request-id", value).body(Body::empty()).unwrap());
        assert_eq!(id("a-1_B.z"), "a-1_B.z");
        for refused in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_ne!(id(refused), refused);
            assert_eq!(id(refused).len(), 26);
        }
    }
}
