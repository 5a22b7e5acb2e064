//! One POST over plain HTTP on this machine.
//!
//! Who calls: the sender. A connection for each request, redirects are not followed: as platforms do it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// How long an answer may take: what GitHub and GitLab wait. Azure DevOps and Jira do not say how long they do.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The part of an answer that is kept.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
    #[error("`{0}` is no http URL with a host")]
    NoHttpUrl(String),
    #[error("could not connect: {0}")]
    NotConnected(std::io::Error),
    #[error("could not send or receive: {0}")]
    Http(#[from] hyper::Error),
    #[error("the request cannot be written as HTTP: {0}")]
    NoRequest(#[from] http::Error),
}

/// Status and body of the answer.
pub(super) async fn post(url: &str, headers: &[(String, String)], body: Bytes) -> Result<(u16, String), Failed> {
    tokio::time::timeout(TIMEOUT, send(url, headers, body)).await.unwrap_or(Err(Failed::TimedOut))
}

async fn send(url: &str, headers: &[(String, String)], body: Bytes) -> Result<(u16, String), Failed> {
    let no_url = || Failed::NoHttpUrl(url.to_owned());
    let parsed = Url::parse(url).ok().filter(|url| url.scheme() == "http").ok_or_else(no_url)?;
    let (host, port) = (parsed.host_str().ok_or_else(no_url)?, parsed.port_or_known_default().unwrap_or(80));
    let query = parsed.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("{}{query}", parsed.path()))
        .header(header::HOST, format!("{host}:{port}"))
        .body(Full::new(body))?;
    for (name, value) in headers {
        let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value));
        request.headers_mut().append(name.map_err(http::Error::from)?, value.map_err(http::Error::from)?);
    }
    let stream = TcpStream::connect((host, port)).await.map_err(Failed::NotConnected)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the answer; what is wrong with it shows in the answer.
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    let answer = match answer {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
            Ok((status, body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default()))
        }
        Err(error) => Err(Failed::Http(error)),
    };
    connection.abort();
    answer
}
