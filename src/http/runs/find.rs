//! The run that a name means: its id, a part of it, or `project#ticket` for the last run of a ticket.
//!
//! Who calls: every route that is about one run. What must stay true: a name that means several runs means none.

use super::answer::Refusal;
use super::limits::{ALTERNATIVES, LONGEST_NAME, LOOKED_THROUGH, PER_QUESTION, SHORTEST_NAME};
use crate::run_record::RunRecord;
use crate::store::Store;

/// The run of that name.
pub(super) async fn find(store: &dyn Store, name: &str) -> Result<RunRecord, Refusal> {
    if name.len() > LONGEST_NAME {
        return Err(Refusal::malformed("this is longer than any name of a run"));
    }
    if let Some(run) = store.run(name).await? {
        return Ok(run);
    }
    let of_ticket = name.rsplit_once('#');
    if of_ticket.is_none() && name.chars().count() < SHORTEST_NAME {
        return Err(Refusal::malformed(format!("{SHORTEST_NAME} characters of a run's id are needed at least")));
    }
    let meant = |run: &RunRecord| match of_ticket {
        Some((project, ticket)) => run.key.project == project && run.key.ticket.eq_ignore_ascii_case(ticket),
        None => run.run_id.starts_with(name) || run.run_id.ends_with(name),
    };
    let mut found = Vec::new();
    let mut pages = Pages::from(store, None);
    while let Some(page) = pages.next().await? {
        found.extend(page.into_iter().filter(meant));
        if !found.is_empty() && of_ticket.is_some() {
            break;
        }
    }
    match (found.len(), of_ticket) {
        (0, _) => Err(Refusal::not_found(format!("no run is remembered as {name}"))),
        (1, _) | (_, Some(_)) => Ok(found.swap_remove(0)),
        _ => {
            let ids: Vec<&str> = found.iter().map(|run| run.run_id.as_str()).take(ALTERNATIVES).collect();
            let reason = format!("{name} means {} runs, such as {}", found.len(), ids.join(", "));
            Err(Refusal::conflict("ambiguous", reason))
        }
    }
}

/// Runs, page by page, from the newest on, up to [`LOOKED_THROUGH`].
pub(super) struct Pages<'a> {
    store: &'a dyn Store,
    before: Option<String>,
    looked_through: usize,
    over: bool,
}

impl<'a> Pages<'a> {
    /// Runs before this one.
    pub(super) fn from(store: &'a dyn Store, before: Option<String>) -> Self {
        Self { store, before, looked_through: 0, over: false }
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<RunRecord>>, Refusal> {
        if self.over || self.looked_through >= LOOKED_THROUGH {
            return Ok(None);
        }
        let page = self.store.runs(self.before.as_deref(), PER_QUESTION).await?;
        self.looked_through += page.len();
        self.over = page.len() < PER_QUESTION;
        self.before = page.last().map(|run| run.run_id.clone());
        Ok(Some(page).filter(|page| !page.is_empty()))
    }
}
