//! The simulated GitHub over real HTTP: each behaviour that a client of the real one could get wrong.
//!
//! A plain client on loopback, a server per test on a free port. Every wait has a bound.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use agent_smith::sim::board::{Board, Event, NewTicket, What};
use agent_smith::sim::github::{SimOptions, secondary_limit, serve};
use agent_smith::sim::{Fault, Match, SimServer, Times};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};

const REPO: &str = "org/my-api";
const ISSUE: &str = "/repos/org/my-api/issues/1";
const LABELS: &str = "/repos/org/my-api/issues/1/labels";
const COMMENTS: &str = "/repos/org/my-api/issues/1/comments";
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
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    fn remaining(&self) -> u32 {
        self.header("x-ratelimit-remaining").parse().unwrap()
    }

    /// The URL that `Link` gives for `rel`.
    fn link(&self, rel: &str) -> Option<String> {
        let rel = format!("rel=\"{rel}\"");
        let part = self.header("link").split(", ").find(|part| part.ends_with(&rel))?;
        Some(part.split_once('>')?.0.trim_start_matches('<').to_owned())
    }

    fn names(&self) -> Vec<String> {
        self.json().as_array().unwrap().iter().map(|label| label["name"].as_str().unwrap().to_owned()).collect()
    }

    fn numbers(&self) -> Vec<u64> {
        self.json().as_array().unwrap().iter().map(|issue| issue["number"].as_u64().unwrap()).collect()
    }
}

impl Sim {
    async fn start() -> Self {
        Self::with(SimOptions::default()).await
    }

    async fn with(options: SimOptions) -> Self {
        let board = Board::new();
        board.add_tracker(REPO).unwrap();
        let server = serve(board.clone(), options).await.unwrap();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(BOUND);
        Self { board, server, http: http.build().unwrap() }
    }

    fn open(&self, title: &str, labels: &[&str]) -> u64 {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.board.open_ticket(REPO, NewTicket { title: title.into(), body: String::new(), labels }).unwrap()
    }

    fn labels(&self, number: u64) -> Vec<String> {
        self.board.ticket(REPO, number).unwrap().labels.iter().map(str::to_owned).collect()
    }

    /// `path` is below the API base, or absolute. A header with an empty value is not sent.
    async fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> reqwest::Result<Answer> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.server.api_url()) };
        let mut call = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        let usual = [("authorization", "Bearer simulated-github-token"), ("user-agent", "test")];
        let kept = usual.iter().filter(|(name, _)| headers.iter().all(|(given, _)| given != name));
        for (name, value) in kept.chain(headers).filter(|(_, value)| !value.is_empty()) {
            call = call.header(*name, *value);
        }
        if let Some(body) = body {
            call = call.body(body.to_string());
        }
        let answer = call.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.text().await? })
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        self.try_call(method, path, headers, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], None).await
    }

    async fn get_if_changed(&self, path: &str, tag: &str) -> Answer {
        self.call("GET", path, &[("if-none-match", tag)], None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[], Some(body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, &[], Some(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &[], None).await
    }
}

#[tokio::test]
async fn an_issue_has_the_documented_shape_below_both_bases() {
    let sim = Sim::start().await;
    sim.open("Broken <login>", &["Bug", "agent-smith:pending"]);
    sim.board.set_body(REPO, 1, "it is\nbroken").unwrap();
    let answer = sim.get(ISSUE).await;
    assert_eq!(answer.status, 200);
    let issue = answer.json();
    let api = sim.server.api_url();
    assert_eq!(issue["number"], 1);
    assert_eq!(issue["title"], "Broken <login>");
    assert_eq!(issue["body"], "it is\nbroken");
    assert_eq!(issue["state"], "open");
    assert_eq!(issue["comments"], 0);
    assert_eq!(issue["user"]["login"], "person");
    assert_eq!(issue["user"]["type"], "User");
    assert_eq!(issue["url"], format!("{api}/repos/org/my-api/issues/1"));
    assert_eq!(issue["html_url"], format!("{}/issues/1", sim.server.page_url(REPO)));
    assert_eq!(issue["labels"][0]["name"], "Bug");
    assert_eq!(issue["labels"][1]["url"], format!("{api}/repos/org/my-api/labels/agent-smith%3Apending"));
    for key in ["id", "node_id", "created_at", "updated_at", "events_url", "labels_url", "repository_url"] {
        assert!(!issue[key].is_null(), "{key} is missing");
    }
    assert!(issue.get("pull_request").is_none());

    let root = sim.get(&format!("{}/repos/ORG/My-Api/issues/1", sim.server.url())).await;
    assert_eq!(root.json()["url"], format!("{}/repos/org/my-api/issues/1", sim.server.url()));
    assert_eq!(sim.get("/repos/org/my-api/issues/2").await.status, 404);
    assert_eq!(sim.get("/repos/org/my-api/issues/one").await.status, 404);
    assert_eq!(sim.get("/nowhere").await.message(), "Not Found");
    assert_eq!(sim.post("/user", json!({})).await.message(), "Not Found");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

#[tokio::test]
async fn a_listing_filters_by_all_labels_and_state_and_mixes_pull_requests_in() {
    let sim = Sim::start().await;
    sim.open("one", &["bug", "agent-smith"]);
    sim.open("two", &["Bug"]);
    sim.board.open_pull_request(REPO, NewTicket::titled("three").label("bug")).unwrap();
    sim.open("four", &["bug"]);
    sim.board.close(REPO, 4).unwrap();
    let all = sim.get("/repos/org/my-api/issues").await;
    assert_eq!(all.numbers(), [3, 2, 1], "open ones, newest first");
    assert!(all.json()[0]["pull_request"]["url"].is_string());
    assert!(all.json()[1].get("pull_request").is_none());
    let list = async |query: &str| sim.get(&format!("/repos/org/my-api/issues?{query}")).await;
    assert_eq!(list("labels=BUG&direction=asc").await.numbers(), [1, 2, 3]);
    assert_eq!(list("labels=bug,agent-smith").await.numbers(), [1]);
    assert_eq!(list("labels=bug&state=closed").await.numbers(), [4]);
    assert_eq!(list("state=all&direction=asc").await.numbers(), [1, 2, 3, 4]);
    assert_eq!(list("labels=nobody").await.body, "[]");
    assert_eq!(list("state=done").await.status, 422);
    sim.board.comment(REPO, 1, "a change").unwrap();
    assert_eq!(list("sort=updated").await.numbers()[0], 1);
    assert_eq!(list("sort=comments").await.numbers()[0], 1);
    assert_eq!(list("since=2099-01-01T00:00:00Z").await.body, "[]");
}

#[tokio::test]
async fn pages_are_linked_by_opaque_urls_that_neither_skip_nor_repeat() {
    let sim = Sim::start().await;
    for number in 1..=65 {
        sim.open(&format!("ticket {number}"), &["agent-smith:pending"]);
    }
    let first = "/repos/org/my-api/issues?labels=agent-smith%3Apending&direction=asc";
    let page = sim.get(first).await;
    assert_eq!(page.numbers(), (1..=30).collect::<Vec<_>>());
    let next = page.link("next").unwrap();
    let id = sim.board.tracker(REPO).unwrap().id;
    assert!(next.starts_with(&format!("{}/repositories/{id}/issues?", sim.server.api_url())), "{next}");
    assert!(next.contains("labels=agent-smith%3Apending") && next.contains("%3D%3D"), "{next}");
    assert!(page.link("prev").is_none());

    // Tickets that leave the set between two pages push nothing out of sight.
    for number in 1..=10 {
        sim.board.close(REPO, number).unwrap();
    }
    let second = sim.get(&next).await;
    assert_eq!(second.numbers(), (31..=60).collect::<Vec<_>>());
    let third = sim.get(&second.link("next").unwrap()).await;
    assert_eq!(third.numbers(), (61..=65).collect::<Vec<_>>());
    assert!(third.link("next").is_none() && third.link("prev").is_some());

    let counted = sim.get("/repos/org/my-api/issues?state=all&direction=asc&per_page=20&page=4").await;
    assert_eq!(counted.numbers(), (61..=65).collect::<Vec<_>>());
    let whole = sim.get("/repos/org/my-api/issues?state=all&per_page=5000").await;
    assert_eq!((whole.numbers().len(), whole.header("link")), (65, ""), "no link on a single page");
    for number in 66..=101 {
        sim.open(&format!("ticket {number}"), &[]);
    }
    assert_eq!(sim.get("/repos/org/my-api/issues?state=all&per_page=5000").await.numbers().len(), 100);
    assert_eq!(sim.get("/repos/org/my-api/issues?after=nonsense").await.status, 422);

    let proxied = sim.call("GET", first, &[("host", "github.example")], None).await;
    assert!(proxied.link("next").unwrap().starts_with("http://github.example/api/v3/repositories/"));
}

#[tokio::test]
async fn a_304_is_free_and_an_etag_knows_the_body_and_the_token_alone() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    let path = "/repos/org/my-api/issues?per_page=1&direction=asc";
    let first = sim.get(path).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
    let again = sim.get_if_changed(path, &tag).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.remaining(), first.remaining(), "a 304 costs nothing");
    assert_eq!(again.header("etag"), tag);
    assert_eq!(sim.server.faults().counters().quota_spent, 1);
    assert_eq!(sim.get_if_changed(path, &format!("\"x\", {tag}")).await.status, 304);

    // A second page comes into being: the first one is unchanged, its link is not.
    sim.open("two", &[]);
    let grown = sim.get_if_changed(path, &tag).await;
    assert_eq!(grown.status, 304);
    assert!(first.link("next").is_none() && grown.link("next").is_some());

    let other = sim.call("GET", path, &[("authorization", "token simulated-github-token")], None).await;
    assert_ne!(other.header("etag"), tag, "the tag covers the authorization header");

    sim.board.set_body(REPO, 1, "changed").unwrap();
    let changed = sim.get_if_changed(path, &tag).await;
    assert_eq!((changed.status, changed.remaining()), (200, first.remaining() - 2));
    assert_eq!(sim.get_if_changed("/repos/org/my-api", &tag).await.status, 200);
}

#[tokio::test]
async fn conditions_on_writes_are_refused_and_nothing_is_written() {
    let sim = Sim::start().await;
    sim.open("one", &["bug"]);
    let cases = [
        ("PATCH", ISSUE.to_owned(), json!({"state": "closed"})),
        ("POST", LABELS.to_owned(), json!(["x"])),
        ("PUT", LABELS.to_owned(), json!(["x"])),
        ("DELETE", format!("{LABELS}/bug"), json!({})),
    ];
    let before = sim.board.ticket(REPO, 1);
    for (method, path, body) in cases {
        for condition in ["if-match", "if-none-match", "if-unmodified-since"] {
            let answer = sim.call(method, &path, &[(condition, "\"x\"")], Some(body.clone())).await;
            assert_eq!(answer.status, 400, "{method} {condition}");
            let sentence =
                "Conditional request headers are not allowed in unsafe requests unless supported by the endpoint";
            assert_eq!(answer.message(), sentence);
        }
    }
    assert_eq!(sim.board.ticket(REPO, 1), before);
}

#[tokio::test]
async fn labels_are_added_removed_and_replaced() {
    let sim = Sim::start().await;
    sim.open("one", &["Bug"]);
    let added = sim.post(LABELS, json!({"labels": ["agent-smith:pending", "BUG"]})).await;
    assert_eq!((added.status, added.names()), (200, vec!["Bug".to_owned(), "agent-smith:pending".to_owned()]));
    let created = &added.json()[1];
    assert_eq!((created["color"].as_str(), created["description"].is_null()), (Some("ededed"), true));
    assert_eq!(sim.get(LABELS).await.names(), added.names());

    let again = sim.post(LABELS, json!(["AGENT-SMITH:PENDING"])).await;
    assert_eq!(again.names(), added.names(), "the first spelling stays");
    let mut events = sim.board.history_of(REPO, 1);
    events.retain(|event: &Event| event.what == What::LabelAdded("agent-smith:pending".into()));
    assert_eq!((events.len(), events[0].actor.as_str()), (1, "smith"));

    let removed = sim.delete(&format!("{LABELS}/agent-smith%3APending")).await;
    assert_eq!((removed.status, removed.names()), (200, vec!["Bug".to_owned()]));
    let absent = sim.delete(&format!("{LABELS}/agent-smith%3Apending")).await;
    assert_eq!((absent.status, absent.message()), (404, "Label does not exist".to_owned()));

    sim.post(LABELS, json!(["area/ü #1"])).await;
    let odd = sim.delete(&format!("{LABELS}/area%2F%C3%BC%20%231")).await;
    assert_eq!((odd.status, odd.names()), (200, vec!["Bug".to_owned()]));

    let replaced = sim.call("PUT", LABELS, &[], Some(json!({"labels": ["x", "y"]}))).await;
    assert_eq!(replaced.names(), ["x", "y"]);
    let patched = sim.patch(ISSUE, json!({"labels": [{"name": "z"}]})).await;
    assert_eq!(patched.json()["labels"][0]["name"], "z");
    assert_eq!(sim.delete(LABELS).await.status, 204);
    assert!(sim.labels(1).is_empty());
}

#[tokio::test]
async fn invalid_labels_are_422_and_leave_nothing_half_done() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    let long = "x".repeat(51);
    for body in [json!([]), json!({"labels": []}), json!({"labels": "x"}), json!({}), json!([1])] {
        assert_eq!(sim.post(LABELS, body.clone()).await.status, 422, "{body}");
    }
    for bad in ["", "  ", &long] {
        let answer = sim.post(LABELS, json!(["good", bad])).await;
        assert_eq!((answer.status, answer.message()), (422, "Validation Failed".to_owned()), "{bad:?}");
        assert_eq!(answer.json()["errors"][0]["code"], "invalid");
    }
    let many: Vec<String> = (0..101).map(|n| format!("l{n}")).collect();
    assert_eq!(sim.post(LABELS, json!(many)).await.status, 422);
    assert!(sim.labels(1).is_empty() && sim.board.labels(REPO).is_empty());
    let broken = sim.call("POST", LABELS, &[], None).await;
    assert_eq!((broken.status, broken.message()), (400, "Problems parsing JSON".to_owned()));
}

#[tokio::test]
async fn labels_of_a_repository_are_created_once_in_any_case() {
    let sim = Sim::start().await;
    let labels = "/repos/org/my-api/labels";
    let new = json!({"name": "agent-smith:done", "color": "0E8A16", "description": "finished"});
    let created = sim.post(labels, new).await;
    assert_eq!((created.status, &created.json()["color"]), (201, &json!("0e8a16")));
    let twice = sim.post(labels, json!({"name": "Agent-Smith:Done"})).await;
    assert_eq!((twice.status, &twice.json()["errors"][0]["code"]), (422, &json!("already_exists")));
    assert_eq!(sim.post(labels, json!({"name": "x", "color": "#fff"})).await.status, 422);
    let one = sim.get(&format!("{labels}/AGENT-SMITH%3Adone")).await;
    assert_eq!(one.json()["description"], "finished");
    assert_eq!(sim.get(&format!("{labels}/absent")).await.status, 404);
    assert_eq!(sim.get(labels).await.names(), ["agent-smith:done"]);
}

#[tokio::test]
async fn events_tell_who_labelled_and_where_the_last_page_is() {
    let sim = Sim::start().await;
    sim.open("one", &["bug"]);
    let jane = sim.board.acting_as("jane");
    jane.add_label(REPO, 1, "go").unwrap();
    jane.comment(REPO, 1, "no event").unwrap();
    sim.board.acting_as("ci[bot]").remove_label(REPO, 1, "bug").unwrap();
    let first = sim.get(&format!("{ISSUE}/events?per_page=2")).await;
    let told = |answer: &Answer| -> Vec<String> {
        let told = |event: &Value| format!("{} {} {}", event["actor"]["login"], event["event"], event["label"]["name"]);
        answer.json().as_array().unwrap().iter().map(told).map(|line| line.replace('"', "")).collect()
    };
    assert_eq!(told(&first), ["person labeled bug", "jane labeled go"]);
    let last = sim.get(&first.link("last").unwrap()).await;
    assert_eq!(told(&last), ["ci[bot] unlabeled bug"]);
    assert_eq!((last.link("next"), last.link("last")), (None, None));
    assert_eq!(told(&sim.get(&last.link("prev").unwrap()).await), told(&first));
    assert_eq!(
        (&last.json()[0]["actor"]["type"], sim.get("/repos/org/my-api/issues/2/events").await.status),
        (&json!("Bot"), 404)
    );
}

#[tokio::test]
async fn comments_are_written_and_paged_oldest_first() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    for number in 1..=3 {
        let written = sim.post(COMMENTS, json!({"body": format!("comment {number}")})).await;
        assert_eq!((written.status, &written.json()["user"]["login"]), (201, &json!("smith")));
        assert_eq!(written.json()["url"], written.header("location"));
    }
    let page = sim.get(&format!("{COMMENTS}?per_page=2")).await;
    assert_eq!(page.json()[0]["body"], "comment 1");
    let rest = sim.get(&page.link("next").unwrap()).await.json();
    assert_eq!((rest[0]["body"].as_str(), rest.as_array().unwrap().len()), (Some("comment 3"), 1));
    assert_eq!(sim.get(ISSUE).await.json()["comments"], 3);
    let longest = "ü".repeat(65_536);
    assert_eq!(sim.post(COMMENTS, json!({"body": longest})).await.status, 201);
    assert_eq!(sim.post(COMMENTS, json!({"body": format!("{longest}x")})).await.status, 422);
    for body in [json!({}), json!({"body": ""}), json!({"body": 1})] {
        assert_eq!(sim.post(COMMENTS, body.clone()).await.status, 422, "{body}");
    }
    assert_eq!(sim.board.ticket(REPO, 1).unwrap().comments.len(), 4);
    let huge = sim.try_call("POST", COMMENTS, &[], Some(json!({"body": "x".repeat(2 << 20)}))).await;
    assert!(huge.is_err() || huge.unwrap().status == 413);
    assert_eq!(sim.board.ticket(REPO, 1).unwrap().comments.len(), 4);
}

#[tokio::test]
async fn issues_are_opened_edited_and_closed() {
    let sim = Sim::start().await;
    let opened = sim.post("/repos/org/my-api/issues", json!({"title": "New", "labels": ["agent-smith"]})).await;
    assert_eq!((opened.status, &opened.json()["number"]), (201, &json!(1)));
    assert!(opened.json()["body"].is_null());
    assert_eq!(sim.post("/repos/org/my-api/issues", json!({"body": "no title"})).await.status, 422);
    let closed = sim.patch(ISSUE, json!({"state": "closed", "title": "Newer"})).await.json();
    assert_eq!((&closed["state"], &closed["title"]), (&json!("closed"), &json!("Newer")));
    assert!(closed["closed_at"].is_string());
    assert_eq!(closed["labels"][0]["name"], "agent-smith", "what is not named stays");
    assert_eq!(sim.patch(ISSUE, json!({"state": "gone"})).await.status, 422);
    let whats: Vec<What> = sim.board.history_of(REPO, 1).into_iter().map(|event| event.what).collect();
    assert_eq!(whats, [What::Opened, What::LabelAdded("agent-smith".into()), What::TitleSet, What::Closed]);
}

#[tokio::test]
async fn label_writes_without_push_access_are_dropped_in_silence() {
    let sim = Sim::start().await;
    sim.open("one", &["bug"]);
    sim.board.set_can_write(REPO, false).unwrap();
    let answers = [
        sim.post(LABELS, json!(["agent-smith:enqueued"])).await,
        sim.call("PUT", LABELS, &[], Some(json!(["x"]))).await,
        sim.delete(&format!("{LABELS}/bug")).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.names()), (200, vec!["bug".to_owned()]));
    }
    let patched = sim.patch(ISSUE, json!({"labels": ["x"]})).await;
    assert_eq!((patched.status, &patched.json()["labels"][0]["name"]), (200, &json!("bug")));
    assert_eq!(sim.labels(1), ["bug"]);
    assert_eq!(sim.patch(ISSUE, json!({"state": "closed"})).await.status, 403);
    assert_eq!(sim.post("/repos/org/my-api/labels", json!({"name": "x"})).await.status, 404);
    assert_eq!(sim.get("/repos/org/my-api").await.json()["permissions"]["push"], false);
    assert_eq!(sim.post(COMMENTS, json!({"body": "hi"})).await.status, 201);
    sim.board.set_can_write(REPO, true).unwrap();
    assert_eq!(sim.post(LABELS, json!(["x"])).await.names(), ["bug", "x"]);
    assert_eq!(sim.get("/repos/org/my-api").await.json()["permissions"]["push"], true);
}

#[tokio::test]
async fn credentials_version_and_user_agent_are_checked() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    let wrong = sim.call("GET", "/user", &[("authorization", "Bearer wrong")], None).await;
    assert_eq!((wrong.status, wrong.message()), (401, "Bad credentials".to_owned()));
    assert_eq!(sim.get("/user").await.json()["login"], "smith");
    let anonymous = sim.call("GET", "/user", &[("authorization", "")], None).await;
    assert_eq!((anonymous.status, anonymous.message()), (401, "Requires authentication".to_owned()));
    assert_eq!(sim.call("GET", ISSUE, &[("authorization", "")], None).await.status, 404);
    let version = sim.call("GET", "/user", &[("x-github-api-version", "2019-01-01")], None).await;
    assert_eq!(version.status, 410);
    assert_eq!(sim.call("GET", "/user", &[("x-github-api-version", "2022-11-28")], None).await.status, 200);
    let nobody = sim.call("GET", "/user", &[("user-agent", "")], None).await;
    assert_eq!(nobody.status, 403);
    assert!(nobody.body.contains("User-Agent"));
}

#[tokio::test]
async fn a_hidden_repository_looks_like_none_at_all() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    let absent = sim.get("/repos/org/absent").await;
    sim.board.hide_tracker(REPO, true).unwrap();
    let hidden = sim.get("/repos/org/my-api").await;
    assert_eq!((hidden.status, &hidden.body), (404, &absent.body));
    assert_eq!(sim.get(ISSUE).await.status, 404);
    assert_eq!(sim.get(&sim.server.page_url(REPO)).await.status, 404);
    sim.board.hide_tracker(REPO, false).unwrap();
    assert_eq!(sim.get("/repos/org/my-api").await.json()["full_name"], "org/my-api");
}

#[tokio::test]
async fn a_renamed_repository_redirects_and_its_id_goes_on_working() {
    let sim = Sim::start().await;
    sim.open("one", &["bug"]);
    sim.board.move_tracker(REPO, "org/renamed").unwrap();
    let listing = sim.get("/repos/org/my-api/issues?labels=bug%2Cx&state=all").await;
    let id = sim.board.tracker(REPO).unwrap().id;
    let target = format!("{}/repositories/{id}/issues?labels=bug%2Cx&state=all", sim.server.api_url());
    assert_eq!((listing.status, listing.header("location")), (301, target.as_str()));
    assert_eq!(listing.message(), "Moved Permanently");
    let write = sim.post(LABELS, json!(["x"])).await;
    assert_eq!((write.status, sim.labels(1)), (307, vec!["bug".to_owned()]));
    let followed = sim.post(write.header("location"), json!(["x"])).await;
    assert_eq!(followed.names(), ["bug", "x"]);
    let issue = sim.get(&format!("/repositories/{id}/issues/1")).await.json();
    assert_eq!(issue["repository_url"], format!("{}/repos/org/renamed", sim.server.api_url()));
    let root = sim.get(&format!("{}/repos/org/my-api", sim.server.url())).await;
    assert_eq!(root.header("location"), format!("{}/repositories/{id}", sim.server.url()));
    let page = sim.get(&sim.server.page_url("org/renamed")).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn a_deleted_issue_is_gone_and_a_transferred_one_redirects() {
    let sim = Sim::start().await;
    sim.board.add_tracker("org/other").unwrap();
    sim.open("deleted", &[]);
    sim.open("moved", &["bug"]);
    sim.board.delete(REPO, 1).unwrap();
    for answer in [sim.get(ISSUE).await, sim.get(COMMENTS).await, sim.post(LABELS, json!(["x"])).await] {
        assert_eq!((answer.status, answer.message()), (410, "This issue was deleted".to_owned()));
    }
    assert_eq!(sim.board.transfer(REPO, 2, "org/other").unwrap(), 1);
    let id = sim.board.tracker("org/other").unwrap().id;
    let moved = sim.get("/repos/org/my-api/issues/2").await;
    let target = format!("{}/repositories/{id}/issues/1", sim.server.api_url());
    assert_eq!((moved.status, moved.header("location")), (301, target.as_str()));
    assert_eq!(sim.get(&target).await.json()["labels"][0]["name"], "bug");
    let below = sim.post("/repos/org/my-api/issues/2/labels", json!(["x"])).await;
    assert_eq!((below.status, below.header("location")), (301, format!("{target}/labels").as_str()));
    assert_eq!(sim.get("/repos/org/my-api/issues").await.body, "[]");
    sim.board.hide_tracker("org/other", true).unwrap();
    assert_eq!(sim.get("/repos/org/my-api/issues/2").await.status, 404);
    assert_eq!(sim.open("next", &[]), 3, "numbers are never used again");
}

#[tokio::test]
async fn the_primary_limit_refuses_until_the_announced_second() {
    let sim = Sim::with(SimOptions { quota: Some(3), ..SimOptions::default() }).await;
    sim.open("one", &[]);
    let tag = sim.get(ISSUE).await.header("etag").to_owned();
    assert_eq!(sim.get("/repos/org/absent").await.remaining(), 1, "an error costs one");
    assert_eq!(sim.get("/rate_limit").await.json()["resources"]["core"]["remaining"], 1);
    assert_eq!(sim.get(ISSUE).await.remaining(), 0);
    let refused = sim.get(ISSUE).await;
    assert_eq!((refused.status, refused.remaining(), refused.header("retry-after")), (403, 0, ""));
    assert!(refused.message().starts_with("API rate limit exceeded"));
    assert!(refused.header("x-ratelimit-reset").parse::<u64>().unwrap() * 1000 > agent_smith::clock::unix_millis());
    assert_eq!(sim.get_if_changed(ISSUE, &tag).await.status, 403);
    assert_eq!(sim.server.faults().counters().quota_spent, 3);
    assert_eq!(sim.get("/rate_limit").await.status, 200, "asking how much is left is always possible");

    sim.server.faults().exhaust_quota(Duration::from_secs(60), 429);
    assert_eq!(sim.get(ISSUE).await.status, 429);
    sim.server.faults().refill_quota();
    assert_eq!(sim.get(ISSUE).await.remaining(), 2);

    let unlimited = Sim::with(SimOptions { quota: None, ..SimOptions::default() }).await;
    let answer = unlimited.get("/user").await;
    assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (200, ""));
    assert_eq!(unlimited.get("/rate_limit").await.status, 404);
}

#[tokio::test]
async fn the_secondary_limit_comes_in_four_forms() {
    let sim = Sim::start().await;
    for status in [403, 429] {
        for wait in [None, Some(Duration::from_secs(7))] {
            sim.server.faults().fail(Match::new("GET", "/user"), Times::Next(1), secondary_limit(status, wait));
            let answer = sim.get("/user").await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("retry-after"), if wait.is_some() { "7" } else { "" });
            assert!(answer.message().contains("secondary rate limit"));
            assert_eq!(sim.get("/user").await.status, 200);
        }
    }
}

#[tokio::test]
async fn faults_hit_what_they_match_as_often_as_they_were_asked_to() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    let faults = sim.server.faults();
    faults.fail(Match::new("POST", "/issues/1/labels"), Times::Next(2), Fault::status(502).header("x-why", "test"));
    assert_eq!(sim.get(LABELS).await.status, 200);
    for _ in 0..2 {
        let answer = sim.post(LABELS, json!(["x"])).await;
        assert_eq!((answer.status, answer.header("x-why")), (502, "test"));
    }
    assert!(sim.labels(1).is_empty());
    assert_eq!(sim.post(LABELS, json!(["x"])).await.status, 200);

    faults.fail(Match::any(), Times::Always, Fault::html_page(503));
    for _ in 0..3 {
        let page = sim.get("/user").await;
        assert_eq!((page.status, page.header("content-type")), (503, "text/html; charset=utf-8"));
    }
    faults.clear();
    faults.fail(Match::path("/user"), Times::Next(1), Fault::Garbage);
    let garbage = sim.get("/user").await;
    assert_eq!((garbage.status, garbage.header("content-type")), (200, "application/json"));
    assert!(serde_json::from_str::<Value>(&garbage.body).is_err());
    let late = Duration::from_millis(40);
    faults.fail(Match::path("/user"), Times::Next(1), Fault::Delay(late));
    let started = std::time::Instant::now();
    assert_eq!(sim.get("/user").await.status, 200);
    assert!(started.elapsed() >= late);
    faults.latency(late);
    let started = std::time::Instant::now();
    assert_eq!(sim.get("/user").await.status, 200);
    assert!(started.elapsed() >= late);
}

#[tokio::test]
async fn connections_close_before_and_after_the_work() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    let faults = sim.server.faults();
    let comment = || Some(json!({"body": "hello"}));
    let written = || sim.board.ticket(REPO, 1).unwrap().comments.len();
    faults.fail(Match::new("POST", "/comments"), Times::Next(1), Fault::Close);
    assert!(sim.try_call("POST", COMMENTS, &[], comment()).await.is_err());
    assert_eq!(written(), 0);
    faults.fail(Match::new("POST", "/comments"), Times::Next(1), Fault::LoseAnswer);
    assert!(sim.try_call("POST", COMMENTS, &[], comment()).await.is_err());
    assert_eq!(written(), 1);
    faults.fail(Match::new("POST", "/comments"), Times::Next(1), Fault::CarryOutThen(502));
    assert_eq!(sim.post(COMMENTS, json!({"body": "hello"})).await.status, 502);
    assert_eq!(written(), 2);
    let log = faults.requests();
    let statuses: Vec<_> = log.iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, None, Some(502)]);
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_it_sends() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    sim.server.faults().fail(Match::path("/issues/1"), Times::Next(1), Fault::Truncate);
    let url = format!("{}{ISSUE}", sim.server.api_url());
    let call = sim.http.get(url).header("authorization", "Bearer simulated-github-token").header("user-agent", "test");
    let mut answer = call.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let promised = answer.content_length().unwrap();
    let mut got = 0;
    let ending = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => got += chunk.len() as u64,
            other => break other,
        }
    };
    assert!(ending.is_err() && got == promised / 2, "{got} of {promised}, then {ending:?}");
    assert_eq!(sim.get(ISSUE).await.json()["number"], 1);
}

#[tokio::test]
async fn a_hanging_request_ends_with_the_client_or_with_the_server() {
    let sim = Sim::start().await;
    sim.server.faults().fail(Match::path("/user"), Times::Always, Fault::Hang);
    let short = sim.http.get(format!("{}/user", sim.server.api_url())).timeout(Duration::from_millis(50));
    assert!(short.send().await.unwrap_err().is_timeout());
    let Sim { server, http, .. } = sim;
    let faults = server.faults().clone();
    let url = format!("{}/user", server.api_url());
    let hanging = tokio::spawn(async move { http.get(url).send().await });
    let two_arrived = async {
        while faults.counters().total < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BOUND, two_arrived).await.unwrap();
    let port = server.port();
    tokio::time::timeout(Duration::from_secs(3), server.stop()).await.expect("the stop waits for nobody");
    assert!(hanging.await.unwrap().is_err());
    let again = serve(Board::new(), SimOptions { port, ..SimOptions::default() }).await.unwrap();
    assert_eq!(again.port(), port, "the port is free after a stop");
}

#[tokio::test]
async fn held_requests_wait_at_the_door_until_they_are_let_go() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    let hold = sim.server.faults().hold(Match::new("POST", "/labels"));
    let meanwhile = async {
        assert!(hold.reached(2, BOUND).await, "two requests arrive");
        assert!(sim.labels(1).is_empty());
        assert_eq!(sim.get(LABELS).await.status, 200, "others pass");
        drop(hold);
    };
    let (first, second, ()) = tokio::join!(sim.post(LABELS, json!(["a"])), sim.post(LABELS, json!(["b"])), meanwhile);
    assert_eq!((first.status, second.status, sim.labels(1).len()), (200, 200, 2));
    assert_eq!(sim.post(LABELS, json!(["c"])).await.status, 200);
    let counters = sim.server.faults().counters();
    assert_eq!((counters.total, counters.max_concurrent, counters.in_flight), (4, 3, 0));
}

#[tokio::test]
async fn a_frozen_listing_lags_behind_while_reads_do_not() {
    let sim = Sim::start().await;
    sim.open("one", &["bug"]);
    sim.board.freeze_listings(REPO, true).unwrap();
    sim.board.remove_label(REPO, 1, "bug").unwrap();
    sim.open("two", &["bug"]);
    let listing = "/repos/org/my-api/issues?labels=bug";
    assert_eq!(sim.get(listing).await.numbers(), [1]);
    assert_eq!(sim.get(ISSUE).await.json()["labels"], json!([]));
    sim.board.freeze_listings(REPO, false).unwrap();
    assert_eq!(sim.get(listing).await.numbers(), [2]);
}

#[tokio::test]
async fn every_request_is_in_the_log() {
    let sim = Sim::start().await;
    let tag = sim.get("/repos/org/my-api").await.header("etag").to_owned();
    sim.get_if_changed("/repos/org/my-api?x=%2F", &tag).await;
    let log = sim.server.faults().requests();
    let seen: Vec<_> =
        log.iter().map(|r| (r.method.as_str(), r.path_and_query.as_str(), r.conditional, r.status)).collect();
    let path = "/api/v3/repos/org/my-api";
    let query = "/api/v3/repos/org/my-api?x=%2F";
    assert_eq!(seen, [("GET", path, false, Some(200)), ("GET", query, true, Some(304))]);
    assert!(log[0].at <= log[1].at);
    sim.server.faults().forget_requests();
    assert!(sim.server.faults().requests().is_empty());
    assert_eq!(sim.server.faults().counters().total, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_label_writes_lose_nothing() {
    let sim = Sim::start().await;
    sim.open("one", &["start"]);
    let writes = (0..40).map(|n| {
        let sim = &sim;
        async move {
            assert_eq!(sim.post(LABELS, json!([format!("label-{n}"), "Shared"])).await.status, 200);
            if n % 2 == 0 {
                assert_eq!(sim.delete(&format!("{LABELS}/label-{n}")).await.status, 200);
            }
        }
    });
    futures_util::future::join_all(writes).await;
    let mut labels = sim.labels(1);
    labels.sort();
    let mut expected: Vec<_> = (1..40).step_by(2).map(|n| format!("label-{n}")).collect();
    expected.extend(["Shared".to_owned(), "start".to_owned()]);
    expected.sort();
    assert_eq!(labels, expected);
    let events = sim.board.history_of(REPO, 1);
    assert!(events.is_sorted_by(|a, b| a.seq < b.seq));
    let shared = events.iter().filter(|event| event.what == What::LabelAdded("Shared".into())).count();
    assert_eq!(shared, 1);
    assert_eq!(sim.board.ticket(REPO, 1).unwrap().revision, events.len() as u64);
}

#[tokio::test]
async fn waiting_for_the_board_ends_with_the_change_or_with_a_readable_dump() {
    let sim = Sim::start().await;
    sim.open("one", &["bug"]);
    let changes = async { sim.post(LABELS, json!(["agent-smith:done"])).await.status };
    let done = |board: &Board| board.ticket(REPO, 1).unwrap().labels.contains("agent-smith:done");
    let (waited, status) = tokio::join!(sim.board.wait_until(done, BOUND), changes);
    waited.unwrap();
    assert_eq!(status, 200);
    let never = sim.board.wait_until(|board| board.tickets(REPO).len() == 2, Duration::from_millis(20)).await;
    let text = format!("{:?}", never.unwrap_err());
    assert!(text.contains("#1 open [\"bug\", \"agent-smith:done\"]"), "{text}");
    assert!(text.contains("smith: LabelAdded(\"agent-smith:done\")"), "{text}");
}

#[tokio::test]
async fn pages_show_everything_and_escape_everything() {
    let sim = Sim::start().await;
    let evil = "</title><script>alert('x')</script>\"&";
    sim.open(evil, &["<b>bold</b>", "agent-smith:done"]);
    sim.board.set_body(REPO, 1, evil).unwrap();
    sim.post(COMMENTS, json!({"body": evil})).await;
    let issue = sim.get(ISSUE).await.json();
    for url in [issue["html_url"].as_str().unwrap(), &sim.server.page_url(REPO), &sim.server.url()] {
        // A browser sends no token.
        let page = sim.call("GET", url, &[("authorization", ""), ("accept", "text/html")], None).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{url}");
        assert!(page.body.contains("<meta http-equiv=\"refresh\" content=\"2\">"));
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        for raw in ["<script>", "<b>bold", "alert('x')", "x')</", "\"&</"] {
            assert!(!page.body.contains(raw), "{raw} in {url}: {}", page.body);
        }
    }
    let page = sim.get(&format!("{}/issues/1", sim.server.page_url(REPO))).await.body;
    let escaped = "&lt;/title&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;";
    assert_eq!(page.matches(escaped).count(), 4, "title twice, body, comment: {page}");
    assert!(page.contains(">agent-smith:done</span>") && page.contains(">Open</span>"));
    sim.board.close(REPO, 1).unwrap();
    assert!(sim.get(&format!("{}/issues/1", sim.server.page_url(REPO))).await.body.contains(">Closed</span>"));
    assert_eq!(sim.get(&format!("{}/issues/2", sim.server.page_url(REPO))).await.status, 404);
    sim.board.open_pull_request(REPO, NewTicket::titled("change")).unwrap();
    let pull = sim.get("/repos/org/my-api/issues/2").await.json();
    assert!(sim.get(pull["html_url"].as_str().unwrap()).await.body.contains("Open pull request"));
}
