//! A whole answer: status, headers and the complete body.
//!
//! Who calls: [`super::Channel::send`] makes them, the platforms read them.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// Where platforms put the name of a request: GitHub, Jira Cloud, Jira Data Center, Azure DevOps, GitLab and proxies.
const REQUEST_IDS: [&str; 5] = ["x-github-request-id", "atl-traceid", "x-arequestid", "x-vss-e2eid", "x-request-id"];

/// An answer whose body has arrived completely.
#[derive(Debug)]
pub(in crate::platform) struct Answer {
    /// The HTTP status.
    pub(in crate::platform) status: StatusCode,
    /// All headers.
    pub(in crate::platform) headers: HeaderMap,
    /// The body, decompressed.
    pub(in crate::platform) body: Bytes,
}

impl Answer {
    /// A header as text; `None` when it is absent or not text.
    pub(in crate::platform) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }

    /// What the platform calls this request, for its support; empty when it does not say.
    pub(in crate::platform) fn request_id(&self) -> &str {
        REQUEST_IDS.iter().find_map(|name| self.header(name)).unwrap_or_default()
    }

    /// What the platform said in words: the `message` of a JSON body, else the start of the body. Never longer than
    /// 200 characters, because it ends up in a log line, and without control characters.
    pub(in crate::platform) fn message(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Said {
            message: String,
        }
        let text = match serde_json::from_slice::<Said>(&self.body) {
            Ok(said) => said.message,
            Err(_) if self.body.trim_ascii_start().starts_with(b"<") => "a page instead of an answer".to_owned(),
            Err(_) => String::from_utf8_lossy(&self.body[..self.body.len().min(800)]).into_owned(),
        };
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &'static str) -> String {
        Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) }
            .message()
    }

    #[test]
    fn the_message_fits_a_log_line() {
        assert_eq!(said(r#"{"message":"Not\nFound","documentation_url":"x"}"#), "Not Found");
        assert_eq!(said("  <html>secret</html>"), "a page instead of an answer");
        assert_eq!(said("Retry later\n"), "Retry later");
        assert_eq!(said(Box::leak("é".repeat(5_000).into_boxed_str())).chars().count(), 200);
    }
}
