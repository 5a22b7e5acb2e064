//! What every API call passes before and after its handler, in GitHub's order.
//!
//! Before: user agent, API version, credentials, quota, no conditions on writes. After: an ETag on every read, 304 when
//! the caller has it already, the quota counted and shown. A 304 costs nothing, the ETag is weak and does not cover
//! the `Link` header, which a 304 carries anew: a cache that keeps an old one loses the page that was added since.
//! (Field reports: app-sre/github-mirror#113 for `Link`; bored-engineer/github-conditional-http-transport for what is
//! hashed: `Accept`, `Authorization` and the body.)

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::face::Face;
use super::problem::Problem;
use crate::sim::people::number_of;
use crate::sim::quota::QuotaView;

/// The versions of the API that are served; any other is gone.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];
/// Largest answer that is hashed: a page of 100 tickets with the longest bodies, and room.
const MAX_ANSWER_BYTES: usize = 32 << 20;
const CONDITION_ON_WRITE: &str =
    "Conditional request headers are not allowed in unsafe requests unless supported by the endpoint";
const NO_USER_AGENT: &str = "Request forbidden by administrative rules. Please make sure your request has a \
    User-Agent header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required).\n";

/// Who calls, and the base URL they used; handlers find it in the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The login that the token belongs to; `None` without credentials.
    pub(super) login: Option<Arc<str>>,
    /// Scheme, host and prefix as the client wrote them, such as `http://127.0.0.1:4000/api/v3`.
    pub(super) api: String,
    /// The same without the prefix.
    pub(super) origin: String,
}

pub(super) async fn guard(State(face): State<Face>, mut request: Request, next: Next) -> Response {
    // Asking how much is left costs nothing and is always possible.
    let is_free = request.uri().path() == "/rate_limit";
    let login = match admit(&face, request.method(), request.headers(), is_free) {
        Ok(login) => login,
        Err(refusal) => return with_quota(*refusal, face.faults.quota()),
    };
    let counted = login.is_some() && !is_free;
    let origin = format!("http://{}", host(request.headers()));
    let caller = Caller { login, api: format!("{origin}{}", face.prefix), origin };
    request.extensions_mut().insert(caller);
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let asked = request.headers().clone();
    let mut answer = next.run(request).await;
    if is_read && counted && answer.status() == StatusCode::OK {
        answer = with_etag(&asked, answer).await;
    }
    if answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    }
    if counted && answer.status() != StatusCode::NOT_MODIFIED {
        face.faults.spend_quota();
    }
    with_quota(answer, face.faults.quota())
}

/// The caller's login, or the refusal.
fn admit(face: &Face, method: &Method, headers: &HeaderMap, is_free: bool) -> Result<Option<Arc<str>>, Box<Response>> {
    let refuse = |status, message: &str| Err(Box::new(Problem::new(status, message).into_response()));
    if headers.get(header::USER_AGENT).is_none_or(HeaderValue::is_empty) {
        return Err(Box::new((StatusCode::FORBIDDEN, NO_USER_AGENT).into_response()));
    }
    if let Some(version) = headers.get("x-github-api-version")
        && !VERSIONS.iter().any(|known| version == known)
    {
        return refuse(StatusCode::GONE, "This API version is no longer supported.");
    }
    let login = match headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default()) {
        None => None,
        Some(value) if token_of(value) == Some(&face.token) => Some(Arc::clone(&face.login)),
        Some(_) => return refuse(StatusCode::UNAUTHORIZED, "Bad credentials"),
    };
    if let Some(quota) = face.faults.quota()
        && login.is_some()
        && !is_free
        && quota.remaining() == 0
    {
        let status = StatusCode::from_u16(quota.refusal_status).unwrap_or(StatusCode::FORBIDDEN);
        return refuse(status, &format!("API rate limit exceeded for user ID {}.", number_of(&face.login)));
    }
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if !is_read && headers.keys().any(|name| name.as_str().starts_with("if-")) {
        return refuse(StatusCode::BAD_REQUEST, CONDITION_ON_WRITE);
    }
    Ok(login)
}

/// The token of an `Authorization` header; GitHub takes both schemes.
fn token_of(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token")).then(|| token.trim())
}

/// What the client called this server.
fn host(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1")
}

async fn with_etag(asked: &HeaderMap, answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, MAX_ANSWER_BYTES).await else {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Server Error").into_response();
    };
    let mut hasher = DefaultHasher::new();
    for name in [header::ACCEPT, header::AUTHORIZATION] {
        asked.get(name).map(HeaderValue::as_bytes).hash(&mut hasher);
    }
    body.hash(&mut hasher);
    let tag = format!("\"{:016x}{:08x}\"", hasher.finish(), body.len());
    if let Ok(value) = HeaderValue::try_from(format!("W/{tag}")) {
        head.headers.insert(header::ETAG, value);
    }
    head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=60, s-maxage=60"));
    head.headers.insert(header::VARY, HeaderValue::from_static("Accept, Authorization, Cookie, X-GitHub-OTP"));
    let has_it = asked.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let known = value.to_str().unwrap_or_default().split(',').map(str::trim);
        known.into_iter().any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    });
    if !has_it {
        return Response::from_parts(head, Body::from(body));
    }
    head.status = StatusCode::NOT_MODIFIED;
    head.headers.remove(header::CONTENT_TYPE);
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::empty())
}

fn with_quota(mut answer: Response, quota: Option<QuotaView>) -> Response {
    let headers = answer.headers_mut();
    headers.insert("x-github-media-type", HeaderValue::from_static("github.v3; format=json"));
    if let Some(quota) = quota {
        let figures = [
            ("x-ratelimit-limit", u64::from(quota.limit)),
            ("x-ratelimit-remaining", u64::from(quota.remaining())),
            ("x-ratelimit-used", u64::from(quota.used)),
            ("x-ratelimit-reset", quota.reset_epoch_seconds),
        ];
        for (name, value) in figures {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
        headers.insert("x-ratelimit-resource", HeaderValue::from_static("core"));
    }
    answer
}
