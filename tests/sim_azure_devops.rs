//! The simulated Azure DevOps over real HTTP: each behaviour that a client of the real one could get wrong.
//!
//! A plain client on loopback, a server per test on a free port. Every wait has a bound. Bodies are also compared with
//! what Microsoft's description of the API requires of them.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use agent_smith::sim::SimServer;
use agent_smith::sim::azure_devops::{SignIn, SimOptions, blocked, serve};
use agent_smith::sim::board::{Board, NewTicket};
use agent_smith::sim::{Match, Times};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};

const TRACKER: &str = "org/My Project";
const WIT: &str = "/My%20Project/_apis/wit";
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

    /// Status, key and message of an error.
    fn problem(&self) -> (u16, String, String) {
        let body = self.json();
        let text = |key: &str| body[key].as_str().unwrap().to_owned();
        (self.status, text("typeKey"), text("message"))
    }

    fn tags(&self) -> Value {
        self.json()["fields"]["System.Tags"].clone()
    }

    fn ids(&self) -> Vec<u64> {
        self.json()["workItems"].as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect()
    }
}

impl Sim {
    async fn start() -> Self {
        Self::with(SimOptions::default()).await
    }

    async fn with(options: SimOptions) -> Self {
        let board = Board::new();
        board.add_tracker(TRACKER).unwrap();
        let server = serve(board.clone(), options).await.unwrap();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(BOUND);
        Self { board, server, http: http.build().unwrap() }
    }

    fn open(&self, title: &str, labels: &[&str]) -> u64 {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.board.open_ticket(TRACKER, NewTicket { title: title.into(), body: String::new(), labels }).unwrap()
    }

    fn revision(&self, number: u64) -> u64 {
        self.board.ticket(TRACKER, number).unwrap().revision
    }

    /// `path` is below the collection. A header with an empty value is not sent.
    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let url = format!("{}{path}", self.server.api_url());
        let kind = if method == "PATCH" { "application/json-patch+json" } else { "application/json" };
        // Base64 of ":simulated-azure-devops-token".
        let basic = "Basic OnNpbXVsYXRlZC1henVyZS1kZXZvcHMtdG9rZW4=";
        let usual = [("authorization", basic), ("content-type", kind), ("x-tfs-fedauthredirect", "Suppress")];
        let mut call = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        let kept = usual.iter().filter(|(name, _)| headers.iter().all(|(given, _)| given != name));
        for (name, value) in kept.chain(headers).filter(|(_, value)| !value.is_empty()) {
            call = call.header(*name, *value);
        }
        if let Some(body) = body {
            call = call.body(body.to_string());
        }
        let answer = call.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[], Some(body)).await
    }

    async fn patch(&self, number: u64, patch: Value) -> Answer {
        self.call("PATCH", &format!("{WIT}/workitems/{number}?api-version=7.1"), &[], Some(patch)).await
    }

    async fn query(&self, text: &str, top: &str) -> Answer {
        self.post(&format!("{WIT}/wiql?api-version=7.1{top}"), json!({ "query": text })).await
    }

    async fn find(&self, condition: &str) -> Vec<u64> {
        let text = format!("SELECT [System.Id], [System.Title] FROM WorkItems WHERE {condition}");
        self.query(&text, "").await.ids()
    }
}

#[tokio::test]
async fn a_work_item_has_the_documented_shape() {
    let sim = Sim::start().await;
    let number = sim.open("Broken <login>", &["Bug", "agent-smith:pending"]);
    let answer = sim.get(&format!("{WIT}/workItems/{number}?api-version=7.1")).await;
    let item = answer.json();
    assert_eq!((answer.status, &item["id"], &item["rev"]), (200, &json!(1), &json!(sim.revision(1))));
    let fields = &item["fields"];
    assert_eq!(fields["System.Title"], "Broken <login>");
    assert_eq!(fields["System.Tags"], "Bug; agent-smith:pending");
    assert_eq!(fields["System.TeamProject"], "My Project");
    assert_eq!(fields["System.State"], "New");
    assert_eq!(fields["System.CreatedBy"]["displayName"], "person");
    assert!(fields.get("System.Description").is_none(), "a field without a value is absent");
    let page = item["_links"]["html"]["href"].as_str().unwrap();
    assert_eq!(page, format!("{}/_workitems/edit/1", sim.server.page_url(TRACKER)));
    assert_eq!(sim.http.get(page).send().await.unwrap().status(), 200, "and the page is there");
    assert!(sim.server.page_url(TRACKER).ends_with("/org/My%20Project"));

    let bare = sim.open("bare", &[]);
    let only = sim.get(&format!("{WIT}/workitems/{bare}?fields=System.Id,System.Tags&api-version=7.1")).await.json();
    assert_eq!(only["fields"], json!({ "System.Id": bare }), "no tags, no field");
    let both = sim.get(&format!("{WIT}/workitems/{bare}?fields=System.Id&$expand=links&api-version=7.1")).await;
    assert_eq!(both.status, 400);
    let (status, _, message) = sim.get(&format!("{WIT}/workitems/99")).await.problem();
    assert!(status == 404 && message.starts_with("TF401232"), "{message}");
    let (status, key, message) = sim.get("/Nowhere/_apis/wit/workitems/1").await.problem();
    assert!(status == 404 && message.starts_with("TF200016"), "{message}");
    assert_eq!(key, "ProjectDoesNotExistWithNameException");
}

#[tokio::test]
async fn a_token_that_is_not_accepted_gets_a_page() {
    for (sign_in, suppressed) in [(SignIn::Page, 203), (SignIn::Redirect, 302), (SignIn::Status, 401)] {
        let sim = Sim::with(SimOptions { sign_in, ..SimOptions::default() }).await;
        let path = format!("{WIT}/workitems/1");
        for wrong in ["", "Basic Ondyb25n", "Bearer wrong", "Basic !", "simulated-azure-devops-token"] {
            let answer = sim.call("GET", &path, &[("authorization", wrong)], None).await;
            assert_eq!(answer.status, suppressed, "{wrong}");
            let plain = [("authorization", wrong), ("x-tfs-fedauthredirect", "")];
            let answer = sim.call("GET", &path, &plain, None).await;
            assert_eq!(answer.status, 302);
            assert!(answer.header("location").contains("_signin"));
        }
        for good in ["Bearer simulated-azure-devops-token", "basic YW55Ym9keTpzaW11bGF0ZWQtYXp1cmUtZGV2b3BzLXRva2Vu"] {
            assert_eq!(sim.call("GET", &path, &[("authorization", good)], None).await.status, 404);
        }
    }
    let sim = Sim::start().await;
    let page = sim.call("GET", &format!("{WIT}/workitems/1"), &[("authorization", "")], None).await;
    assert!(page.header("content-type").starts_with("text/html") && page.body.contains("Sign In"));
}

#[tokio::test]
async fn versions_are_checked() {
    let sim = Sim::with(SimOptions { newest: (6, 0), ..SimOptions::default() }).await;
    let number = sim.open("one", &[]);
    let item = format!("{WIT}/workitems/{number}");
    let (status, key, message) = sim.get(&format!("{item}?api-version=7.1")).await.problem();
    assert_eq!((status, key.as_str()), (400, "VssVersionOutOfRangeException"));
    assert_eq!(
        message,
        "The requested REST API version of 7.1 is out of range for this server. The latest REST API version this \
         server supports is 6.0."
    );
    assert_eq!(sim.get(&format!("{item}?api-version=5.0")).await.status, 200);
    assert_eq!(sim.get(&item).await.status, 200, "a read may leave it out");
    let (status, key, _) = sim.post(&format!("{WIT}/wiql"), json!({})).await.problem();
    assert_eq!((status, key.as_str()), (400, "VssVersionNotSpecifiedException"));
    let comments = format!("{WIT}/workItems/{number}/comments");
    let (status, key, _) = sim.post(&format!("{comments}?api-version=6.0"), json!({"text": "x"})).await.problem();
    assert_eq!((status, key.as_str()), (400, "VssInvalidPreviewVersionException"));
    assert_eq!(sim.post(&format!("{comments}?api-version=6.0-preview.3"), json!({"text": "x"})).await.status, 200);
    let old = Sim::with(SimOptions { newest: (5, 0), ..SimOptions::default() }).await;
    let number = old.open("one", &[]);
    let comments = format!("{WIT}/workItems/{number}/comments?api-version=5.0-preview.2");
    assert_eq!(old.post(&comments, json!({"text": "x"})).await.problem().1, "VssResourceNotFoundException");
}

#[tokio::test]
async fn a_query_finds_what_it_says() {
    let sim = Sim::start().await;
    sim.open("one", &["fix", "it's"]);
    sim.open("two", &["Feature"]);
    sim.open("three", &["fix", "agent-smith:done"]);
    sim.open("four", &["fixture"]);
    sim.open("five", &["fix"]);
    sim.board.close(TRACKER, 5).unwrap();
    sim.board.open_pull_request(TRACKER, NewTicket::titled("six").label("fix")).unwrap();
    assert_eq!(sim.find("[System.Tags] CONTAINS 'FIX'").await, [1, 3, 5], "whole tags, in any case");
    assert_eq!(sim.find("[System.Tags] CONTAINS 'it''s'").await, [1]);
    let open = "[System.TeamProject] = @project AND [System.State] IN ('New', 'Active')";
    assert_eq!(sim.find(open).await, [1, 2, 3, 4]);
    let any = "([System.Tags] CONTAINS 'fix' OR [System.Tags] CONTAINS 'feature')";
    assert_eq!(sim.find(&format!("{open} AND {any} AND NOT [System.Tags] CONTAINS 'agent-smith:done'")).await, [1, 2]);
    assert_eq!(sim.find("[System.Id] > 1 AND [System.Id] <= 3 ORDER BY [System.Id] DESC").await, [3, 2]);
    assert_eq!(sim.find("[System.Title] = 'two' OR [System.Title] = 'one' AND [System.Id] = 9").await, [2]);
    let top = sim.query("SELECT [System.Id] FROM WorkItems ORDER BY [System.CreatedDate] ASC", "&$top=2").await;
    assert_eq!(top.ids(), [1, 2]);
    let first = &top.json()["workItems"][0];
    assert_eq!(first.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "url"], "ids alone, whatever is selected");
    sim.board.freeze_listings(TRACKER, true).unwrap();
    sim.board.add_label(TRACKER, 2, "fix").unwrap();
    assert_eq!(sim.find("[System.Tags] CONTAINS 'fix'").await, [1, 3, 5], "listings lag");
}

#[tokio::test]
async fn a_query_that_is_wrong_or_too_large_is_refused() {
    let sim = Sim::with(SimOptions { most_results: 3, ..SimOptions::default() }).await;
    for n in 0..4 {
        sim.open(&n.to_string(), &["x"]);
    }
    let all = "SELECT [System.Id] FROM WorkItems";
    let (status, _, message) = sim.query(all, "").await.problem();
    assert!(status == 400 && message.starts_with("VS402337"), "{message}");
    assert_eq!(sim.query(all, "&%24top=3").await.ids(), [1, 2, 3]);
    assert!(sim.query(all, "&$top=4").await.problem().2.starts_with("VS402337"));
    assert_eq!(sim.query(all, "&$top=0").await.status, 400);
    for (text, code) in [
        ("SELECT * FROM WorkItems", "TF51006"),
        ("SELECT [System.Id] FROM WorkItems WHERE [System.Tags] CONTAINS 'it's'", "TF51006"),
        ("SELECT [System.Id] FROM WorkItems WHERE [System.Tags] = 'x'", "TF51009"),
        ("SELECT [System.Id] FROM WorkItems WHERE [System.Tags] CONTAINS '@me'", "TF51009"),
        ("SELECT [System.Id] FROM WorkItems WHERE [System.Nothing] = 'x'", "TF51005"),
    ] {
        let (status, _, message) = sim.query(text, "").await.problem();
        assert!(status == 400 && message.starts_with(code), "{text}: {message}");
    }
    let tags = |count| vec!["[System.Tags] CONTAINS 'y'"; count].join(" OR ");
    assert_eq!(sim.query(&format!("{all} WHERE {}", tags(24)), "").await.status, 200);
    let (status, _, message) = sim.query(&format!("{all} WHERE {}", tags(25)), "").await.problem();
    assert!(status == 400 && message.starts_with("VS402335"), "{message}");
}

#[tokio::test]
async fn a_batch_takes_two_hundred_and_leaves_holes() {
    let sim = Sim::start().await;
    for n in 0..3 {
        sim.open(&n.to_string(), &["x"]);
    }
    sim.board.delete(TRACKER, 2).unwrap();
    let path = format!("{WIT}/workitemsbatch?api-version=7.1");
    let fields = json!(["System.Id", "System.Tags"]);
    let omit = sim.post(&path, json!({ "ids": [3, 2, 1], "fields": fields, "errorPolicy": "omit" })).await.json();
    assert_eq!(omit["count"], 3);
    assert_eq!(omit["value"][0]["id"], 3);
    assert_eq!(omit["value"][0]["fields"], json!({ "System.Id": 3, "System.Tags": "x" }));
    assert!(omit["value"][1].is_null() && omit["value"][2]["rev"].is_number());
    assert_eq!(sim.post(&path, json!({ "ids": [1, 2] })).await.status, 404, "one that is missing fails all");
    let ids: Vec<u64> = (1..=201).collect();
    assert_eq!(sim.post(&path, json!({ "ids": ids, "errorPolicy": "omit" })).await.status, 400);
    assert_eq!(sim.post(&path, json!({ "ids": ids[..200], "errorPolicy": "omit" })).await.status, 200);
    assert_eq!(sim.post(&path, json!({ "ids": [1], "fields": fields, "$expand": "all" })).await.status, 400);
}

#[tokio::test]
async fn add_merges_tags_and_replace_sets_them() {
    let sim = Sim::start().await;
    let number = sim.open("one", &["Tag0"]);
    let tags = |op: &str, value: &str| json!([{ "op": op, "path": "/fields/System.Tags", "value": value }]);
    assert_eq!(sim.patch(number, tags("add", "Tag1; TAG0; Tag2")).await.tags(), "Tag0; Tag1; Tag2");
    assert_eq!(sim.patch(number, tags("replace", "tag2; Tag3;;")).await.tags(), "Tag2; Tag3");
    assert_eq!(sim.patch(number, tags("replace", "")).await.tags(), Value::Null, "the field is absent");
    assert_eq!(sim.patch(number, tags("replace", "x")).await.status, 400);
    assert_eq!(sim.patch(number, tags("add", "a,b")).await.tags(), "a; b", "a comma separates as well");
    let removed = sim.patch(number, json!([{ "op": "remove", "path": "/fields/System.Tags" }])).await;
    assert_eq!((removed.status, removed.tags()), (200, Value::Null));
    let many: Vec<String> = (0..101).map(|n| format!("t{n}")).collect();
    assert!(sim.patch(number, tags("add", &many.join(";"))).await.problem().2.starts_with("TF401243"));
    let path = format!("{WIT}/workitems/{number}?api-version=7.1");
    let plain = [("content-type", "application/json")];
    assert_eq!(sim.call("PATCH", &path, &plain, Some(tags("add", "x"))).await.status, 415);
    assert_eq!(sim.patch(number, json!([{ "op": "add", "path": "/fields/No.Such", "value": 1 }])).await.status, 400);
    assert_eq!(sim.patch(number, json!({})).await.status, 400);
}

#[tokio::test]
async fn a_failed_test_of_the_revision_writes_nothing() {
    let sim = Sim::start().await;
    let number = sim.open("one", &["a"]);
    let read = sim.revision(number);
    sim.board.add_label(TRACKER, number, "person").unwrap();
    let patch = |revision| {
        json!([
            { "op": "test", "path": "/rev", "value": revision },
            { "op": "replace", "path": "/fields/System.Tags", "value": "a; ours" },
            { "op": "add", "path": "/fields/System.History", "value": "<p>said</p>" },
        ])
    };
    let before = sim.board.ticket(TRACKER, number);
    let (status, key, message) = sim.patch(number, patch(read)).await.problem();
    assert_eq!((status, key.as_str()), (412, "TestPatchOperationFailedException"));
    let now = sim.revision(number);
    assert_eq!(
        message,
        format!("VS403351: Test Operation for path /rev failed, value {now} was not equal to test value {read}.")
    );
    assert_eq!(sim.board.ticket(TRACKER, number), before);
    let done = sim.patch(number, patch(now)).await;
    assert_eq!((done.status, done.tags()), (200, json!("a; ours")));
    assert_eq!(done.json()["rev"], sim.revision(number));
    let ticket = sim.board.ticket(TRACKER, number).unwrap();
    assert_eq!((ticket.comments[0].body.as_str(), ticket.comments[0].author.as_str()), ("<p>said</p>", "smith"));
}

#[tokio::test]
async fn states_are_set_by_their_names() {
    let sim = Sim::start().await;
    let number = sim.open("one", &[]);
    let set = |state: &str| json!([{ "op": "add", "path": "/fields/System.State", "value": state }]);
    assert_eq!(sim.patch(number, set("closed")).await.json()["fields"]["System.State"], "Closed");
    assert!(!sim.board.ticket(TRACKER, number).unwrap().open);
    assert_eq!(sim.patch(number, set("New")).await.status, 200);
    assert!(sim.board.ticket(TRACKER, number).unwrap().open);
    assert!(sim.patch(number, set("Nowhere")).await.problem().2.starts_with("TF401347"));
}

#[tokio::test]
async fn rights_are_checked_on_writes() {
    let sim = Sim::with(SimOptions { may_create_tags: false, ..SimOptions::default() }).await;
    sim.open("other", &["known"]);
    let number = sim.open("one", &[]);
    let add = |tag: &str| json!([{ "op": "add", "path": "/fields/System.Tags", "value": tag }]);
    let (status, _, message) = sim.patch(number, add("new")).await.problem();
    assert!(status == 403 && message.starts_with("TF401289"), "{message}");
    assert_eq!(sim.patch(number, add("Known")).await.tags(), "known", "the first spelling stays");
    sim.board.set_can_write(TRACKER, false).unwrap();
    let (status, _, message) = sim.patch(number, add("known")).await.problem();
    assert!(status == 403 && message.starts_with("TF237111"), "{message}");
    let comments = format!("{WIT}/workItems/{number}/comments?api-version=7.1-preview.4");
    assert_eq!(sim.post(&comments, json!({ "text": "x" })).await.status, 403);
}

#[tokio::test]
async fn comments_come_in_pages_and_as_history() {
    let sim = Sim::start().await;
    let number = sim.open("one", &[]);
    let path = format!("{WIT}/workItems/{number}/comments?api-version=7.1-preview.4");
    let written = sim.post(&format!("{path}&format=html"), json!({ "text": "<b>0</b>" })).await;
    assert_eq!((written.status, &written.json()["text"]), (200, &json!("<b>0</b>")));
    assert_eq!(written.json()["createdBy"]["displayName"], "smith");
    for n in 1..5 {
        sim.board.comment(TRACKER, number, &n.to_string()).unwrap();
    }
    let texts = |answer: &Answer| -> Vec<String> {
        let list = answer.json();
        list["comments"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap().to_owned()).collect()
    };
    let first = sim.get(&format!("{path}&$top=3&order=desc")).await;
    assert_eq!(texts(&first), ["4", "3", "2"]);
    let token = first.json()["continuationToken"].as_str().unwrap().to_owned();
    let second = sim.get(&format!("{path}&$top=3&order=desc&continuationToken={token}")).await;
    assert_eq!(texts(&second), ["1", "<b>0</b>"]);
    assert_eq!((&second.json()["totalCount"], second.json().get("continuationToken")), (&json!(5), None));
    let updates = sim.get(&format!("{WIT}/workItems/{number}/updates?$top=2&$skip=1&api-version=7.1")).await.json();
    assert_eq!(updates["value"][0]["fields"]["System.History"]["newValue"], "<b>0</b>", "the creation is the first");
    assert_eq!(updates["count"], 2);
    assert_eq!(sim.post(&path, json!({ "text": " " })).await.status, 400);
    assert_eq!(sim.post(&format!("{path}&format=wiki"), json!({ "text": "x" })).await.status, 400);
}

#[tokio::test]
async fn the_last_tenth_of_a_quota_is_delayed_and_then_requests_are_refused() {
    let delay = Duration::from_secs(7);
    let sim = Sim::with(SimOptions { quota: Some(20), delay, ..SimOptions::default() }).await;
    sim.open("one", &[]);
    let item = format!("{WIT}/workitems/1");
    for _ in 0..18 {
        let answer = sim.get(&item).await;
        assert_eq!((answer.status, answer.header("retry-after"), answer.header("x-ratelimit-limit")), (200, "", ""));
    }
    for remaining in ["1", "0"] {
        let answer = sim.get(&item).await;
        assert_eq!((answer.status, answer.header("retry-after")), (200, "7"));
        assert_eq!(answer.header("x-ratelimit-remaining"), remaining);
    }
    let refused = sim.get(&item).await;
    assert!(refused.status == 429 && refused.problem().2.starts_with("TF400733"), "{refused:?}");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 200);
    sim.server.faults().refill_quota();
    assert_eq!(sim.get(&item).await.header("retry-after"), "");
    sim.server.faults().fail(Match::any(), Times::Next(1), blocked(Some(delay)));
    let fault = sim.get(&item).await;
    assert_eq!((fault.status, fault.header("retry-after"), fault.problem().0), (429, "7", 429));
}

#[tokio::test]
async fn a_former_name_leads_nowhere_but_in_the_history() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    sim.board.move_tracker(TRACKER, "org/New").unwrap();
    assert!(sim.get(&format!("{WIT}/workitems/1")).await.problem().2.starts_with("TF200016"));
    let project = "/_apis/projects/My%20Project?api-version=7.1";
    assert_eq!(sim.get(project).await.status, 404);
    let found = sim.get(&format!("{project}&includeHistory=true")).await.json();
    assert_eq!((&found["name"], &found["state"]), (&json!("New"), &json!("wellFormed")));
    let id = found["id"].as_str().unwrap();
    assert_eq!(sim.get(&format!("/{id}/_apis/wit/workitems/1")).await.status, 200, "an id stays");
    sim.board.hide_tracker("org/New", true).unwrap();
    assert_eq!(sim.get(&format!("{project}&includeHistory=true")).await.status, 404);
    assert_eq!(sim.get(&format!("/{id}/_apis/wit/workitems/1")).await.status, 404);
}

#[tokio::test]
async fn a_work_item_that_went_to_another_project_is_found_without_one() {
    let sim = Sim::start().await;
    sim.board.add_tracker("org/Other").unwrap();
    let number = sim.open("one", &[]);
    sim.board.transfer(TRACKER, number, "org/Other").unwrap();
    assert_eq!(sim.get(&format!("{WIT}/workitems/{number}")).await.status, 404);
    let found = sim.get(&format!("/_apis/wit/workitems/{number}?fields=System.TeamProject")).await.json();
    assert_eq!(found["fields"], json!({ "System.TeamProject": "Other" }));
    sim.board.hide_tracker("org/Other", true).unwrap();
    assert_eq!(sim.get(&format!("/_apis/wit/workitems/{number}")).await.status, 404);
}

#[tokio::test]
async fn a_server_is_below_a_path_and_at_the_root() {
    let sim = Sim::with(SimOptions { prefix: "/tfs".to_owned(), ..SimOptions::default() }).await;
    let number = sim.open("one", &[]);
    assert!(sim.server.api_url().ends_with("/tfs/org"));
    let item = sim.get(&format!("{WIT}/workitems/{number}")).await.json();
    assert!(item["url"].as_str().unwrap().starts_with(&format!("{}/", sim.server.api_url())), "{item}");
    let nowhere = sim.get(&format!("{WIT}/nothing")).await;
    assert_eq!(nowhere.problem().1, "VssResourceNotFoundException");
}

#[tokio::test]
async fn updates_tell_who_changed_the_tags() {
    let sim = Sim::start().await;
    let number = sim.open("one", &["bug"]);
    let jane = sim.board.acting_as("jane");
    jane.add_label(TRACKER, number, "go").unwrap();
    jane.close(TRACKER, number).unwrap();
    sim.board.acting_as("ci[bot]").remove_label(TRACKER, number, "bug").unwrap();
    let updates = sim.get(&format!("{WIT}/workItems/{number}/updates?api-version=7.1")).await.json();
    let tags = |index: usize| updates["value"][index]["fields"]["System.Tags"].clone();
    assert_eq!(tags(0), json!({ "newValue": "bug" }), "created with it");
    assert_eq!(tags(1), json!({ "oldValue": "bug", "newValue": "bug; go" }));
    assert_eq!(tags(3), json!({ "oldValue": "bug; go", "newValue": "go" }));
    let by = |index: usize| &updates["value"][index]["revisedBy"];
    assert_eq!(
        (&by(0)["uniqueName"], &by(1)["uniqueName"]),
        (&json!("person@example.invalid"), &json!("jane@example.invalid"))
    );
    assert!(by(3)["descriptor"].as_str().unwrap().starts_with("svc."), "{updates}");
}
