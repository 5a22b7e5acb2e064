//! The simulated GitLab over real HTTP: each behaviour that a client of the real one could get wrong.
//!
//! A plain client on loopback, a server per test on a free port. Every wait has a bound.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use agent_smith::sim::SimServer;
use agent_smith::sim::board::{Board, LabelRule, NewTicket, TicketView};
use agent_smith::sim::gitlab::{Kind, SimOptions, serve};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};

const PROJECT: &str = "group/sub/my-api";
const ISSUES: &str = "/projects/group%2Fsub%2Fmy-api/issues";
const ISSUE: &str = "/projects/group%2Fsub%2Fmy-api/issues/1";
const NOTES: &str = "/projects/group%2Fsub%2Fmy-api/issues/1/notes";
const BOUND: Duration = Duration::from_secs(10);

struct Sim {
    board: Board,
    server: SimServer,
    http: Client,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    fn numbers(&self) -> Vec<u64> {
        self.json().as_array().unwrap().iter().map(|issue| issue["iid"].as_u64().unwrap()).collect()
    }

    fn labels(&self) -> Vec<String> {
        self.json()["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap().to_owned()).collect()
    }

    /// The URL that `Link` gives for `rel`.
    fn link(&self, rel: &str) -> Option<String> {
        let rel = format!("rel=\"{rel}\"");
        let part = self.header("link")?.split(", ").find(|part| part.ends_with(&rel))?;
        Some(part.split_once('>')?.0.trim_start_matches('<').to_owned())
    }
}

impl Sim {
    async fn start() -> Self {
        Self::with(SimOptions::default()).await
    }

    async fn with(options: SimOptions) -> Self {
        let board = Board::new();
        board.add_tracker_with(PROJECT, LabelRule::ExactCase).unwrap();
        let server = serve(board.clone(), options).await.unwrap();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(BOUND);
        Self { board, server, http: http.build().unwrap() }
    }

    fn open(&self, labels: &[&str]) -> u64 {
        let new = labels.iter().fold(NewTicket::titled("a ticket"), |new, label| new.label(*label));
        self.board.open_ticket(PROJECT, new).unwrap()
    }

    /// `path` is below the API base, or absolute. `token` is a header with its value.
    async fn call_as(&self, token: Option<(&str, &str)>, method: &str, path: &str, body: Option<Value>) -> Answer {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.server.api_url()) };
        let mut call = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if let Some((name, value)) = token {
            call = call.header(name, value);
        }
        if let Some(body) = body {
            call = match body.as_str() {
                Some(form) => call.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned()),
                None => call.header("content-type", "application/json").body(body.to_string()),
            };
        }
        let answer = call.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.call_as(Some(("private-token", "simulated-gitlab-token")), method, path, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    async fn list(&self, query: &str) -> Answer {
        self.get(&format!("{ISSUES}?{query}")).await
    }

    /// A form when `body` is a string, else JSON.
    async fn put(&self, body: Value) -> Answer {
        self.call("PUT", ISSUE, Some(body)).await
    }
}

#[tokio::test]
async fn an_issue_has_the_documented_shape_also_below_a_path() {
    for prefix in ["", "/gitlab"] {
        let sim = Sim::with(SimOptions { prefix: prefix.to_owned(), ..SimOptions::default() }).await;
        sim.open(&["Bug", "agent-smith:pending"]);
        let answer = sim.get(ISSUE).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert_eq!(answer.labels(), ["Bug", "agent-smith:pending"]);
        let issue = answer.json();
        let fields =
            [("iid", json!(1)), ("title", json!("a ticket")), ("state", json!("opened")), ("type", json!("ISSUE"))];
        for (field, value) in fields {
            assert_eq!(issue[field], value, "{field}");
        }
        assert!(
            issue["description"].is_null() && issue["closed_at"].is_null() && issue["confidential"] == json!(false)
        );
        assert_eq!(issue["web_url"], format!("{}{prefix}/{PROJECT}/-/issues/1", sim.server.url()));
        assert_eq!(issue["references"]["full"], format!("{PROJECT}#1"));
        let id = sim.board.tracker(PROJECT).unwrap().id;
        assert_eq!(sim.get(&format!("/projects/{id}/issues/1")).await.json()["id"], issue["id"]);
        assert_eq!(sim.get("/projects/GROUP%2Fsub%2FMy-Api/issues/1").await.status, 200);
    }
}

#[tokio::test]
async fn a_path_is_one_encoded_segment_and_what_cannot_be_seen_does_not_exist() {
    let sim = Sim::start().await;
    sim.open(&[]);
    let raw = sim.get("/projects/group/sub/my-api/issues").await;
    assert_eq!((raw.status, raw.json()), (404, json!({ "error": "404 Not Found" })));
    assert_eq!(sim.get(&format!("{ISSUES}/2")).await.json(), json!({ "message": "404 Not found" }));
    assert_eq!(sim.get(&format!("{ISSUES}/x")).await.status, 400);
    let unseen = [sim.get("/projects/group%2Fother").await, sim.call_as(None, "GET", ISSUE, None).await];
    sim.board.hide_tracker(PROJECT, true).unwrap();
    for answer in unseen.into_iter().chain([sim.get(ISSUE).await]) {
        assert_eq!((answer.status, answer.json()), (404, json!({ "message": "404 Project Not Found" })));
    }
}

#[tokio::test]
async fn both_schemes_carry_a_token_and_a_wrong_one_is_refused() {
    let sim = Sim::start().await;
    sim.open(&[]);
    let good = [("private-token", "simulated-gitlab-token"), ("authorization", "Bearer simulated-gitlab-token")];
    for token in good {
        assert_eq!(sim.call_as(Some(token), "GET", ISSUE, None).await.status, 200);
    }
    for token in [("private-token", "x"), ("authorization", "Bearer x"), ("authorization", "Basic eDp5")] {
        let answer = sim.call_as(Some(token), "GET", ISSUE, None).await;
        assert_eq!((answer.status, answer.json()), (401, json!({ "message": "401 Unauthorized" })));
    }
}

#[tokio::test]
async fn labels_in_a_query_must_all_be_there_in_their_exact_spelling() {
    let sim = Sim::start().await;
    for labels in [&["a", "b"][..], &["A"], &["a"], &["a", "done"], &[]] {
        sim.open(labels);
    }
    sim.board.open_pull_request(PROJECT, NewTicket::titled("merge").label("a")).unwrap();
    sim.board.close(PROJECT, 3).unwrap();
    assert_eq!(sim.list("").await.numbers(), [5, 4, 3, 2, 1], "every state, newest first, no merge requests");
    for (query, expected) in [
        ("labels=a,b", &[1][..]),
        ("labels=A", &[2]),
        ("labels=a&sort=asc", &[1, 3, 4]),
        ("labels=a&state=opened&sort=asc", &[1, 4]),
        ("labels=a&state=closed", &[3]),
        ("labels=a&not%5Blabels%5D=done,b", &[3]),
        ("labels=None", &[5]),
        ("labels=any&sort=asc", &[1, 2, 3, 4]),
    ] {
        assert_eq!(sim.list(query).await.numbers(), expected, "{query}");
    }
    assert_eq!(sim.list("state=open").await.status, 400);
}

#[tokio::test]
async fn numbered_pages_have_links_and_headers_and_totals_up_to_a_bound() {
    let sim = Sim::with(SimOptions { totals_up_to: 5, ..SimOptions::default() }).await;
    for _ in 0..5 {
        sim.open(&["a"]);
    }
    let first = sim.list("per_page=2&sort=asc").await;
    assert_eq!(first.numbers(), [1, 2]);
    let header = |name: &str| first.header(name).unwrap_or("none").to_owned();
    assert_eq!((header("x-next-page"), header("x-prev-page"), header("x-total")), ("2".into(), "".into(), "5".into()));
    assert!(first.link("last").unwrap().contains("page=3"));
    let second = sim.get(&first.link("next").unwrap()).await;
    let last = sim.get(&second.link("next").unwrap()).await;
    assert_eq!((second.numbers(), last.numbers()), (vec![3, 4], vec![5]));
    assert_eq!((last.link("next"), last.header("x-next-page")), (None, Some("")), "an empty string on the last page");
    sim.open(&["a"]);
    let uncounted = sim.list("per_page=2").await;
    assert_eq!(
        (uncounted.header("x-total"), uncounted.header("x-total-pages"), uncounted.link("last")),
        (None, None, None)
    );
    assert!(uncounted.link("next").is_some());
    for _ in 0..100 {
        sim.open(&[]);
    }
    assert_eq!((sim.list("").await.numbers().len(), sim.list("per_page=500").await.numbers().len()), (20, 100));
}

#[tokio::test]
async fn pages_by_cursor_do_not_skip_when_tickets_leave_the_set() {
    let sim = Sim::start().await;
    for _ in 0..5 {
        sim.open(&["a"]);
    }
    let first = sim.list("labels=a&state=opened&sort=asc&per_page=2&pagination=keyset").await;
    assert_eq!((first.numbers(), first.header("x-next-page")), (vec![1, 2], None));
    sim.board.close(PROJECT, 1).unwrap();
    sim.board.close(PROJECT, 2).unwrap();
    let second = sim.get(&first.link("next").unwrap()).await;
    assert_eq!(second.numbers(), [3, 4]);
    assert_eq!(sim.get(&second.link("next").unwrap()).await.link("next"), None);
    let old = Sim::with(SimOptions { cursors: false, ..SimOptions::default() }).await;
    for _ in 0..3 {
        old.open(&["a"]);
    }
    let ignored = old.list("labels=a&per_page=2&pagination=keyset").await;
    assert!(ignored.link("next").unwrap().contains("page=2"));
}

#[tokio::test]
async fn labels_are_added_and_removed_by_name_as_form_and_as_json() {
    let sim = Sim::start().await;
    sim.open(&["keep", "old"]);
    let answer = sim.put(json!("add_labels=new,agent-smith%3Adone&remove_labels=old,absent,KEEP")).await;
    assert_eq!((answer.status, answer.labels()), (200, vec!["keep".into(), "new".into(), "agent-smith:done".into()]));
    assert!(sim.board.label(PROJECT, "new").is_some() && sim.board.label(PROJECT, "absent").is_none());
    let answer = sim.put(json!({ "add_labels": ["x", "y"], "remove_labels": "new,keep" })).await;
    assert_eq!(answer.labels(), ["agent-smith:done", "x", "y"]);
    assert_eq!(sim.put(json!({ "labels": "z" })).await.labels(), ["z"]);
    assert!(sim.put(json!({ "labels": "" })).await.labels().is_empty());
    assert_eq!(sim.put(json!({ "state_event": "close" })).await.json()["state"], "closed");
    assert_eq!(sim.put(json!({ "other": 1 })).await.status, 400);
}

#[tokio::test]
async fn racing_writers_can_leave_a_label_twice() {
    let sim = Sim::with(SimOptions { doubles_labels: true, ..SimOptions::default() }).await;
    sim.open(&[]);
    sim.put(json!({ "add_labels": "a" })).await;
    assert_eq!(sim.put(json!({ "add_labels": "a,b" })).await.labels(), ["a", "a", "b"]);
    assert_eq!(sim.get(ISSUE).await.labels(), ["a", "a", "b"]);
    assert_eq!(sim.put(json!({ "remove_labels": "a" })).await.labels(), ["b"]);
}

#[tokio::test]
async fn a_guest_is_refused_and_an_author_is_ignored() {
    let sim = Sim::start().await;
    sim.open(&[]);
    sim.board.acting_as("smith").open_ticket(PROJECT, NewTicket::titled("own")).unwrap();
    sim.board.set_can_write(PROJECT, false).unwrap();
    let refused = sim.put(json!({ "add_labels": "a" })).await;
    assert_eq!((refused.status, refused.json()), (403, json!({ "message": "403 Forbidden" })));
    let ignored = sim.call("PUT", &format!("{ISSUES}/2"), Some(json!({ "add_labels": "a", "title": "new" }))).await;
    assert_eq!((ignored.status, ignored.labels().len(), &ignored.json()["title"]), (200, 0, &json!("new")));
    let level =
        &sim.get("/projects/group%2Fsub%2Fmy-api").await.json()["permissions"]["project_access"]["access_level"];
    assert_eq!(level, &json!(10));
}

#[tokio::test]
async fn a_token_of_small_scope_may_read_only() {
    let sim = Sim::with(SimOptions { read_only_token: true, ..SimOptions::default() }).await;
    sim.open(&[]);
    assert_eq!(sim.get(ISSUE).await.status, 200);
    let refused = sim.put(json!({ "add_labels": "a" })).await;
    assert_eq!((refused.status, &refused.json()["error"]), (403, &json!("insufficient_scope")));
}

#[tokio::test]
async fn a_renamed_project_redirects_reads_and_refuses_writes() {
    let sim = Sim::with(SimOptions { prefix: "/gitlab".to_owned(), ..SimOptions::default() }).await;
    sim.open(&[]);
    sim.board.move_tracker(PROJECT, "group/renamed").unwrap();
    let read = sim.get(&format!("{ISSUE}?x=1")).await;
    let id = sim.board.tracker("group/renamed").unwrap().id;
    assert_eq!(read.status, 301);
    assert_eq!(read.header("location").unwrap(), format!("{}/projects/{id}/issues/1?x=1", sim.server.api_url()));
    let write = sim.put(json!({ "add_labels": "a" })).await;
    assert_eq!(
        (write.status, &write.json()["message"]),
        (405, &json!("Non GET methods are not allowed for moved projects"))
    );
}

#[tokio::test]
async fn a_moved_issue_stays_behind_closed_with_the_new_id() {
    let sim = Sim::start().await;
    sim.board.add_tracker("group/other").unwrap();
    sim.open(&["a"]);
    let there = sim.board.transfer(PROJECT, 1, "group/other").unwrap();
    let left = sim.get(ISSUE).await.json();
    let id = sim.board.ticket("group/other", there).unwrap().id;
    assert_eq!((&left["iid"], &left["state"], &left["moved_to_id"]), (&json!(1), &json!("closed"), &json!(id)));
}

#[tokio::test]
async fn confidential_issues_are_shown_to_members_and_work_items_are_issues() {
    let kind_of = |ticket: &TicketView| Kind {
        issue_type: if ticket.number == 2 { "task" } else { "issue" },
        confidential: ticket.number == 1,
    };
    let sim = Sim::with(SimOptions { kind_of, ..SimOptions::default() }).await;
    sim.open(&["a"]);
    sim.open(&["a"]);
    assert_eq!(sim.list("labels=a").await.numbers(), [2, 1]);
    assert_eq!(sim.list("issue_type=issue").await.numbers(), [1]);
    let task = sim.get(&format!("{ISSUES}/2")).await.json();
    assert_eq!(task["type"], "TASK");
    assert!(task["web_url"].as_str().unwrap().ends_with("/-/work_items/2"));
    assert_eq!(sim.get(ISSUE).await.json()["confidential"], json!(true));
    sim.board.set_can_write(PROJECT, false).unwrap();
    assert_eq!(sim.list("labels=a").await.numbers(), [2]);
    assert_eq!(sim.get(ISSUE).await.status, 404);
}

#[tokio::test]
async fn over_the_limit_the_answer_is_plain_text_with_a_wait() {
    let sim = Sim::with(SimOptions { quota: Some(2), ..SimOptions::default() }).await;
    sim.open(&[]);
    assert_eq!(sim.get(ISSUE).await.header("ratelimit-remaining"), Some("1"));
    assert_eq!(sim.get(ISSUE).await.header("ratelimit-remaining"), Some("0"));
    let refused = sim.get(ISSUE).await;
    assert_eq!((refused.status, refused.body.as_str()), (429, "Retry later\n"));
    assert!(refused.header("content-type").unwrap().starts_with("text/plain"));
    // A window of 60 s ends on the whole second behind it.
    assert!((1..=61).contains(&refused.header("retry-after").unwrap().parse::<u64>().unwrap()));
    assert!(refused.header("ratelimit-reset").is_some() && refused.header("ratelimit-resettime").is_some());
    let free = Sim::with(SimOptions { quota: None, ..SimOptions::default() }).await;
    assert_eq!(free.list("").await.header("ratelimit-limit"), None);
}

#[tokio::test]
async fn a_tag_is_given_and_not_looked_at_again() {
    let sim = Sim::start().await;
    sim.open(&[]);
    let tag = sim.get(ISSUE).await.header("etag").unwrap().to_owned();
    assert!(tag.starts_with("W/\""));
    let url = format!("{}{ISSUE}", sim.server.api_url());
    let call = sim.http.get(url).header("private-token", "simulated-gitlab-token").header("if-none-match", tag);
    assert_eq!(call.send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn notes_are_listed_newest_first_and_quick_actions_in_them_are_carried_out() {
    let sim = Sim::start().await;
    sim.open(&["bug"]);
    let note = sim.call("POST", NOTES, Some(json!("body=hello%0A%2Flabel%20~urgent%0A%2Funlabel%20~bug%0Ayou"))).await;
    assert_eq!((note.status, &note.json()["body"]), (201, &json!("hello\nyou")));
    assert_eq!(sim.get(ISSUE).await.labels(), ["urgent"]);
    let only = sim.call("POST", NOTES, Some(json!({ "body": "/close" }))).await;
    assert_eq!((only.status, &sim.get(ISSUE).await.json()["state"]), (202, &json!("closed")));
    sim.call("POST", NOTES, Some(json!({ "body": "```\n/reopen\n```" }))).await;
    assert_eq!(sim.get(ISSUE).await.json()["state"], "closed");
    let bodies = async |query: &str| {
        let notes = sim.get(&format!("{NOTES}?{query}")).await.json();
        notes.as_array().unwrap().iter().map(|note| note["body"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bodies("").await, ["```\n/reopen\n```", "hello\nyou"]);
    assert_eq!(bodies("sort=asc&per_page=1").await, ["hello\nyou"]);
    assert_eq!(sim.call("POST", NOTES, Some(json!({}))).await.status, 400);
}

#[tokio::test]
async fn label_events_tell_who_labelled() {
    let sim = Sim::start().await;
    sim.open(&["bug"]);
    sim.board.acting_as("jane").add_label(PROJECT, 1, "go").unwrap();
    sim.board.acting_as("jane").remove_label(PROJECT, 1, "bug").unwrap();
    let first = sim.get(&format!("{ISSUE}/resource_label_events?per_page=2")).await;
    let told =
        |event: &Value| (event["user"]["username"].clone(), event["action"].clone(), event["label"]["name"].clone());
    assert_eq!(told(&first.json()[0]), (json!("person"), json!("add"), json!("bug")));
    assert_eq!(told(&first.json()[1]), (json!("jane"), json!("add"), json!("go")));
    let rest = sim.get(&first.link("next").unwrap()).await.json();
    assert_eq!(told(&rest[0]), (json!("jane"), json!("remove"), json!("bug")));
    assert_eq!(rest[0]["user"].get("bot"), None, "only a user that is asked for by name says so");
}

#[tokio::test]
async fn labels_of_a_project_are_searched_without_case_and_created_once() {
    let sim = Sim::start().await;
    sim.open(&["Agent-Smith", "agent-smith", "other"]);
    let labels = "/projects/group%2Fsub%2Fmy-api/labels";
    let found = sim.get(&format!("{labels}?search=AGENT")).await.json();
    let names: Vec<&str> = found.as_array().unwrap().iter().map(|label| label["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Agent-Smith", "agent-smith"]);
    let new = json!({ "name": "x", "color": "#FBCA04", "description": "d" });
    let created = sim.call("POST", labels, Some(new.clone())).await;
    assert_eq!((created.status, &created.json()["color"]), (201, &json!("#fbca04")));
    let again = sim.call("POST", labels, Some(new)).await;
    assert_eq!((again.status, again.json()), (409, json!({ "message": "Label already exists" })));
    let comma = json!({ "name": "a,b", "color": "#FBCA04" });
    assert_eq!(sim.call("POST", labels, Some(comma)).await.status, 400);
}

#[tokio::test]
async fn pages_for_people_are_where_web_url_points() {
    let sim = Sim::with(SimOptions { prefix: "/gitlab".to_owned(), ..SimOptions::default() }).await;
    sim.board.add_tracker("group/shop").unwrap();
    sim.board.open_ticket("group/shop", NewTicket::titled("Broken <b>")).unwrap();
    let url = sim.get("/projects/group%2Fshop/issues/1").await.json()["web_url"].as_str().unwrap().to_owned();
    for url in [
        url,
        format!("{}/-/issues/1", sim.server.page_url("group/shop")),
        format!("{}/gitlab/group/shop", sim.server.url()),
    ] {
        let page = sim.call_as(None, "GET", &url, None).await;
        assert!(page.status == 200 && page.body.contains("Broken &lt;b&gt;"), "{url}: {page:?}");
    }
}
