//! Lemma proofs over HTTP: models, circuits, proof jobs and verification.
//!
//! ```text
//! serve -> routes -> wire, problem        what callers see
//!            |
//!            v
//!         service -> records, blobs       jobs, durable
//!            |
//!            v
//!         dispatch -> worker -> child process with the prover
//! ```
//!
//! Only [`wire`] and [`problem`] know the JSON, only [`records`] knows SQL, and nothing below [`service`] knows HTTP.

mod advances;
pub mod blobs;
pub mod config;
pub mod crash_points;
pub mod demo;
mod descriptors;
pub mod dispatch;
mod drain;
mod extract;
pub mod hosts;
pub mod jobs;
pub mod metrics;
pub mod model_files;
mod networks;
mod observe;
pub mod openapi;
mod pool;
mod predictions;
pub mod problem;
pub mod records;
mod repeats;
mod reserve;
mod routes;
pub mod run;
pub mod serve;
pub mod service;
pub mod shutdown;
mod state;
pub mod wire;
pub mod worker;

pub use observe::start as start_logging;
pub use state::App;

use axum::Router;

/// Everything the service answers to.
pub fn app(app: App) -> Router {
    routes::router(app)
}
