//! Reads one work item as it is now. Who calls: `Platform::read`, and a transition that lost its base.

use http::StatusCode;

use super::client::{AzureDevOps, Request, Seen};
use super::models::{Item, parse};
use super::refusal::About;
use super::tags::labels;
use crate::platform::Result;
use crate::ticket::Ticket;

impl AzureDevOps {
    /// One request. Title and description come as they are stored: a description is HTML, or Markdown where the field
    /// was switched to it. A bug has its description in the steps to reproduce.
    pub(super) async fn read_item(&self, ticket: &str) -> Result<Ticket> {
        let item = self.item(self.item_id(ticket)?, false).await?;
        let fields = item.fields;
        let body = [fields.description, fields.repro_steps].into_iter().flatten().find(|text| !text.trim().is_empty());
        Ok(Ticket {
            id: item.id.to_string(),
            title: fields.title,
            body: body.unwrap_or_default(),
            labels: labels(fields.tags.as_deref()),
            open: self.is_open(&fields.state),
            state: fields.state,
            url: self.item_page(item.id),
        })
    }

    /// All its fields, because a server that lacks one of those we name would refuse. Source: Microsoft, "Work Items -
    /// Get Work Item"; TF401232 with 404 means deleted, never there, or not for this token.
    pub(super) async fn item(&self, id: u64, continues: bool) -> Result<Item> {
        let (what, number) = (format!("read work item {id} of {}", self.project), id.to_string());
        let path = [self.project.as_str(), "_apis", "wit", "workitems", &number];
        let answer = self.send(Request { continues, ..Request::get(&what, &path) }).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Item(id), &answer).await);
        }
        let item: Item = parse(&what, &answer)?;
        self.check_place(id, item.fields.project.as_deref()).await?;
        self.saw(id, Seen { rev: item.rev, tags: item.fields.tags.clone() });
        Ok(item)
    }
}
