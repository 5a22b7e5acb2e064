//! The accept loop: bounded connections, timed headers and bodies, a shutdown that never hangs.
//!
//! Written out because the framework's own loop has no header timeout and waits for ever for a client that sent half
//! a request. Called by `app`. What must stay true: each limit has a number, and a slow client costs one place only.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tracing::{debug, warn};

/// What a client may use up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// For the complete head of a request.
    pub header_read: Duration,
    /// Between two pieces of a body.
    pub body_read: Duration,
    /// For an answer.
    pub answer: Duration,
    /// How long a request under way may go on once the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    /// Platforms wait 10 s for an answer, so nothing here needs longer; 512 connections at some 16 KiB are 8 MiB;
    /// whoever wants a body has a limit of his own for it.
    fn default() -> Self {
        Self {
            connections: 512,
            header_read: Duration::from_secs(10),
            body_read: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            drain: Duration::from_secs(3),
        }
    }
}

/// Whoever is at the other end of the connection, as the kernel says: no header changes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Headers larger than this are refused by the parser.
const HEAD_BYTES: usize = 16 * 1024;
/// Pause after an error of `accept`, which mostly means that the process has too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `stop`, then lets requests under way finish within the drain limit.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let service = router
        .layer(RequestBodyTimeoutLayer::new(limits.body_read))
        .layer(TimeoutLayer::with_status_code(http::StatusCode::SERVICE_UNAVAILABLE, limits.answer))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| answer_panic()));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let service = service.clone().map_request(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request.map(Body::new)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        debug!("connections were still open when the server stopped");
    }
}

/// A connection and its place. Waits for the place first, so that nothing is accepted that cannot be served.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Small answers must not wait for an acknowledgement; a socket that cannot is served all the same.
            let _ = stream.set_nodelay(true);
            Some((stream, peer.ip().to_canonical(), place))
        }
        Err(error) => {
            warn!(%error, "could not accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// A defect of ours is worth a retry by the sender; 500 would make some platforms switch the webhook off.
fn answer_panic() -> http::Response<Body> {
    tracing::error!("a request handler panicked; this is a defect");
    let mut answer = http::Response::new(Body::from("internal error, try again\n"));
    *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    answer
}
