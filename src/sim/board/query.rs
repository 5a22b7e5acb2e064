//! Listings: filter, order and pages over the tickets of one tracker.
//!
//! Pure. Two ways to say where a page begins, because platforms have both: an offset, which skips or repeats tickets
//! when the set changes between pages, and a cursor, which does not.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::model::LabelRule;
use super::state::TicketRecord;

/// Which tickets by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateFilter {
    /// Open ones.
    #[default]
    Open,
    /// Closed ones.
    Closed,
    /// Both.
    All,
}

/// What orders a listing; ties are broken by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The order in which they were opened.
    #[default]
    Created,
    /// The order of their last change.
    Updated,
    /// The number of comments.
    Comments,
}

/// The place in an ordered listing right behind one ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The ticket's sort key.
    pub key: u64,
    /// The ticket's number.
    pub number: u64,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// After this many tickets.
    Offset(usize),
    /// Behind this place.
    After(Cursor),
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// By state.
    pub state: StateFilter,
    /// Tickets that carry all of these.
    pub labels: Vec<String>,
    /// Tickets that changed at or after this moment.
    pub since: Option<DateTime<Utc>>,
    /// What orders them.
    pub sort: Sort,
    /// Smallest first.
    pub ascending: bool,
    /// Where to begin.
    pub from: From,
    /// How many at most.
    pub limit: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            state: StateFilter::Open,
            labels: Vec::new(),
            since: None,
            sort: Sort::Created,
            ascending: true,
            from: From::Offset(0),
            limit: usize::MAX,
        }
    }
}

/// One page of a listing.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<Cursor>,
    /// How many tickets match, on all pages.
    pub total: usize,
}

impl Query {
    /// Cuts this query's page out of `tickets`.
    pub(super) fn select<'a>(
        &self,
        rule: LabelRule,
        tickets: impl Iterator<Item = &'a TicketRecord>,
    ) -> Page<&'a TicketRecord> {
        let mut matching: Vec<&TicketRecord> = tickets.filter(|ticket| self.matches(rule, ticket)).collect();
        matching.sort_by(|a, b| self.order(self.cursor(a), self.cursor(b)));
        let total = matching.len();
        let start = match self.from {
            From::Offset(offset) => offset.min(total),
            From::After(cursor) => {
                matching.partition_point(|ticket| self.order(self.cursor(ticket), cursor) != Ordering::Greater)
            }
        };
        let end = start.saturating_add(self.limit).min(total);
        let items = matching[start..end].to_vec();
        let next = items.last().filter(|_| end < total).map(|last| self.cursor(last));
        Page { items, next, total }
    }

    fn matches(&self, rule: LabelRule, ticket: &TicketRecord) -> bool {
        let state = match self.state {
            StateFilter::Open => ticket.closed_at.is_none(),
            StateFilter::Closed => ticket.closed_at.is_some(),
            StateFilter::All => true,
        };
        state
            && self.since.is_none_or(|since| ticket.updated_at >= since)
            && self.labels.iter().all(|name| ticket.labels.iter().any(|label| rule.same(&label.name, name)))
    }

    fn cursor(&self, ticket: &TicketRecord) -> Cursor {
        let key = match self.sort {
            Sort::Created => ticket.created_seq,
            Sort::Updated => ticket.updated_seq,
            Sort::Comments => ticket.comments.len() as u64,
        };
        Cursor { key, number: ticket.number }
    }

    fn order(&self, a: Cursor, b: Cursor) -> Ordering {
        let rising = (a.key, a.number).cmp(&(b.key, b.number));
        if self.ascending { rising } else { rising.reverse() }
    }
}
