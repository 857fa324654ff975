//! Requests that no handler answers.

use std::any::Any;

use axum::{
    body::Body,
    http::{Method, Uri},
    response::{IntoResponse, Response},
};

use crate::http::problem::{Problem, ProblemType};

/// Longest path that is repeated in an answer, in characters.
const MAX_SHOWN: usize = 200;

/// A path nobody knows.
pub(super) async fn unknown_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(MAX_SHOWN).collect();
    Problem::new(ProblemType::UnknownRoute, format!("{path} is no path of this service; /docs lists them"))
}

/// A file the page of the OpenAPI document does not have.
pub(super) fn unknown_file(file: &str) -> Problem {
    let file: String = file.chars().take(MAX_SHOWN).collect();
    Problem::new(ProblemType::UnknownRoute, format!("/docs has no file {file:?}"))
}

/// A known path with another method; axum adds the header `Allow`.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let method: String = method.as_str().chars().take(16).collect();
    let path: String = uri.path().chars().take(MAX_SHOWN).collect();
    Problem::new(
        ProblemType::MethodNotAllowed,
        format!("{path} does not answer to {method}; the header Allow lists the methods it answers to"),
    )
}

/// A handler panicked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a handler panicked")]
struct HandlerPanicked;

pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    // What it panicked with went to the panic hook, and may hold values of the request.
    Problem::internal(&HandlerPanicked).into_response()
}
