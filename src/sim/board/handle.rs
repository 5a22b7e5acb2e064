//! [`Board`]: the door to everything the board holds.
//!
//! The demo and tests act as a person, faces as the login of a token. Every method takes the mutex once, does all of
//! its work and lets go; none awaits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::happening::Listener;
use super::model::{
    Asked, BoardError, Change, Comment, Event, LabelDef, LabelRule, NewTicket, TicketView, TrackerView, What,
};
use super::query::{Page, Query};
use super::state::State;
use super::writes::{Edit, Writer};

/// Who acts when nobody else was named: somebody who may write to every tracker.
pub(super) const PERSON: &str = "person";

/// Trackers with their tickets. A clone is the same board.
#[derive(Debug, Clone)]
pub struct Board {
    shared: Arc<Shared>,
    actor: Arc<str>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

/// Set up and watch.
impl Board {
    /// An empty board.
    pub fn new() -> Self {
        let shared = Shared { state: Mutex::default(), version: watch::Sender::new(0) };
        Self { shared: Arc::new(shared), actor: PERSON.into() }
    }

    /// The same board; what is done through the result is recorded as done by `login`.
    #[must_use]
    pub fn acting_as(&self, login: &str) -> Self {
        Self { shared: Arc::clone(&self.shared), actor: login.into() }
    }

    /// Rises with every change. Subscribe first, look second, and nothing is missed.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// Adds an empty tracker whose labels ignore case, such as `org/my-api`.
    ///
    /// # Errors
    /// When the name is taken or blank, or the board is full.
    pub fn add_tracker(&self, name: &str) -> Result<(), BoardError> {
        self.add_tracker_with(name, LabelRule::IgnoreCase)
    }

    /// Adds an empty tracker with a label rule.
    ///
    /// # Errors
    /// When the name is taken or blank, or the board is full.
    pub fn add_tracker_with(&self, name: &str, rule: LabelRule) -> Result<(), BoardError> {
        self.write(|writer| writer.add_tracker(name, rule))
    }

    /// The tracker may be written to with the token, which is how it starts, or only read.
    ///
    /// # Errors
    /// When there is no such tracker.
    pub fn set_can_write(&self, tracker: &str, can_write: bool) -> Result<(), BoardError> {
        self.write(|writer| {
            writer.state.tracker_mut(tracker)?.can_write = can_write;
            writer.record(tracker, None, What::WriteRight(can_write));
            Ok(())
        })
    }

    /// Hides the tracker from the token, or shows it again.
    ///
    /// # Errors
    /// When there is no such tracker.
    pub fn hide_tracker(&self, tracker: &str, hidden: bool) -> Result<(), BoardError> {
        self.write(|writer| {
            writer.state.tracker_mut(tracker)?.hidden = hidden;
            writer.record(tracker, None, What::Hidden(hidden));
            Ok(())
        })
    }

    /// Renames the tracker. The old name goes on leading here; a face answers it with a redirect.
    ///
    /// # Errors
    /// When there is no such tracker or the new name is taken.
    pub fn move_tracker(&self, from: &str, to: &str) -> Result<(), BoardError> {
        self.write(|writer| writer.rename_tracker(from, to))
    }

    /// Everything that is written to tickets from now on, write by write, in order.
    pub(in crate::sim) fn listen(&self) -> Listener {
        self.lock().told.listen()
    }

    /// Makes listings show the tracker as it is now, whatever is written afterwards, until they are thawed: the lag
    /// that real listings have. Single reads are not affected.
    ///
    /// # Errors
    /// When there is no such tracker.
    pub fn freeze_listings(&self, tracker: &str, frozen: bool) -> Result<(), BoardError> {
        let mut state = self.lock();
        let tracker = state.tracker_mut(tracker)?;
        tracker.frozen = frozen.then(|| tracker.records().cloned().collect());
        Ok(())
    }
}

/// Write to tickets.
impl Board {
    /// Opens a ticket and returns its number.
    ///
    /// # Errors
    /// When there is no such tracker, a text or label is invalid, or the tracker is full.
    pub fn open_ticket(&self, tracker: &str, new: NewTicket) -> Result<u64, BoardError> {
        self.write(|writer| writer.open(tracker, new, false))
    }

    /// Opens a pull request, which takes its number from the same row.
    ///
    /// # Errors
    /// As [`Board::open_ticket`].
    pub fn open_pull_request(&self, tracker: &str, new: NewTicket) -> Result<u64, BoardError> {
        self.write(|writer| writer.open(tracker, new, true))
    }

    /// Opens a change request for a branch, unless one is open for it.
    ///
    /// # Errors
    /// As [`Board::open_ticket`].
    pub fn open_change_request(&self, tracker: &str, new: NewTicket, change: Change) -> Result<Asked, BoardError> {
        self.write(|writer| writer.open_change(tracker, new, change))
    }

    /// Every change request of the tracker, open or closed, by number.
    pub fn change_requests(&self, tracker: &str) -> Vec<TicketView> {
        let mut tickets = self.tickets(tracker);
        tickets.retain(|ticket| ticket.change.is_some());
        tickets
    }

    /// Closes the ticket; nothing happens when it is closed.
    ///
    /// # Errors
    /// When there is no such ticket.
    pub fn close(&self, tracker: &str, number: u64) -> Result<(), BoardError> {
        self.edit(tracker, number, Edit { open: Some(false), ..Edit::default() }).map(drop)
    }

    /// Opens the ticket again; nothing happens when it is open.
    ///
    /// # Errors
    /// When there is no such ticket.
    pub fn reopen(&self, tracker: &str, number: u64) -> Result<(), BoardError> {
        self.edit(tracker, number, Edit { open: Some(true), ..Edit::default() }).map(drop)
    }

    /// Sets the description.
    ///
    /// # Errors
    /// When there is no such ticket or the text is too long.
    pub fn set_body(&self, tracker: &str, number: u64, body: &str) -> Result<(), BoardError> {
        self.edit(tracker, number, Edit { body: Some(body.to_owned()), ..Edit::default() }).map(drop)
    }

    /// Several changes at once: all of them or, when one is invalid, none.
    pub(in crate::sim) fn edit(&self, tracker: &str, number: u64, edit: Edit) -> Result<TicketView, BoardError> {
        self.write(|writer| {
            writer.edit(tracker, number, edit)?;
            Ok(writer.state.ticket(tracker, number)?.view())
        })
    }

    /// The same, and a comment, if the ticket still has this revision; `None` when it has changed since.
    pub(in crate::sim) fn edit_revision(
        &self,
        tracker: &str,
        (number, revision): (u64, u64),
        edit: Edit,
        comment: Option<&str>,
    ) -> Result<Option<TicketView>, BoardError> {
        self.write(|writer| {
            if writer.state.ticket(tracker, number)?.revision != revision {
                return Ok(None);
            }
            writer.edit(tracker, number, edit)?;
            if let Some(comment) = comment {
                writer.comment(tracker, number, comment)?;
            }
            Ok(Some(writer.state.ticket(tracker, number)?.view()))
        })
    }

    /// Deletes the ticket for good; its number is never used again.
    ///
    /// # Errors
    /// When there is no such ticket.
    pub fn delete(&self, tracker: &str, number: u64) -> Result<(), BoardError> {
        self.write(|writer| writer.delete(tracker, number))
    }

    /// Moves the ticket to another tracker and returns its number there.
    ///
    /// # Errors
    /// When there is no such ticket or tracker, or the other tracker is full.
    pub fn transfer(&self, tracker: &str, number: u64, to: &str) -> Result<u64, BoardError> {
        self.write(|writer| writer.transfer(tracker, number, to))
    }

    /// Writes a comment.
    ///
    /// # Errors
    /// When there is no such ticket, or the text is blank or too long.
    pub fn comment(&self, tracker: &str, number: u64, body: &str) -> Result<Arc<Comment>, BoardError> {
        self.write(|writer| writer.comment(tracker, number, body))
    }

    /// Adds one label; a missing one is created, a present one stays as it is.
    ///
    /// # Errors
    /// When there is no such ticket or the name is invalid.
    pub fn add_label(&self, tracker: &str, number: u64, label: &str) -> Result<TicketView, BoardError> {
        self.add_labels(tracker, number, &[label.to_owned()])
    }

    /// Adds labels: all of them or, when one is invalid, none.
    ///
    /// # Errors
    /// As [`Board::add_label`].
    pub fn add_labels(&self, tracker: &str, number: u64, labels: &[String]) -> Result<TicketView, BoardError> {
        self.write(|writer| {
            writer.add_labels(tracker, number, labels)?;
            Ok(writer.state.ticket(tracker, number)?.view())
        })
    }

    /// Takes one label away.
    ///
    /// # Errors
    /// When there is no such ticket, or [`BoardError::NoLabel`] when the label is not on it.
    pub fn remove_label(&self, tracker: &str, number: u64, label: &str) -> Result<TicketView, BoardError> {
        self.write(|writer| {
            writer.remove_label(tracker, number, label)?;
            Ok(writer.state.ticket(tracker, number)?.view())
        })
    }

    /// Replaces the whole set of labels.
    ///
    /// # Errors
    /// As [`Board::add_label`].
    pub fn set_labels(&self, tracker: &str, number: u64, labels: &[String]) -> Result<TicketView, BoardError> {
        self.edit(tracker, number, Edit { labels: Some(labels.to_vec()), ..Edit::default() })
    }

    /// Adds some labels and takes others away, in one go; what is present or absent already is left alone.
    pub(in crate::sim) fn change_labels(
        &self,
        tracker: &str,
        number: u64,
        add: &[String],
        remove: &[String],
    ) -> Result<TicketView, BoardError> {
        self.write(|writer| {
            writer.change_labels(tracker, number, add, remove)?;
            Ok(writer.state.ticket(tracker, number)?.view())
        })
    }

    /// Defines a label; `color` is six hexadecimal digits.
    ///
    /// # Errors
    /// [`BoardError::LabelExists`] when the tracker has it, or when name or colour is invalid.
    pub fn create_label(
        &self,
        tracker: &str,
        name: &str,
        color: &str,
        description: Option<String>,
    ) -> Result<Arc<LabelDef>, BoardError> {
        self.write(|writer| writer.create_label(tracker, name, color, description))
    }
}

/// Read.
impl Board {
    /// Every tracker, in the order they were added.
    pub fn trackers(&self) -> Vec<TrackerView> {
        self.lock().trackers().map(|tracker| tracker.view()).collect()
    }

    /// The tracker that `name` leads to; its present name may be another one.
    pub fn tracker(&self, name: &str) -> Option<TrackerView> {
        self.lock().tracker(name).ok().map(|tracker| tracker.view())
    }

    /// The tracker with this id.
    pub fn tracker_by_id(&self, id: u64) -> Option<TrackerView> {
        self.lock().tracker_by_id(id).map(|tracker| tracker.view())
    }

    /// The labels the tracker defines, oldest first; none for an unknown tracker.
    pub fn labels(&self, tracker: &str) -> Vec<Arc<LabelDef>> {
        self.lock().tracker(tracker).map(|tracker| tracker.labels.clone()).unwrap_or_default()
    }

    /// The tracker's definition of a label.
    pub fn label(&self, tracker: &str, name: &str) -> Option<Arc<LabelDef>> {
        self.lock().tracker(tracker).ok()?.label(name).map(Arc::clone)
    }

    /// The ticket, unless it never was, was deleted or was transferred; [`Board::look`] tells these apart.
    pub fn ticket(&self, tracker: &str, number: u64) -> Option<TicketView> {
        self.look(tracker, number).ok()
    }

    /// The ticket, or why it is not there.
    ///
    /// # Errors
    /// `NoTracker`, `NoTicket`, `Deleted` or `Transferred`.
    pub fn look(&self, tracker: &str, number: u64) -> Result<TicketView, BoardError> {
        self.lock().ticket(tracker, number).map(|ticket| ticket.view())
    }

    /// Every ticket and pull request of the tracker, open or closed, by number; none for an unknown tracker.
    pub fn tickets(&self, tracker: &str) -> Vec<TicketView> {
        let state = self.lock();
        state.tracker(tracker).map(|tracker| tracker.records().map(|r| r.view()).collect()).unwrap_or_default()
    }

    /// One page of a listing.
    ///
    /// # Errors
    /// When there is no such tracker.
    pub fn list(&self, tracker: &str, query: &Query) -> Result<Page<TicketView>, BoardError> {
        let state = self.lock();
        let tracker = state.tracker(tracker)?;
        let page = match &tracker.frozen {
            Some(frozen) => query.select(tracker.rule, frozen.iter()),
            None => query.select(tracker.rule, tracker.records()),
        };
        let items = page.items.into_iter().map(|record| record.view()).collect();
        Ok(Page { items, next: page.next, total: page.total })
    }

    /// What happened in the tracker, oldest first; the last 50,000 events are kept.
    pub fn history(&self, tracker: &str) -> Vec<Event> {
        self.lock().tracker(tracker).map(|tracker| tracker.history.iter().cloned().collect()).unwrap_or_default()
    }

    /// What happened to one ticket, oldest first.
    pub fn history_of(&self, tracker: &str, number: u64) -> Vec<Event> {
        let state = self.lock();
        let Ok(tracker) = state.tracker(tracker) else { return Vec::new() };
        tracker.history.iter().filter(|event| event.ticket == Some(number)).cloned().collect()
    }

    /// Forgets what happened in the tracker, as if its tickets had been brought from elsewhere as they are.
    pub fn forget_history(&self, tracker: &str) {
        self.lock().tracker_mut(tracker).map(|tracker| tracker.history.clear()).unwrap_or_default();
    }

    /// A panic inside the mutex is a bug of ours; what it guards is still the best there is to look at.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write<T>(&self, act: impl FnOnce(&mut Writer<'_>) -> Result<T, BoardError>) -> Result<T, BoardError> {
        let (outcome, seq) = {
            let mut state = self.lock();
            let outcome = act(&mut Writer { state: &mut state, actor: &self.actor });
            state.tell();
            (outcome, state.seq)
        };
        self.shared.version.send_if_modified(|version| {
            let newer = seq > *version;
            *version = seq.max(*version);
            newer
        });
        outcome
    }
}
