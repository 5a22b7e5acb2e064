//! What the board's mutex guards: the records, how they are found, and how a change is recorded.
//!
//! Only `handle.rs` calls this, with the mutex held; the writes themselves are in the `writes` file beside it. What
//! must stay true: a name that a tracker once had goes on leading to it until another tracker takes it; numbers are
//! never reused; every change goes through [`State::record`].

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::handle::PERSON;
use super::happening::{Happening, Told};
use super::members::{Reaction, Role};
use super::model::{
    BoardError, Change, Comment, Event, LabelDef, LabelRule, MAX_EVENTS, MAX_TICKETS, MAX_TRACKERS, TicketView,
    TrackerView, What,
};

/// A ticket or pull request.
#[derive(Debug, Clone)]
pub(super) struct TicketRecord {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) revision: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) author: String,
    pub(super) labels: Vec<Arc<LabelDef>>,
    pub(super) comments: Vec<Arc<Comment>>,
    pub(super) is_pull_request: bool,
    pub(super) change: Option<Arc<Change>>,
    pub(super) status: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) created_seq: u64,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) updated_seq: u64,
    pub(super) closed_at: Option<DateTime<Utc>>,
}

impl TicketRecord {
    pub(super) fn view(&self) -> TicketView {
        TicketView {
            id: self.id,
            number: self.number,
            revision: self.revision,
            title: self.title.clone(),
            body: self.body.clone(),
            author: self.author.clone(),
            labels: self.labels.iter().map(|label| label.name.as_str()).collect(),
            label_defs: self.labels.clone(),
            open: self.closed_at.is_none(),
            comments: self.comments.clone(),
            is_pull_request: self.is_pull_request,
            change: self.change.clone(),
            status: self.status.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            closed_at: self.closed_at,
        }
    }
}

/// What a number of a tracker leads to.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    Here(Box<TicketRecord>),
    Deleted,
    Transferred { to: u64, number: u64 },
}

#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) rule: LabelRule,
    pub(super) can_write: bool,
    pub(super) hidden: bool,
    pub(super) labels: Vec<Arc<LabelDef>>,
    pub(super) slots: BTreeMap<u64, Slot>,
    /// Set while listings are frozen: what they show.
    pub(super) frozen: Option<Vec<TicketRecord>>,
    pub(super) history: VecDeque<Event>,
    /// By login in lower case.
    pub(super) members: BTreeMap<String, Role>,
    pub(super) reactions: Vec<Reaction>,
    pub(super) created_at: DateTime<Utc>,
}

impl Tracker {
    pub(super) fn records(&self) -> impl Iterator<Item = &TicketRecord> {
        self.slots.values().filter_map(|slot| match slot {
            Slot::Here(record) => Some(record.as_ref()),
            Slot::Deleted | Slot::Transferred { .. } => None,
        })
    }

    pub(super) fn label(&self, name: &str) -> Option<&Arc<LabelDef>> {
        self.labels.iter().find(|label| self.rule.same(&label.name, name))
    }

    pub(super) fn next_number(&self) -> Result<u64, BoardError> {
        if self.slots.len() >= MAX_TICKETS {
            return Err(BoardError::Full(format!("{MAX_TICKETS} tickets in `{}`", self.name)));
        }
        Ok(self.slots.last_key_value().map_or(1, |(number, _)| number + 1))
    }

    pub(super) fn view(&self) -> TrackerView {
        TrackerView {
            id: self.id,
            name: self.name.clone(),
            can_write: self.can_write,
            hidden: self.hidden,
            open_count: self.records().filter(|record| record.closed_at.is_none()).count(),
            created_at: self.created_at,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Rises with every event; the number of the latest change.
    pub(super) seq: u64,
    last_id: u64,
    trackers: BTreeMap<u64, Tracker>,
    /// Every name any tracker has or had, in lower case.
    names: HashMap<String, u64>,
    /// Who is told of every write, and what is to be told.
    pub(super) told: Told,
}

impl State {
    /// An identifier that nothing on the board has yet. Large enough not to be taken for a ticket's number.
    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        100_000_000 + self.last_id
    }

    pub(super) fn trackers(&self) -> impl Iterator<Item = &Tracker> {
        self.trackers.values()
    }

    pub(super) fn tracker_by_id(&self, id: u64) -> Option<&Tracker> {
        self.trackers.get(&id)
    }

    pub(super) fn tracker(&self, name: &str) -> Result<&Tracker, BoardError> {
        let id = self.names.get(&name.to_lowercase());
        id.and_then(|id| self.trackers.get(id)).ok_or_else(|| BoardError::NoTracker(name.to_owned()))
    }

    pub(super) fn tracker_mut(&mut self, name: &str) -> Result<&mut Tracker, BoardError> {
        let id = self.names.get(&name.to_lowercase());
        id.and_then(|id| self.trackers.get_mut(id)).ok_or_else(|| BoardError::NoTracker(name.to_owned()))
    }

    /// Makes `name` lead to the tracker `id`; taken names are refused, left-over ones change hands.
    pub(super) fn take_name(&mut self, name: &str, id: u64) -> Result<(), BoardError> {
        let taken = self.tracker(name).is_ok_and(|held| held.id != id && held.name.eq_ignore_ascii_case(name));
        if taken {
            return Err(BoardError::TrackerExists(name.to_owned()));
        }
        self.names.insert(name.to_lowercase(), id);
        Ok(())
    }

    pub(super) fn insert_tracker(&mut self, name: &str, rule: LabelRule) -> Result<(), BoardError> {
        if self.trackers.len() >= MAX_TRACKERS {
            return Err(BoardError::Full(format!("{MAX_TRACKERS} trackers")));
        }
        let id = self.new_id();
        self.take_name(name, id)?;
        let tracker = Tracker {
            id,
            name: name.to_owned(),
            rule,
            can_write: true,
            hidden: false,
            labels: Vec::new(),
            slots: BTreeMap::new(),
            frozen: None,
            history: VecDeque::new(),
            members: BTreeMap::from([(PERSON.to_owned(), Role::Writer)]),
            reactions: Vec::new(),
            created_at: Utc::now(),
        };
        self.trackers.insert(id, tracker);
        Ok(())
    }

    fn slot(&self, tracker: &str, number: u64) -> Result<&Slot, BoardError> {
        let tracker = self.tracker(tracker)?;
        tracker.slots.get(&number).ok_or_else(|| BoardError::NoTicket { tracker: tracker.name.clone(), number })
    }

    pub(super) fn ticket(&self, tracker: &str, number: u64) -> Result<&TicketRecord, BoardError> {
        match self.slot(tracker, number)? {
            Slot::Here(record) => Ok(record),
            Slot::Deleted => Err(BoardError::Deleted { tracker: tracker.to_owned(), number }),
            Slot::Transferred { to, number } => {
                let tracker = self.trackers.get(to).map(|to| to.name.clone()).unwrap_or_default();
                Err(BoardError::Transferred { tracker, number: *number })
            }
        }
    }

    pub(super) fn ticket_mut(&mut self, tracker: &str, number: u64) -> Result<&mut TicketRecord, BoardError> {
        self.ticket(tracker, number)?;
        match self.tracker_mut(tracker)?.slots.get_mut(&number) {
            Some(Slot::Here(record)) => Ok(record),
            _ => Err(BoardError::NoTicket { tracker: tracker.to_owned(), number }),
        }
    }

    /// Keeps how a ticket looked that is about to go, for whoever is told that it went.
    pub(super) fn remember_last_look(&mut self, tracker: &str, number: u64) {
        if let (Ok(held), Ok(ticket)) = (self.tracker(tracker), self.ticket(tracker, number)) {
            let (id, view) = (held.id, ticket.view());
            self.told.keep_last_look(id, view);
        }
    }

    /// Tells the listeners what was written since the last time.
    pub(super) fn tell(&mut self) {
        for (tracker, number, events, last_look) in self.told.take() {
            let Some(tracker) = self.trackers.get(&tracker) else { continue };
            let here = tracker.slots.get(&number).and_then(|slot| match slot {
                Slot::Here(record) => Some(record.view()),
                Slot::Deleted | Slot::Transferred { .. } => None,
            });
            let Some(ticket) = here.or(last_look) else { continue };
            let happening = Happening { tracker: tracker.view(), ticket, events };
            self.told.tell(&happening);
        }
    }

    /// Writes down what happened and marks the ticket as changed. Every change ends here.
    pub(super) fn record(&mut self, actor: &str, tracker: &str, ticket: Option<u64>, what: What) {
        self.seq += 1;
        let (seq, at) = (self.seq, Utc::now());
        if let (Ok(tracker), Some(number)) = (self.tracker(tracker), ticket) {
            let event = Event { seq, at, actor: actor.to_owned(), ticket, what: what.clone() };
            let id = tracker.id;
            self.told.note(id, number, event);
        }
        let Ok(tracker) = self.tracker_mut(tracker) else { return };
        if tracker.history.len() == MAX_EVENTS {
            tracker.history.pop_front();
        }
        tracker.history.push_back(Event { seq, at, actor: actor.to_owned(), ticket, what });
        if let Some(Slot::Here(record)) = ticket.and_then(|number| tracker.slots.get_mut(&number)) {
            record.revision += 1;
            record.updated_at = at;
            record.updated_seq = seq;
        }
    }
}
