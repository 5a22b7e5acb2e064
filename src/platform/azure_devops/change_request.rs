//! Pull requests in Azure Repos: the active one of a branch, and a new one.
//!
//! Who calls: the [`Forge`] trait. What must stay true: a pull request of a fork is never taken for ours; what Azure
//! DevOps refuses is told in words, with what a person can do.

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{AzureDevOps, Request};
use super::models::{parse, said};
use super::refusal::About;
use crate::config::Tracker;
use crate::job::WriteRight;
use crate::platform::forge::{ChangeRequest, Creation, Forge, OpenRequest};
use crate::platform::http::{Answer, HeldBack, Http, Repeat};
use crate::platform::{Error, Result};
use crate::ticket::PlatformKind;

/// Azure DevOps refuses a longer description than 4,000 characters.
const LONGEST_BODY: usize = 4_000;
/// What stands before the name of a branch.
const HEADS: &str = "refs/heads/";

/// One repository in Azure Repos.
#[derive(Debug)]
pub struct AzureRepos {
    project: AzureDevOps,
    repository: String,
}

/// What we read of a pull request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pull {
    pull_request_id: u64,
    title: String,
    #[serde(default)]
    description: Option<String>,
    source_ref_name: String,
    target_ref_name: String,
    /// There when it comes from a fork.
    #[serde(default)]
    fork_source: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Pulls {
    value: Vec<Pull>,
}

impl AzureRepos {
    /// The repository of a project.
    ///
    /// # Errors
    /// As the client of the project.
    pub(in crate::platform) fn open(
        tracker: &Tracker,
        (project, repository): (&str, &str),
        http: &Http,
    ) -> Result<Self> {
        let project = AzureDevOps::open(tracker, (project, &[]), http)?;
        Ok(Self { project, repository: repository.to_owned() })
    }

    fn path(&self) -> [&str; 6] {
        [&self.project.project, "_apis", "git", "repositories", &self.repository, "pullrequests"]
    }

    fn open_request(&self, pull: Pull) -> OpenRequest {
        let Pull { pull_request_id: number, title, description, target_ref_name, .. } = pull;
        let page = self.project.web_url.as_str().trim_end_matches('/');
        let base = target_ref_name.strip_prefix(HEADS).unwrap_or(&target_ref_name).to_owned();
        let body = description.unwrap_or_default();
        OpenRequest { number, url: format!("{page}/pullrequest/{number}"), title, body, base }
    }

    /// What Azure DevOps means, with what a person can do. Codes stand at the beginning of a message in every language.
    async fn refused(&self, what: &str, answer: &Answer) -> Error {
        let told = said(answer);
        let text: String = self.project.redacted(&told.message).chars().filter(|c| !c.is_control()).take(300).collect();
        let impossible =
            |cure: &str| Error::Impossible { what: format!("{what} is refused ({text})"), cure: cure.to_owned() };
        let is = |code: &str| told.message.starts_with(code);
        if is("TF401019") || told.type_key == "GitRepositoryNotFoundException" {
            return Error::NotFound {
                what: format!("repository {} of {}", self.repository, self.project.project),
                cure: format!(
                    "check the `source` {}, that the repository is not disabled, and that AZURE_DEVOPS_TOKEN has the \
                     scope Code (read & write)",
                    self.project.web_url
                ),
            };
        }
        if is("TF401398") || is("TF401175") {
            return impossible(
                "a branch of it is not on the remote any more: run it again, so that it is pushed again",
            );
        }
        if is("TF401027") || answer.status == StatusCode::FORBIDDEN {
            return Error::Unauthorized {
                what: format!("{what} is forbidden ({text})"),
                cure: format!(
                    "AZURE_DEVOPS_TOKEN needs the scope Code (read & write), and its owner the permission Contribute \
                     to pull requests in {}",
                    self.repository
                ),
            };
        }
        self.project.refusal(what, About::Project, answer).await
    }
}

#[async_trait]
impl Forge for AzureRepos {
    fn kind(&self) -> PlatformKind {
        PlatformKind::AzureDevOps
    }

    fn held_back(&self) -> Option<HeldBack> {
        self.project.channel().held_back()
    }

    fn shown(&self, wanted: &ChangeRequest) -> (String, String) {
        (wanted.title.clone(), wanted.text(LONGEST_BODY))
    }

    /// A list shows 400 characters of a description, so that the one which is found is read whole. Source: Microsoft,
    /// "Pull Requests - Get Pull Requests" and "- Get Pull Request".
    async fn find(&self, branch: &str, base: &str) -> Result<Option<OpenRequest>> {
        let what = format!("look for a pull request of {branch} in {}", self.repository);
        let (path, reference) = (self.path(), format!("{HEADS}{branch}"));
        let query = [("searchCriteria.sourceRefName", reference.as_str()), ("searchCriteria.status", "active")];
        let answer = self.project.send(Request { query: &query, ..Request::get(&what, &path) }).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused(&what, &answer).await);
        }
        let found = parse::<Pulls>(&what, &answer)?.value.into_iter();
        let from_here = found.filter(|pull| pull.source_ref_name == reference && pull.fork_source.is_none());
        let best = OpenRequest::best(from_here.map(|pull| self.open_request(pull)).collect(), base);
        let Some(OpenRequest { number, .. }) = best else { return Ok(None) };
        let number = number.to_string();
        let one: Vec<&str> = path.iter().copied().chain([number.as_str()]).collect();
        let answer = self.project.send(Request { continues: true, ..Request::get(&what, &one) }).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(self.open_request(parse(&what, &answer)?))),
            _ => Err(self.refused(&what, &answer).await),
        }
    }

    /// Source: Microsoft, "Pull Requests - Create".
    async fn create(&self, right: &dyn WriteRight, wanted: &ChangeRequest) -> Result<Creation> {
        let what = format!("open a pull request of {} in {}", wanted.branch, self.repository);
        let body = json!({
            "sourceRefName": format!("{HEADS}{}", wanted.branch),
            "targetRefName": format!("{HEADS}{}", wanted.base),
            "title": wanted.title,
            "description": wanted.text(LONGEST_BODY),
            "isDraft": wanted.draft,
        });
        let path = self.path();
        let request = Request::ask(&what, &path, body);
        let (repeat, right) = (Repeat::OnlyUnsent, Some(right));
        let answer = self.project.send(Request { repeat, right, continues: true, ..request }).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(Creation::Opened(self.open_request(parse(&what, &answer)?))),
            StatusCode::CONFLICT if said(&answer).message.starts_with("TF401179") => Ok(Creation::Exists),
            _ => Err(self.refused(&what, &answer).await),
        }
    }

    /// Source: Microsoft, "Pull Requests - Update".
    async fn rewrite(&self, right: &dyn WriteRight, number: u64, wanted: &ChangeRequest) -> Result<()> {
        let what = format!("update pull request {number} of {}", self.repository);
        let (path, number) = (self.path(), number.to_string());
        let one: Vec<&str> = path.iter().copied().chain([number.as_str()]).collect();
        let (title, body) = self.shown(wanted);
        let body = json!({ "title": title, "description": body });
        let request = Request { method: Method::PATCH, right: Some(right), ..Request::ask(&what, &one, body) };
        let answer = self.project.send(Request { continues: true, ..request }).await?;
        match answer.status {
            StatusCode::OK => Ok(()),
            _ => Err(self.refused(&what, &answer).await),
        }
    }
}
