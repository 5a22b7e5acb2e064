//! The HTTP server under every simulated platform: accept loop, faults, request log, stop.
//!
//! A face hands over a router; everything here is the same for all of them. What must stay true: it listens on
//! 127.0.0.1 only; a stop ends within [`STOP_GRACE`] whatever clients do, also requests that hang on demand.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderName, HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::debug;

use super::faults::{Fault, Faults};
use super::hooks::Hooks;

/// Connections at once; a client has a handful, a load test a few hundred.
const MAX_CONNECTIONS: usize = 1_024;
/// How long a client may take to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept: out of file descriptors, an immediate retry would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// How long running requests get when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// Largest answer that faults can cut or replace: far above the largest page a face renders.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Where the parts of a face are found below its root.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// Such as `/api/v3`; empty for the root.
    pub(super) api: String,
    /// The path of a tracker's page.
    pub(super) page: fn(&str) -> String,
}

/// A running simulated platform. Stops when it is dropped; [`SimServer::stop`] also waits for the end.
#[derive(Debug)]
pub struct SimServer {
    address: SocketAddr,
    paths: Paths,
    faults: Faults,
    hooks: Hooks,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl SimServer {
    /// Binds 127.0.0.1:`port` (0: any free one), serves `router` behind `faults`, and sends what `hooks` has to send.
    pub(super) async fn start(
        port: u16,
        router: Router,
        faults: Faults,
        hooks: Hooks,
        paths: Paths,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let door = Door { router, faults: faults.clone(), stop: stop.clone() };
        let task = Some(tokio::spawn(accept(listener, Arc::new(door))));
        hooks.open(format!("http://{address}"), stop.clone());
        Ok(Self { address, paths, faults, hooks, stop, task })
    }

    /// The root, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The API base, such as `http://127.0.0.1:40123/api/v3`.
    pub fn api_url(&self) -> String {
        format!("{}{}", self.url(), self.paths.api)
    }

    /// The page of a tracker for a person, which is also what `agentsmith.yml` names as its `url`.
    pub fn page_url(&self, tracker: &str) -> String {
        format!("{}{}", self.url(), (self.paths.page)(tracker))
    }

    /// The port, for starting again at the same place.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What goes wrong and what was asked.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Its webhooks.
    pub fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// Takes no more requests, gives running ones a second, then returns. The port is free afterwards.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // The task cannot panic on its own account, and there is nothing to do about it here.
            let _ = task.await;
        }
    }
}

impl Drop for SimServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Door {
    router: Router,
    faults: Faults,
    stop: CancellationToken,
}

/// Ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection closed on demand")]
struct CloseConnection;

async fn accept(listener: TcpListener, door: Arc<Door>) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let end = CancellationToken::new();
    loop {
        let permit = tokio::select! {
            () = door.stop.cancelled() => break,
            // The semaphore is never closed.
            Ok(permit) = Arc::clone(&permits).acquire_owned() => permit,
        };
        let stream = tokio::select! {
            () = door.stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    debug!(%error, "no connection could be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let connection = serve_connection(stream, Arc::clone(&door), &graceful);
        let end = end.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = end.cancelled() => {}
                () = connection => {}
            }
            drop(permit);
        });
    }
    drop(listener);
    // Whoever is not done by then is cut off.
    let _ = tokio::time::timeout(STOP_GRACE, graceful.shutdown()).await;
    end.cancel();
}

fn serve_connection(
    stream: TcpStream,
    door: Arc<Door>,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    // Without it small answers wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let door = Arc::clone(&door);
        async move { door.answer(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    async move {
        if let Err(error) = connection.await {
            debug!(%error, "a connection ended early");
        }
    }
}

impl Door {
    async fn answer(&self, request: http::Request<Incoming>) -> Result<Response, CloseConnection> {
        let method = request.method().as_str().to_owned();
        let path_and_query = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let conditional = request.headers().keys().any(|name| name.as_str().starts_with("if-"));
        let in_flight = self.faults.traffic().arrived(&method, &path_and_query, conditional);
        let answer = self.meet(request, &method, &path_and_query).await?;
        in_flight.answered(answer.status().as_u16());
        Ok(answer)
    }

    async fn meet(
        &self,
        request: http::Request<Incoming>,
        method: &str,
        path_and_query: &str,
    ) -> Result<Response, CloseConnection> {
        let fault = tokio::select! {
            () = self.stop.cancelled() => return Err(CloseConnection),
            fault = self.faults.meet(method, path_and_query) => fault,
        };
        match fault {
            None | Some(Fault::Delay(_)) => Ok(self.carry_out(request).await),
            Some(Fault::Answer { status, headers, content_type, body }) => {
                Ok(canned(status, &headers, &content_type, body.into()))
            }
            Some(Fault::Close) => Err(CloseConnection),
            Some(Fault::LoseAnswer) => {
                self.carry_out(request).await;
                Err(CloseConnection)
            }
            Some(Fault::CarryOutThen(status)) => {
                self.carry_out(request).await;
                Ok(canned(status, &[], "application/json", r#"{"message":"simulated failure"}"#.into()))
            }
            Some(Fault::Hang) => {
                self.stop.cancelled().await;
                Err(CloseConnection)
            }
            Some(Fault::Garbage) => Ok(canned(200, &[], "application/json", Bytes::from_static(b"[{\"id\": \xff\xfe"))),
            Some(Fault::Truncate) => truncated(self.carry_out(request).await).await,
        }
    }

    async fn carry_out(&self, request: http::Request<Incoming>) -> Response {
        let answer: Result<Response, Infallible> = self.router.clone().oneshot(request.map(Body::new)).await;
        match answer {
            Ok(answer) => answer,
        }
    }
}

/// An answer put together by a fault. A header or status that HTTP cannot carry is left out, or is 500.
fn canned(status: u16, headers: &[(String, String)], content_type: &str, body: Bytes) -> Response {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = [(header::CONTENT_TYPE.as_str(), content_type)];
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in content_type.into_iter().chain(headers) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}

/// The head of `answer` with its full length, and half of its body.
async fn truncated(answer: Response) -> Result<Response, CloseConnection> {
    let (mut head, body) = answer.into_parts();
    let body = to_bytes(body, MAX_ANSWER_BYTES).await.map_err(|_| CloseConnection)?;
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    let end = async {
        // One turn of waiting makes the connection send what it has; an error at once would throw it away.
        tokio::task::yield_now().await;
        Err(CloseConnection)
    };
    let parts = stream::once(async { Ok(half) }).chain(stream::once(end));
    Ok(Response::from_parts(head, Body::from_stream(parts)))
}
