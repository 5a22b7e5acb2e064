//! A listing on its way through its pages, in as many stretches as it takes.
//!
//! Who calls: poll and housekeeping, which keep a [`Walk`] per project and listing from one cycle to the next, and
//! `Platform::list`. What must stay true: what a page yielded is handed out by the stretch that read it; a stretch that
//! read nothing is a failure and never "no tickets"; only [`End::Complete`] says that there is nothing else; a stretch
//! that is dropped half-way has not happened.
//!
//! A position is not kept for ever: one that the platform refuses is left for the start at once, one that fails again
//! and again a little later. The start finds everything that is still there, so that nothing depends on a position.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::sleep;
use tracing::debug;

use super::{Error, Listing, Platform, Result};
use crate::ticket::Candidate;

/// How long a stretch of a listing may take; what is left is for the next cycle.
const LIMIT: Duration = Duration::from_secs(20);

/// Pages of one part of a walk: 100,000 tickets with pages of a hundred. A walk that is longer goes in circles.
const MOST_PAGES: usize = 1_000;

/// Stretches in a row that may fail at the same page before the walk begins anew: a passing failure is over by then, and
/// a position that breaks the server must not keep the rest of the tickets away.
const MOST_FAILURES: u32 = 3;

/// Where a walk goes on. The default is the start of the listing. Only the platform that made one can read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// Which of the queries that make up the listing, such as one per label.
    pub(in crate::platform) part: usize,
    /// Where in it, in the platform's own words; empty at the first page.
    pub(in crate::platform) mark: String,
}

impl Position {
    /// The first page of a part.
    pub(in crate::platform) fn at_part(part: usize) -> Self {
        Self { part, mark: String::new() }
    }

    /// Another page of the same part.
    pub(in crate::platform) fn with_mark(&self, mark: impl Into<String>) -> Self {
        Self { part: self.part, mark: mark.into() }
    }

    /// The first page of the part behind this one, if the listing has that many.
    pub(in crate::platform) fn next_part(&self, parts: usize) -> Option<Self> {
        (self.part + 1 < parts).then(|| Self::at_part(self.part + 1))
    }

    fn is_start(&self) -> bool {
        *self == Self::default()
    }
}

/// A ticket on a page, with what orders tickets by age.
#[derive(Debug, Clone)]
pub struct Found {
    /// When it was created, if the platform said so.
    pub created_at: Option<DateTime<Utc>>,
    /// Tells apart what was created in the same moment; 0 where the page's own order does.
    pub number: u64,
    /// The ticket.
    pub candidate: Candidate,
}

/// One page of a listing.
#[derive(Debug, Default)]
pub struct Page {
    /// What is on it, in the platform's order.
    pub found: Vec<Found>,
    /// Where the walk goes on; `None` behind the last page.
    pub next: Option<Position>,
}

/// A request that a listing makes, for a person to read. No secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCall {
    /// Such as `GET`.
    pub method: &'static str,
    /// The whole URL.
    pub url: String,
    /// What is asked for in the body, in the platform's query language or in words.
    pub query: Option<String>,
}

impl PlannedCall {
    /// A read without a body.
    pub(in crate::platform) fn get(url: impl Into<String>) -> Self {
        Self { method: "GET", url: url.into(), query: None }
    }

    /// A read that needs a body.
    pub(in crate::platform) fn ask(url: impl Into<String>, query: impl Into<String>) -> Self {
        Self { method: "POST", url: url.into(), query: Some(query.into()) }
    }
}

/// How a stretch ended.
#[derive(Debug)]
pub enum End {
    /// With the last page: together with the stretches before it this was everything.
    Complete,
    /// Before the last page, because its time was over. The next stretch goes on there.
    Interrupted,
    /// At a page that failed. What was read before it stands.
    Failed(Error),
}

/// What a stretch of a walk came to.
#[derive(Debug)]
pub struct Stretch {
    /// The tickets on the pages that were read, oldest first, each once.
    pub candidates: Vec<Candidate>,
    /// Why there are no more.
    pub end: End,
}

impl Stretch {
    /// Of a listing that asks for nothing.
    pub fn empty() -> Self {
        Self { candidates: Vec::new(), end: End::Complete }
    }

    /// What was found, and what went wrong, if anything did.
    pub fn into_parts(self) -> (Vec<Candidate>, Option<Error>) {
        match self.end {
            End::Failed(error) => (self.candidates, Some(error)),
            End::Complete | End::Interrupted => (self.candidates, None),
        }
    }
}

/// How far a listing has come.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    at: Position,
    /// Pages of the part that were read so far.
    pages: usize,
    /// Stretches in a row that failed before they had read anything.
    failures: u32,
}

impl Walk {
    /// True between its first page and its last one.
    pub fn is_under_way(&self) -> bool {
        !self.at.is_start()
    }

    /// Reads page after page from where the last stretch ended, until the last one or until `until` is over.
    pub async fn go_on<P: Platform + ?Sized>(
        &mut self,
        platform: &P,
        listing: Listing<'_>,
        until: impl Future<Output = ()> + Send,
    ) -> Stretch {
        let mut until = pin!(until);
        let mut walk = self.clone();
        let mut found = Vec::new();
        let mut has_read = false;
        let end = loop {
            let page = tokio::select! {
                biased;
                page = platform.page(listing, &walk.at) => page,
                () = &mut until => break walk.out_of_time(listing, has_read),
            };
            match page {
                Ok(page) => {
                    has_read = true;
                    found.extend(page.found);
                    match walk.step(listing, page.next) {
                        Some(end) => break end,
                        None => continue,
                    }
                }
                Err(error) if !has_read && walk.is_under_way() && may_refuse_position(&error) => {
                    debug!(%error, "{listing}: cannot go on where it stopped; beginning anew");
                    walk = Self::default();
                }
                Err(error) => break walk.fail(error, has_read),
            }
        };
        *self = walk;
        Stretch { candidates: oldest_first(found), end }
    }

    /// Takes note of a page that was read; how the walk ends, if it was the last one.
    fn step(&mut self, listing: Listing<'_>, next: Option<Position>) -> Option<End> {
        let pages = self.pages + 1;
        let Some(next) = next else {
            *self = Self::default();
            return Some(End::Complete);
        };
        if pages >= MOST_PAGES && next.part == self.at.part {
            *self = Self::default();
            let detail = format!("more than {MOST_PAGES} pages");
            return Some(End::Failed(Error::Malformed { what: listing.to_string(), detail }));
        }
        let pages = if next.part == self.at.part { pages } else { 0 };
        *self = Self { at: next, pages, failures: 0 };
        None
    }

    fn out_of_time(&mut self, listing: Listing<'_>, has_read: bool) -> End {
        if has_read {
            debug!(pages = self.pages, "{listing}: goes on in the next cycle");
            return End::Interrupted;
        }
        self.fail(Error::Transport(format!("{listing}: not a page within {} s", LIMIT.as_secs())), has_read)
    }

    fn fail(&mut self, error: Error, has_read: bool) -> End {
        // A platform that asks for a pause has said nothing of the page.
        if error.retry_after().is_none() {
            self.failures = if has_read { 1 } else { self.failures + 1 };
        }
        if may_refuse_position(&error) || self.failures >= MOST_FAILURES {
            *self = Self::default();
        }
        End::Failed(error)
    }
}

/// True for an error that may be about the place in the listing and not about the listing. A token that is not accepted
/// is not accepted at the start either.
fn may_refuse_position(error: &Error) -> bool {
    !error.is_temporary() && !matches!(error, Error::Unauthorized { .. })
}

/// Each ticket once, as the latest page had it.
fn oldest_first(found: Vec<Found>) -> Vec<Candidate> {
    let mut place: HashMap<String, usize> = HashMap::new();
    let mut once: Vec<Found> = Vec::with_capacity(found.len());
    for one in found {
        match place.get(&one.candidate.id) {
            Some(&at) => once[at] = one,
            None => {
                place.insert(one.candidate.id.clone(), once.len());
                once.push(one);
            }
        }
    }
    once.sort_by_key(|one| (one.created_at, one.number));
    once.into_iter().map(|one| one.candidate).collect()
}

/// One stretch of a listing, within the time that a cycle has for it.
pub async fn list_in_time(platform: &dyn Platform, listing: Listing<'_>, walk: &mut Walk) -> Stretch {
    walk.go_on(platform, listing, sleep(LIMIT)).await
}

/// All of a listing, however long it takes.
pub(super) async fn list_all<P: Platform + ?Sized>(platform: &P, listing: Listing<'_>) -> Result<Vec<Candidate>> {
    let stretch = Walk::default().go_on(platform, listing, std::future::pending()).await;
    match stretch.end {
        End::Failed(error) => Err(error),
        End::Complete | End::Interrupted => Ok(stretch.candidates),
    }
}
