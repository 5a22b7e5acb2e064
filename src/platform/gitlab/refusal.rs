//! What an answer that is not a success means, in words and with the cure.
//!
//! Who calls: the session, for every such answer. What must stay true: no text contains the token, also when a server
//! echoes it; a move is looked into on the same host only.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::client::{GitLab, Request};
use super::models::{Project, parse};
use crate::platform::http::{Answer, Call, Repeat};
use crate::platform::{Error, Result};

/// What a refused request was about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    /// The project itself.
    Project,
    /// All its issues.
    Issues,
    /// One issue.
    Issue(&'a str),
}

impl GitLab {
    /// The error for an answer that is not a success.
    pub(super) async fn refusal(&self, what: &str, about: About<'_>, answer: &Answer) -> Error {
        let said = self.redacted(&said(answer));
        match answer.status {
            StatusCode::UNAUTHORIZED => Error::Unauthorized {
                what: format!("GitLab does not accept the token for {} ({said})", self.path),
                cure: "GITLAB_TOKEN is wrong, expired or revoked, set a valid one".to_owned(),
            },
            StatusCode::FORBIDDEN => self.forbidden(what, answer, &said),
            StatusCode::NOT_FOUND => self.not_found(about, &said),
            // Writes to a project under an old name are refused so, reads are redirected.
            StatusCode::METHOD_NOT_ALLOWED if said.contains("moved projects") => {
                let to = self.present_page().await.ok().flatten();
                self.moved(About::Project, to.unwrap_or_default())
            }
            StatusCode::CONFLICT => Error::Conflict(format!("{what}: {said}")),
            StatusCode::NOT_MODIFIED => Error::Malformed {
                what: what.to_owned(),
                detail: "status 304 to a request without a condition".to_owned(),
            },
            status if status.is_redirection() => self.redirected(what, about, answer).await,
            status if status.is_success() => {
                Error::Malformed { what: what.to_owned(), detail: format!("unexpected status {}", status.as_u16()) }
            }
            status => Error::Refused { what: what.to_owned(), status: status.as_u16(), message: said },
        }
    }

    fn forbidden(&self, what: &str, answer: &Answer, said: &str) -> Error {
        let cure = if String::from_utf8_lossy(&answer.body).contains("insufficient_scope") {
            "GITLAB_TOKEN needs the scope api".to_owned()
        } else {
            format!(
                "GITLAB_TOKEN needs the scope api, and its owner the role Planner or higher in {} (Reporter before \
                 GitLab 17.7); an archived project is read-only",
                self.path
            )
        };
        Error::Unauthorized { what: format!("{what} is forbidden ({said})"), cure }
    }

    /// Source: GitLab REST: what the token may not see does not exist. The project and the issue are told apart by the
    /// message; a path that the server does not know at all is answered in another field than either.
    fn not_found(&self, about: About<'_>, said: &str) -> Error {
        let about_project = said.to_lowercase().contains("project");
        match about {
            About::Issue(number) if !about_project => Error::NotFound {
                what: format!("issue {number} of {}", self.path),
                cure:
                    "it does not exist, or GITLAB_TOKEN may not see it (a confidential issue needs the role Planner or \
                       higher)"
                        .to_owned(),
            },
            _ => Error::NotFound {
                what: format!("project {}", self.path),
                cure: format!(
                    "check that {} is its page, that the API is at {}, and that the owner of GITLAB_TOKEN is a member \
                     of the project",
                    self.web_url, self.base
                ),
            },
        }
    }

    async fn redirected(&self, what: &str, about: About<'_>, answer: &Answer) -> Error {
        let location = answer.header("location").unwrap_or_default();
        let shown = self.redacted(&location.chars().take(200).collect::<String>());
        let Some(target) = self.base.join(location).ok().filter(|_| !location.is_empty()) else {
            return self.moved(about, shown);
        };
        if target.path().contains("/sign_in") {
            let detail = format!("a redirect to the sign-in page {shown}; is {} the base of the API?", self.base);
            return Error::Malformed { what: what.to_owned(), detail };
        }
        match target.origin() == self.base.origin() {
            true => {
                let page = self.page_of(&target).await.ok().flatten();
                self.moved(about, page.unwrap_or(shown))
            }
            false => self.moved(about, shown),
        }
    }

    pub(super) fn moved(&self, about: About<'_>, to: String) -> Error {
        let to = if to.is_empty() { "an unnamed place".to_owned() } else { to };
        match about {
            About::Issue(number) => Error::Moved {
                what: format!("issue {number} of {}", self.path),
                to,
                cure: "it belongs to another project now, or the project was renamed".to_owned(),
            },
            About::Project | About::Issues => Error::Moved {
                what: format!("project {}", self.path),
                to,
                cure: format!("set url and project to the new place instead of {}", self.web_url),
            },
        }
    }

    /// Where the project is now, asked under the name we know.
    async fn present_page(&self) -> Result<Option<String>> {
        let encoded = gitlab::api::common::path_escaped(&self.path).to_string();
        let url = self.base.join(&format!("projects/{encoded}")).map_err(|_| unnamed())?;
        let answer = self.look(&Request::get(url)).await?;
        let location = answer.header("location").unwrap_or_default();
        let target = self.base.join(location).map_err(|_| unnamed())?;
        match answer.status.is_redirection() && target.origin() == self.base.origin() {
            true => self.page_of(&target).await,
            false => Ok(None),
        }
    }

    /// The page of the project in an API path, which is named there by a number that tells a person nothing.
    async fn page_of(&self, target: &Url) -> Result<Option<String>> {
        let mut parts = target.path().split('/').skip_while(|part| *part != "projects").skip(1);
        let Some(id) = parts.next().filter(|id| !id.is_empty()) else { return Ok(None) };
        let url = self.base.join(&format!("projects/{id}")).map_err(|_| unnamed())?;
        let answer = self.look(&Request::get(url)).await?;
        if answer.status != StatusCode::OK {
            return Ok(None);
        }
        let project: Project = parse("find out the new place", &answer)?;
        Ok(Some(project.web_url.chars().take(200).collect()).filter(|page: &String| !page.is_empty()))
    }

    async fn look(&self, request: &Request) -> Result<Answer> {
        self.send(Call { what: "find out the new place", repeat: Repeat::Safe, right: None }, request).await
    }
}

fn unnamed() -> Error {
    Error::Malformed { what: "find out the new place".to_owned(), detail: "a location that is no URL".to_owned() }
}

/// What GitLab said in words. It has four ways: `message` as a text or as an object of lists by field, `error` with
/// `error_description`, and plain text.
pub(super) fn said(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        message: Value,
        #[serde(default)]
        error: Value,
        #[serde(default)]
        error_description: Value,
    }
    let Ok(said) = serde_json::from_slice::<Said>(&answer.body) else { return answer.message() };
    let texts = [said.message, said.error, said.error_description];
    let texts = texts.into_iter().filter(|text| !text.is_null()).map(|text| match text {
        Value::String(text) => text,
        other => other.to_string(),
    });
    let text = texts.collect::<Vec<_>>().join(": ");
    let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;

    #[test]
    fn each_way_of_saying_it_is_understood() {
        let said = |body: &'static str| {
            let body = Bytes::from_static(body.as_bytes());
            said(&Answer { status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body })
        };
        assert_eq!(said(r#"{"message":"404 Project Not Found"}"#), "404 Project Not Found");
        assert_eq!(said(r#"{"message":{"title":["is too long"]}}"#), r#"{"title":["is too long"]}"#);
        assert_eq!(
            said(r#"{"error":"invalid_token","error_description":"Token is expired."}"#),
            "invalid_token: Token is expired."
        );
        assert_eq!(said("Retry later\n"), "Retry later");
        assert_eq!(said("<html>"), "a page instead of an answer");
    }
}
