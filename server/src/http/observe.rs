//! Logs with request ids.
//!
//! A log line names routes, ids, statuses and times. It never has a body, a query, an input or an output in it.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use super::{metrics, problem::ProblemType, request_id, reserve::WATCHED};

/// Names a request, logs it and counts it. Those who watch over the service ask every second; that all is well is worth a line
/// only to those who look closely.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let id = request_id::of(&request);
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unknown".to_owned());
    let method = request.method().clone();
    let span = tracing::info_span!("request", request_id = %id, %method, %route);
    let started = Instant::now();
    let answer = async {
        let response = request_id::scope(id, next.run(request)).await;
        let (status, elapsed) = (response.status(), started.elapsed());
        let problem = response.extensions().get::<ProblemType>().map_or("", |kind| kind.name());
        let (code, milliseconds) = (status.as_u16(), elapsed.as_millis() as u64);
        if WATCHED.contains(&route.as_str()) && status.is_success() {
            tracing::debug!(status = code, problem, milliseconds, "answered");
        } else {
            tracing::info!(status = code, problem, milliseconds, "answered");
        }
        metrics::request(&method, &route, status, elapsed);
        response
    };
    answer.instrument(span).await
}
