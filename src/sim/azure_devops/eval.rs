//! What a condition means for one ticket. Pure.
//!
//! Source: Microsoft, "WIQL syntax": `[System.Tags]` knows `CONTAINS` alone, and that means a whole tag, in any case.

use std::cmp::Ordering;

use super::located::Located;
use super::problem::Problem;
use super::wiql::{Filter, Value};
use crate::sim::board::TicketView;
use crate::ticket::same_label;

/// True when the ticket fulfils the condition.
pub(super) fn holds(filter: &Filter, ticket: &TicketView, at: &Located) -> Result<bool, Problem> {
    match filter {
        Filter::All(parts) => parts.iter().try_fold(true, |all, part| Ok(holds(part, ticket, at)? && all)),
        Filter::Any(parts) => parts.iter().try_fold(false, |any, part| Ok(holds(part, ticket, at)? || any)),
        Filter::Not(part) => holds(part, ticket, at).map(|holds| !holds),
        Filter::Is(field, operator, values) => compare(field, operator, values, ticket, at),
    }
}

/// The order of two tickets by a field; only what has an order here.
pub(super) fn order(field: &str, a: &TicketView, b: &TicketView) -> Result<Ordering, Problem> {
    match field {
        "system.id" => Ok(a.number.cmp(&b.number)),
        "system.createddate" => Ok(a.created_at.cmp(&b.created_at)),
        "system.changeddate" => Ok(a.updated_at.cmp(&b.updated_at)),
        "system.title" => Ok(a.title.cmp(&b.title)),
        other => Err(no_field(other)),
    }
}

fn compare(field: &str, operator: &str, values: &[Value], ticket: &TicketView, at: &Located) -> Result<bool, Problem> {
    let texts = || values.iter().map(|value| text(value, at)).collect::<Result<Vec<_>, _>>();
    match field {
        "system.tags" if operator == "CONTAINS" => {
            let wanted = texts()?;
            Ok(ticket
                .labels
                .iter()
                .any(|tag| wanted.iter().any(|wanted| contains(tag, wanted, at.face.contains_parts))))
        }
        "system.id" => {
            let mut numbers = values.iter().map(|value| match value {
                Value::Number(number) => Ok(*number),
                _ => Err(invalid("System.Id wants a number")),
            });
            let mine = i64::try_from(ticket.number).unwrap_or(i64::MAX);
            numbers.try_fold(false, |any, number| Ok(fits(operator, mine.cmp(&number?))? || any))
        }
        "system.teamproject" => equal(operator, at.project(), &texts()?),
        "system.state" => equal(operator, at.face.state(ticket), &texts()?),
        "system.workitemtype" => equal(operator, "Issue", &texts()?),
        "system.title" if operator == "CONTAINS" => {
            Ok(texts()?.iter().any(|part| ticket.title.to_lowercase().contains(&part.to_lowercase())))
        }
        "system.title" => equal(operator, &ticket.title, &texts()?),
        "system.tags" => Err(invalid(&format!("the operator {operator} cannot be used with System.Tags"))),
        other => Err(no_field(other)),
    }
}

fn contains(tag: &str, wanted: &str, parts: bool) -> bool {
    same_label(tag, wanted) || (parts && tag.to_lowercase().contains(&wanted.to_lowercase()))
}

fn equal(operator: &str, mine: &str, values: &[String]) -> Result<bool, Problem> {
    let is_one = values.iter().any(|value| value.to_lowercase() == mine.to_lowercase());
    match operator {
        "=" | "IN" => Ok(is_one),
        "<>" => Ok(!is_one),
        other => Err(invalid(&format!("the operator {other} cannot be used here"))),
    }
}

fn fits(operator: &str, order: Ordering) -> Result<bool, Problem> {
    match operator {
        "=" | "IN" => Ok(order.is_eq()),
        "<>" => Ok(order.is_ne()),
        "<" => Ok(order.is_lt()),
        ">" => Ok(order.is_gt()),
        "<=" => Ok(order.is_le()),
        ">=" => Ok(order.is_ge()),
        other => Err(invalid(&format!("the operator {other} cannot be used with a number"))),
    }
}

fn text(value: &Value, at: &Located) -> Result<String, Problem> {
    match value {
        // A text that looks like a macro is read as one, which is why such tags cannot be asked for.
        Value::Macro(name) if name == "@project" => Ok(at.project().to_owned()),
        Value::Text(text) if !text.starts_with('@') => Ok(text.clone()),
        other => Err(invalid(&format!("the value {other:?} cannot be used here"))),
    }
}

fn invalid(why: &str) -> Problem {
    Problem::bad_request("WorkItemTrackingQueryException", format!("TF51009: The query is not valid: {why}."))
}

fn no_field(name: &str) -> Problem {
    let message =
        format!("TF51005: The query references a field that does not exist. The error is caused by «{name}».");
    Problem::bad_request("WorkItemTrackingQueryException", message)
}
