//! The bytes of a delivery: read within a size and a time, taken out of their form, checked for depth.
//!
//! Who calls: `route`. What must stay true: no more is held than the limit, and none of it is looked at before the
//! signature over it was checked.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;

use super::answer::Answer;
use super::limits::{JSON_DEPTH, READ_BODY, THROWN_AWAY};
use crate::ticket::PlatformKind;

/// How the JSON is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Not at all.
    Json,
    /// As `payload=…`, which a GitHub webhook may be set to.
    UrlEncoded,
}

/// What the head says of the body: its form, and how long it is, when that is said.
///
/// # Errors
/// 400 for a form that nobody sends, 413 for a length beyond `limit`.
pub(super) fn announced(
    platform: Option<PlatformKind>,
    headers: &HeaderMap,
    limit: usize,
) -> Result<(Form, Option<usize>), Answer> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Answer::malformed("a body with a Content-Encoding is not taken"));
    }
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or("?"));
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let form = match kind.as_deref() {
        None | Some("application/json") => Form::Json,
        Some("application/x-www-form-urlencoded") if platform == Some(PlatformKind::GitHub) => Form::UrlEncoded,
        Some(_) => return Err(Answer::malformed("the Content-Type must be application/json")),
    };
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > limit => Err(Answer::too_large(limit)),
        length => Ok((form, length)),
    }
}

/// The whole body.
///
/// # Errors
/// 413 beyond `limit`, 503 when it does not arrive in time, 400 when it breaks off.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Answer> {
    let all = async {
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Answer::malformed("the body broke off"))?;
            let piece = frame.into_data().unwrap_or_default();
            if whole.len() + piece.len() > limit {
                return Err(Answer::too_large(limit));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Bytes::from(whole))
    };
    let late = || {
        let reason = format!("the body did not arrive within {} s", READ_BODY.as_secs());
        Err(Answer::unavailable("slow_body", reason))
    };
    let read = tokio::time::timeout(READ_BODY, all).await.unwrap_or_else(|_| late());
    if read.as_ref().is_err_and(|answer| !answer.is_unavailable()) {
        throw_away(body).await;
    }
    read
}

/// Throws a body away that is not wanted, as far as it comes soon: a connection that is closed on unread bytes may cost
/// the sender our answer.
pub(super) async fn throw_away(mut body: Body) {
    let (most, within) = THROWN_AWAY;
    let mut left = most;
    let all = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // In time or not, there is nothing more to do about it.
    let _ = tokio::time::timeout(within, all).await;
}

/// The JSON of a verified body.
///
/// # Errors
/// 400 when the form holds no payload, or the JSON is nested too deeply to be read safely.
pub(super) fn json(form: Form, body: Bytes) -> Result<Bytes, Answer> {
    let json = match form {
        Form::Json => body,
        Form::UrlEncoded => {
            let payload = url::form_urlencoded::parse(&body).find(|(name, _)| name == "payload");
            let (_, payload) = payload.ok_or_else(|| Answer::malformed("the form has no field `payload`"))?;
            Bytes::from(payload.into_owned())
        }
    };
    if depth_exceeds(&json, JSON_DEPTH) {
        return Err(Answer::malformed(format!("the JSON is nested more than {JSON_DEPTH} deep")));
    }
    Ok(json)
}

/// Whether brackets outside of strings are nested deeper than `most`. What is no JSON at all is the reader's affair.
fn depth_exceeds(json: &[u8], most: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Since 1970, for signed times.
pub(super) fn now() -> Duration {
    Duration::from_millis(crate::clock::unix_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_and_not_strings() {
        assert!(!depth_exceeds(br#"{"a":[{"b":"}}]]"}]}"#, 3));
        assert!(depth_exceeds(br#"{"a":[{"b":1}]}"#, 2));
        assert!(!depth_exceeds(br#"{"a":"[[[[\"[[[[","b":{}}"#, 2));
        assert!(depth_exceeds("[".repeat(100_000).as_bytes(), JSON_DEPTH));
    }

    #[test]
    fn a_form_is_unwrapped_and_only_github_may_send_one() {
        let form = Bytes::from_static(b"x=1&payload=%7B%22a%22%3A+%22%C3%BC%22%7D");
        assert_eq!(json(Form::UrlEncoded, form).unwrap(), r#"{"a": "ü"}"#.as_bytes());
        assert!(json(Form::UrlEncoded, Bytes::from_static(b"y=1")).is_err());
        let with = |kind: &str| [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect::<HeaderMap>();
        let form = |platform, kind| announced(Some(platform), &with(kind), 9).map(|(form, _)| form);
        assert_eq!(form(PlatformKind::GitHub, "application/x-www-form-urlencoded"), Ok(Form::UrlEncoded));
        assert!(form(PlatformKind::Jira, "application/x-www-form-urlencoded").is_err());
        assert_eq!(form(PlatformKind::Jira, "Application/JSON; charset=UTF-8"), Ok(Form::Json));
        assert!(form(PlatformKind::GitHub, "text/plain").is_err());
    }
}
