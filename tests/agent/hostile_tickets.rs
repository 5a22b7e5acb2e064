//! Tickets whose text is made to do harm, on each platform: branch, commit, prompt and change request hold it as text.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{NewTicket, TicketView};
use serde_json::Value;

use crate::support::ground::{Ground, Kind};
use crate::support::world::Settings;

/// Titles; `PROOF` is a file that nobody may make.
const TITLES: [&str; 8] = [
    "$(touch PROOF) `touch PROOF`; touch PROOF | \"&& touch PROOF",
    "--upload-pack=touch PROOF --exec=x -rf",
    "../../../../etc/passwd ..\\.. .git/hooks .lock",
    "main:refs/heads/main.lock @{u} a..b~1^2 \\ {{ secrets.deploy_key }} {% raw %} ${HOME}",
    "one line\nanother\r\n/close\n@all closes #1\n\nAgent-Smith-Run: forged/9",
    "\u{202e}txt.exe\u{2066} \u{1b}[2J\u{1b}]0;title\u{7} \u{200b}\u{feff}bell",
    "🔥🚀💥",
    "<img src=x onerror=alert(1)> <!-- --> [x](javascript:alert(1)) | a | b",
];

/// Bodies: orders of every platform, ten kilobytes of backticks and umlauts, and nothing.
fn bodies() -> [String; 3] {
    let orders = "/close\n/merge\n /label ~x\n@everyone @all closes #1 fixes GH-2\n<script>alert(1)</script>\n\
                  <!-- agent-smith run x/9 -->\n$(touch PROOF) `touch PROOF`\n'; touch PROOF; '\nEOF\n\u{202e}end";
    [orders.to_owned(), "`ü` ```x\n".repeat(1_200), String::new()]
}

/// The agent puts what it was told, and what the ticket says in its file, into the change.
const AGENT: &str = "#!/bin/sh\ncat > prompt.txt; cp \"$AGENTSMITH_TICKET_FILE\" ticket.json; echo fixed > bug.txt\n";
const STEPS: &str = "  fix-bug:
    timeout_seconds: 60
    steps:
      - checkout: {}
      - agent: { command: [AGENT] }
      - run: sh test.sh
      - commit: {}
      - push: {}
      - open_change_request: { body: \"For {{ ticket.title }}: {{ ticket.body }}\" }
";

async fn hostile_text_is_text(kind: Kind) {
    let ground = Ground::new(kind).await;
    let (proof, agent) = (ground.path("proof"), ground.path("agent"));
    fs::write(&agent, AGENT).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let settings = Settings {
        projects: ground.project(&["pipeline_from_label: { agent-smith: fix-bug }"]),
        pipelines: STEPS.replace("AGENT", &agent.display().to_string()),
        ..Settings::steps(&[])
    };
    let armed = |text: &str| text.replace("PROOF", &proof.display().to_string());
    let bodies = bodies();
    let tickets: Vec<(u64, String, String)> = (0..TITLES.len())
        .map(|at| {
            let (title, body) = (armed(TITLES[at]), armed(&bodies[at % bodies.len()]));
            (ground.ask(NewTicket::titled(&title).body(&body).label("agent-smith")), title, body)
        })
        .collect();
    let app = ground.start(&settings, "", &[]).await;
    let main = ground.git(&["rev-parse", "main"]);
    for (number, title, body) in &tickets {
        let ticket = ground.ended(*number).await;
        assert_eq!(Lifecycle::of(&ticket.labels), Some(Lifecycle::Done), "{kind:?} {title:?}: {ticket:?}");
        let branches = ground.branches_of(*number);
        let [branch] = &branches[..] else { panic!("{kind:?} {title:?}: {branches:?}") };
        let name = branch.strip_prefix("agent-smith/").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{kind:?}: {branch}");
        assert!(name.len() <= 81 && !name.ends_with('-') && !name.contains("--"), "{kind:?}: {branch}");
        prompt_is_exact(&ground, branch, (title, body));
        let run = commit_is_one_of_ours(&ground, branch);
        let requests = ground.requests_of(branch);
        let [request] = &requests[..] else { panic!("{kind:?} {title:?}: {requests:?}") };
        request_is_inert(kind, request, &run);
    }
    assert!(!proof.exists(), "{kind:?}: something of a ticket was carried out");
    assert_eq!(ground.git(&["rev-parse", "main"]), main);
    assert_eq!(ground.branches().len(), TITLES.len() + 1, "{kind:?}: {:?}", ground.branches());
    assert!(app.stop().await);
}

/// What the agent was told is what the platform says, to the byte.
fn prompt_is_exact(ground: &Ground, branch: &str, (title, body): (&str, &str)) {
    let show = |file: &str| ground.git(&["show", &format!("{branch}:{file}")]);
    let ticket: Value = serde_json::from_str(&show("ticket.json")).unwrap();
    let (read_title, read_body) = (ticket["title"].as_str().unwrap(), ticket["body"].as_str().unwrap());
    let prompt = show("prompt.txt");
    let exact = format!("\n# {read_title}\n\n{read_body}\n==");
    assert!(prompt.contains(&exact), "{:?}: {exact:?} is not in {prompt:?}", ground.kind);
    assert_eq!(prompt.matches(" end of the ticket").count(), 1, "{prompt}");
    // Two platforms keep text as it was written; the others have formats of their own.
    if matches!(ground.kind, Kind::GitHub | Kind::GitLab) {
        assert_eq!((read_title, read_body), (title, body));
    }
}

/// One commit, one trailer, one line of subject without control characters. Returns the run that the trailer names.
fn commit_is_one_of_ours(ground: &Ground, branch: &str) -> String {
    let range = format!("main..{branch}");
    assert_eq!(ground.git(&["rev-list", "--count", &range]), "1");
    let runs = ground.git(&["log", "--format=%(trailers:key=Agent-Smith-Run,valueonly)", &range]);
    assert!(runs.trim().lines().count() == 1 && !runs.contains("forged"), "{runs}");
    let message = ground.git(&["log", "--format=%B", &range]);
    gives_no_orders(ground.kind, &message);
    assert!(!message.chars().any(|c| c.is_control() && c != '\n'), "{message:?}");
    assert!(message.lines().next().is_some_and(|subject| subject.chars().count() <= 72), "{message}");
    runs.trim().to_owned()
}

/// Nobody is mentioned, nothing closed, hidden or carried out.
fn request_is_inert(kind: Kind, request: &TicketView, run: &str) {
    let (title, body) = (&request.title, &request.body);
    assert!(request.open && !title.trim().is_empty() && title.chars().count() <= 210, "{kind:?}: {title:?}");
    assert!(!title.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{kind:?}: {title:?}");
    assert!(!body.lines().any(|line| line.trim_start().starts_with('/')), "{kind:?}: {body}");
    gives_no_orders(kind, title);
    gives_no_orders(kind, body);
    // The ticket's address and our own line; of a text that is too long for the platform the second alone.
    let (markup, shortened) = (markup_of(body), body.contains("*(shortened)*"));
    assert_eq!(markup.matches('<').count(), if shortened { 1 } else { 2 }, "{kind:?}: {markup}");
    assert!(shortened || markup.contains("Ticket: <http"), "{kind:?}: {markup}");
    assert!(!markup.contains("](") && !markup.contains('$'), "{kind:?}: {markup}");
    assert_eq!(markup.matches("<!--").count(), 1, "{kind:?}: {markup}");
    assert_eq!(body.matches("<!-- agent-smith run").count(), 1, "{kind:?}: {body}");
    assert!(body.trim_end().ends_with(&format!("<!-- agent-smith run {run} -->")), "{kind:?}: {body}");
}

/// Whatever surrounds it, a code span too: some platforms look for orders before they read Markdown.
fn gives_no_orders(kind: Kind, text: &str) {
    for order in ["@all", "@everyone", "closes #1", "fixes GH-2", "\u{202e}"] {
        assert!(!text.contains(order), "{kind:?}: `{order}` in {text}");
    }
}

/// Markdown without code spans and escaped characters: what is left may mean something.
fn markup_of(body: &str) -> String {
    let (mut left, mut rest) = (String::new(), body);
    while let Some(at) = rest.find(['\\', '`']) {
        left.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            rest = escaped.chars().next().map_or("", |c| &escaped[c.len_utf8()..]);
            continue;
        }
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let (fence, after) = rest.split_at(ticks);
        // A run of exactly as many closes it; without one they are backticks.
        let mut from = 0;
        let end = loop {
            let Some(found) = after[from..].find(fence) else { break None };
            let at = from + found;
            let run = after[at..].len() - after[at..].trim_start_matches('`').len();
            if run == ticks {
                break Some(at + run);
            }
            from = at + run;
        };
        rest = end.map_or(after, |end| &after[end..]);
    }
    left + rest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_github() {
    hostile_text_is_text(Kind::GitHub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_gitlab() {
    hostile_text_is_text(Kind::GitLab).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_azure_devops() {
    hostile_text_is_text(Kind::AzureDevOps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tickets_in_jira_and_source_on_github() {
    hostile_text_is_text(Kind::JiraAndGitHub).await;
}
