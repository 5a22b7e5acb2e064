//! What happened to a work item, update by update: what each changed, and whose doing it was.
//!
//! Source: Microsoft, "Updates - List": oldest first; the first one is the creation and names every field that has a value;
//! a comment is `System.History`.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::comments::{MAX_PAGE, number};
use super::json::{self, item_url};
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::{Event, TicketView, What};

pub(super) async fn list(at: Located, Query(params): Query<HashMap<String, String>>) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let size = number(&params, "$top")?.unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let start = number(&params, "$skip")?.unwrap_or(0);
    let updates = updates(&ticket, &at).into_iter().skip(start).take(size);
    let page: Vec<Value> = updates.map(|update| render(update, &ticket, &at)).collect();
    Ok(Json(json!({ "count": page.len(), "value": page })).into_response())
}

/// Its number, who made it, and what it changed.
type Update = (usize, String, Map<String, Value>);

fn updates(ticket: &TicketView, at: &Located) -> Vec<Update> {
    let events = at.face.board.history_of(&at.tracker.name, ticket.number);
    let is_opening = |event: &&Event| matches!(event.what, What::Opened);
    let of_creation = |event: &&Event| matches!(event.what, What::LabelAdded(_)) && event.actor == ticket.author;
    let (mut tags, later): (Vec<String>, &[Event]) = match events.first().filter(is_opening) {
        // The tags of the creation are events of their own on the board.
        Some(_) => (Vec::new(), &events[1 + events.iter().skip(1).take_while(of_creation).count()..]),
        // It was brought from elsewhere, as it is.
        None => (ticket.labels.iter().map(str::to_owned).collect(), &events),
    };
    for event in &events[..events.len() - later.len()] {
        follow(&mut tags, &event.what);
    }
    let mut fields = Map::from_iter([
        ("System.CreatedBy".to_owned(), json!({ "newValue": json::identity(&ticket.author, &at.collection()) })),
        ("System.State".to_owned(), json!({ "newValue": at.face.states.0.as_ref() })),
    ]);
    if let Some(tags) = joined(&tags) {
        fields.insert("System.Tags".to_owned(), json!({ "newValue": tags }));
    }
    let mut updates = vec![(1, ticket.author.clone(), fields)];
    for event in later {
        let before = tags.clone();
        follow(&mut tags, &event.what);
        let fields = changes(event, (&before, &tags), ticket, at);
        updates.push((updates.len() + 1, event.actor.clone(), fields));
    }
    updates
}

/// What one event changed.
fn changes(
    event: &Event,
    (before, after): (&[String], &[String]),
    ticket: &TicketView,
    at: &Located,
) -> Map<String, Value> {
    let (open, closed) = &at.face.states;
    let (field, change) = match &event.what {
        What::LabelAdded(_) | What::LabelRemoved(_) => ("System.Tags", change(joined(before), joined(after))),
        What::Closed => ("System.State", change(Some(open.to_string()), Some(closed.to_string()))),
        What::Reopened => ("System.State", change(Some(closed.to_string()), Some(open.to_string()))),
        What::TitleSet => ("System.Title", change(None, Some(ticket.title.clone()))),
        What::Commented(id) => {
            let comment = ticket.comments.iter().find(|comment| comment.id == *id);
            ("System.History", change(None, comment.map(|comment| comment.body.clone())))
        }
        _ => return Map::new(),
    };
    Map::from_iter([(field.to_owned(), change)])
}

/// A side without a value is left out.
fn change(old: Option<String>, new: Option<String>) -> Value {
    let sides = [("oldValue", old), ("newValue", new)].into_iter();
    sides.filter_map(|(side, value)| Some((side.to_owned(), json!(value?)))).collect()
}

fn render((number, by, fields): Update, ticket: &TicketView, at: &Located) -> Value {
    let mut revised_by = json::identity(&by, &at.collection());
    revised_by["name"] = json!(format!("{by} <{by}@example.invalid>"));
    json!({
        "id": number,
        "workItemId": ticket.number,
        "rev": number,
        "revisedBy": revised_by,
        "fields": fields,
        "url": format!("{}/updates/{number}", item_url(at, ticket.number)),
    })
}

fn follow(tags: &mut Vec<String>, what: &What) {
    match what {
        What::LabelAdded(tag) => tags.push(tag.clone()),
        What::LabelRemoved(tag) => tags.retain(|one| one != tag),
        _ => {}
    }
}

fn joined(tags: &[String]) -> Option<String> {
    (!tags.is_empty()).then(|| tags.join("; "))
}
