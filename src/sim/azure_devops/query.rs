//! The operation that runs a query: ids, whatever was selected.
//!
//! A result of more than 20,000 is refused and not cut (VS402337), unless `$top` cuts it. Listings lag when the board's
//! are frozen.

use std::cmp::Ordering;
use std::collections::HashMap;

use axum::Json;
use axum::extract::Query as Params;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde_json::{Value, json};

use super::eval::{holds, order};
use super::json::{item_url, time};
use super::located::Located;
use super::problem::Problem;
use super::wiql::parse;
use crate::sim::board::{Query, StateFilter, TicketView};

/// Source: Microsoft, "Add tags to work items": with 25 tags or more a query is likely to time out. Here it always does.
const MAX_TAGS: usize = 25;

pub(super) async fn run(
    at: Located,
    Params(params): Params<HashMap<String, String>>,
    Json(body): Json<Value>,
) -> Result<Response, Problem> {
    let text = body["query"].as_str().unwrap_or_default();
    let query = parse(text)?;
    if query.tags() >= MAX_TAGS {
        let message = "VS402335: The timeout period (30 seconds) elapsed prior to completion of the query or the \
                       server is not responding.";
        return Err(Problem::bad_request("WorkItemTrackingQueryTimeoutException", message));
    }
    let top = match params.get("$top") {
        None => usize::MAX,
        Some(text) => text.parse().ok().filter(|top| *top > 0).ok_or_else(|| {
            Problem::bad_request("VssPropertyValidationException", format!("$top {text} is not valid"))
        })?,
    };
    let mut found = find(&query, &at)?;
    found.truncate(top);
    if found.len() > at.face.most_results {
        let message = format!(
            "VS402337: The number of work items returned exceeds the size limit of {}. Change the query to return \
             fewer items.",
            at.face.most_results
        );
        return Err(Problem::bad_request("WorkItemTrackingQueryResultSizeLimitExceededException", message));
    }
    let items: Vec<Value> =
        found.iter().map(|ticket| json!({ "id": ticket.number, "url": item_url(&at, ticket.number) })).collect();
    let result = json!({
        "queryType": "flat",
        "queryResultType": "workItem",
        "asOf": time(Utc::now()),
        "columns": [{
            "referenceName": "System.Id",
            "name": "ID",
            "url": format!("{}/_apis/wit/fields/System.Id", at.collection()),
        }],
        "workItems": items,
    });
    Ok(Json(result).into_response())
}

fn find(query: &super::wiql::Query, at: &Located) -> Result<Vec<TicketView>, Problem> {
    let all = Query { state: StateFilter::All, ..Query::default() };
    let mut found = Vec::new();
    for ticket in at.face.board.list(&at.tracker.name, &all).map_err(Problem::from_board)?.items {
        let fits = query.filter.as_ref().map_or(Ok(true), |filter| holds(filter, &ticket, at))?;
        if fits && !ticket.is_pull_request {
            found.push(ticket);
        }
    }
    for (field, falls) in query.order.iter().rev() {
        if let [first, ..] = found.as_slice() {
            order(field, first, first)?;
        }
        found.sort_by(|a, b| {
            let rising = order(field, a, b).unwrap_or(Ordering::Equal);
            if *falls { rising.reverse() } else { rising }
        });
    }
    Ok(found)
}
