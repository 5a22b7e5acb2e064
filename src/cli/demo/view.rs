//! What a person sees of the demo: one line for each thing that happens on a ticket.
//!
//! Lines are only ever appended, so the view reads the same in a terminal and in a file; colours are for terminals.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::time::Instant;

use super::repositories::Requests;
use crate::cli::output::{Output, shortened, takes_colour};
use crate::config::Env;
use crate::lifecycle::Lifecycle;
use crate::sim::board::{Board, Event, TicketView, What};

/// Columns for the ticket's title, so that nearly every line stays below a hundred characters.
const TITLE: usize = 36;
/// Columns for the project.
const PROJECT: usize = 9;
/// Columns before the ticket's title.
const BEFORE_TITLE: usize = 24;
/// Characters of a comment.
const REASON: usize = 56;

/// The view. Remembers what it has shown.
pub(super) struct View {
    board: Board,
    began: Instant,
    shown: u64,
    colour: bool,
    finished: HashMap<Lifecycle, usize>,
    /// Comments that tell a result.
    answered: HashSet<u64>,
    claimed_at: HashMap<(String, u64), Instant>,
    requests: Option<Requests>,
    out: Output,
}

impl View {
    pub(super) fn new(board: Board, env: &Env) -> Self {
        let (finished, claimed_at) = (HashMap::new(), HashMap::new());
        let (began, colour) = (Instant::now(), takes_colour(&std::io::stdout(), env));
        Self {
            board,
            began,
            shown: 0,
            colour,
            finished,
            answered: HashSet::new(),
            claimed_at,
            requests: None,
            out: Output::default(),
        }
    }

    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// Says what is there and where to look. `requests` is asked about each change request.
    pub(super) fn introduce(&mut self, pages: &[(&str, String)], server: SocketAddr, requests: Option<Requests>) {
        self.requests = requests;
        self.out.line("agent-smith demo: four simulated platforms, the embedded store and real pipelines\n");
        for (platform, page) in pages {
            self.out.line(format_args!("  {platform:<13} {page}"));
        }
        self.out.line(format_args!("  {:<13} http://{server}/health\n", "health"));
        self.out.line(
            "People put a trigger label on tickets; agent-smith finds, claims, runs and answers them. A fix goes",
        );
        self.out.line(
            "the whole way: checkout, a script that plays the coding agent, tests, commit, push, change request.",
        );
        self.out.line("Ctrl-C ends the demo and leaves nothing behind.\n");
        let heading = format!("{:>7}  {:<PROJECT$} {:<4} {:<TITLE$}  what happens", "time", "project", "no", "ticket");
        let heading = self.paint("1", &heading);
        self.out.line(heading);
    }

    /// Shows what happens until so many tickets are Done or Failed and have their comment, or nobody reads any more.
    pub(super) async fn follow_until_finished(&mut self, tickets: usize) {
        let mut changed = self.board.changed();
        loop {
            self.show_new().await;
            if self.answered.len() >= tickets || self.out.is_lost() {
                return;
            }
            // The board lives as long as the view, so this cannot fail.
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// A signal came: what runs is being ended.
    pub(super) fn say_signal(&mut self, signal: &str) {
        self.out.line(format_args!("\n{signal}: ending what runs"));
    }

    /// The last line, when everything has been cleared away. Returns how the demo ends that would end with `exit`.
    pub(super) fn conclude(mut self, exit: ExitCode) -> ExitCode {
        let count = |state| self.finished.get(&state).copied().unwrap_or(0);
        let (done, failed) = (count(Lifecycle::Done), count(Lifecycle::Failed));
        let rest = if exit == ExitCode::SUCCESS { "nothing is left behind" } else { "ended at once" };
        self.out.line(format_args!("\n{done} done, {failed} failed; {rest}"));
        self.out.end(exit)
    }

    async fn show_new(&mut self) {
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
                if event.what == What::PullRequestOpened {
                    self.show_request(&tracker, &ticket).await;
                }
            }
        }
    }

    fn show(&mut self, tracker: &str, ticket: &TicketView, event: &Event) {
        let key = (tracker.to_owned(), ticket.number);
        let text = match &event.what {
            What::Opened => self.paint("2", &format!("opened by {}, label {}", event.actor, labelled(ticket))),
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
            What::Commented(id) | What::CommentEdited(id) => {
                let comment = ticket.comments.iter().find(|comment| comment.id == *id);
                match comment {
                    // Its text is the present one, whatever it was at the event.
                    Some(comment) if is_interim(&comment.body) || self.answered.insert(*id) => {
                        self.paint("2", &format!("comment: {}", gist(&comment.body)))
                    }
                    Some(_) | None => return,
                }
            }
            _ => return,
        };
        self.line(tracker, ticket, &text);
    }

    /// What a person who reviews it wants to know: whether it can be merged, how much it is, and where it is.
    async fn show_request(&mut self, tracker: &str, ticket: &TicketView) {
        let Some(requests) = &self.requests else { return };
        let Some(request) = requests.look(tracker, ticket).await else { return };
        self.line(tracker, ticket, &self.paint("36", &request.to_string()));
        for more in [&request.way, &request.url] {
            let more = self.paint("36", more);
            self.out.line(format_args!("{:BEFORE_TITLE$}{more}", ""));
        }
    }

    fn line(&mut self, tracker: &str, ticket: &TicketView, text: &str) {
        let project = shortened(tracker.rsplit('/').next().unwrap_or(tracker), PROJECT);
        let title = shortened(&ticket.title, TITLE);
        let time = self.began.elapsed().as_secs_f64();
        self.out.line(format_args!("{time:5.1} s  {project:<PROJECT$} #{:<3} {title:<TITLE$}  {text}", ticket.number));
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The trigger labels of a ticket that was just opened.
fn labelled(ticket: &TicketView) -> String {
    let labels = ticket.labels.iter().filter(|label| Lifecycle::from_label(label).is_none());
    labels.collect::<Vec<_>>().join(", ")
}

/// True for a comment that tells of a run that waits or goes on, on each platform.
fn is_interim(body: &str) -> bool {
    ["smith queued pipeline", "smith runs pipeline"].iter().any(|said| body.contains(said))
}

/// What a comment says in a line, without its markup: after a failure the reason, which is its second paragraph, without
/// the command that failed.
fn gist(body: &str) -> String {
    let body = without_tags(body);
    let mut paragraphs = body.lines().filter(|line| !line.trim().is_empty());
    let first = paragraphs.next().unwrap_or_default();
    let line = if first.contains("failed") { paragraphs.next().unwrap_or(first) } else { first };
    let line = match (line.find(" ("), line.rfind(") ")) {
        (Some(begin), Some(end)) if begin < end => line[..begin].to_owned() + &line[end + 1..],
        _ => line.strip_prefix("agent-smith ran ").unwrap_or(line).to_owned(),
    };
    shortened(&line.replace(['*', '`'], ""), REASON)
}

/// Azure DevOps keeps comments as HTML: a paragraph a line, without the tags.
fn without_tags(body: &str) -> String {
    if !body.starts_with('<') {
        return body.to_owned();
    }
    let mut text = String::new();
    for piece in body.replace("</p>", "\n").split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}
