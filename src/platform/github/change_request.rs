//! Pull requests: the open one of a branch, and a new one.
//!
//! Who calls: the [`Forge`] trait. What must stay true: a pull request of a copy of the repository is never taken for
//! ours; what GitHub refuses is told in words, with what a person can do.

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{GitHub, Request, encode};
use super::models::parse;
use super::refusal::About;
use crate::job::WriteRight;
use crate::platform::forge::{ChangeRequest, Creation, Forge, OpenRequest};
use crate::platform::http::{Answer, HeldBack, Repeat};
use crate::platform::{Error, Result};
use crate::ticket::PlatformKind;

/// GitHub refuses a longer body than 65,536 characters.
const LONGEST_BODY: usize = 65_000;

/// What we read of a pull request.
#[derive(Debug, Deserialize)]
struct Pull {
    number: u64,
    html_url: String,
    title: String,
    #[serde(default)]
    body: Option<String>,
    base: End,
    head: End,
}

/// One of its two ends.
#[derive(Debug, Deserialize)]
struct End {
    #[serde(rename = "ref")]
    name: String,
    /// Null when the copy that it came from was deleted.
    #[serde(default)]
    repo: Option<Place>,
}

#[derive(Debug, Deserialize)]
struct Place {
    id: u64,
}

impl Pull {
    /// From a branch of the repository itself.
    fn is_from_here(&self) -> bool {
        let id = |end: &End| end.repo.as_ref().map(|repo| repo.id);
        id(&self.head).is_some() && id(&self.head) == id(&self.base)
    }

    fn open_request(self) -> OpenRequest {
        let Self { number, html_url: url, title, body, base, .. } = self;
        OpenRequest { number, url, title, body: body.unwrap_or_default(), base: base.name }
    }
}

#[async_trait]
impl Forge for GitHub {
    fn kind(&self) -> PlatformKind {
        PlatformKind::GitHub
    }

    fn held_back(&self) -> Option<HeldBack> {
        self.channel.held_back()
    }

    fn shown(&self, wanted: &ChangeRequest) -> (String, String) {
        (wanted.title.clone(), wanted.text(LONGEST_BODY))
    }

    /// Source: GitHub REST, "List pull requests": `head` is `user:ref-name`.
    async fn find(&self, branch: &str, base: &str) -> Result<Option<OpenRequest>> {
        let what = format!("look for a pull request of {branch} in {}", self.name);
        let owner = self.name.split('/').next().unwrap_or_default();
        let head = encode(&format!("{owner}:{branch}"));
        let path = format!("{}/pulls?state=open&head={head}&per_page=100", self.route);
        let answer = self.send(Request::get(&what, &path)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused_pull(&what, &answer).await);
        }
        let found: Vec<Pull> = parse(&what, &answer)?;
        let of_branch = found.into_iter().filter(|pull| pull.head.name == branch && pull.is_from_here());
        Ok(OpenRequest::best(of_branch.map(Pull::open_request).collect(), base))
    }

    /// Source: GitHub REST, "Create a pull request".
    async fn create(&self, right: &dyn WriteRight, wanted: &ChangeRequest) -> Result<Creation> {
        let what = format!("open a pull request of {} in {}", wanted.branch, self.name);
        let mut draft = wanted.draft;
        loop {
            let answer = self.post_pull(right, &what, wanted, draft).await?;
            let said = details(&answer);
            match answer.status {
                StatusCode::CREATED => return Ok(Creation::Opened(parse::<Pull>(&what, &answer)?.open_request())),
                StatusCode::UNPROCESSABLE_ENTITY if said.contains("already exists") => return Ok(Creation::Exists),
                // A plan without drafts. One that can be seen is better than none.
                StatusCode::UNPROCESSABLE_ENTITY if draft && said.contains("Draft pull requests") => draft = false,
                _ => return Err(self.refused_pull(&what, &answer).await),
            }
        }
    }

    /// Source: GitHub REST, "Update a pull request".
    async fn rewrite(&self, right: &dyn WriteRight, number: u64, wanted: &ChangeRequest) -> Result<()> {
        let what = format!("update pull request {number} of {}", self.name);
        let path = format!("{}/pulls/{number}", self.route);
        let (title, body) = self.shown(wanted);
        let body = Some(json!({ "title": title, "body": body }));
        let answer = self.send(Request { body, ..Request::write(&what, Method::PATCH, &path, right) }).await?;
        match answer.status {
            StatusCode::OK => Ok(()),
            _ => Err(self.refused_pull(&what, &answer).await),
        }
    }
}

impl GitHub {
    async fn post_pull(
        &self,
        right: &dyn WriteRight,
        what: &str,
        wanted: &ChangeRequest,
        draft: bool,
    ) -> Result<Answer> {
        let path = format!("{}/pulls", self.route);
        let body = json!({
            "title": wanted.title,
            "head": wanted.branch,
            "base": wanted.base,
            "body": wanted.text(LONGEST_BODY),
            "draft": draft,
        });
        let request = Request::write(what, Method::POST, &path, right);
        self.send(Request { body: Some(body), repeat: Repeat::OnlyUnsent, ..request }).await
    }

    /// What GitHub means, with what a person can do.
    async fn refused_pull(&self, what: &str, answer: &Answer) -> Error {
        let said = self.redacted(&details(answer));
        let impossible =
            |cure: &str| Error::Impossible { what: format!("{what} is refused ({said})"), cure: cure.to_owned() };
        let rights = || Error::Unauthorized {
            what: format!("{what} is forbidden ({said})"),
            cure: format!("GITHUB_TOKEN needs Pull requests: write on {} (classic token: scope repo)", self.name),
        };
        match answer.status {
            StatusCode::FORBIDDEN if said.contains("archived") => {
                impossible("the repository is archived and read-only: unarchive it, or set another `source`")
            }
            StatusCode::FORBIDDEN if answer.header("x-github-sso").is_none() => rights(),
            StatusCode::NOT_FOUND => Error::NotFound {
                what: format!("repository {}", self.name),
                cure: format!("check the `source` {} and that GITHUB_TOKEN may see it", self.web_url),
            },
            StatusCode::UNPROCESSABLE_ENTITY if said.contains("No commits between") => {
                impossible("the branch has nothing that its base has not; a `commit` step comes first")
            }
            StatusCode::UNPROCESSABLE_ENTITY if said.contains("head invalid") => {
                impossible("the branch is not on the remote any more: run it again, so that it is pushed again")
            }
            StatusCode::UNPROCESSABLE_ENTITY if said.contains("base invalid") => {
                impossible("the base is no branch of the repository: correct `base` of the `checkout` step")
            }
            StatusCode::UNPROCESSABLE_ENTITY if said.contains("collaborator") => rights(),
            _ => self.refusal(what, About::Repository, answer).await,
        }
    }
}

/// Message and the messages of the single errors, at most 300 characters. An error without one is told by its field.
fn details(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let one = |error: &Value| match (error["message"].as_str(), error["field"].as_str(), error["code"].as_str()) {
        (Some(message), ..) => message.to_owned(),
        (None, Some(field), Some(code)) => format!("{field} {code}"),
        _ => error.as_str().unwrap_or_default().to_owned(),
    };
    let errors = body["errors"].as_array().into_iter().flatten().map(one).filter(|text| !text.is_empty());
    let texts: Vec<String> = std::iter::once(answer.message()).chain(errors).collect();
    texts.join(": ").chars().filter(|c| !c.is_control()).take(300).collect()
}
