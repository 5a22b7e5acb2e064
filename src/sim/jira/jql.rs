//! The part of Jira's query language that trackers need: `project`, `labels`, `statusCategory`, `AND`, `ORDER BY`.
//!
//! Pure. Whatever else a query says is refused, so that a client cannot rely on what is not there. As in Jira, a label
//! equals only itself, and `labels not in (…)` and `labels != …` find no ticket that has no label at all.

use std::iter::Peekable;

use super::problem::Problem;
use crate::sim::board::TicketView;

/// A query that could be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Jql {
    clauses: Vec<Clause>,
    order: Option<Order>,
}

#[derive(Debug, PartialEq, Eq)]
struct Clause {
    field: Field,
    is_negated: bool,
    /// None of them: `is EMPTY`.
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Project,
    Labels,
    StatusCategory,
}

/// What a query orders by, and whether the smallest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) by_update: bool,
    pub(super) ascending: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

impl Jql {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let tokens = tokens(text)?;
        let mut tokens = tokens.into_iter().peekable();
        let mut clauses = Vec::new();
        while tokens.peek().is_some_and(|token| !is_word(token, "order")) {
            if !clauses.is_empty() && !tokens.next().is_some_and(|token| is_word(&token, "and")) {
                return Err(error("Expecting 'AND' or 'ORDER BY'."));
            }
            clauses.push(clause(&mut tokens)?);
        }
        Ok(Self { clauses, order: order(&mut tokens)? })
    }

    /// A query without a restriction, which Cloud refuses.
    pub(super) fn is_unbounded(&self) -> bool {
        self.clauses.is_empty()
    }

    pub(super) fn order(&self) -> Option<Order> {
        self.order
    }

    /// The projects that the query names, whether it wants or excludes them.
    pub(super) fn projects(&self) -> impl Iterator<Item = &str> {
        self.clauses
            .iter()
            .filter(|clause| clause.field == Field::Project)
            .flat_map(|c| c.values.iter().map(String::as_str))
    }

    /// True for a ticket that the query wants; `is_project` says whether a key names the ticket's project.
    pub(super) fn wants(&self, ticket: &TicketView, is_project: impl Fn(&str) -> bool) -> bool {
        self.clauses.iter().all(|clause| {
            let has = |value: &String| match clause.field {
                Field::Project => is_project(value),
                Field::Labels => ticket.label_defs.iter().any(|label| label.name == *value),
                Field::StatusCategory => value.eq_ignore_ascii_case(if ticket.open { "to do" } else { "done" }),
            };
            match (clause.field, clause.values.is_empty()) {
                (Field::Labels, true) => ticket.label_defs.is_empty() != clause.is_negated,
                (Field::Labels, false) if clause.is_negated => {
                    !ticket.label_defs.is_empty() && !clause.values.iter().any(has)
                }
                _ => clause.values.iter().any(has) != clause.is_negated,
            }
        })
    }
}

fn clause(tokens: &mut Peekable<impl Iterator<Item = Token>>) -> Result<Clause, Problem> {
    let field = match tokens.next() {
        Some(Token::Word(word) | Token::Text(word)) => match word.to_lowercase().as_str() {
            "project" => Field::Project,
            "labels" => Field::Labels,
            "statuscategory" => Field::StatusCategory,
            _ => {
                return Err(Problem::new(
                    http::StatusCode::BAD_REQUEST,
                    format!("Field '{word}' does not exist or you do not have permission to view it."),
                ));
            }
        },
        _ => return Err(error("Expecting a field name.")),
    };
    let (is_negated, takes_list) = operator(tokens)?;
    let values = match takes_list {
        None => Vec::new(),
        Some(true) => list(tokens)?,
        Some(false) => vec![value(tokens)?],
    };
    Ok(Clause { field, is_negated, values })
}

/// Whether it negates, and whether it takes a list, one value or nothing.
fn operator(tokens: &mut Peekable<impl Iterator<Item = Token>>) -> Result<(bool, Option<bool>), Problem> {
    match tokens.next() {
        Some(Token::Sign("=")) => Ok((false, Some(false))),
        Some(Token::Sign("!=")) => Ok((true, Some(false))),
        Some(token) if is_word(&token, "in") => Ok((false, Some(true))),
        Some(token) if is_word(&token, "not") && tokens.next().is_some_and(|token| is_word(&token, "in")) => {
            Ok((true, Some(true)))
        }
        Some(token) if is_word(&token, "is") => {
            let is_negated = tokens.next_if(|token| is_word(token, "not")).is_some();
            match tokens.next().is_some_and(|token| is_word(&token, "empty") || is_word(&token, "null")) {
                true => Ok((is_negated, None)),
                false => Err(error("Expecting 'EMPTY'.")),
            }
        }
        _ => Err(error("Expecting operator.")),
    }
}

fn value(tokens: &mut Peekable<impl Iterator<Item = Token>>) -> Result<String, Problem> {
    match tokens.next() {
        Some(Token::Word(text) | Token::Text(text)) => Ok(text),
        _ => Err(error("Expecting a value.")),
    }
}

fn list(tokens: &mut Peekable<impl Iterator<Item = Token>>) -> Result<Vec<String>, Problem> {
    if tokens.next() != Some(Token::Sign("(")) {
        return Err(error("Expecting '('."));
    }
    let mut values = vec![value(tokens)?];
    loop {
        match tokens.next() {
            Some(Token::Sign(",")) => values.push(value(tokens)?),
            Some(Token::Sign(")")) => return Ok(values),
            _ => return Err(error("Expecting ',' or ')'.")),
        }
    }
}

fn order(tokens: &mut Peekable<impl Iterator<Item = Token>>) -> Result<Option<Order>, Problem> {
    if tokens.next().is_none() {
        return Ok(None);
    }
    if !tokens.next().is_some_and(|token| is_word(&token, "by")) {
        return Err(error("Expecting 'BY'."));
    }
    let by_update = match value(tokens)?.to_lowercase().as_str() {
        "created" | "key" => false,
        "updated" => true,
        field => return Err(error(&format!("Not able to sort using field '{field}'."))),
    };
    let ascending = match tokens.next() {
        None => false,
        Some(token) if is_word(&token, "asc") => true,
        Some(token) if is_word(&token, "desc") => false,
        Some(_) => return Err(error("Expecting 'ASC' or 'DESC'.")),
    };
    match tokens.next() {
        None => Ok(Some(Order { by_update, ascending })),
        Some(_) => Err(error("This simulator orders by one field.")),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::new();
    let mut signs = text.chars().peekable();
    while let Some(c) = signs.next() {
        match c {
            c if c.is_whitespace() => {}
            '(' => tokens.push(Token::Sign("(")),
            ')' => tokens.push(Token::Sign(")")),
            ',' => tokens.push(Token::Sign(",")),
            '=' => tokens.push(Token::Sign("=")),
            '!' if signs.next_if_eq(&'=').is_some() => tokens.push(Token::Sign("!=")),
            '"' | '\'' => tokens.push(Token::Text(quoted(&mut signs, c)?)),
            c if c.is_alphanumeric() || matches!(c, '_' | '.') => {
                let mut word = String::from(c);
                while let Some(c) = signs.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-')) {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            c => {
                let code = u32::from(c);
                return Err(error(&format!(
                    "The character '{c}' is a reserved JQL character. You must enclose it in a string or use the \
                     escape '\\u{code:04x}' instead."
                )));
            }
        }
    }
    Ok(tokens)
}

fn quoted(signs: &mut impl Iterator<Item = char>, quote: char) -> Result<String, Problem> {
    let mut text = String::new();
    loop {
        match signs.next() {
            None => return Err(error("The quoted string has not been completed.")),
            Some(c) if c == quote => return Ok(text),
            Some('\\') => match signs.next() {
                Some(c @ ('"' | '\'' | '\\' | ' ')) => text.push(c),
                other => {
                    let sign = other.unwrap_or(' ');
                    return Err(error(&format!("'\\{sign}' is an illegal JQL escape sequence.")));
                }
            },
            Some(c) => text.push(c),
        }
    }
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word))
}

fn error(detail: &str) -> Problem {
    Problem::new(http::StatusCode::BAD_REQUEST, format!("Error in the JQL Query: {detail}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sim::board::{Board, LabelRule, NewTicket};

    fn found(jql: &str) -> Vec<u64> {
        let board = Board::new();
        board.add_tracker_with("P", LabelRule::ExactCase).unwrap();
        for labels in [&["a", "b:c"][..], &["A"], &[], &["a", "done"]] {
            let new = labels.iter().fold(NewTicket::titled("t"), |new, label| new.label(*label));
            board.open_ticket("P", new).unwrap();
        }
        board.close("P", 1).unwrap();
        let query = Jql::parse(jql).unwrap();
        let tickets = board.tickets("P");
        tickets.iter().filter(|ticket| query.wants(ticket, |key| key == "P")).map(|ticket| ticket.number).collect()
    }

    #[test]
    fn clauses_mean_what_they_mean_in_jira() {
        for (jql, expected) in [
            ("project = P", &[1, 2, 3, 4][..]),
            ("PROJECT = \"P\" and labels in (a, 'b:c')", &[1, 4]),
            ("labels = A", &[2]),
            ("labels != done", &[1, 2]),
            ("labels not in (\"done\")", &[1, 2]),
            ("labels is EMPTY", &[3]),
            ("labels is not empty AND statusCategory != Done", &[2, 4]),
            ("statusCategory = Done ORDER BY created ASC", &[1]),
            ("project != P", &[]),
        ] {
            assert_eq!(found(jql), expected, "{jql}");
        }
    }

    #[test]
    fn what_jira_refuses_is_refused() {
        for jql in [
            "labels = b:c",
            "labels in ()",
            "labels in (a",
            "labels = \"a",
            "labels = \"a\\q\"",
            "priority = High",
            "labels = a OR labels = b",
            "labels = a ORDER BY",
            "labels = a ORDER created",
            "labels ~ a",
            "= a",
        ] {
            assert!(Jql::parse(jql).is_err(), "{jql}");
        }
        assert!(Jql::parse("").unwrap().is_unbounded() && Jql::parse("order by created").unwrap().is_unbounded());
        assert_eq!(Jql::parse(r#"labels = "a\"\\b""#).unwrap().clauses[0].values, [r#"a"\b"#]);
    }
}
