//! The service's description of itself.

use axum::{
    Json, Router,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use std::sync::{Arc, LazyLock};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, serve};

use super::faults;
use crate::http::{extract::PathId, state::App};

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(super::document);

/// The document and the page that shows it; both are part of the program.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(document))
        .route("/", get(|| async { Redirect::temporary("/docs/") }))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(|| page(String::new())))
        .route(
            "/docs/{*file}",
            get(|PathId(file): PathId<String>| page(file.unwrap_or_else(|| "\u{fffd}".to_owned()))),
        )
}

async fn document() -> Json<OpenApi> {
    Json(DOCUMENT.clone())
}

/// A file of the page.
async fn page(file: String) -> Response {
    let config = Arc::new(Config::from("/openapi.json"));
    match serve(&file, config) {
        Ok(Some(found)) => {
            let mut headers = HeaderMap::new();
            if let Ok(media_type) = HeaderValue::try_from(found.content_type) {
                headers.insert(header::CONTENT_TYPE, media_type);
            }
            if found.gzpipped {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            // The page loads nothing from anywhere else.
            headers.insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(
                    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
                     frame-ancestors 'none'",
                ),
            );
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            (headers, found.bytes).into_response()
        }
        Ok(None) => faults::unknown_file(&file).into_response(),
        Err(error) => crate::http::problem::Problem::internal(error.as_ref()).into_response(),
    }
}
