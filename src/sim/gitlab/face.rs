//! How a simulated GitLab is set up, and what the handlers of the face share.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sim::board::{Board, TicketView};
use crate::sim::faults::Faults;
use crate::sim::git::Repositories;

/// Labels that are remembered as doubled; a test doubles a handful.
const MAX_DOUBLED: usize = 10_000;

/// What a ticket is to GitLab, beyond what the board knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `issue`, `incident`, `task` or `ticket`.
    pub issue_type: &'static str,
    /// Only members who may write see it, and its author.
    pub confidential: bool,
}

/// How a simulated GitLab is set up.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The one token that is good.
    pub token: String,
    /// Repositories that git finds at their pages' addresses.
    pub repositories: Option<Repositories>,
    /// The user that the token belongs to; what it writes is recorded under this name.
    pub login: String,
    /// The path that the instance lives below, such as `/gitlab`; empty for the root.
    pub prefix: String,
    /// The token has the scope `read_api` instead of `api`.
    pub read_only_token: bool,
    /// Requests in one window; `None` shows no limits at all, as self-managed instances do by default.
    pub quota: Option<u32>,
    /// How long a window is.
    pub quota_window: Duration,
    /// Issues are paged by cursor when asked for, as since 18.3; before, the wish was ignored.
    pub cursors: bool,
    /// Listings of more rows than this name no totals and no last page.
    pub totals_up_to: usize,
    /// Adding a label that is there already leaves it there twice, which is what two writers at the same moment do
    /// (gitlab-org/gitlab#584385).
    pub doubles_labels: bool,
    /// What a ticket is to GitLab.
    pub kind_of: fn(&TicketView) -> Kind,
}

/// A personal access token on GitLab.com: 2,000 requests a minute.
impl Default for SimOptions {
    fn default() -> Self {
        Self {
            port: 0,
            token: "simulated-gitlab-token".to_owned(),
            repositories: None,
            login: "smith".to_owned(),
            prefix: String::new(),
            read_only_token: false,
            quota: Some(2_000),
            quota_window: Duration::from_secs(60),
            cursors: true,
            totals_up_to: 10_000,
            doubles_labels: false,
            kind_of: |_| Kind { issue_type: "issue", confidential: false },
        }
    }
}

/// What the handlers share.
#[derive(Debug, Clone)]
pub(super) struct Face {
    pub(super) board: Board,
    pub(super) faults: Faults,
    pub(super) options: Arc<SimOptions>,
    doubled: Arc<Mutex<HashSet<(u64, String)>>>,
}

impl Face {
    pub(super) fn new(board: &Board, faults: Faults, options: SimOptions) -> Self {
        let board = board.acting_as(&options.login);
        Self { board, faults, options: Arc::new(options), doubled: Arc::default() }
    }

    /// The titles on a ticket as GitLab lists them: a doubled label is there twice.
    pub(super) fn titles(&self, ticket: &TicketView) -> Vec<String> {
        let doubled = self.doubled();
        let twice = |name: &str| doubled.contains(&(ticket.id, name.to_owned()));
        ticket
            .label_defs
            .iter()
            .flat_map(|label| vec![label.name.clone(); if twice(&label.name) { 2 } else { 1 }])
            .collect()
    }

    /// Notes that a label was added by two writers at once.
    pub(super) fn double(&self, ticket: u64, label: &str) {
        let mut doubled = self.doubled();
        if doubled.len() < MAX_DOUBLED {
            doubled.insert((ticket, label.to_owned()));
        }
    }

    /// Forgets that a label was there twice: removing one removes both.
    pub(super) fn undouble(&self, ticket: u64, label: &str) {
        self.doubled().remove(&(ticket, label.to_owned()));
    }

    fn doubled(&self) -> MutexGuard<'_, HashSet<(u64, String)>> {
        self.doubled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
