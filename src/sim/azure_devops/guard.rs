//! What every API call passes before and after its handler, in Azure DevOps' order.
//!
//! Before: credentials, limits, api-version. After: the limit's figures, and a wait on answers that were delayed. A
//! token that is not accepted is not answered with an error but with a page to sign in, in one of three ways.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::form_urlencoded;

use super::face::Face;
use super::problem::Problem;
use crate::sim::quota::QuotaView;

/// What a token that is not accepted is answered with when the caller asks for no redirect; all have been seen.
/// Without that wish it is always a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignIn {
    /// 203 with the page to sign in.
    #[default]
    Page,
    /// 302 to it all the same.
    Redirect,
    /// 401.
    Status,
}

/// The version that a request asked for; handlers find it in the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// Such as `(7, 1)`.
    pub(super) number: (u32, u32),
    pub(super) is_preview: bool,
}

/// Who calls, and the base URL they used; handlers find it in the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Scheme, host and prefix as the client wrote them.
    pub(super) api: String,
    /// The same without the prefix, where the pages are.
    pub(super) origin: String,
}

pub(super) async fn guard(State(face): State<Face>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !is_known(&face, headers) {
        return sign_in(&face, headers);
    }
    let before = face.faults.quota();
    if let Some(quota) = before
        && quota.remaining() == 0
    {
        return with_limits(&face, blocked(), quota);
    }
    face.faults.spend_quota();
    let answer = match version(&face, request.method(), request.uri().query()) {
        Ok(version) => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
            let origin = format!("http://{host}");
            request.extensions_mut().insert(Caller { api: format!("{origin}{}", face.prefix), origin });
            request.extensions_mut().insert(version);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    match face.faults.quota() {
        Some(quota) => with_limits(&face, answer, quota),
        None => answer,
    }
}

/// A token is the password of any user, or a bearer token.
fn is_known(face: &Face, headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token == &*face.token,
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
            let pair = decoded(pair).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            pair.split_once(':').is_some_and(|(_, password)| password == &*face.token)
        }
        _ => false,
    }
}

/// Base64 with the usual alphabet.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for sign in text.trim_end_matches('=').bytes() {
        let value = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

fn sign_in(face: &Face, headers: &HeaderMap) -> Response {
    let wants_no_redirect =
        headers.get("x-tfs-fedauthredirect").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"suppress"));
    let page = "<!DOCTYPE html><html lang=\"en-US\"><head><title>Azure DevOps Services | Sign In</title></head>\
                <body>Sign in to your account</body></html>";
    match face.sign_in {
        SignIn::Page if wants_no_redirect => (StatusCode::NON_AUTHORITATIVE_INFORMATION, Html(page)).into_response(),
        SignIn::Status if wants_no_redirect => {
            let realm = [(header::WWW_AUTHENTICATE, "Basic realm=\"http://127.0.0.1/\"")];
            (StatusCode::UNAUTHORIZED, realm).into_response()
        }
        _ => {
            let to = [(header::LOCATION, "https://spsprodweu1.vssps.visualstudio.com/_signin?realm=dev.azure.com")];
            (StatusCode::FOUND, to, Html("<html><head><title>Object moved</title></head></html>")).into_response()
        }
    }
}

fn blocked() -> Response {
    let message = "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource \
                   'Concurrency' in namespace 'User'.";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "RequestBlockedException", message).into_response()
}

/// The figures are shown only near the limit. In the last tenth answers are delayed: they succeed and name a wait.
fn with_limits(face: &Face, mut answer: Response, quota: QuotaView) -> Response {
    let is_near = quota.remaining() < quota.limit.div_ceil(10);
    if !is_near {
        return answer;
    }
    let now = crate::clock::unix_millis() / 1000;
    let blocked = answer.status() == StatusCode::TOO_MANY_REQUESTS;
    let wait = if blocked { quota.reset_epoch_seconds.saturating_sub(now) } else { face.delay.as_secs() };
    let figures = [
        ("retry-after", wait),
        ("x-ratelimit-limit", u64::from(quota.limit)),
        ("x-ratelimit-remaining", u64::from(quota.remaining())),
        ("x-ratelimit-reset", quota.reset_epoch_seconds),
    ];
    let headers = answer.headers_mut();
    for (name, value) in figures {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    headers.insert("x-ratelimit-resource", HeaderValue::from_static("VS.TFS.WorkItemTracking"));
    headers.insert("x-ratelimit-delay", HeaderValue::from(face.delay.as_secs()));
    answer
}

/// The api-version of a request. Source: Microsoft, "REST API versioning"; texts from field reports.
fn version(face: &Face, method: &Method, query: Option<&str>) -> Result<Version, Problem> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let Some((_, text)) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("api-version")) else {
        if *method == Method::GET {
            return Ok(Version { number: face.newest, is_preview: false });
        }
        let message = format!(
            "No api-version was supplied for the \"{method}\" request. The version must be supplied either as part of \
             the Accept header (e.g. \"application/json; api-version=1.0\") or as a query parameter (e.g. \
             \"?api-version=1.0\")."
        );
        return Err(Problem::bad_request("VssVersionNotSpecifiedException", message));
    };
    let (number, preview) = match text.split_once("-preview") {
        Some((number, _)) => (number, true),
        None => (&*text, false),
    };
    let number = number.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    let number: (u32, u32) = number.ok_or_else(|| {
        Problem::bad_request("VssVersionNotSpecifiedException", format!("The api-version \"{text}\" is invalid."))
    })?;
    if number > face.newest {
        let ((a, b), (c, d)) = (number, face.newest);
        let message = format!(
            "The requested REST API version of {a}.{b} is out of range for this server. The latest REST API version \
             this server supports is {c}.{d}."
        );
        return Err(Problem::bad_request("VssVersionOutOfRangeException", message));
    }
    Ok(Version { number, is_preview: preview })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding() {
        assert_eq!(decoded("OnRva2Vu").as_deref(), Some(b":token".as_slice()));
        assert_eq!(decoded("Og==").as_deref(), Some(b":".as_slice()));
        assert_eq!(decoded("-"), None);
    }
}
