//! Bodies that nobody read.
//!
//! A caller that is still sending when its connection is closed does not get to see the answer. When a request is refused
//! before its body was read to the end, the answer goes out at once, and the rest is read and forgotten, within bounds.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// Most bytes of a refused body that are read and forgotten.
const DISCARD_BYTES: usize = 16 << 20;

/// Longest time for that.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// A body that comes back when whoever has it lets go of it.
struct Lent {
    body: Body,
    back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(back) = self.back.take() {
            // The request may have been given up.
            let _ = back.send(std::mem::take(&mut self.body));
        }
    }
}

/// Reads the rest of the body of a request that is refused. A caller that waits for `100 Continue` has not begun to send.
pub(crate) async fn refused(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (back, mut returned) = oneshot::channel();
    let lend = |body| Body::new(Lent { body, back: Some(back) });
    let response = next.run(request.map(lend)).await;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if refused && let Ok(body) = returned.try_recv() {
        // The connection stays open as long as this goes on, for whoever reads the answer last.
        tokio::spawn(tokio::time::timeout(DISCARD_TIME, discard(body)));
    }
    response
}

async fn discard(mut body: Body) {
    let mut left = DISCARD_BYTES;
    while let (Some(Ok(frame)), true) = (body.frame().await, left > 0) {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
    }
}
