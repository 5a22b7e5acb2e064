//! What an answer that is not a success means, in words and with the cure.
//!
//! Who calls: every other file of this folder. What must stay true: no text contains the token, also when a server
//! echoes it; a page to sign in is an error whatever its status; where something has moved, the new place is named.
//!
//! Codes such as TF401232 stand at the beginning of a message and are the same in every language.

use std::sync::PoisonError;

use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};

use super::client::{AzureDevOps, Request};
use super::models::{Placed, Project, Said, parse, said};
use crate::platform::http::Answer;
use crate::platform::{Error, Result};

/// What a refused request was about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About {
    /// The project and all its work items.
    Project,
    /// One work item.
    Item(u64),
}

impl AzureDevOps {
    /// An error for the ways in which a token that is wrong or has expired is answered: 401, 203, a page, or a way to
    /// one. Source: field reports; with `X-TFS-FedAuthRedirect: Suppress` most servers say 401.
    pub(super) fn refuse_sign_in(&self, what: &str, answer: &Answer) -> Result<()> {
        let status = answer.status;
        let is_page = answer.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/html"));
        let shown = match status {
            StatusCode::UNAUTHORIZED => "with status 401".to_owned(),
            StatusCode::NON_AUTHORITATIVE_INFORMATION => "with a page to sign in (status 203)".to_owned(),
            _ if status.is_success() && is_page => {
                format!("with a page instead of data (status {})", status.as_u16())
            }
            _ if status.is_redirection() && self.leads_to_sign_in(answer) => {
                format!("with a way to a page to sign in (status {})", status.as_u16())
            }
            _ => return Ok(()),
        };
        Err(Error::Unauthorized {
            what: format!("Azure DevOps does not accept the token for {} and answers {what} {shown}", self.project),
            cure: "AZURE_DEVOPS_TOKEN is wrong, has expired or belongs to another organization, set a valid one"
                .to_owned(),
        })
    }

    fn leads_to_sign_in(&self, answer: &Answer) -> bool {
        let target = answer.header(LOCATION.as_str()).and_then(|to| self.base.join(to).ok());
        target.is_some_and(|to| {
            let path = to.path().to_lowercase();
            path.contains("signin") || path.contains("/login") || path.contains("/oauth2")
        })
    }

    /// The error for an answer that is not a success.
    pub(super) async fn refusal(&self, what: &str, about: About, answer: &Answer) -> Error {
        let said = said(answer);
        match answer.status {
            StatusCode::FORBIDDEN => self.forbidden(what, &said),
            StatusCode::NOT_FOUND => self.not_found(about, &said).await,
            status if status.is_redirection() => self.redirected(what, answer),
            StatusCode::BAD_REQUEST if is_about_rights(&said) => self.forbidden(what, &said),
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => {
                Error::Conflict(format!("{what}: {}", self.redacted(&answer.message())))
            }
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

    fn forbidden(&self, what: &str, said: &Said) -> Error {
        let text: String = self.redacted(&said.message).chars().filter(|c| !c.is_control()).take(200).collect();
        let cure = if is_about_tags(said) {
            "give the owner of AZURE_DEVOPS_TOKEN the permission Create tag definition in the project (Stakeholders \
             cannot have it), or let somebody else put each agent-smith: tag on a work item once"
                .to_owned()
        } else {
            format!(
                "AZURE_DEVOPS_TOKEN needs the scope Work Items (read & write), and its owner the permission to edit \
                 work items in {}",
                self.project
            )
        };
        Error::Unauthorized { what: format!("{what} is forbidden ({text})"), cure }
    }

    async fn not_found(&self, about: About, said: &Said) -> Error {
        let is_project = said.type_key.starts_with("ProjectDoesNotExist") || said.message.starts_with("TF200016");
        match about {
            About::Item(id) if !is_project => self.item_not_found(id).await,
            _ => self.project_not_found().await,
        }
    }

    /// A number is unique in the whole organization: a work item that is not in this project may be in another one.
    async fn item_not_found(&self, id: u64) -> Error {
        match self.project_of(id).await {
            Ok(project) if !self.is_called(&project) => self.moved(id, &project),
            _ => Error::NotFound {
                what: format!("work item {id} of {}", self.project),
                cure: "it does not exist, was deleted, or AZURE_DEVOPS_TOKEN may not see it".to_owned(),
            },
        }
    }

    /// Source: Microsoft, "Work Items - Get Work Item": the project in the path is optional.
    async fn project_of(&self, id: u64) -> Result<String> {
        let (what, number) = (format!("find work item {id}"), id.to_string());
        let path = ["_apis", "wit", "workitems", &number];
        let query = [("fields", "System.TeamProject")];
        let answer = self.send(Request { query: &query, continues: true, ..Request::get(&what, &path) }).await?;
        Ok(parse::<Placed>(&what, &answer)?.fields.project)
    }

    /// The error for a work item that is in another project now.
    pub(super) fn moved(&self, id: u64, project: &str) -> Error {
        let mut page = self.base.clone();
        if let Ok(mut path) = page.path_segments_mut() {
            path.pop_if_empty().extend([project, "_workitems", "edit", &id.to_string()]);
        }
        Error::Moved {
            what: format!("work item {id} of {}", self.project),
            to: page.into(),
            cure: format!("it belongs to the project {project} now"),
        }
    }

    async fn project_not_found(&self) -> Error {
        let what = format!("project {}", self.project);
        match self.present_name().await {
            Ok(name) if !same_name(&name, &self.project) => {
                Error::Moved { what, to: name.clone(), cure: format!("it was renamed, set `project: {name}`") }
            }
            _ => Error::NotFound {
                what,
                cure: format!(
                    "check the project and the collection in {} and that AZURE_DEVOPS_TOKEN may see it",
                    self.web_url
                ),
            },
        }
    }

    /// True when a project of this name is ours. The server may call it otherwise than the configuration does, after it
    /// was renamed or when the configuration has its GUID.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let also = self.also_called.lock().unwrap_or_else(PoisonError::into_inner);
        same_name(name, &self.project) || also.as_deref().is_some_and(|also| same_name(name, also))
    }

    /// Fails when a work item that was answered as one of ours belongs to another project.
    pub(super) async fn check_place(&self, id: u64, project: Option<&str>) -> Result<()> {
        let Some(project) = project.filter(|name| !self.is_called(name)) else { return Ok(()) };
        match self.present_name().await {
            Ok(name) if same_name(&name, project) => {
                *self.also_called.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
                Ok(())
            }
            Err(error) if error.is_temporary() => Err(error),
            // A token may be good for work items and not for projects. The server has found the GUID; a name that is
            // not the same would be a guess.
            Err(_) if is_guid(&self.project) => Ok(()),
            _ => Err(self.moved(id, project)),
        }
    }

    /// What the project is called now. Source: Microsoft, "Projects - Get", with `includeHistory` also by a former name.
    async fn present_name(&self) -> Result<String> {
        let what = format!("read project {}", self.project);
        let path = ["_apis", "projects", &self.project];
        let query = [("includeHistory", "true")];
        let answer = self.send(Request { query: &query, continues: true, ..Request::get(&what, &path) }).await?;
        Ok(parse::<Project>(&what, &answer)?.name)
    }

    /// Whether the project has this GUID, or this name. Its own are asked for once.
    pub(super) async fn has_identity(&self, id: &str) -> Result<bool> {
        let known = self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (guid, name) = match known {
            Some(known) => known,
            None => {
                let what = format!("read project {}", self.project);
                let query = [("includeHistory", "true")];
                let path = ["_apis", "projects", &self.project];
                let answer = self.send(Request { query: &query, ..Request::get(&what, &path) }).await?;
                if answer.status != StatusCode::OK {
                    return Err(self.refusal(&what, About::Project, &answer).await);
                }
                let Project { id, name } = parse(&what, &answer)?;
                let identity = (id.unwrap_or_default(), name);
                *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.clone());
                identity
            }
        };
        Ok([guid, name].iter().any(|own| !own.is_empty() && same_name(own, id)))
    }

    fn redirected(&self, what: &str, answer: &Answer) -> Error {
        let to: String = answer.header(LOCATION.as_str()).unwrap_or("an unnamed place").chars().take(200).collect();
        Error::Moved {
            what: format!("{what}: project {}", self.project),
            to: self.redacted(&to),
            cure: format!("set `url` or `organization` to the new place instead of {}", self.base),
        }
    }
}

/// Names of projects ignore case.
fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn is_guid(name: &str) -> bool {
    name.len() == 36 && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// TF237111: may not save work items in this area. TF401289: may not create tags.
fn is_about_rights(said: &Said) -> bool {
    said.message.starts_with("TF237111") || is_about_tags(said)
}

fn is_about_tags(said: &Said) -> bool {
    said.message.starts_with("TF401289")
}

/// True when a write was refused because the work item has changed since it was read: 412 for a failed `test /rev`, and
/// whatever an old server sends. TF26071: somebody else has changed it.
pub(super) fn is_stale(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => true,
        StatusCode::BAD_REQUEST => {
            let said = said(answer);
            said.message.starts_with("VS403351") || said.message.starts_with("TF26071")
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;

    fn stale(status: u16, message: &str) -> bool {
        let body = serde_json::json!({ "message": message }).to_string();
        let status = StatusCode::from_u16(status).unwrap();
        is_stale(&Answer { status, headers: HeaderMap::new(), body: Bytes::from(body) })
    }

    #[test]
    fn a_change_in_between_is_told_in_several_ways() {
        assert!(stale(412, "") && stale(409, "") && stale(400, "VS403351: Test Operation for path /rev failed"));
        assert!(stale(400, "TF26071: This work item has been changed by someone else"));
        assert!(!stale(400, "TF51535: Cannot find field X.") && !stale(403, "VS403351"));
    }
}
