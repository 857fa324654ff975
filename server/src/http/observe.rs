//! Logs with request ids.
//!
//! A log line names routes, ids, statuses and times. It never has a body, a query, an input or an output in it.

use std::{io::IsTerminal, time::Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;
use tracing_subscriber::{EnvFilter, filter::ParseError};
use ulid::Ulid;

use crate::{
    http::{metrics, problem::ProblemType},
    process::config::LogFormat,
};

/// Header that names a request, both ways.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken over from a caller.
const MAX_REQUEST_ID: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// Starts logging to standard error.
///
/// # Errors
/// When `filter` is none, in the notation of the `tracing-subscriber` crate.
pub fn start(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    let filter: EnvFilter = filter.parse()?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A line that cannot be written would be complained about on standard error too, which panics.
        .log_internal_errors(false);
    // A second subscriber is refused; the first goes on logging.
    let _ = match format {
        LogFormat::Text => tracing::subscriber::set_global_default(subscriber.finish()),
        LogFormat::Json => tracing::subscriber::set_global_default(subscriber.json().finish()),
    };
    Ok(())
}

/// The request being answered, as a URN.
pub(crate) fn request_urn() -> String {
    let id = CURRENT.try_with(Clone::clone).unwrap_or_else(|_| Ulid::nil().to_string());
    format!("urn:lemma:request:{id}")
}

/// Names a request, logs it and counts it.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unknown".to_owned());
    let method = request.method().clone();
    let span = tracing::info_span!("request", request_id = %id, %method, %route);
    let started = Instant::now();
    let answer = async {
        let mut response = CURRENT.scope(id.clone(), next.run(request)).await;
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID.clone(), value);
        }
        let (status, elapsed) = (response.status(), started.elapsed());
        let problem = response.extensions().get::<ProblemType>().map_or("", |kind| kind.name());
        tracing::info!(
            status = status.as_u16(),
            problem,
            milliseconds = elapsed.as_millis() as u64,
            "answered"
        );
        metrics::request(&method, &route, status, elapsed);
        response
    };
    answer.instrument(span).await
}

/// The caller's id if it is harmless in a log, else a new one.
fn request_id(request: &Request) -> String {
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
        let id = |value: &str| {
            request_id(&Request::builder().header("x-request-id", value).body(Body::empty()).unwrap())
        };
        assert_eq!(id("a-1_B.z"), "a-1_B.z");
        for refused in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_ne!(id(refused), refused);
            assert_eq!(id(refused).len(), 26);
        }
    }
}
