//! Merge requests: the open one of a branch, and a new one.
//!
//! Who calls: the [`Forge`] trait. What must stay true: a merge request of a copy of the project is never taken for
//! ours; nothing in a description is an order to GitLab; what GitLab refuses is told in words, with what a person can
//! do.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::client::{GitLab, Request};
use super::harmless::{WORD_JOINER, harmless};
use super::models::parse;
use super::refusal::{About, said};
use crate::job::WriteRight;
use crate::platform::forge::{ChangeRequest, Creation, Forge, OpenRequest};
use crate::platform::http::{Answer, Call, HeldBack, Repeat};
use crate::platform::{Error, Result};
use crate::ticket::PlatformKind;

/// GitLab refuses a longer description than 1,048,576 characters; nobody reads more than this.
const LONGEST_BODY: usize = 65_000;
/// What GitLab knows a draft by. Source: GitLab, "Draft merge requests".
const DRAFT: &str = "Draft: ";

/// What we read of a merge request.
#[derive(Debug, Deserialize)]
struct MergeRequest {
    iid: u64,
    web_url: String,
    title: String,
    #[serde(default)]
    description: Option<String>,
    source_branch: String,
    target_branch: String,
    source_project_id: Option<u64>,
    target_project_id: u64,
}

impl MergeRequest {
    fn open_request(self) -> OpenRequest {
        let Self { iid: number, web_url: url, title, description, target_branch: base, .. } = self;
        // Whether it is a draft is for people to say once it is open.
        let title = title.strip_prefix(DRAFT).map_or(title.clone(), str::to_owned);
        OpenRequest { number, url, title, body: description.unwrap_or_default(), base }
    }
}

#[async_trait]
impl Forge for GitLab {
    fn kind(&self) -> PlatformKind {
        PlatformKind::GitLab
    }

    fn held_back(&self) -> Option<HeldBack> {
        self.channel().held_back()
    }

    /// A title that begins like a draft's would make one.
    fn shown(&self, wanted: &ChangeRequest) -> (String, String) {
        let begins = wanted.title.to_lowercase();
        let says_draft = ["draft:", "[draft]", "(draft)", "draft "].iter().any(|start| begins.starts_with(start));
        let title = if says_draft { format!("{WORD_JOINER}{}", wanted.title) } else { wanted.title.clone() };
        (title, harmless(&wanted.text(LONGEST_BODY), LONGEST_BODY * 2))
    }

    /// Source: GitLab REST, "List project merge requests".
    async fn find(&self, branch: &str, base: &str) -> Result<Option<OpenRequest>> {
        let what = format!("look for a merge request of {branch} in {}", self.path);
        let mut url = self.merge_requests(None)?;
        url.query_pairs_mut().extend_pairs([("state", "opened"), ("source_branch", branch), ("per_page", "100")]);
        let call = Call { what: &what, repeat: Repeat::Safe, right: None };
        let answer = self.send(call, &Request::get(url)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused_merge(&what, &answer).await);
        }
        let found: Vec<MergeRequest> = parse(&what, &answer)?;
        let from_here =
            |one: &MergeRequest| one.source_branch == branch && one.source_project_id == Some(one.target_project_id);
        Ok(OpenRequest::best(found.into_iter().filter(from_here).map(MergeRequest::open_request).collect(), base))
    }

    /// Source: GitLab REST, "Create MR".
    async fn create(&self, right: &dyn WriteRight, wanted: &ChangeRequest) -> Result<Creation> {
        let what = format!("open a merge request of {} in {}", wanted.branch, self.path);
        let (title, description) = self.shown(wanted);
        let title = if wanted.draft { format!("{DRAFT}{title}") } else { title };
        let body = json!({
            "source_branch": wanted.branch,
            "target_branch": wanted.base,
            "title": title,
            "description": description,
        });
        let call = Call { what: &what, repeat: Repeat::OnlyUnsent, right: Some(right) };
        let answer = self.send(call, &json_request(Method::POST, self.merge_requests(None)?, &body)).await?;
        match answer.status {
            StatusCode::CREATED => Ok(Creation::Opened(parse::<MergeRequest>(&what, &answer)?.open_request())),
            StatusCode::CONFLICT => Ok(Creation::Exists),
            _ => Err(self.refused_merge(&what, &answer).await),
        }
    }

    /// A draft stays one. Source: GitLab REST, "Update MR".
    async fn rewrite(&self, right: &dyn WriteRight, number: u64, wanted: &ChangeRequest) -> Result<()> {
        let what = format!("update merge request {number} of {}", self.path);
        let call = |right| Call { what: &what, repeat: Repeat::Safe, right };
        let url = self.merge_requests(Some(number))?;
        let answer = self.send(call(None), &Request::get(url.clone())).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused_merge(&what, &answer).await);
        }
        let is_draft = parse::<MergeRequest>(&what, &answer)?.title.starts_with(DRAFT);
        let (title, description) = self.shown(wanted);
        let title = if is_draft { format!("{DRAFT}{title}") } else { title };
        let body = json!({ "title": title, "description": description });
        let answer = self.send(call(Some(right)), &json_request(Method::PUT, url, &body)).await?;
        match answer.status {
            StatusCode::OK => Ok(()),
            _ => Err(self.refused_merge(&what, &answer).await),
        }
    }
}

impl GitLab {
    fn merge_requests(&self, number: Option<u64>) -> Result<Url> {
        let mut url = self.base.clone();
        {
            let unusable = |()| Error::Unsupported(format!("{} is not a base for API calls", self.base));
            let mut path = url.path_segments_mut().map_err(unusable)?;
            path.pop_if_empty().extend(["projects", &self.path, "merge_requests"]);
            if let Some(number) = number {
                path.push(&number.to_string());
            }
        }
        Ok(url)
    }

    /// What GitLab means, with what a person can do.
    async fn refused_merge(&self, what: &str, answer: &Answer) -> Error {
        let said = self.redacted(&said(answer));
        let impossible =
            |cure: &str| Error::Impossible { what: format!("{what} is refused ({said})"), cure: cure.to_owned() };
        match answer.status {
            StatusCode::FORBIDDEN => Error::Unauthorized {
                what: format!("{what} is forbidden ({said})"),
                cure: format!(
                    "GITLAB_TOKEN needs the scope api, and its owner the role Developer or higher in {}; an archived \
                     project is read-only, and merge requests may be switched off in its settings",
                    self.path
                ),
            },
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY if said.contains("ource branch") => {
                impossible("the branch is not on the remote any more: run it again, so that it is pushed again")
            }
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY if said.contains("arget branch") => {
                impossible("the base is no branch of the project: correct `base` of the `checkout` step")
            }
            _ => self.refusal(what, About::Project, answer).await,
        }
    }
}

fn json_request(method: Method, url: Url, body: &Value) -> Request {
    let content_type = HeaderValue::from_static("application/json");
    Request { method, url, body: Some((content_type, Bytes::from(body.to_string()))) }
}
