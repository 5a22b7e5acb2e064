//! Every write the board knows, each in one go under the mutex.
//!
//! Only `handle.rs` calls this. What must stay true: a write that is refused leaves nothing half done (everything is
//! checked first); a write that changes nothing leaves no event.

use std::sync::Arc;

use chrono::Utc;

use super::model::{
    Asked, BoardError, Change, Comment, DEFAULT_COLOR, LabelDef, LabelRule, MAX_COMMENT_CHARS, MAX_COMMENTS,
    MAX_LABEL_CHARS, MAX_LABEL_DEFS, MAX_LABELS_PER_TICKET, MAX_TITLE_CHARS, NewTicket, What,
};
use super::state::{Slot, State, TicketRecord};

/// A change to a ticket; `None` leaves a part as it is.
#[derive(Debug, Clone, Default)]
pub(in crate::sim) struct Edit {
    pub(in crate::sim) title: Option<String>,
    pub(in crate::sim) body: Option<String>,
    pub(in crate::sim) labels: Option<Vec<String>>,
    pub(in crate::sim) open: Option<bool>,
    /// Where it stands in a workflow; closing and opening without one forgets it.
    pub(in crate::sim) status: Option<String>,
}

/// The state together with who writes.
pub(super) struct Writer<'a> {
    pub(super) state: &'a mut State,
    pub(super) actor: &'a str,
}

impl Writer<'_> {
    pub(super) fn add_tracker(&mut self, name: &str, rule: LabelRule) -> Result<(), BoardError> {
        check_text("tracker name", name, MAX_TITLE_CHARS, true)?;
        self.state.insert_tracker(name, rule)?;
        self.record(name, None, What::TrackerAdded);
        Ok(())
    }

    pub(super) fn rename_tracker(&mut self, from: &str, to: &str) -> Result<(), BoardError> {
        check_text("tracker name", to, MAX_TITLE_CHARS, true)?;
        let id = self.state.tracker(from)?.id;
        self.state.take_name(to, id)?;
        self.state.tracker_mut(to)?.name = to.to_owned();
        self.record(to, None, What::Renamed(to.to_owned()));
        Ok(())
    }

    pub(super) fn open(&mut self, tracker: &str, new: NewTicket, is_pull_request: bool) -> Result<u64, BoardError> {
        check_text("title", &new.title, MAX_TITLE_CHARS, true)?;
        check_text("body", &new.body, MAX_COMMENT_CHARS, false)?;
        self.check_labels(tracker, &new.labels)?;
        let number = self.state.tracker(tracker)?.next_number()?;
        let (id, now) = (self.state.new_id(), Utc::now());
        let record = TicketRecord {
            id,
            number,
            revision: 0,
            title: new.title,
            body: new.body,
            author: self.actor.to_owned(),
            labels: Vec::new(),
            comments: Vec::new(),
            is_pull_request,
            change: None,
            status: None,
            created_at: now,
            created_seq: self.state.seq + 1,
            updated_at: now,
            updated_seq: self.state.seq + 1,
            closed_at: None,
        };
        self.state.tracker_mut(tracker)?.slots.insert(number, Slot::Here(Box::new(record)));
        self.record(tracker, Some(number), if is_pull_request { What::PullRequestOpened } else { What::Opened });
        self.add_labels(tracker, number, &new.labels)?;
        Ok(number)
    }

    /// One for each pair of branches is open at a time.
    pub(super) fn open_change(&mut self, tracker: &str, new: NewTicket, change: Change) -> Result<Asked, BoardError> {
        let is_same = |known: &Change| {
            (&known.repository, &known.head, &known.base) == (&change.repository, &change.head, &change.base)
        };
        let same = self
            .state
            .tracker(tracker)?
            .records()
            .find(|record| record.closed_at.is_none() && record.change.as_deref().is_some_and(is_same));
        if let Some(number) = same.map(|record| record.number) {
            return Ok(Asked::Exists(number));
        }
        let number = self.open(tracker, new, true)?;
        self.state.ticket_mut(tracker, number)?.change = Some(Arc::new(change));
        Ok(Asked::Opened(number))
    }

    pub(super) fn edit(&mut self, tracker: &str, number: u64, edit: Edit) -> Result<(), BoardError> {
        self.state.ticket(tracker, number)?;
        if let Some(title) = &edit.title {
            check_text("title", title, MAX_TITLE_CHARS, true)?;
        }
        if let Some(body) = &edit.body {
            check_text("body", body, MAX_COMMENT_CHARS, false)?;
        }
        if let Some(labels) = &edit.labels {
            self.set_labels(tracker, number, labels)?;
        }
        let ticket = self.state.ticket_mut(tracker, number)?;
        let mut events = Vec::new();
        if let Some(title) = edit.title.filter(|title| *title != ticket.title) {
            ticket.title = title;
            events.push(What::TitleSet);
        }
        if let Some(body) = edit.body.filter(|body| *body != ticket.body) {
            ticket.body = body;
            events.push(What::BodySet);
        }
        match edit.open {
            Some(true) if ticket.closed_at.is_some() => {
                ticket.closed_at = None;
                events.push(What::Reopened);
            }
            Some(false) if ticket.closed_at.is_none() => {
                ticket.closed_at = Some(Utc::now());
                events.push(What::Closed);
            }
            _ => {}
        }
        if edit.status != ticket.status && (edit.open.is_some() || edit.status.is_some()) {
            ticket.status = edit.status;
            events.push(What::StatusSet);
        }
        for what in events {
            self.record(tracker, Some(number), what);
        }
        Ok(())
    }

    pub(super) fn comment(&mut self, tracker: &str, number: u64, body: &str) -> Result<Arc<Comment>, BoardError> {
        check_text("body", body, MAX_COMMENT_CHARS, true)?;
        if self.state.ticket(tracker, number)?.comments.len() >= MAX_COMMENTS {
            return Err(BoardError::Full(format!("{MAX_COMMENTS} comments on ticket {number}")));
        }
        let id = self.state.new_id();
        let comment =
            Comment { id, author: self.actor.to_owned(), body: body.to_owned(), at: Utc::now(), edited_at: None };
        let comment = Arc::new(comment);
        self.state.ticket_mut(tracker, number)?.comments.push(Arc::clone(&comment));
        self.record(tracker, Some(number), What::Commented(id));
        Ok(comment)
    }

    pub(super) fn delete(&mut self, tracker: &str, number: u64) -> Result<(), BoardError> {
        self.state.ticket(tracker, number)?;
        self.state.remember_last_look(tracker, number);
        self.state.tracker_mut(tracker)?.slots.insert(number, Slot::Deleted);
        self.record(tracker, Some(number), What::Deleted);
        Ok(())
    }

    pub(super) fn transfer(&mut self, tracker: &str, number: u64, to: &str) -> Result<u64, BoardError> {
        let old = self.state.ticket(tracker, number)?.clone();
        let target = self.state.tracker(to)?;
        let (to_id, new_number) = (target.id, target.next_number()?);
        let names: Vec<String> = old.labels.iter().map(|label| label.name.clone()).collect();
        self.check_labels(to, &names)?;
        let moved = TicketRecord { number: new_number, labels: Vec::new(), ..old };
        self.state.tracker_mut(to)?.slots.insert(new_number, Slot::Here(Box::new(moved)));
        self.state.remember_last_look(tracker, number);
        let left = Slot::Transferred { to: to_id, number: new_number };
        self.state.tracker_mut(tracker)?.slots.insert(number, left);
        self.record(tracker, Some(number), What::Transferred { to: to.to_owned(), number: new_number });
        self.add_labels(to, new_number, &names)?;
        Ok(new_number)
    }

    pub(super) fn create_label(
        &mut self,
        tracker: &str,
        name: &str,
        color: &str,
        description: Option<String>,
    ) -> Result<Arc<LabelDef>, BoardError> {
        self.check_labels(tracker, std::slice::from_ref(&name.to_owned()))?;
        if color.len() != 6 || !color.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            let reason = format!("colour `{color}` is not six hexadecimal digits");
            return Err(BoardError::InvalidLabel { name: name.to_owned(), reason });
        }
        if let Some(present) = self.state.tracker(tracker)?.label(name) {
            return Err(BoardError::LabelExists(present.name.clone()));
        }
        let id = self.state.new_id();
        let label = LabelDef { id, name: name.to_owned(), color: color.to_lowercase(), description };
        let label = Arc::new(label);
        self.state.tracker_mut(tracker)?.labels.push(Arc::clone(&label));
        self.record(tracker, None, What::LabelCreated(name.to_owned()));
        Ok(label)
    }

    pub(super) fn add_labels(&mut self, tracker: &str, number: u64, names: &[String]) -> Result<(), BoardError> {
        let rule = self.state.tracker(tracker)?.rule;
        let present = &self.state.ticket(tracker, number)?.labels;
        let new: Vec<&String> =
            names.iter().filter(|name| !present.iter().any(|label| rule.same(&label.name, name))).collect();
        if present.len() + new.len() > MAX_LABELS_PER_TICKET {
            return Err(BoardError::Full(format!("{MAX_LABELS_PER_TICKET} labels on ticket {number}")));
        }
        self.check_labels(tracker, names)?;
        for name in names {
            let label = self.label_or_new(tracker, name)?;
            let ticket = self.state.ticket_mut(tracker, number)?;
            if ticket.labels.iter().all(|present| present.id != label.id) {
                ticket.labels.push(Arc::clone(&label));
                self.record(tracker, Some(number), What::LabelAdded(label.name.clone()));
            }
        }
        Ok(())
    }

    pub(super) fn remove_label(&mut self, tracker: &str, number: u64, name: &str) -> Result<(), BoardError> {
        let rule = self.state.tracker(tracker)?.rule;
        let labels = &mut self.state.ticket_mut(tracker, number)?.labels;
        let Some(at) = labels.iter().position(|label| rule.same(&label.name, name)) else {
            return Err(BoardError::NoLabel(name.to_owned()));
        };
        let label = labels.remove(at);
        self.record(tracker, Some(number), What::LabelRemoved(label.name.clone()));
        Ok(())
    }

    /// Takes some labels away and adds others; what is absent or present already stays as it is.
    pub(super) fn change_labels(
        &mut self,
        tracker: &str,
        number: u64,
        add: &[String],
        remove: &[String],
    ) -> Result<(), BoardError> {
        self.check_labels(tracker, add)?;
        for name in remove {
            match self.remove_label(tracker, number, name) {
                Ok(()) | Err(BoardError::NoLabel(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.add_labels(tracker, number, add)
    }

    /// Makes `names` the ticket's labels: removes what is not among them, then adds what is missing.
    pub(super) fn set_labels(&mut self, tracker: &str, number: u64, names: &[String]) -> Result<(), BoardError> {
        self.check_labels(tracker, names)?;
        let rule = self.state.tracker(tracker)?.rule;
        let present = self.state.ticket(tracker, number)?.labels.clone();
        for label in present.iter().filter(|label| !names.iter().any(|name| rule.same(&label.name, name))) {
            self.remove_label(tracker, number, &label.name)?;
        }
        self.add_labels(tracker, number, names)
    }

    /// Refuses names that nobody can give a label, and more labels than a ticket may carry or a tracker define.
    fn check_labels(&self, tracker: &str, names: &[String]) -> Result<(), BoardError> {
        if names.len() > MAX_LABELS_PER_TICKET {
            return Err(BoardError::Full(format!("{MAX_LABELS_PER_TICKET} labels on one ticket")));
        }
        for name in names {
            let reason = match name.chars().count() {
                0 => "name is blank".to_owned(),
                _ if name.trim().is_empty() => "name is blank".to_owned(),
                count if count > MAX_LABEL_CHARS => {
                    format!("name is too long (maximum is {MAX_LABEL_CHARS} characters)")
                }
                _ => continue,
            };
            return Err(BoardError::InvalidLabel { name: name.clone(), reason });
        }
        let tracker = self.state.tracker(tracker)?;
        let new = names.iter().filter(|name| tracker.label(name).is_none()).count();
        if tracker.labels.len() + new > MAX_LABEL_DEFS {
            return Err(BoardError::Full(format!("{MAX_LABEL_DEFS} labels in `{}`", tracker.name)));
        }
        Ok(())
    }

    fn label_or_new(&mut self, tracker: &str, name: &str) -> Result<Arc<LabelDef>, BoardError> {
        if let Some(label) = self.state.tracker(tracker)?.label(name) {
            return Ok(Arc::clone(label));
        }
        self.create_label(tracker, name, DEFAULT_COLOR, None)
    }

    pub(super) fn record(&mut self, tracker: &str, ticket: Option<u64>, what: What) {
        self.state.record(self.actor, tracker, ticket, what);
    }
}

pub(super) fn check_text(field: &'static str, text: &str, max: usize, required: bool) -> Result<(), BoardError> {
    if required && text.trim().is_empty() {
        return Err(BoardError::InvalidText { field, reason: "can't be blank".to_owned() });
    }
    if text.chars().count() > max {
        return Err(BoardError::InvalidText { field, reason: format!("is too long (maximum is {max} characters)") });
    }
    Ok(())
}
