//! What one write did to one ticket, told to whoever listens: the source of the deliveries of simulated webhooks.
//!
//! `state.rs` notes and tells, the hooks of the faces listen. What must stay true: without a listener nothing is copied;
//! a listener that does not keep up loses happenings and can see how many; writers never wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::model::{Event, TicketView, TrackerView, What};
use crate::ticket::Labels;

/// Happenings that wait for one listener: a thousand tickets with ten writes each, while the listener sleeps.
const MAX_WAITING: usize = 10_000;

/// What one write did to one ticket.
#[derive(Debug, Clone)]
pub(in crate::sim) struct Happening {
    pub(in crate::sim) tracker: TrackerView,
    /// After the write; of a ticket that is gone, before it.
    pub(in crate::sim) ticket: TicketView,
    /// In the order of the write; at least one.
    pub(in crate::sim) events: Vec<Event>,
}

impl Happening {
    /// Who wrote.
    pub(in crate::sim) fn actor(&self) -> &str {
        self.events.first().map_or("", |event| event.actor.as_str())
    }

    /// True when this was among what happened.
    pub(in crate::sim) fn is(&self, what: &What) -> bool {
        self.events.iter().any(|event| event.what == *what)
    }

    /// The labels before the write: those that went, then those that are still there.
    pub(in crate::sim) fn labels_before(&self) -> Labels {
        let mut labels: Vec<String> = self.ticket.labels.iter().map(str::to_owned).collect();
        for event in self.events.iter().rev() {
            match &event.what {
                What::LabelAdded(name) => labels.retain(|label| label != name),
                What::LabelRemoved(name) => labels.insert(0, name.clone()),
                _ => {}
            }
        }
        labels.into_iter().collect()
    }

    /// The identifiers of the comments that were written.
    pub(in crate::sim) fn comments(&self) -> impl Iterator<Item = u64> {
        self.events.iter().filter_map(|event| match event.what {
            What::Commented(id) => Some(id),
            _ => None,
        })
    }

    /// The identifiers of the comments that were edited.
    pub(in crate::sim) fn edited_comments(&self) -> impl Iterator<Item = u64> {
        self.events.iter().filter_map(|event| match event.what {
            What::CommentEdited(id) => Some(id),
            _ => None,
        })
    }
}

/// Receives what is written.
#[derive(Debug)]
pub(in crate::sim) struct Listener {
    receiver: mpsc::Receiver<Happening>,
    told: Arc<AtomicU64>,
}

impl Listener {
    /// The next happening; `None` when the board is gone.
    pub(in crate::sim) async fn next(&mut self) -> Option<Happening> {
        self.receiver.recv().await
    }

    /// A counter of everything that was told, also of what found no room.
    pub(in crate::sim) fn told(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.told)
    }
}

/// What is to be told, and to whom.
#[derive(Debug, Default)]
pub(super) struct Told {
    listeners: Vec<(mpsc::Sender<Happening>, Arc<AtomicU64>)>,
    fresh: Vec<(u64, u64, Vec<Event>)>,
    last_looks: Vec<(u64, TicketView)>,
}

impl Told {
    pub(super) fn listen(&mut self) -> Listener {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let told = Arc::new(AtomicU64::new(0));
        self.listeners.push((sender, Arc::clone(&told)));
        Listener { receiver, told }
    }

    pub(super) fn note(&mut self, tracker: u64, number: u64, event: Event) {
        if self.listeners.is_empty() {
            return;
        }
        match self.fresh.iter_mut().find(|(on, of, _)| (*on, *of) == (tracker, number)) {
            Some((_, _, events)) => events.push(event),
            None => self.fresh.push((tracker, number, vec![event])),
        }
    }

    pub(super) fn keep_last_look(&mut self, tracker: u64, view: TicketView) {
        if !self.listeners.is_empty() {
            self.last_looks.push((tracker, view));
        }
    }

    /// What happened since the last call: tracker, number, events, and how a ticket looked that went.
    pub(super) fn take(&mut self) -> Vec<(u64, u64, Vec<Event>, Option<TicketView>)> {
        let looks = std::mem::take(&mut self.last_looks);
        let last_look = |tracker: u64, number: u64| {
            let look = looks.iter().find(|(on, view)| (*on, view.number) == (tracker, number));
            look.map(|(_, view)| view.clone())
        };
        let fresh = std::mem::take(&mut self.fresh).into_iter();
        fresh.map(|(tracker, number, events)| (tracker, number, events, last_look(tracker, number))).collect()
    }

    pub(super) fn tell(&mut self, happening: &Happening) {
        self.listeners.retain(|(sender, told)| {
            told.fetch_add(1, Ordering::SeqCst);
            !matches!(sender.try_send(happening.clone()), Err(mpsc::error::TrySendError::Closed(_)))
        });
    }
}
