//! What we read of Azure DevOps' JSON: nothing that we do not use. Source of the shapes: Microsoft's description of the
//! work item tracking API, version 7.1.

use serde::Deserialize;

use crate::platform::http::Answer;
use crate::platform::{Error, Result};

/// Who the credentials belong to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectionData {
    pub(super) authenticated_user: ConnectedUser,
}

/// An identity.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectedUser {
    pub(super) id: String,
    #[serde(default)]
    pub(super) provider_display_name: Option<String>,
    #[serde(default)]
    pub(super) properties: IdentityProperties,
}

/// What an identity is known by besides.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct IdentityProperties {
    /// The unique name: an e-mail address in the cloud, `DOMAIN\user` on a server.
    #[serde(default)]
    pub(super) account: Option<IdentityProperty>,
}

/// One property, in the form that names its type.
#[derive(Debug, Deserialize)]
pub(super) struct IdentityProperty {
    #[serde(rename = "$value")]
    pub(super) value: String,
}

/// The answer to a query: ids, whatever was selected.
#[derive(Debug, Deserialize)]
pub(super) struct QueryResult {
    #[serde(rename = "workItems")]
    pub(super) work_items: Vec<Reference>,
}

/// A work item that a query found.
#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    pub(super) id: u64,
}

/// Several work items. One that is gone, or that the token may not see, is null.
#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    pub(super) value: Vec<Option<ListedItem>>,
}

/// A work item of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct ListedItem {
    pub(super) id: u64,
    pub(super) fields: Fields,
}

/// One work item.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) rev: u64,
    pub(super) fields: Fields,
}

/// The fields that we use. One without a value is left out of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    #[serde(rename = "System.State")]
    pub(super) state: String,
    #[serde(rename = "System.WorkItemType", default)]
    pub(super) kind: Option<String>,
    #[serde(rename = "System.Title", default)]
    pub(super) title: String,
    #[serde(rename = "System.Tags", default)]
    pub(super) tags: Option<String>,
    #[serde(rename = "System.TeamProject", default)]
    pub(super) project: Option<String>,
    #[serde(rename = "System.Description", default)]
    pub(super) description: Option<String>,
    /// Where a bug has its description in most processes.
    #[serde(rename = "Microsoft.VSTS.TCM.ReproSteps", default)]
    pub(super) repro_steps: Option<String>,
}

/// Only where a work item is.
#[derive(Debug, Deserialize)]
pub(super) struct Placed {
    pub(super) fields: Place,
}

/// The project of a work item.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    #[serde(rename = "System.TeamProject")]
    pub(super) project: String,
}

/// A project.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    /// Its GUID.
    #[serde(default)]
    pub(super) id: Option<String>,
    pub(super) name: String,
}

/// One page of comments.
#[derive(Debug, Deserialize)]
pub(super) struct Comments {
    pub(super) comments: Vec<Comment>,
    /// Leads to the next page; null, empty or left out on the last one.
    #[serde(rename = "continuationToken", default)]
    pub(super) continuation: Option<String>,
}

/// A comment.
#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) text: Option<String>,
}

/// One page of what happened to a work item.
#[derive(Debug, Deserialize)]
pub(super) struct Updates {
    pub(super) value: Vec<Update>,
}

/// Something that happened to a work item.
#[derive(Debug, Deserialize)]
pub(super) struct Update {
    #[serde(default)]
    pub(super) fields: Option<Changes>,
    #[serde(rename = "revisedBy", default)]
    pub(super) revised_by: Option<Identity>,
}

/// What changed: the comment that was written, and the tags.
#[derive(Debug, Deserialize)]
pub(super) struct Changes {
    #[serde(rename = "System.History", default)]
    pub(super) history: Option<Change>,
    #[serde(rename = "System.Tags", default)]
    pub(super) tags: Option<Change>,
}

/// The change of one field.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    #[serde(default)]
    pub(super) old_value: Option<String>,
    #[serde(default)]
    pub(super) new_value: Option<String>,
}

/// Somebody.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    #[serde(default)]
    pub(super) id: Option<String>,
    /// An e-mail address in the cloud, `DOMAIN\user` on a server.
    #[serde(default)]
    pub(super) unique_name: Option<String>,
    #[serde(default)]
    pub(super) display_name: Option<String>,
    /// Kind of account, a dot, and a name of Azure DevOps' own. Old servers have none.
    #[serde(default)]
    pub(super) descriptor: Option<String>,
}

/// What an error answer says, as far as it says anything.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) message: String,
    /// The name of the exception on the server, the same in every language.
    #[serde(rename = "typeKey")]
    pub(super) type_key: String,
}

/// Reads an error answer. Call it for those only: a successful one may be large.
pub(super) fn said(answer: &Answer) -> Said {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Reads a successful answer.
///
/// # Errors
/// `Malformed` when it is not the JSON that is documented.
pub(super) fn parse<T: for<'de> Deserialize<'de>>(what: &str, answer: &Answer) -> Result<T> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        let detail = match answer.body.trim_ascii_start().first() {
            Some(b'<') => "a page instead of JSON; is there a proxy in between?".to_owned(),
            Some(_) => error.to_string().chars().take(200).collect(),
            None => "nothing at all".to_owned(),
        };
        Error::Malformed { what: what.to_owned(), detail }
    })
}
