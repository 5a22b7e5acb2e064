//! Pages for people: the trackers, one tracker, one ticket, as a browser shows them.
//!
//! The same for every platform; a face says where they are. Nothing can be changed here. What must stay true: every
//! text that a person wrote is escaped, and the pages run no script (the policy header forbids it besides).

use std::collections::HashMap;
use std::fmt::Write as _;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use http::{HeaderName, StatusCode, header};

use super::board::{Board, LabelDef, TicketView, TrackerView};

/// Tickets on a tracker's page, the newest; more would not be read.
const MAX_TICKETS: usize = 500;
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
const STYLE: &str = include_str!("pages.css");

/// Where a face has its pages. The routes name `{owner}` and `{repo}`, and tickets `{number}`; or `{tracker}`, and tickets
/// `{key}`, which is `tracker-number`.
#[derive(Debug, Clone, Copy)]
pub(super) struct PagePaths {
    /// The platform's name for people.
    pub(super) platform: &'static str,
    /// The path of a tracker's page.
    pub(super) tracker: fn(&str) -> String,
    /// The path of a ticket's page.
    pub(super) ticket: fn(&str, &TicketView) -> String,
    pub(super) tracker_route: &'static str,
    pub(super) ticket_routes: &'static [&'static str],
}

#[derive(Debug, Clone)]
struct Pages {
    board: Board,
    paths: PagePaths,
}

pub(super) fn router(board: Board, paths: PagePaths) -> Router {
    let mut router = Router::new().route("/", get(index)).route(paths.tracker_route, get(tracker));
    for route in paths.ticket_routes {
        router = router.route(route, get(ticket));
    }
    router.fallback(async || missing()).with_state(Pages { board, paths })
}

async fn index(State(pages): State<Pages>) -> Response {
    let mut body = String::from("<h1>Trackers</h1><ul class=\"list\">");
    for tracker in pages.board.trackers().iter().filter(|tracker| !tracker.hidden) {
        let link = link(&(pages.paths.tracker)(&tracker.name), &tracker.name);
        let _ = write!(
            body,
            "<li><span class=\"title\">{link}</span><span class=\"meta\">{} open</span></li>",
            tracker.open_count
        );
    }
    body.push_str("</ul>");
    page(&pages, "Trackers", "", &body)
}

async fn tracker(State(pages): State<Pages>, Path(params): Path<HashMap<String, String>>) -> Response {
    let Some(tracker) = find(&pages, &params) else { return missing() };
    let tickets = pages.board.tickets(&tracker.name);
    let mut body = format!("<h1>{}</h1><ul class=\"list\">", escape(&tracker.name));
    for ticket in tickets.iter().rev().take(MAX_TICKETS) {
        let link = link(&(pages.paths.ticket)(&tracker.name, ticket), &ticket.title);
        let (state, number, comments) = (state(ticket), ticket.number, ticket.comments.len());
        let comments = match comments {
            0 => String::new(),
            1 => " · 1 comment".to_owned(),
            count => format!(" · {count} comments"),
        };
        let _ = write!(
            body,
            "<li>{state}<span class=\"title\">{link} {chips}</span><span class=\"meta\">#{number}{comments}</span></li>",
            chips = chips(ticket),
        );
    }
    body.push_str("</ul>");
    page(&pages, &tracker.name, "", &body)
}

async fn ticket(State(pages): State<Pages>, Path(params): Path<HashMap<String, String>>) -> Response {
    let Some(tracker) = find(&pages, &params) else { return missing() };
    let number = match params.get("key").and_then(|key| key.rsplit_once('-')) {
        Some((_, number)) => Some(number),
        None => params.get("number").map(String::as_str),
    };
    let number = number.and_then(|number| number.parse().ok()).unwrap_or(0);
    let Some(ticket) = pages.board.ticket(&tracker.name, number) else { return missing() };
    let mut body = format!(
        "<h1>{title} <span class=\"number\">#{number}</span></h1><p class=\"under\">{state}{chips}</p>{text}",
        title = escape(&ticket.title),
        state = state(&ticket),
        chips = chips(&ticket),
        text = said(&ticket.author, ticket.created_at, &ticket.body),
    );
    for comment in &ticket.comments {
        body.push_str(&said(&comment.author, comment.at, &comment.body));
    }
    let up = link(&(pages.paths.tracker)(&tracker.name), &tracker.name);
    page(&pages, &format!("{} · #{number}", ticket.title), &up, &body)
}

/// The tracker in the path, unless it is hidden or has another name by now.
fn find(pages: &Pages, params: &HashMap<String, String>) -> Option<TrackerView> {
    let name = match (params.get("owner").zip(params.get("repo")), params.get("key")) {
        (Some((owner, repo)), _) => format!("{owner}/{repo}"),
        (None, Some(key)) => key.rsplit_once('-')?.0.to_owned(),
        (None, None) => params.get("tracker")?.clone(),
    };
    pages.board.tracker(&name).filter(|tracker| !tracker.hidden && tracker.name.eq_ignore_ascii_case(&name))
}

fn page(pages: &Pages, title: &str, up: &str, body: &str) -> Response {
    let platform = escape(pages.paths.platform);
    let home = link("/", &format!("{} (simulated)", pages.paths.platform));
    let up = if up.is_empty() { String::new() } else { format!(" / {up}") };
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"2\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} · {platform}</title>\
         <style>{STYLE}</style></head><body><nav>{home}{up}</nav><main>{body}</main></body></html>",
        title = escape(title),
    );
    let policy = (HeaderName::from_static("content-security-policy"), POLICY);
    ([policy, (header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
}

fn missing() -> Response {
    let html = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Not found</title></head>\
                <body><h1>Not found</h1><p><a href=\"/\">All trackers</a></p></body></html>";
    (StatusCode::NOT_FOUND, Html(html)).into_response()
}

fn said(author: &str, at: DateTime<Utc>, text: &str) -> String {
    let (author, at) = (escape(author), at.format("%Y-%m-%d %H:%M:%S UTC"));
    let text = if text.is_empty() { "<em>No description.</em>".to_owned() } else { escape(text) };
    format!("<article><header><b>{author}</b> <time>{at}</time></header><div class=\"text\">{text}</div></article>")
}

fn state(ticket: &TicketView) -> &'static str {
    match (ticket.open, ticket.is_pull_request) {
        (true, false) => "<span class=\"state open\">Open</span>",
        (false, false) => "<span class=\"state closed\">Closed</span>",
        (true, true) => "<span class=\"state open\">Open pull request</span>",
        (false, true) => "<span class=\"state closed\">Closed pull request</span>",
    }
}

fn chips(ticket: &TicketView) -> String {
    ticket.label_defs.iter().map(|label| chip(label)).collect()
}

/// A label in its colour, the text dark or light, whichever can be read on it.
fn chip(label: &LabelDef) -> String {
    let digits = |at: std::ops::Range<usize>| {
        label.color.get(at).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0xed)
    };
    let (red, green, blue) = (digits(0..2), digits(2..4), digits(4..6));
    // Weights of the eye for the three colours, in thousandths (ITU-R BT.601).
    let brightness = (299 * red + 587 * green + 114 * blue) / 1000;
    let ink = if brightness > 140 { "1f2328" } else { "ffffff" };
    let name = escape(&label.name);
    format!("<span class=\"chip\" style=\"background:rgb({red},{green},{blue});color:#{ink}\">{name}</span>")
}

fn link(path: &str, text: &str) -> String {
    format!("<a href=\"{}\">{}</a>", escape(path), escape(text))
}

/// Safe between tags and in quoted attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            sign => safe.push(sign),
        }
    }
    safe
}
