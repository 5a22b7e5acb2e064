//! Which platform sent a delivery that came to `/webhook`: told by its headers, else by its body.
//!
//! What must stay true: this only chooses whose secret the delivery is verified with, so that a wrong guess is a refusal
//! and nothing else.

use http::HeaderMap;
use http::header::USER_AGENT;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::proof::SECRET_HEADER;
use super::read::BYTE_ORDER_MARK;
use crate::ticket::PlatformKind;

/// Headers that only one platform sends. GitHub's come first: it sends Jira's signature header too.
const TELLING: [(PlatformKind, &[&str]); 4] = [
    (PlatformKind::GitHub, &["x-github-event", "x-github-delivery", "x-hub-signature-256"]),
    (PlatformKind::GitLab, &["x-gitlab-event", "x-gitlab-token", "x-gitlab-event-uuid", "webhook-signature"]),
    (PlatformKind::AzureDevOps, &[SECRET_HEADER]),
    (PlatformKind::Jira, &["x-atlassian-webhook-identifier", "x-hub-signature"]),
];

/// As far as the headers tell.
pub(super) fn from_headers(headers: &HeaderMap) -> Option<PlatformKind> {
    let sends = |names: &[&str]| names.iter().any(|name| headers.contains_key(*name));
    let told = TELLING.into_iter().find(|(_, names)| sends(names)).map(|(platform, _)| platform);
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    told.or_else(|| agent.to_ascii_lowercase().starts_with("atlassian").then_some(PlatformKind::Jira))
}

/// The platforms that send deliveries without a header of their own.
pub(super) const TOLD_BY_BODY: [PlatformKind; 2] = [PlatformKind::AzureDevOps, PlatformKind::Jira];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    event_type: Option<IgnoredAny>,
    webhook_event: Option<IgnoredAny>,
}

/// As far as the body tells, for what came without a telling header.
pub(super) fn from_body(body: &[u8]) -> Option<PlatformKind> {
    match serde_json::from_slice(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)).ok()? {
        Shape { event_type: Some(_), webhook_event: None } => Some(PlatformKind::AzureDevOps),
        Shape { event_type: None, webhook_event: Some(_) } => Some(PlatformKind::Jira),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PlatformKind::{AzureDevOps, GitHub, GitLab, Jira};

    fn told(names: &[(&'static str, &str)]) -> Option<PlatformKind> {
        from_headers(&names.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect())
    }

    #[test]
    fn each_platform_is_told_by_what_it_sends() {
        assert_eq!(told(&[("x-github-event", "ping"), ("x-hub-signature", "sha1=0")]), Some(GitHub));
        assert_eq!(told(&[("x-gitlab-event", "Issue Hook")]), Some(GitLab));
        assert_eq!(told(&[("webhook-signature", "v1,x")]), Some(GitLab));
        assert_eq!(told(&[("x-hub-signature", "sha256=0")]), Some(Jira));
        assert_eq!(told(&[("user-agent", "Atlassian Webhook HTTP Client")]), Some(Jira));
        assert_eq!(told(&[("x-agent-smith-secret", "s")]), Some(AzureDevOps));
        assert_eq!(told(&[("authorization", "Basic eDp5"), ("user-agent", "VSServices/1")]), None);
        assert_eq!(from_body(br#"{"eventType":"workitem.updated","resource":{}}"#), Some(AzureDevOps));
        assert_eq!(from_body(b"\xef\xbb\xbf{\"eventType\":\"workitem.updated\"}"), Some(AzureDevOps));
        assert_eq!(from_body(br#"{"timestamp":1,"webhookEvent":"jira:issue_updated"}"#), Some(Jira));
        for neither in [&b"{}"[..], b"[]", b"", b"\xff", br#"{"eventType":1,"webhookEvent":1}"#] {
            assert_eq!(from_body(neither), None);
        }
    }
}
