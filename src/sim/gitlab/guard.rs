//! What every API call passes before and after its handler.
//!
//! Before: limits, which stand in front of everything, then credentials, then the scope of the token. After: a weak
//! ETag, which GitLab gives and does not look at again (gitlab-org/gitlab#14357), so that a repeated request is always
//! answered whole; the limits counted and shown.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::face::Face;
use super::problem::Problem;
use crate::sim::quota::QuotaView;

/// Who calls, and the base URLs they used; handlers find it in the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The user that the token belongs to; `None` without credentials.
    pub(super) login: Option<Arc<str>>,
    /// Scheme, host and prefix as the client wrote them, such as `http://127.0.0.1:4000/gitlab`.
    pub(super) instance: String,
}

impl Caller {
    /// The API base.
    pub(super) fn api(&self) -> String {
        format!("{}/api/v4", self.instance)
    }
}

pub(super) async fn guard(State(face): State<Face>, mut request: Request, next: Next) -> Response {
    let quota = face.faults.quota();
    if let Some(quota) = quota.filter(|quota| quota.remaining() == 0) {
        return over_limit(quota);
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let login = match admit(&face, request.headers()) {
        Ok(Some(_)) if face.options.read_only_token && !is_read => {
            return Problem::insufficient_scope().into_response();
        }
        Ok(login) => login,
        Err(refusal) => return with_limits(refusal.into_response(), quota),
    };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let instance = format!("http://{host}{}", face.options.prefix);
    let mut hasher = DefaultHasher::new();
    (request.uri().to_string(), face.board.changed().borrow_and_update().to_owned()).hash(&mut hasher);
    request.extensions_mut().insert(Caller { login, instance });
    let mut answer = next.run(request).await;
    face.faults.spend_quota();
    if let Ok(tag) = HeaderValue::try_from(format!("W/\"{:016x}\"", hasher.finish()))
        && is_read
        && answer.status() == StatusCode::OK
    {
        answer.headers_mut().insert(header::ETAG, tag);
        answer
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=0, private, must-revalidate"));
    }
    with_limits(answer, face.faults.quota())
}

/// The caller's login, `None` for nobody, or the refusal. Both schemes are good for every kind of access token.
fn admit(face: &Face, headers: &HeaderMap) -> Result<Option<Arc<str>>, Problem> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().trim().to_owned();
    let private = headers.get("private-token").map(text);
    let bearer = headers.get(header::AUTHORIZATION).map(text).map(|value| match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim().to_owned(),
        _ => String::new(),
    });
    match private.or(bearer) {
        None => Ok(None),
        Some(token) if token == face.options.token => Ok(Some(face.options.login.as_str().into())),
        Some(_) => Err(Problem::message(StatusCode::UNAUTHORIZED, "401 Unauthorized")),
    }
}

/// Plain text, and two headers more than other answers. Source: GitLab, "User and IP rate limits".
fn over_limit(quota: QuotaView) -> Response {
    let mut answer = (StatusCode::TOO_MANY_REQUESTS, "Retry later\n").into_response();
    let reset = i64::try_from(quota.reset_epoch_seconds).ok().and_then(|at| DateTime::from_timestamp(at, 0));
    let reset = reset.unwrap_or_else(Utc::now);
    let wait = (reset - Utc::now()).num_milliseconds().max(0).cast_unsigned().div_ceil(1_000);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    if let Ok(value) = HeaderValue::try_from(reset.to_rfc2822()) {
        answer.headers_mut().insert(HeaderName::from_static("ratelimit-resettime"), value);
    }
    with_limits(answer, Some(quota))
}

fn with_limits(mut answer: Response, quota: Option<QuotaView>) -> Response {
    let Some(quota) = quota else { return answer };
    let headers = answer.headers_mut();
    let figures = [
        ("ratelimit-limit", u64::from(quota.limit)),
        ("ratelimit-observed", u64::from(quota.used)),
        ("ratelimit-remaining", u64::from(quota.remaining())),
        ("ratelimit-reset", quota.reset_epoch_seconds),
    ];
    for (name, value) in figures {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    headers.insert("ratelimit-name", HeaderValue::from_static("throttle_authenticated_api"));
    answer
}
