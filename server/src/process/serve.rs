//! Connections: how many, how long they may take to say what they want, and how they end.

mod progress;

use std::{io, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{
    http::reserve::{RESERVED, Reserved},
    process::shutdown::Shutdown,
};
use progress::Progressing;

/// Longest time for a request's head to arrive, and for a connection to be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// Longest time without progress while the peer is to read an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The same two for connections beyond the limit.
const RESERVED_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

/// Longest time that open requests get to end at a shutdown.
const DRAIN: Duration = Duration::from_secs(5);

/// Pause after the system refused a connection, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests until it is told to stop, then lets open requests end. At most `connections` are open at once, and
/// a few beyond them for whoever watches over the service; more wait in the kernel's queue.
pub(crate) async fn serve(listener: TcpListener, app: Router, connections: usize, stop: Shutdown) {
    let places = Arc::new(Semaphore::new(connections.saturating_add(RESERVED)));
    let regular = Arc::new(Semaphore::new(connections));
    let reserved = app.clone().layer(Extension(Reserved));
    let graceful = GracefulShutdown::new();
    let stop = stop.wait();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            accepted = accept(&listener, &places) => match accepted {
                Ok((stream, place)) => match regular.clone().try_acquire_owned() {
                    Ok(regular) => {
                        let timeouts = (HEAD_TIMEOUT, WRITE_TIMEOUT);
                        open(stream, (place, Some(regular)), app.clone(), timeouts, &graceful);
                    }
                    Err(_) => open(stream, (place, None), reserved.clone(), RESERVED_TIMEOUTS, &graceful),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still open after {DRAIN:?} are dropped");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small; waiting to fill a packet costs 40 ms. A connection that is already gone may refuse.
    let _ = stream.set_nodelay(true);
    Ok((stream, place))
}

/// A place among all connections, and one among those within the limit.
type Places = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

fn open(
    stream: TcpStream,
    places: Places,
    app: Router,
    (head, write): (Duration, Duration),
    graceful: &GracefulShutdown,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(Progressing::new(stream, write)), TowerToHyperService::new(app));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended early");
        }
        drop(places);
    });
}
