//! The routes.
//!
//! A handler reads its request, asks the service, and turns the answer into a wire type. Every refusal is a
//! [`Problem`](crate::http::problem::Problem).

mod builds;
mod circuits;
mod docs;
mod download;
mod faults;
mod files;
mod health;
mod infer;
mod info;
mod inputs;
mod links;
mod models;
mod order;
mod page;
mod proofs;
mod submission;
mod verify;

use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::{drain, hosts, observe, openapi, reserve, state::App};

/// The routes the OpenAPI document describes.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(models::upload, models::list))
        .routes(routes!(models::show))
        .routes(routes!(circuits::build, circuits::list))
        .routes(routes!(circuits::show))
        .routes(routes!(circuits::verifying_key))
        .routes(routes!(builds::show))
        .routes(routes!(builds::cancel))
        .routes(routes!(proofs::request, proofs::list))
        .routes(routes!(proofs::show))
        .routes(routes!(files::proof))
        .routes(routes!(files::bundle))
        .routes(routes!(proofs::cancel))
        .routes(routes!(verify::verify))
        .routes(routes!(infer::infer))
        .routes(routes!(info::info))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

/// The OpenAPI document of the routes.
pub fn document() -> OpenApi {
    openapi::finish(described().into_openapi())
}

/// All routes with everything around them.
pub(crate) fn router(app: App) -> Router {
    let (routes, _) = described().split_for_parts();
    routes
        .merge(docs::routes())
        .fallback(faults::unknown_route)
        .method_not_allowed_fallback(faults::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), hosts::check))
        .layer(middleware::from_fn(reserve::check))
        .layer(middleware::from_fn(drain::refused))
        .layer(CatchPanicLayer::custom(faults::panicked))
        .layer(middleware::from_fn(observe::request))
        // Not even a panic in the line above closes a connection without an answer.
        .layer(CatchPanicLayer::custom(faults::panicked))
        .with_state(app)
}
