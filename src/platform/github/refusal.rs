//! What an answer that is not a success means, in words and with the cure.
//!
//! Who calls: every other file of this folder. What must stay true: no text contains the token, also when a server
//! echoes it; a move is followed for its name only, and only on the same host.

use http::StatusCode;

use super::client::{GitHub, Request};
use super::models::{Located, parse};
use crate::platform::http::Answer;
use crate::platform::{Error, Result};

/// What a refused request was about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    /// The repository itself.
    Repository,
    /// All its issues.
    Issues,
    /// One issue.
    Issue(&'a str),
}

impl GitHub {
    /// The error for an answer that is not a success.
    pub(super) async fn refusal(&self, what: &str, about: About<'_>, answer: &Answer) -> Error {
        let thing = match about {
            About::Repository => format!("repository {}", self.name),
            About::Issues => format!("issues of {}", self.name),
            About::Issue(number) => format!("issue {number} of {}", self.name),
        };
        match answer.status {
            StatusCode::UNAUTHORIZED => Error::Unauthorized {
                what: format!("GitHub does not accept the token for {}", self.name),
                cure: "GITHUB_TOKEN is wrong or has expired, set a valid one".to_owned(),
            },
            StatusCode::FORBIDDEN => self.forbidden(what, answer),
            StatusCode::NOT_FOUND => Error::NotFound { what: thing, cure: self.not_found(about) },
            StatusCode::GONE => Error::NotFound { what: thing, cure: gone(about, answer) },
            StatusCode::NOT_MODIFIED => Error::Malformed {
                what: what.to_owned(),
                detail: "status 304 to a request without a condition".to_owned(),
            },
            status if status.is_redirection() => self.moved(thing, about, answer).await,
            status if status.is_success() => {
                Error::Malformed { what: what.to_owned(), detail: format!("unexpected status {}", status.as_u16()) }
            }
            status => Error::Refused {
                what: what.to_owned(),
                status: status.as_u16(),
                message: self.redacted(&answer.message()),
            },
        }
    }

    fn forbidden(&self, what: &str, answer: &Answer) -> Error {
        let cure = if answer.header("x-github-sso").is_some() {
            "authorize GITHUB_TOKEN for the organization's single sign-on".to_owned()
        } else {
            format!("GITHUB_TOKEN needs Issues: write on {} (classic token: scope repo)", self.name)
        };
        let said = self.redacted(&answer.message());
        Error::Unauthorized { what: format!("{what} is forbidden ({said})"), cure }
    }

    fn not_found(&self, about: About<'_>) -> String {
        match about {
            About::Issue(_) => "it does not exist, or GITHUB_TOKEN may not see it".to_owned(),
            About::Repository | About::Issues => format!(
                "check the url {} and that GITHUB_TOKEN may see it (fine-grained token: Issues: write on this \
                 repository, classic token: scope repo)",
                self.web_url
            ),
        }
    }

    async fn moved(&self, what: String, about: About<'_>, answer: &Answer) -> Error {
        let location = answer.header("location").unwrap_or_default();
        let to = match self.page_of(location).await {
            Ok(Some(page)) => page,
            _ => self.redacted(&location.chars().take(200).collect::<String>()),
        };
        let cure = match about {
            About::Issue(_) => "it belongs to another repository now, or the repository was renamed".to_owned(),
            About::Repository | About::Issues => format!("set url to the new place instead of {}", self.web_url),
        };
        let to = if to.is_empty() { "an unnamed place".to_owned() } else { to };
        Error::Moved { what, to, cure }
    }

    /// The page of what is at `location`, which is named by numbers (`/repositories/7`) that tell a person nothing.
    async fn page_of(&self, location: &str) -> Result<Option<String>> {
        let Some(target) = self.base.join(location).ok().filter(|_| !location.is_empty()) else { return Ok(None) };
        if target.origin() != self.base.origin() {
            return Ok(None);
        }
        let answer = self.send(Request::get("find out the new place", with_page(target.path()))).await?;
        let located: Located = parse("find out the new place", &answer)?;
        Ok(Some(located.html_url.chars().take(200).collect()))
    }
}

/// The part of an API path that has a page for people: the issue in it, else the repository.
fn with_page(path: &str) -> &str {
    let Some((repository, below)) = path.rsplit_once("/issues") else { return path };
    let number = below.strip_prefix('/').unwrap_or_default();
    let digits = number.len() - number.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    match digits {
        0 => repository,
        digits => &path[..repository.len() + "/issues/".len() + digits],
    }
}

/// 410 is a deleted issue, a repository without issues, or an API version that the server does not know any more.
fn gone(about: About<'_>, answer: &Answer) -> String {
    match about {
        About::Issue(_) => "it was deleted, or issues are switched off in the repository's settings".to_owned(),
        About::Issues if answer.message().to_lowercase().contains("disabled") => {
            "issues are switched off, enable them in the repository's settings".to_owned()
        }
        About::Issues | About::Repository => {
            format!("GitHub says: {}", answer.message())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_its_issue_or_its_repository() {
        assert_eq!(with_page("/api/v3/repositories/7/issues/12/labels/a"), "/api/v3/repositories/7/issues/12");
        assert_eq!(with_page("/repositories/7/issues/12"), "/repositories/7/issues/12");
        assert_eq!(with_page("/repositories/7/issues"), "/repositories/7");
        assert_eq!(with_page("/repositories/7"), "/repositories/7");
    }
}
