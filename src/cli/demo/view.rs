//! What a person sees of the demo: one line for each thing that happens on a ticket.
//!
//! Lines are only ever appended, so the view reads the same in a terminal and in a file; colours are for terminals.

use std::collections::HashMap;
use std::io::{IsTerminal, stdout};
use std::net::SocketAddr;

use tokio::time::Instant;

use crate::lifecycle::Lifecycle;
use crate::sim::SimServer;
use crate::sim::board::{Board, Event, TicketView, What};

/// Width of the column with the ticket's title.
const TITLE: usize = 46;

/// The view. Remembers what it has shown.
pub(super) struct View {
    board: Board,
    began: Instant,
    shown: u64,
    colour: bool,
    finished: HashMap<Lifecycle, usize>,
    answered: usize,
    claimed_at: HashMap<(String, u64), Instant>,
}

impl View {
    pub(super) fn new(board: Board) -> Self {
        let colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let (finished, claimed_at) = (HashMap::new(), HashMap::new());
        Self { board, began: Instant::now(), shown: 0, colour, finished, answered: 0, claimed_at }
    }

    /// Says what is there and where to look.
    pub(super) fn introduce(&self, sim: &SimServer, server: SocketAddr) {
        println!("agent-smith demo: a simulated GitHub, the embedded store and real pipelines on this machine");
        println!();
        for tracker in self.board.trackers() {
            println!("  tickets   {}", sim.page_url(&tracker.name));
        }
        println!("  health    http://{server}/health");
        println!();
        println!("People put a trigger label on tickets; agent-smith finds, claims, runs and answers them.");
        println!("Ctrl-C ends the demo and leaves nothing behind.");
        println!();
    }

    /// Shows what happens until so many tickets are Done or Failed and have their comment.
    pub(super) async fn follow_until_finished(&mut self, tickets: usize) {
        let mut changed = self.board.changed();
        loop {
            self.show_new();
            if self.answered >= tickets {
                return;
            }
            // The board lives as long as the view, so this cannot fail.
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// The last lines.
    pub(super) fn conclude(&self, signal: Option<&str>) {
        let count = |state| self.finished.get(&state).copied().unwrap_or(0);
        println!();
        if let Some(signal) = signal {
            println!("{signal}: ending what runs");
        }
        println!("{} done, {} failed; nothing is left behind", count(Lifecycle::Done), count(Lifecycle::Failed));
    }

    fn show_new(&mut self) {
        let trackers: Vec<String> = self.board.trackers().into_iter().map(|tracker| tracker.name).collect();
        let mut events: Vec<(String, Event)> = Vec::new();
        for tracker in trackers {
            let new = self.board.history(&tracker).into_iter().filter(|event| event.seq > self.shown);
            events.extend(new.map(|event| (tracker.clone(), event)));
        }
        events.sort_by_key(|(_, event)| event.seq);
        for (tracker, event) in events {
            self.shown = event.seq;
            if let Some(number) = event.ticket
                && let Some(ticket) = self.board.ticket(&tracker, number)
            {
                self.show(&tracker, &ticket, &event);
            }
        }
    }

    fn show(&mut self, tracker: &str, ticket: &TicketView, event: &Event) {
        let key = (tracker.to_owned(), ticket.number);
        let text = match &event.what {
            What::Opened => self.paint("2", &format!("opened by {}{}", event.actor, labelled(ticket))),
            What::LabelAdded(label) => match Lifecycle::from_label(label) {
                Some(Lifecycle::Enqueued) => {
                    self.claimed_at.insert(key, Instant::now());
                    self.paint("36", "claimed, waits in the queue")
                }
                Some(Lifecycle::InProgress) => self.paint("33", "running"),
                Some(Lifecycle::Pending) => self.paint("35", "waits to be claimed"),
                Some(state) => {
                    *self.finished.entry(state).or_default() += 1;
                    let took = self
                        .claimed_at
                        .remove(&key)
                        .map_or(String::new(), |at| format!(" after {:.1} s", at.elapsed().as_secs_f64()));
                    if state == Lifecycle::Done {
                        self.paint("32", &format!("done{took}"))
                    } else {
                        self.paint("31", &format!("failed{took}"))
                    }
                }
                None => return,
            },
            What::Commented(id) => match ticket.comments.iter().find(|comment| comment.id == *id) {
                Some(comment) => {
                    self.answered += 1;
                    self.paint("2", &format!("\u{201c}{}\u{201d}", first_line(&comment.body)))
                }
                None => return,
            },
            _ => return,
        };
        let project = tracker.rsplit('/').next().unwrap_or(tracker);
        let title = shortened(&ticket.title, TITLE);
        let time = self.began.elapsed().as_secs_f64();
        println!("{time:6.1} s  {project:<9} #{:<3} {title:<TITLE$}  {text}", ticket.number);
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The trigger labels of a ticket that was just opened.
fn labelled(ticket: &TicketView) -> String {
    let labels = ticket.labels.iter().filter(|label| Lifecycle::from_label(label).is_none());
    labels.map(|label| format!(" [{label}]")).collect()
}

/// The first line of a comment without its markup.
fn first_line(body: &str) -> String {
    shortened(&body.lines().next().unwrap_or_default().replace(['*', '`'], ""), 90)
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['\u{2026}']).collect()
}
