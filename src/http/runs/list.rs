//! `GET /runs`: which runs a question means, page by page.

use serde::{Deserialize, Serialize};

use super::answer::Refusal;
use super::find::Pages;
use super::limits::{LARGEST_PAGE, LONGEST_NAME, USUAL_PAGE};
use crate::run_record::{RunRecord, RunState};
use crate::store::Store;

/// What may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    project: Option<String>,
    ticket: Option<String>,
    state: Option<String>,
    limit: Option<usize>,
    before: Option<String>,
}

/// A page of runs, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    runs: Vec<RunRecord>,
    /// What to give as `before` for the next page.
    next: Option<String>,
}

/// The runs that are meant.
pub(super) async fn list(store: &dyn Store, question: Question) -> Result<Page, Refusal> {
    let limit = question.limit.unwrap_or(USUAL_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Refusal::malformed(format!("limit must be from 1 to {LARGEST_PAGE}")));
    }
    if question.before.as_ref().is_some_and(|before| before.len() > LONGEST_NAME) {
        return Err(Refusal::malformed("before must be the id of a run"));
    }
    let state = question.state.as_deref().map(read_state).transpose()?;
    let meant = |run: &RunRecord| {
        question.project.as_ref().is_none_or(|project| run.key.project == *project)
            && question.ticket.as_ref().is_none_or(|ticket| run.key.ticket.eq_ignore_ascii_case(ticket))
            && state.is_none_or(|state| run.state == state)
    };
    let mut runs = Vec::new();
    let mut pages = Pages::from(store, question.before.clone());
    while let Some(page) = pages.next().await? {
        for run in page.into_iter().filter(meant) {
            if runs.len() == limit {
                let next = runs.last().map(|last: &RunRecord| last.run_id.clone());
                return Ok(Page { runs, next });
            }
            runs.push(run);
        }
    }
    Ok(Page { runs, next: None })
}

fn read_state(word: &str) -> Result<RunState, Refusal> {
    RunState::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = RunState::ALL.iter().map(|state| state.as_str()).collect();
        Refusal::malformed(format!("state must be one of {}", known.join(", ")))
    })
}
