//! Headers of answers about jobs.

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{http::extract::Preferences, work::jobs::Job};

/// The answer to an accepted job: 202, or 200 once it has ended.
pub(super) fn accepted<T: Serialize>(href: &str, job: &Job, preferences: Preferences, body: T) -> Response {
    let status = if job.state().is_terminal() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut headers = location(href);
    if let Some((name, value)) = preferences.applied() {
        headers.insert(name, value);
    }
    (status, headers, Json(body)).into_response()
}

/// `Location`.
pub(super) fn location(href: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Ids are letters and digits.
    if let Ok(value) = HeaderValue::try_from(href) {
        headers.insert(header::LOCATION, value);
    }
    headers
}
