//! The lifecycle tag of a work item: all tags in one patch that applies only to the revision they were read from.
//!
//! Who calls: `Platform::transition`. What must stay true: a patch that is not based on the present revision changes
//! nothing, whoever edits at the same moment; a transition that was made already, also by a patch whose answer was
//! lost, is not made again.

use http::StatusCode;
use serde_json::{Value, json};

use super::client::{AzureDevOps, Request, Seen};
use super::models::{Item, parse};
use super::refusal::{About, is_stale};
use super::tags::{labels, showing};
use crate::job::WriteRight;
use crate::lifecycle::Lifecycle;
use crate::platform::{Error, Result};
use crate::ticket::Labels;

/// Revisions that one transition tries to write on. Whoever saves faster than that, five times in a row, is a machine
/// in a loop.
const MOST_ATTEMPTS: usize = 6;

impl AzureDevOps {
    /// One request when the work item was read before and has not changed since, as in a claim; two when not; two more
    /// for each time that somebody else saves in between.
    ///
    /// Source: Microsoft, "Work Items - Update": `test /rev` is answered with 412 (VS403351) and nothing is written;
    /// `replace` sets the tags, `add` merges, so that it is for a work item without any.
    pub(super) async fn show_lifecycle(&self, right: &dyn WriteRight, to: Option<Lifecycle>) -> Result<Labels> {
        let id = self.item_id(&right.ticket().ticket)?;
        let mut known = self.last_seen(id);
        for attempt in 0..MOST_ATTEMPTS {
            let is_fresh = known.is_none();
            let base = match known.take() {
                Some(seen) => seen,
                None => {
                    let item = self.item(id, attempt > 0).await?;
                    Seen { rev: item.rev, tags: item.fields.tags }
                }
            };
            match showing(base.tags.as_deref(), to) {
                Some(wanted) => {
                    if let Some(labels) = self.write_tags(right, (id, to), &base, &wanted).await? {
                        return Ok(labels);
                    }
                }
                None if is_fresh => return Ok(labels(base.tags.as_deref())),
                // What was seen earlier is good enough to write on, and not to say that there is nothing to write.
                None => {}
            }
        }
        Err(Error::Conflict(format!("somebody keeps changing work item {id} of {}", self.project)))
    }

    /// The labels as they are now, or `None` when the work item has changed since it was seen.
    async fn write_tags(
        &self,
        right: &dyn WriteRight,
        (id, to): (u64, Option<Lifecycle>),
        base: &Seen,
        wanted: &str,
    ) -> Result<Option<Labels>> {
        let shown = to.map_or("no state", Lifecycle::label);
        let what = format!("show {shown} on work item {id} of {}", self.project);
        let number = id.to_string();
        let path = [self.project.as_str(), "_apis", "wit", "workitems", &number];
        let request = Request::patch(&what, &path, patch(base, wanted), right);
        let answer = self.send(Request { continues: true, ..request }).await?;
        if is_stale(&answer) {
            return Ok(None);
        }
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Item(id), &answer).await);
        }
        let item: Item = parse(&what, &answer)?;
        let tags = item.fields.tags;
        if showing(tags.as_deref(), to).is_some() {
            return Err(Error::Unauthorized {
                what: format!("{what} had no effect"),
                cure: "a rule of the work item type or the rights of AZURE_DEVOPS_TOKEN's owner keep its tags as they \
                       are; change one of them"
                    .to_owned(),
            });
        }
        let now = labels(tags.as_deref());
        self.saw(id, Seen { rev: item.rev, tags });
        Ok(Some(now))
    }
}

fn patch(base: &Seen, wanted: &str) -> Value {
    let op = if base.tags.is_some() { "replace" } else { "add" };
    json!([
        { "op": "test", "path": "/rev", "value": base.rev },
        { "op": op, "path": "/fields/System.Tags", "value": wanted },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_replaced_on_one_revision_and_added_where_there_are_none() {
        let on = |tags: Option<&str>| patch(&Seen { rev: 6, tags: tags.map(str::to_owned) }, "x");
        assert_eq!(on(Some("a"))[0], json!({ "op": "test", "path": "/rev", "value": 6 }));
        assert_eq!(on(Some("a"))[1], json!({ "op": "replace", "path": "/fields/System.Tags", "value": "x" }));
        assert_eq!(on(None)[1]["op"], "add");
    }
}
