//! Counts and times for Prometheus.
//!
//! Labels come from small fixed sets, never from a request: routes as they are declared, methods of HTTP, status
//! codes, states and results.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::work::dispatch::Load;
use axum::http::{Method, StatusCode};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the buckets of request times, in seconds.
const REQUEST_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0, 60.0];

/// Time between two foldings of the histograms.
const UPKEEP: Duration = Duration::from_secs(5);

const REQUESTS: &str = "lemma_http_requests_total";
const DURATION: &str = "lemma_http_request_duration_seconds";
const VERIFICATIONS: &str = "lemma_verifications_total";
const JOBS: &str = "lemma_jobs";
const QUEUED: &str = "lemma_queue_waiting";
const RUNNING: &str = "lemma_queue_running";
const MEMORY: &str = "lemma_queue_memory_bytes";

/// The process's metrics, set up by whoever comes first.
static HANDLE: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Makes the process count and returns the handle that tells what it counted.
///
/// # Errors
/// When the buckets are none, which no input decides.
pub(crate) fn start() -> Result<PrometheusHandle, BuildError> {
    let mut known = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*known {
        return Ok(handle.clone());
    }
    let buckets = Matcher::Full(DURATION.to_owned());
    let recorder =
        PrometheusBuilder::new().set_buckets_for_metric(buckets, &REQUEST_SECONDS)?.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another part of the program counts already; /metrics stays empty");
    }
    describe();
    *known = Some(handle.clone());
    Ok(handle)
}

fn describe() {
    metrics::describe_counter!(REQUESTS, "Requests answered, by method, route and status");
    metrics::describe_histogram!(DURATION, metrics::Unit::Seconds, "Time to answer, by route");
    metrics::describe_counter!(VERIFICATIONS, "Proofs judged, by result");
    metrics::describe_gauge!(JOBS, "Jobs remembered, by state");
    metrics::describe_gauge!(QUEUED, "Jobs that wait for a worker");
    metrics::describe_gauge!(RUNNING, "Jobs that workers are at");
    metrics::describe_gauge!(MEMORY, metrics::Unit::Bytes, "Memory of running jobs and resident keys");
}

/// Folds single times into the histogram for ever; without it they would pile up until somebody asks.
pub(crate) async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// One request was answered.
pub(crate) fn request(method: &Method, route: &str, status: StatusCode, elapsed: Duration) {
    let method = known_method(method);
    let labels =
        [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
    metrics::counter!(REQUESTS, &labels).increment(1);
    metrics::histogram!(DURATION, "route" => route.to_owned()).record(elapsed.as_secs_f64());
}

/// HTTP lets callers invent methods; labels must not follow them.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// One proof was judged.
pub(crate) fn verification(valid: bool) {
    metrics::counter!(VERIFICATIONS, "result" => if valid { "valid" } else { "invalid" }).increment(1);
}

/// How many jobs are in a state.
pub(crate) fn jobs(state: &'static str, count: u64) {
    metrics::gauge!(JOBS, "state" => state).set(count as f64);
}

/// How full the dispatcher is.
pub(crate) fn load(load: &Load) {
    metrics::gauge!(QUEUED).set(load.queued as f64);
    metrics::gauge!(RUNNING).set(load.running as f64);
    metrics::gauge!(MEMORY).set(load.memory_in_use as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_share_one_label() {
        assert_eq!(known_method(&Method::POST), "POST");
        assert_eq!(known_method(&Method::from_bytes(b"BREW").unwrap()), "other");
    }
}
