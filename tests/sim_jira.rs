//! The simulated Jira over real HTTP: each behaviour that a client of the real one could get wrong.
//!
//! A plain client on loopback, a server per test on a free port. Every wait has a bound.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use agent_smith::sim::board::{Board, LabelRule, NewTicket};
use agent_smith::sim::jira::{Deployment, SimOptions, rate_limit, serve};
use agent_smith::sim::{Match, SimServer, Times};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};

const PROJECT: &str = "PROJ";
const BOUND: Duration = Duration::from_secs(10);
const EMAIL: &str = "smith@simulated.example";
const TOKEN: &str = "simulated-jira-token";

struct Sim {
    board: Board,
    server: SimServer,
    http: Client,
    is_cloud: bool,
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

    /// The first of `errorMessages`, else the first of `errors`.
    fn message(&self) -> String {
        let body = self.json();
        let first = body["errorMessages"][0].as_str().or_else(|| body["errors"].as_object()?.values().next()?.as_str());
        first.unwrap_or_default().to_owned()
    }

    fn keys(&self) -> Vec<String> {
        let body = self.json();
        body["issues"].as_array().unwrap().iter().map(|issue| issue["key"].as_str().unwrap().to_owned()).collect()
    }
}

impl Sim {
    async fn start() -> Self {
        Self::with(SimOptions::default()).await
    }

    async fn data_center() -> Self {
        Self::with(SimOptions { deployment: Deployment::DataCenter, ..SimOptions::default() }).await
    }

    async fn with(options: SimOptions) -> Self {
        let board = Board::new();
        board.add_tracker_with(PROJECT, LabelRule::ExactCase).unwrap();
        let is_cloud = options.deployment == Deployment::Cloud;
        let server = serve(board.clone(), options).await.unwrap();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(BOUND);
        Self { board, server, http: http.build().unwrap(), is_cloud }
    }

    fn open(&self, title: &str, labels: &[&str]) -> u64 {
        let new = labels.iter().fold(NewTicket::titled(title), |new, label| new.label(*label));
        self.board.open_ticket(PROJECT, new).unwrap()
    }

    fn labels(&self, number: u64) -> Vec<String> {
        self.board.ticket(PROJECT, number).unwrap().labels.iter().map(str::to_owned).collect()
    }

    /// `path` is below the root. Without `token` the caller is a stranger.
    async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let url = format!("{}{path}", self.server.url());
        let mut call = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        call = match token {
            Some(token) if self.is_cloud => call.basic_auth(EMAIL, Some(token)),
            Some(token) => call.bearer_auth(token),
            None => call,
        };
        if let Some(body) = body {
            call = call.header("content-type", "application/json").body(body.to_string());
        }
        let answer = call.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Some(TOKEN), None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(TOKEN), Some(body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, Some(TOKEN), Some(body)).await
    }

    async fn search(&self, body: Value) -> Answer {
        self.post("/rest/api/3/search/jql", body).await
    }
}

#[tokio::test]
async fn the_old_search_is_gone_from_cloud_and_the_new_one_is_not_on_data_center() {
    let sim = Sim::start().await;
    for path in ["/rest/api/3/search", "/rest/api/2/search"] {
        let gone = sim.post(path, json!({ "jql": "project = PROJ" })).await;
        assert_eq!(gone.status, 410);
        assert!(gone.message().contains("Please migrate to the /rest/api/3/search/jql API."), "{}", gone.body);
        assert_eq!(sim.get(&format!("{path}?jql=project=PROJ")).await.status, 410);
    }
    let server = Sim::data_center().await;
    assert_eq!(server.search(json!({ "jql": "project = PROJ" })).await.status, 404);
    assert_eq!(server.get("/rest/api/3/myself").await.status, 404, "there is no version 3");
    assert_eq!(server.get("/rest/api/2/serverInfo").await.json()["deploymentType"], "Server");
    assert_eq!(sim.get("/rest/api/2/serverInfo").await.json()["deploymentType"], "Cloud");
}

#[tokio::test]
async fn a_search_gives_the_id_alone_unless_fields_are_named_and_no_total() {
    let sim = Sim::start().await;
    sim.open("one", &["a"]);
    let bare = sim.search(json!({ "jql": "project = PROJ" })).await.json();
    let id = sim.board.ticket(PROJECT, 1).unwrap().id.to_string();
    assert_eq!(bare, json!({ "issues": [{ "id": id }], "isLast": true }));
    let fields = json!(["summary", "labels", "nothing"]);
    let some = sim.search(json!({ "jql": "project = PROJ", "fields": fields })).await.json();
    assert_eq!(some["issues"][0]["key"], "PROJ-1");
    assert_eq!(some["issues"][0]["fields"], json!({ "summary": "one", "labels": ["a"] }));
    let query = "/rest/api/3/search/jql?jql=project%20%3D%20PROJ&fields=summary,labels";
    assert_eq!(sim.get(query).await.json()["issues"][0]["fields"]["summary"], "one");
    for wrong in
        [json!({ "jql": "project = PROJ", "startAt": 0 }), json!({ "jql": "project = PROJ", "expand": ["names"] })]
    {
        assert_eq!(sim.search(wrong).await.status, 400, "what is not described is refused");
    }
}

#[tokio::test]
async fn pages_lead_to_each_other_and_neither_skip_nor_repeat() {
    let sim = Sim::start().await;
    for _ in 0..250 {
        sim.open("t", &["a"]);
    }
    let jql = "labels = a AND statusCategory != Done ORDER BY created ASC";
    let ask = |token: Option<String>| {
        let mut body = json!({ "jql": jql, "fields": ["summary"], "maxResults": 5_000 });
        if let Some(token) = token {
            body["nextPageToken"] = json!(token);
        }
        sim.search(body)
    };
    let first = ask(None).await;
    assert_eq!((first.keys().len(), first.keys()[0].as_str()), (100, "PROJ-1"), "fewer than asked for");
    assert_eq!(first.json()["isLast"], false);
    let token = first.json()["nextPageToken"].as_str().unwrap().to_owned();
    // Issues that leave the set between two pages, the last one of the first page among them, push nothing out of sight.
    for number in 91..=100 {
        sim.board.close(PROJECT, number).unwrap();
    }
    let second = ask(Some(token.clone())).await;
    assert_eq!(second.keys()[0], "PROJ-101");
    let third = ask(second.json()["nextPageToken"].as_str().map(str::to_owned)).await;
    assert_eq!((third.keys().len(), third.json()["nextPageToken"].is_null()), (50, true));
    let other = json!({ "jql": "labels = a", "nextPageToken": token });
    assert_eq!(sim.search(other).await.message(), "The provided next page token is invalid.");
    let newest = sim.search(json!({ "jql": "labels = a", "fields": ["summary"] })).await;
    assert_eq!(newest.keys()[0], "PROJ-250", "no order is promised");
    let ids = sim.search(json!({ "jql": "labels = a", "maxResults": 5_000 })).await.json();
    assert_eq!(ids["issues"].as_array().unwrap().len(), 250);
}

#[tokio::test]
async fn queries_are_bounded_quoted_and_know_their_projects() {
    let sim = Sim::start().await;
    sim.open("one", &["a:b"]);
    for (jql, status, message) in [
        ("", 400, "Unbounded JQL queries are not allowed here."),
        ("ORDER BY created", 400, "Unbounded JQL queries are not allowed here."),
        ("labels = a:b", 400, "The character ':' is a reserved JQL character."),
        ("project = NOPE", 400, "The value 'NOPE' does not exist for the field 'project'."),
        ("labels = \"a:b\"", 200, ""),
        ("labels in (\"A:B\")", 200, ""),
    ] {
        let answer = sim.search(json!({ "jql": jql })).await;
        assert_eq!(answer.status, status, "{jql}");
        assert!(status == 200 || answer.message().contains(message), "{jql}: {}", answer.body);
        let count = answer.json()["issues"].as_array().map_or(0, Vec::len);
        assert_eq!(count, usize::from(jql == "labels = \"a:b\""), "labels are told apart by case: {jql}");
    }
    sim.board.hide_tracker(PROJECT, true).unwrap();
    assert_eq!(sim.search(json!({ "jql": "project = PROJ" })).await.status, 400);
    assert_eq!(sim.search(json!({ "jql": "labels = \"a:b\"" })).await.json()["issues"], json!([]));
}

#[tokio::test]
async fn what_was_just_written_may_not_be_found_yet() {
    let sim = Sim::start().await;
    sim.open("one", &["a"]);
    sim.board.freeze_listings(PROJECT, true).unwrap();
    let update = json!({ "update": { "labels": [{ "remove": "a" }] } });
    assert_eq!(sim.put("/rest/api/3/issue/PROJ-1", update).await.status, 204);
    let search = json!({ "jql": "labels = a", "fields": ["labels"] });
    assert_eq!(sim.search(search.clone()).await.keys(), ["PROJ-1"]);
    assert_eq!(sim.get("/rest/api/3/issue/PROJ-1").await.json()["fields"]["labels"], json!([]));
    sim.board.freeze_listings(PROJECT, false).unwrap();
    assert_eq!(sim.search(search).await.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn an_update_adds_and_removes_answers_with_nothing_and_is_recorded() {
    let sim = Sim::start().await;
    sim.open("one", &["Bug", "old"]);
    let path = "/rest/api/3/issue/PROJ-1";
    let update = json!({ "update": { "labels": [{ "add": "new:one" }, { "remove": "old" }, { "remove": "bug" }] } });
    let answer = sim.put(path, update.clone()).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(sim.labels(1), ["Bug", "new:one"], "`bug` is another label");
    assert_eq!(sim.put(path, update).await.status, 204, "what is present or absent already is no error");
    assert_eq!(sim.board.history_of(PROJECT, 1).last().unwrap().actor, "smith");
    let returned = sim.put(&format!("{path}?returnIssue=true"), json!({ "fields": { "labels": ["x"] } })).await;
    assert_eq!((returned.status, &returned.json()["fields"]["labels"]), (200, &json!(["x"])));

    let space = sim.put(path, json!({ "update": { "labels": [{ "add": "a b" }] } })).await;
    assert_eq!((space.status, space.message().as_str()), (400, "The label 'a b' contains spaces which is invalid."));
    let both = json!({ "fields": { "labels": [] }, "update": { "labels": [{ "add": "a" }] } });
    assert_eq!(sim.put(path, both).await.status, 400);
    let unknown = sim.put(path, json!({ "fields": { "sprint": 1 } })).await;
    assert!(unknown.message().contains("It is not on the appropriate screen, or unknown."));
    assert_eq!(sim.labels(1), ["x"]);
    sim.board.set_can_write(PROJECT, false).unwrap();
    assert_eq!(sim.put(path, json!({ "update": { "labels": [{ "add": "y" }] } })).await.status, 403);
}

#[tokio::test]
async fn labels_that_are_not_on_the_edit_screen_cannot_be_set() {
    let sim = Sim::with(SimOptions { labels_on_screen: false, ..SimOptions::default() }).await;
    sim.open("one", &[]);
    let refused = sim.put("/rest/api/3/issue/PROJ-1", json!({ "update": { "labels": [{ "add": "a" }] } })).await;
    let text = "Field 'labels' cannot be set. It is not on the appropriate screen, or unknown.";
    assert_eq!((refused.status, &refused.json()["errors"]["labels"]), (400, &json!(text)));
}

#[tokio::test]
async fn one_issue_may_be_written_twenty_times_in_two_seconds() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    sim.open("two", &[]);
    let update = json!({ "update": { "labels": [{ "add": "a" }] } });
    for _ in 0..20 {
        assert_eq!(sim.put("/rest/api/3/issue/PROJ-1", update.clone()).await.status, 204);
    }
    let refused = sim.put("/rest/api/3/issue/PROJ-1", update.clone()).await;
    assert_eq!((refused.status, refused.header("ratelimit-reason")), (429, "jira-per-issue-on-write"));
    assert!((1..=2).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(sim.put("/rest/api/3/issue/PROJ-2", update).await.status, 204);
    assert_eq!(sim.get("/rest/api/3/issue/PROJ-1").await.status, 200, "reading is another matter");
}

#[tokio::test]
async fn limits_speak_of_themselves() {
    let sim = Sim::with(SimOptions { quota: Some(3), ..SimOptions::default() }).await;
    let answer = sim.get("/rest/api/3/myself").await;
    assert_eq!((answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")), ("3", "2"));
    assert!(answer.header("x-ratelimit-reset").ends_with('Z') && answer.header("x-ratelimit-reset").contains('T'));
    for _ in 0..2 {
        sim.get("/rest/api/3/myself").await;
    }
    let refused = sim.get("/rest/api/3/myself").await;
    assert_eq!((refused.status, refused.header("ratelimit-reason")), (429, "jira-quota-tenant-based"));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 3_000);
    let plain = Sim::start().await;
    assert_eq!(plain.get("/rest/api/3/myself").await.header("x-ratelimit-limit"), "");
    plain.server.faults().fail(Match::any(), Times::Next(1), rate_limit("", None));
    let gateway = plain.get("/rest/api/3/myself").await;
    assert_eq!((gateway.status, gateway.header("retry-after")), (429, ""));
}

#[tokio::test]
async fn a_wrong_token_is_a_stranger_on_cloud_and_refused_on_data_center() {
    let sim = Sim::start().await;
    sim.open("one", &["a"]);
    for token in [Some("wrong"), None] {
        let found = sim.call("POST", "/rest/api/3/search/jql", token, Some(json!({ "jql": "project = PROJ" }))).await;
        assert_eq!((found.status, found.json()), (200, json!({ "issues": [], "isLast": true })));
        assert_eq!(sim.call("GET", "/rest/api/3/issue/PROJ-1", token, None).await.status, 404);
        assert_eq!(sim.call("GET", "/rest/api/3/myself", token, None).await.status, 401);
        let permissions = "/rest/api/3/mypermissions?permissions=EDIT_ISSUES";
        let has = sim.call("GET", permissions, token, None).await.json();
        assert_eq!(has["permissions"]["EDIT_ISSUES"]["havePermission"], false);
    }
    let telling = Sim::with(SimOptions { tells_failed_login: true, ..SimOptions::default() }).await;
    let answer = telling.call("GET", "/rest/api/3/serverInfo", Some("wrong"), None).await;
    assert_eq!(answer.header("x-seraph-loginreason"), "AUTHENTICATED_FAILED");

    let server = Sim::data_center().await;
    assert_eq!(server.call("GET", "/rest/api/2/serverInfo", Some("wrong"), None).await.status, 401);
    assert_eq!(server.get("/rest/api/2/myself").await.json()["name"], "smith");
    let bearer =
        sim.http.get(format!("{}/rest/api/3/myself", sim.server.url())).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(bearer.status(), 403, "Cloud takes no token without its account");
}

#[tokio::test]
async fn permissions_and_projects_are_told_to_whoever_may_see_them() {
    let sim = Sim::start().await;
    let path = "/rest/api/3/mypermissions?permissions=BROWSE_PROJECTS,EDIT_ISSUES,ADD_COMMENTS&projectKey=PROJ";
    let has = async |key: &str| sim.get(path).await.json()["permissions"][key]["havePermission"] == json!(true);
    assert!(has("BROWSE_PROJECTS").await && has("EDIT_ISSUES").await && has("ADD_COMMENTS").await);
    sim.board.set_can_write(PROJECT, false).unwrap();
    assert!(has("BROWSE_PROJECTS").await && !has("EDIT_ISSUES").await);
    assert_eq!(sim.get("/rest/api/3/mypermissions").await.status, 400);
    sim.board.move_tracker(PROJECT, "NEWER").unwrap();
    assert_eq!(sim.get("/rest/api/3/project/PROJ").await.json()["key"], "NEWER", "the old key leads on");
    sim.board.hide_tracker("NEWER", true).unwrap();
    let hidden = sim.get(path).await;
    assert_eq!((hidden.status, hidden.message().as_str()), (404, "No project could be found with key 'PROJ'."));
    assert_eq!(sim.get("/rest/api/3/project/NEWER").await.status, 404);
}

#[tokio::test]
async fn an_issue_has_the_documented_shape_and_answers_under_its_new_key() {
    let sim = Sim::start().await;
    sim.board.add_tracker("ELSE").unwrap();
    sim.open("Broken", &["a"]);
    sim.board.set_body(PROJECT, 1, "it is\nbroken\n\nindeed").unwrap();
    let issue = sim.get("/rest/api/3/issue/PROJ-1").await.json();
    let fields = &issue["fields"];
    assert_eq!(
        (&issue["key"], &fields["summary"], &fields["labels"]),
        (&json!("PROJ-1"), &json!("Broken"), &json!(["a"]))
    );
    assert_eq!(fields["status"]["statusCategory"]["key"], "new");
    assert_eq!(fields["description"]["content"][0]["content"][1]["type"], "hardBreak");
    assert_eq!(fields["description"]["content"][1]["content"][0]["text"], "indeed");
    assert!(fields["created"].as_str().unwrap().ends_with("+0000"));
    let two = sim.get("/rest/api/2/issue/PROJ-1?fields=description,status").await.json();
    assert_eq!(two["fields"]["description"], "it is\nbroken\n\nindeed");
    assert!(two["fields"].get("summary").is_none());
    let by_id = sim.get(&format!("/rest/api/3/issue/{}", issue["id"].as_str().unwrap())).await;
    assert_eq!(by_id.json()["key"], "PROJ-1");
    sim.board.close(PROJECT, 1).unwrap();
    assert_eq!(sim.get("/rest/api/3/issue/PROJ-1").await.json()["fields"]["status"]["statusCategory"]["key"], "done");
    sim.board.transfer(PROJECT, 1, "ELSE").unwrap();
    assert_eq!(sim.get("/rest/api/3/issue/PROJ-1").await.json()["key"], "ELSE-1");
    let gone = sim.get("/rest/api/3/issue/PROJ-9").await;
    assert_eq!((gone.status, gone.message().contains("do not have permission to see it")), (404, true));
}

#[tokio::test]
async fn the_change_log_tells_who_labelled_but_not_what_was_there_from_the_start() {
    for (sim, path) in [
        (Sim::start().await, "/rest/api/3/issue/PROJ-1/changelog?startAt=0&maxResults=100"),
        (Sim::data_center().await, "/rest/api/2/issue/PROJ-1?fields=creator&expand=changelog"),
    ] {
        sim.open("one", &["bug"]);
        sim.board.acting_as("jane").add_label(PROJECT, 1, "go").unwrap();
        sim.board.acting_as("ann").remove_label(PROJECT, 1, "bug").unwrap();
        let answer = sim.get(path).await.json();
        let (page, histories) = match answer.get("changelog") {
            Some(log) => (log, &log["histories"]),
            None => (&answer, &answer["values"]),
        };
        assert_eq!((&page["total"], histories.as_array().unwrap().len()), (&json!(2), 2), "{answer}");
        let told = |index: usize| {
            let item = &histories[index]["items"][0];
            (histories[index]["author"]["displayName"].clone(), item["fromString"].clone(), item["toString"].clone())
        };
        assert_eq!(told(0), (json!("jane"), json!("bug"), json!("bug go")));
        assert_eq!(told(1), (json!("ann"), json!("bug go"), json!("go")));
        assert_eq!(histories[0]["items"][0]["field"], "labels");
    }
    let sim = Sim::data_center().await;
    sim.open("one", &[]);
    assert_eq!(sim.get("/rest/api/2/issue/PROJ-1/changelog").await.status, 404, "Cloud alone has it");
}

#[tokio::test]
async fn comments_are_documents_in_version_3_and_texts_in_version_2() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    let path = "/rest/api/3/issue/PROJ-1/comment";
    let text = |text: &str| json!({ "type": "text", "text": text });
    let document = |content: Value| json!({ "body": { "type": "doc", "version": 1, "content": content } });
    let good = document(json!([{ "type": "paragraph", "content": [text("hello")] }]));
    let written = sim.post(path, good.clone()).await;
    assert_eq!((written.status, &written.json()["body"]), (201, &good["body"]));
    assert_eq!(sim.board.ticket(PROJECT, 1).unwrap().comments[0].body, "hello");
    let strong_code = json!({ "type": "text", "text": "x", "marks": [{ "type": "code" }, { "type": "strong" }] });
    let long = "x".repeat(32_768);
    for (bad, word) in [
        (json!({ "body": "plain" }), "not valid"),
        (document(json!([{ "type": "paragraph", "content": [text("")] }])), "not be empty"),
        (document(json!([{ "type": "paragraph", "content": [strong_code] }])), "code with another mark"),
        (document(json!([{ "type": "codeBlock", "content": [{ "type": "hardBreak" }] }])), "wrong place"),
        (document(json!([{ "type": "paragraph", "content": [text("a\u{1b}")] }])), "control character"),
        (document(json!([{ "type": "paragraph", "content": [text(&long)] }])), "CONTENT_LIMIT_EXCEEDED"),
        (document(json!([{ "type": "unheard-of" }])), "unknown type"),
    ] {
        let refused = sim.post(path, bad).await;
        assert!(refused.status == 400 && refused.message().contains(word), "{word}: {}", refused.body);
    }
    let two = sim.post("/rest/api/2/issue/PROJ-1/comment", json!({ "body": "*wiki*" })).await;
    assert_eq!((two.status, &two.json()["body"]), (201, &json!("*wiki*")));
    let newest = sim.get(&format!("{path}?maxResults=1&orderBy=-created")).await.json();
    assert_eq!(
        (&newest["total"], &newest["comments"][0]["body"]["content"][0]["content"][0]["text"]),
        (&json!(2), &json!("*wiki*"))
    );
    let second = sim.get(&format!("{path}?startAt=1")).await.json();
    assert_eq!((&second["startAt"], second["comments"].as_array().unwrap().len()), (&json!(1), 1));
}

#[tokio::test]
async fn an_issue_takes_so_many_comments_and_no_more() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    for number in 0..2_500 {
        sim.board.comment(PROJECT, 1, &number.to_string()).unwrap();
    }
    let body = json!({ "body": { "type": "doc", "version": 1, "content": [
        { "type": "paragraph", "content": [{ "type": "text", "text": "x" }] },
    ]}});
    assert_eq!(sim.post("/rest/api/3/issue/PROJ-1/comment", body).await.status, 413);
}

#[tokio::test]
async fn data_center_counts_its_pages() {
    let sim = Sim::data_center().await;
    for _ in 0..7 {
        sim.open("t", &["a"]);
    }
    let body =
        json!({ "jql": "labels = a ORDER BY created ASC", "startAt": 5, "maxResults": 5, "fields": ["summary"] });
    let page = sim.post("/rest/api/2/search", body).await;
    assert_eq!(page.keys(), ["PROJ-6", "PROJ-7"]);
    assert_eq!((&page.json()["total"], &page.json()["startAt"]), (&json!(7), &json!(5)));
    assert!(page.json().get("nextPageToken").is_none());
    assert_eq!(sim.post("/rest/api/2/search", json!({ "jql": "" })).await.keys().len(), 7, "unbounded is allowed here");
}

#[tokio::test]
async fn writes_are_read_as_json_and_never_from_a_tricked_browser() {
    let sim = Sim::start().await;
    sim.open("one", &[]);
    let url = format!("{}/rest/api/3/issue/PROJ-1", sim.server.url());
    let put = |kind: &str| sim.http.put(&url).basic_auth(EMAIL, Some(TOKEN)).header("content-type", kind).body("{}");
    assert_eq!(put("text/plain").send().await.unwrap().status(), 415);
    let browser = put("application/json").header("user-agent", "Mozilla/5.0");
    assert_eq!(browser.send().await.unwrap().status(), 403);
    let meant = put("application/json").header("user-agent", "Mozilla/5.0").header("x-atlassian-token", "no-check");
    assert_eq!(meant.send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn pages_for_people_are_where_jira_has_them() {
    for prefix in ["", "/ctx"] {
        let sim = Sim::with(SimOptions { prefix: prefix.to_owned(), ..SimOptions::default() }).await;
        sim.open("Broken <login>", &["agent-smith:done"]);
        let page = sim.call("GET", &format!("{prefix}/browse/PROJ-1"), None, None).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.body.contains("Broken &lt;login&gt;") && page.body.contains("agent-smith:done"));
        let project = sim.call("GET", &format!("{prefix}/projects/PROJ"), None, None).await;
        assert!(project.body.contains("/browse/PROJ-1"), "{}", project.body);
        for nowhere in ["/browse/PROJ-2", "/browse/NOPE-1", "/browse/x", "/projects/NOPE"] {
            assert_eq!(sim.call("GET", &format!("{prefix}{nowhere}"), None, None).await.status, 404, "{nowhere}");
        }
        assert_eq!(sim.get(&format!("{prefix}/rest/api/3/issue/PROJ-1")).await.status, 200);
    }
}
