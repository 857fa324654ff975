//! Connections that are kept for whoever watches over the service.
//!
//! When callers hold all connections, a probe that gets no answer would have the service restarted. A few more connections are
//! accepted then, each for one short request, and only of the routes below.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::http::problem::{Problem, ProblemType};

/// How many.
pub(crate) const RESERVED: usize = 8;

/// What they answer to: what is asked by whoever watches over the service.
pub(super) const WATCHED: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// When another connection is likely to have ended.
const COME_BACK: Duration = Duration::from_secs(1);

/// Marks the request of a connection beyond the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reserved;

/// Lets requests of such connections through if they are what the connections are kept for, and ends the connections.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    if request.extensions().get::<Reserved>().is_none() {
        return next.run(request).await;
    }
    let mut response = if WATCHED.contains(&request.uri().path()) {
        next.run(request).await
    } else {
        let detail = "all connections are in use; try again";
        Problem::new(ProblemType::Busy, detail).retry_after(COME_BACK).into_response()
    };
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
