//! What every API call passes before its handler, in Jira's order: credentials, quota, XSRF, content type.
//!
//! Cloud makes a stranger of whoever sends a wrong token and answers on: a search finds nothing with status 200, an
//! issue is 404, and only `/myself` says 401. Data Center refuses a wrong token at once.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::face::Face;
use super::options::Deployment;
use super::problem::Problem;
use crate::clock::unix_millis;
use crate::sim::quota::QuotaView;

/// Who calls, and the base URL they used; handlers find it in the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The login that the token belongs to; `None` for strangers.
    pub(super) login: Option<Arc<str>>,
    /// Scheme, host and context path as the client wrote them, such as `http://127.0.0.1:4000/jira`.
    pub(super) site: String,
    /// The same down to the version, such as `http://127.0.0.1:4000/jira/rest/api/3`.
    pub(super) api: String,
}

pub(super) async fn guard(State(face): State<Face>, mut request: Request, next: Next) -> Response {
    let login = match credentials(&face, request.headers()) {
        Ok(login) => login,
        Err(refusal) => return refusal.into_response(),
    };
    if let Some(quota) = face.faults.quota().filter(|quota| quota.remaining() == 0) {
        return used_up(quota);
    }
    if let Some(refusal) = form(&request) {
        return refusal;
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let site = format!("http://{host}{}", face.options.prefix);
    let api = format!("{site}/rest/api/{}", face.version.segment());
    let failed = login.is_none() && request.headers().contains_key(header::AUTHORIZATION);
    request.extensions_mut().insert(Caller { login: login.clone(), site, api });
    let mut answer = next.run(request).await;
    if answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    }
    if failed && face.options.tells_failed_login {
        let reason = HeaderValue::from_static("AUTHENTICATED_FAILED");
        answer.headers_mut().insert(HeaderName::from_static("x-seraph-loginreason"), reason);
    }
    face.faults.spend_quota();
    match face.faults.quota() {
        Some(quota) => with_quota(answer, quota),
        None => answer,
    }
}

/// The caller's login; `None` for a stranger.
fn credentials(face: &Face, headers: &HeaderMap) -> Result<Option<Arc<str>>, Problem> {
    let options = &face.options;
    let Some(value) = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default()) else {
        return Ok(None);
    };
    let (scheme, secret) = value.split_once(' ').unwrap_or((value, ""));
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    let is_good = match options.deployment {
        Deployment::DataCenter if is_bearer => secret == options.token,
        _ => !is_bearer && secret == base64(format!("{}:{}", options.email, options.token).as_bytes()),
    };
    match options.deployment {
        _ if is_good => Ok(Some(options.login.as_str().into())),
        // A token that came in the wrong way; the text is Cloud's own.
        Deployment::Cloud if is_bearer => {
            Err(Problem::new(StatusCode::FORBIDDEN, "Failed to parse Connect Session Auth Token"))
        }
        Deployment::Cloud => Ok(None),
        Deployment::DataCenter => Err(Problem::not_authenticated()),
    }
}

/// Jira takes a write with the user agent of a browser for one that the browser was tricked into, and reads JSON alone.
fn form(request: &Request) -> Option<Response> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text(header::USER_AGENT).starts_with("Mozilla/")
        && text(HeaderName::from_static("x-atlassian-token")) != "no-check"
    {
        return Some((StatusCode::FORBIDDEN, "XSRF check failed").into_response());
    }
    if !text(header::CONTENT_TYPE).starts_with("application/json") {
        return Some(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type").into_response());
    }
    None
}

fn used_up(quota: QuotaView) -> Response {
    let wait = quota.reset_epoch_seconds.saturating_mul(1000).saturating_sub(unix_millis()).div_ceil(1000).max(1);
    let mut answer = Problem::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded.").into_response();
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    let reason = HeaderValue::from_static("jira-quota-tenant-based");
    answer.headers_mut().insert(HeaderName::from_static("ratelimit-reason"), reason);
    with_quota(answer, quota)
}

fn with_quota(mut answer: Response, quota: QuotaView) -> Response {
    let headers = answer.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(quota.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(quota.remaining()));
    let reset = i64::try_from(quota.reset_epoch_seconds).ok().and_then(|at| DateTime::from_timestamp(at, 0));
    let reset = reset.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    if let Some(reset) = reset.and_then(|reset| HeaderValue::try_from(reset).ok()) {
        headers.insert("x-ratelimit-reset", reset);
    }
    // A fifth is left or less.
    let near = quota.remaining() * 5 <= quota.limit;
    headers.insert("x-ratelimit-nearlimit", HeaderValue::from_static(if near { "true" } else { "false" }));
    answer
}

/// Base64 with padding (RFC 4648), as HTTP's Basic scheme wants it.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for sign in 0..4 {
            let index = (bits >> (18 - 6 * sign)) & 63;
            text.push(if sign <= group.len() { char::from(SIGNS[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 4648.
    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
