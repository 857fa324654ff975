//! What the service is.

use axum::{Json, extract::State};
use lemma_circuits::import::supported;
use lemma_verifier::{circuit_id::FORMAT_VERSION, shape::MAX_K};

use crate::http::{
    extract::MAX_WAIT,
    state::App,
    wire::{Info, Limits, Operator, QueueLoad},
};

/// What the service is, what it refuses and how full it is
#[utoipa::path(get, path = "/v1/info", operation_id = "info", tag = "operation", responses(
    (status = 200, description = "The service", body = Info),
))]
pub(super) async fn info(State(app): State<App>) -> Json<Info> {
    let load = app.service().load();
    Json(Info {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        format_version: FORMAT_VERSION,
        authentication: "none",
        limits: Limits {
            json_bytes: app.terms().json_bytes,
            file_bytes: app.terms().file_bytes,
            memory_bytes: load.memory_budget,
            k: MAX_K,
            wait_seconds: MAX_WAIT.as_secs(),
        },
        queue: QueueLoad {
            queued: load.queued,
            running: load.running,
            capacity: load.capacity,
            parallel: load.parallel,
            memory_in_use_bytes: load.memory_in_use,
        },
        operators: supported()
            .iter()
            .map(|entry| Operator {
                operator: entry.op,
                domain: entry.domain,
                form: entry.form.name(),
                restrictions: entry.notes,
            })
            .collect(),
    })
}
