//! What an answer that is not a success means, in words and with the cure.
//!
//! Who calls: every other file of this folder that makes a call. What must stay true: no text contains the credentials,
//! also when a server echoes them.

use http::StatusCode;

use super::client::Jira;
use super::deployment::Deployment;
use super::sayings::{LONGEST_SAYING, lacks_scope, said};
use crate::platform::http::Answer;
use crate::platform::{Error, Result};

/// What a refused request was about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    /// The site as a whole.
    Site,
    /// The configured project, or the search over the site.
    Project,
    /// One issue.
    Issue(&'a str),
    /// The labels of one issue.
    Labels(&'a str),
    /// The comments of one issue.
    Comments(&'a str),
}

impl Jira {
    /// The error for an answer that is not a success, by the answer alone.
    pub(super) fn refusal_itself(&self, what: &str, about: About<'_>, answer: &Answer) -> Error {
        let said = self.redacted(&said(answer));
        match answer.status {
            _ if lacks_scope(answer) => unauthorized(
                format!("{what} is outside the scopes of JIRA_TOKEN"),
                "give it read:jira-work, write:jira-work and read:jira-user",
            ),
            StatusCode::UNAUTHORIZED => self.unknown_token(&said),
            StatusCode::FORBIDDEN => self.forbidden(what, about, &said),
            StatusCode::NOT_FOUND if answer.body.trim_ascii_start().starts_with(b"<") => Error::Malformed {
                what: what.to_owned(),
                detail: "a page with status 404; is there a proxy in between, or api_url wrong?".to_owned(),
            },
            StatusCode::NOT_FOUND => Error::NotFound { what: self.thing(about), cure: self.not_found(about) },
            StatusCode::BAD_REQUEST => self.bad_request(what, about, said),
            StatusCode::CONFLICT => Error::Conflict(format!("{what}: {said}")),
            StatusCode::GONE => Error::Refused {
                what: what.to_owned(),
                status: 410,
                message: format!("{said}; set api_url to …/rest/api/3, or leave it out"),
            },
            StatusCode::PAYLOAD_TOO_LARGE => Error::Refused {
                what: what.to_owned(),
                status: 413,
                message: match about {
                    About::Comments(_) => format!("the issue has all the comments it may have, delete some ({said})"),
                    _ => said,
                },
            },
            status if status.is_redirection() => self.redirected(what, about, answer),
            status if status.is_success() => {
                Error::Malformed { what: what.to_owned(), detail: format!("unexpected status {}", status.as_u16()) }
            }
            status => Error::Refused { what: what.to_owned(), status: status.as_u16(), message: said },
        }
    }

    fn thing(&self, about: About<'_>) -> String {
        match about {
            About::Site | About::Project => self.name.clone(),
            About::Issue(key) | About::Labels(key) | About::Comments(key) => format!("issue {key} of {}", self.name),
        }
    }

    fn forbidden(&self, what: &str, about: About<'_>, said: &str) -> Error {
        let place = self.project.as_deref().unwrap_or("its project");
        if let About::Site = about {
            return self.unknown_token(said);
        }
        let cure = match about {
            About::Labels(_) => {
                format!("give the account of {} the permission Edit Issues in {place}", self.variables())
            }
            About::Comments(_) => {
                format!("give the account of {} the permission Add Comments in {place}", self.variables())
            }
            About::Site | About::Project | About::Issue(_) => {
                format!("give the account of {} the permission Browse Projects in {place}", self.variables())
            }
        };
        unauthorized(format!("{what} is forbidden ({said})"), &cure)
    }

    fn not_found(&self, about: About<'_>) -> String {
        match about {
            About::Issue(_) | About::Labels(_) | About::Comments(_) => {
                "it does not exist any more, or the account of JIRA_TOKEN may not see it".to_owned()
            }
            About::Site => format!("check that {} is a Jira site (url, api_url)", self.web_url),
            About::Project if self.project.is_none() => {
                format!("check that {} is a Jira site (url, api_url)", self.web_url)
            }
            About::Project => {
                "check its key (project) and that the account of JIRA_TOKEN has Browse Projects in it".to_owned()
            }
        }
    }

    /// Sources: field reports; the texts are the same in Cloud and Data Center and in the language of the account, so
    /// that the names of fields decide.
    fn bad_request(&self, what: &str, about: About<'_>, said: String) -> Error {
        let text = said.to_lowercase();
        match about {
            About::Labels(_) if text.contains("labels") && !text.contains("space") => unauthorized(
                format!("{what} is refused ({said})"),
                "put the field Labels on the edit screen of the project's issues, and give the account Edit Issues",
            ),
            About::Project if self.project.is_some() && text.contains("project") => {
                Error::NotFound { what: self.name.clone(), cure: format!("{} ({said})", self.not_found(about)) }
            }
            _ => Error::Refused { what: what.to_owned(), status: 400, message: said },
        }
    }

    /// A sign-in page in front of the site is a token that it did not take; anything else has moved.
    fn redirected(&self, what: &str, about: About<'_>, answer: &Answer) -> Error {
        let location: String = answer.header("location").unwrap_or_default().chars().take(LONGEST_SAYING).collect();
        let path = location.split(['?', '#']).next().unwrap_or_default().to_lowercase();
        if ["login", "signin", "sign-in", "saml", "oauth", "/sso"].iter().any(|word| path.contains(word)) {
            return unauthorized(
                format!("{what} leads to a sign-in page"),
                &format!("{} is not accepted in front of {}: set a valid one", self.variables(), self.web_url),
            );
        }
        let to = if location.is_empty() { "an unnamed place".to_owned() } else { self.redacted(&location) };
        let cure = format!("set url (and api_url) to the new place instead of {}", self.web_url);
        Error::Moved { what: self.thing(about), to, cure }
    }

    /// The error for an answer that was given to nobody although we sent credentials. Sources: Atlassian, "Cookie-based
    /// auth" (`X-Seraph-LoginReason`) and field reports on `X-AUSERNAME`; neither is on every answer.
    pub(super) fn not_recognised(&self, answer: &Answer) -> Option<Error> {
        let reason = answer.header("x-seraph-loginreason").unwrap_or_default();
        if reason.contains("AUTHENTICATION_DENIED") {
            return Some(Error::Unauthorized {
                what: format!("Jira has locked the account for {} after failed logins", self.name),
                cure: format!("sign in once with a browser to answer the CAPTCHA, then check {}", self.variables()),
            });
        }
        let is_nobody = reason.contains("AUTHENTICATED_FAILED") || answer.header("x-ausername") == Some("anonymous");
        is_nobody.then(|| self.unknown_token("anonymous"))
    }

    /// Source: Atlassian, "Basic auth for REST APIs", "Personal access tokens".
    pub(super) fn unknown_token(&self, said: &str) -> Error {
        let cure = match (self.is_bearer, self.site.known()) {
            (true, _) => "JIRA_TOKEN is wrong or has expired; a site in Jira Cloud needs JIRA_EMAIL besides it",
            (false, Some(Deployment::Cloud)) => {
                "JIRA_EMAIL and JIRA_TOKEN do not belong together, or the token was revoked or has expired: set valid \
                 ones"
            }
            (false, _) => {
                "JIRA_EMAIL and JIRA_TOKEN do not belong together, or the token was revoked or has expired: set valid \
                 ones (Data Center: a personal access token goes alone, unset JIRA_EMAIL)"
            }
        };
        Error::Unauthorized {
            what: format!("Jira does not accept the credentials for {} ({said})", self.name),
            cure: cure.to_owned(),
        }
    }

    /// The environment does not have them.
    pub(super) fn no_credentials(&self) -> Error {
        Error::Unauthorized {
            what: format!("no credentials for {}", self.name),
            cure: "JIRA_EMAIL or JIRA_TOKEN is not set: set both (Data Center: JIRA_TOKEN alone), with access to the \
                   issues"
                .to_owned(),
        }
    }

    /// The variables the credentials come from.
    pub(super) fn variables(&self) -> &'static str {
        if self.is_bearer { "JIRA_TOKEN" } else { "JIRA_EMAIL and JIRA_TOKEN" }
    }

    /// What went wrong behind a write that the site has already accepted. Nothing may say that the write was refused.
    pub(super) fn unverified<T>(what: &str, read: Result<T>) -> Result<T> {
        read.map_err(|error| match error {
            gone @ (Error::NotFound { .. } | Error::Moved { .. } | Error::Conflict(_)) => gone,
            other => Error::Transport(format!("{what} was accepted and could not be verified: {other}")),
        })
    }
}

fn unauthorized(what: String, cure: &str) -> Error {
    Error::Unauthorized { what, cure: cure.to_owned() }
}
