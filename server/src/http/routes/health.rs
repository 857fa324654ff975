//! For those who watch over the service.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::IntoResponse,
};

use crate::http::{
    metrics,
    problem::{Problem, ProblemType},
    state::App,
    wire::Readiness,
};

/// When it is worth asking again.
const RETRY: Duration = Duration::from_secs(10);

/// Media type of Prometheus' text.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the process is alive
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "operation", responses(
    (status = 200, description = "It is", body = Readiness),
))]
pub(super) async fn livez() -> Json<Readiness> {
    Json(Readiness { status: "live" })
}

/// Whether the service takes jobs
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "operation", responses(
    (status = 200, description = "It does", body = Readiness),
    (status = 503, description = "It is shutting down, or its storage refuses"),
))]
pub(super) async fn readyz(State(app): State<App>) -> Result<Json<Readiness>, Problem> {
    match app.service().ready().await {
        Ok(true) => Ok(Json(Readiness { status: "ready" })),
        Ok(false) if app.service().is_stopping() => {
            Err(not_ready("the service is shutting down; it finishes what runs"))
        }
        Ok(false) => Err(not_ready("the service makes no proofs; restart it")),
        Err(error) => {
            tracing::error!(%error, "the service's files cannot be written");
            Err(not_ready("the service's records or files cannot be written"))
        }
    }
}

fn not_ready(why: &str) -> Problem {
    Problem::new(ProblemType::Unavailable, why).retry_after(RETRY)
}

/// Counts and times for Prometheus
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "operation", responses(
    (status = 200, description = "Prometheus' text format", body = String, content_type = "text/plain"),
))]
pub(super) async fn metrics(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    for (state, count) in app.service().counts().await? {
        metrics::jobs(state.as_str(), count);
    }
    metrics::load(&app.service().load());
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(PROMETHEUS))], app.metrics().render()))
}
