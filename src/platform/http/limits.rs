//! Reads out of an answer how long the platform wants to be left alone. Pure.
//!
//! Who calls: [`super::Channel::send`], for every answer. What must stay true: clocks that differ do not matter where
//! the platform sends its own (`Date`), and no answer can park a tracker for longer than [`LONGEST_WAIT`].

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use http::StatusCode;

use super::answer::Answer;

/// The longest wait that an answer may ask for. The longest window a platform documents is GitHub's hour; a minute on
/// top for rounding. More than that is a broken clock or a broken proxy.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(3_660);

/// The shortest wait after a refusal, so that `Retry-After: 0` is not a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// How one platform speaks of its limits.
#[derive(Debug, Clone, Copy)]
pub(in crate::platform) struct Dialect {
    /// Header with the number of calls left.
    pub(in crate::platform) remaining: &'static str,
    /// Header with the moment when the number is filled up again: seconds since the Unix epoch, or ISO 8601.
    pub(in crate::platform) reset: &'static str,
    /// True for an answer other than 429 that also means "too much".
    pub(in crate::platform) also_refuses: fn(&Answer) -> bool,
    /// True for a refusal that concerns one ticket and not the token. Nothing is held back for it: the platform gets it
    /// as an answer like any other.
    pub(in crate::platform) of_one_ticket: fn(&Answer) -> bool,
}

impl Dialect {
    /// The header names that most platforms use; only 429 refuses, and always for the whole token.
    pub(in crate::platform) const USUAL: Self = Self {
        remaining: "x-ratelimit-remaining",
        reset: "x-ratelimit-reset",
        also_refuses: |_| false,
        of_one_ticket: |_| false,
    };
}

/// What an answer said about limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    /// True when the request itself was refused; false when it succeeded and the next one must wait.
    pub(super) refused: bool,
    /// How long to wait; `None` when the platform did not say.
    pub(super) wait: Option<Duration>,
    /// In words.
    pub(super) reason: &'static str,
}

/// Reads the notice out of an answer, if it contains one.
pub(super) fn notice(answer: &Answer, dialect: &Dialect) -> Option<Notice> {
    // A token that is not accepted has no quota; the figures are those of the anonymous caller, or of nobody.
    if answer.status == StatusCode::UNAUTHORIZED || (dialect.of_one_ticket)(answer) {
        return None;
    }
    let asked = retry_after(answer);
    let remaining = answer.header(dialect.remaining);
    let used_up = remaining == Some("0");
    // A refusal that says when it ends and not how much is left is about what is used up all the same.
    let ends = used_up || (answer.status == StatusCode::TOO_MANY_REQUESTS && remaining.is_none());
    let reset = if ends { until_reset(answer, dialect) } else { None };
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        return asked.map(|wait| Notice { refused: true, wait: Some(bounded(wait)), reason: "platform unavailable" });
    }
    if answer.status == StatusCode::TOO_MANY_REQUESTS || (dialect.also_refuses)(answer) {
        let reason = if used_up { "primary limit" } else { "secondary limit" };
        return Some(Notice { refused: true, wait: asked.or(reset).map(bounded), reason });
    }
    // Any other answer that names a wait was delayed on purpose (Azure DevOps); it is for the next request.
    if !answer.status.is_server_error()
        && let Some(wait) = asked
    {
        return Some(Notice { refused: false, wait: Some(bounded(wait)), reason: "delayed by the platform" });
    }
    reset.map(|wait| Notice { refused: false, wait: Some(bounded(wait)), reason: "quota used up" })
}

fn bounded(wait: Duration) -> Duration {
    wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)
}

/// `Retry-After`: seconds, or a date.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.header("retry-after")?;
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(since(platform_time(answer), DateTime::parse_from_rfc2822(text).ok()?.to_utc())),
    }
}

fn until_reset(answer: &Answer, dialect: &Dialect) -> Option<Duration> {
    Some(since(platform_time(answer), moment(answer.header(dialect.reset)?)?))
}

/// Seconds since the Unix epoch, or ISO 8601, which Jira sends without seconds at times.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(seconds) = text.parse::<i64>() {
        return DateTime::from_timestamp(seconds, 0);
    }
    let full = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    full.ok().or_else(|| {
        let minutes = NaiveDateTime::parse_from_str(text.strip_suffix('Z')?, "%Y-%m-%dT%H:%M");
        minutes.ok().map(|time| time.and_utc())
    })
}

/// What time it was for the platform: its `Date` header, else our own clock.
fn platform_time(answer: &Answer) -> DateTime<Utc> {
    let date = answer.header("date").and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    date.map_or_else(Utc::now, |date| date.to_utc())
}

fn since(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    (to - from).to_std().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue};

    const DIALECT: Dialect = Dialect {
        also_refuses: |answer| answer.status == 403,
        of_one_ticket: |answer| answer.header("ratelimit-reason") == Some("one-ticket"),
        ..Dialect::USUAL
    };

    fn read(status: u16, headers: &[(&'static str, &str)]) -> Option<Notice> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect::<HeaderMap>();
        let status = StatusCode::from_u16(status).unwrap();
        notice(&Answer { status, headers, body: Bytes::new() }, &DIALECT)
    }

    fn refused(wait: Option<u64>, reason: &'static str) -> Option<Notice> {
        Some(Notice { refused: true, wait: wait.map(Duration::from_secs), reason })
    }

    #[test]
    fn an_ordinary_answer_says_nothing() {
        assert_eq!(read(200, &[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "2000000000")]), None);
        assert_eq!(read(503, &[]), None);
        assert_eq!(read(401, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2000000000")]), None);
    }

    #[test]
    fn retry_after_comes_in_seconds_or_as_a_date() {
        assert_eq!(read(429, &[("retry-after", "7")]), refused(Some(7), "secondary limit"));
        assert_eq!(read(403, &[("retry-after", "0")]), refused(Some(1), "secondary limit"));
        assert_eq!(read(503, &[("retry-after", "9")]), refused(Some(9), "platform unavailable"));
        let dates = [("date", "Fri, 27 Nov 2026 08:00:00 GMT"), ("retry-after", "Fri, 27 Nov 2026 08:00:42 GMT")];
        assert_eq!(read(429, &dates), refused(Some(42), "secondary limit"));
        assert_eq!(read(429, &[("retry-after", "soon")]), refused(None, "secondary limit"));
    }

    #[test]
    fn a_reset_counts_by_the_clock_of_the_platform() {
        let at = |remaining| {
            [
                ("date", "Sun, 09 Sep 2001 01:46:00 GMT"),
                ("x-ratelimit-reset", "1000000000"),
                ("x-ratelimit-remaining", remaining),
            ]
        };
        assert_eq!(read(403, &at("0")), refused(Some(40), "primary limit"));
        assert_eq!(read(403, &at("3")), refused(None, "secondary limit"));
        let last = Notice { refused: false, wait: Some(Duration::from_secs(40)), reason: "quota used up" };
        assert_eq!(read(200, &at("0")), Some(last));
    }

    #[test]
    fn a_reset_may_be_iso_8601_with_and_without_seconds() {
        for (reset, wait) in [
            ("2026-11-27T08:00:42Z", Some(42)),
            ("2026-11-27T09:00:42.000+01:00", Some(42)),
            ("2026-11-27T08:02Z", Some(120)),
            ("2026-11-27", None),
            ("tomorrow", None),
        ] {
            let date = ("date", "Fri, 27 Nov 2026 08:00:00 GMT");
            let read = read(429, &[date, ("x-ratelimit-reset", reset)]);
            assert_eq!(read, refused(wait, "secondary limit"), "{reset}");
        }
    }

    #[test]
    fn a_refusal_of_one_ticket_is_no_notice() {
        let headers = [("ratelimit-reason", "one-ticket"), ("retry-after", "7"), ("x-ratelimit-remaining", "0")];
        assert_eq!(read(429, &headers), None);
        assert_eq!(read(200, &headers), None);
    }

    #[test]
    fn a_delayed_answer_holds_the_next_request() {
        let wait = Some(Duration::from_secs(5));
        let delayed = Notice { refused: false, wait, reason: "delayed by the platform" };
        for status in [200, 412] {
            assert_eq!(read(status, &[("retry-after", "5")]), Some(delayed.clone()));
        }
        assert_eq!(read(500, &[("retry-after", "5")]), None);
    }

    #[test]
    fn no_answer_parks_a_tracker_for_ever() {
        assert_eq!(read(429, &[("retry-after", "99999999999")]), refused(Some(3_660), "secondary limit"));
        assert_eq!(
            read(429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "99999999999")]),
            refused(Some(3_660), "primary limit")
        );
    }
}
