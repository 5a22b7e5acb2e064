//! From a labelled ticket to its end, with a coding agent of each behaviour, on each platform: what is on the ticket,
//! on the remote and among the processes afterwards.
//!
//! One server for each platform; every behaviour is a label, a pipeline of its own and a ticket. What costs more than a
//! moment (a flood, two hundred megabytes) has its tests elsewhere and once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{NewTicket, TicketView};

use crate::fixture::{SECRET, marker, running};
use crate::support::ground::{Ground, Kind, plain};
use crate::support::world::Settings;

/// What the agents of a platform's tickets do, and what is to become of it.
struct Behaviour {
    /// The label, and the pipeline's name.
    name: &'static str,
    script: String,
    /// Further keys of the agent.
    options: &'static str,
    /// Further lines of the pipeline, before its steps.
    tests: &'static str,
    ends: End,
}

enum End {
    /// Done, with a change request.
    Done { draft: bool },
    /// Failed, with nothing on the remote; the ticket says so.
    Failed(&'static str),
}

/// With its own words for whom nothing is to be left alive.
fn behaviours(marker: &str, token: &str) -> Vec<Behaviour> {
    let row = |name, script: &str, ends| Behaviour { name, script: script.to_owned(), options: "", tests: "", ends };
    let done = || End::Done { draft: false };
    let deaf = format!("trap '' TERM INT HUP; (setsid sh -c \"trap '' TERM; sleep {marker}\" &); sleep {marker}");
    let tells = format!(
        "said=\"token {token} and key $deploy_key\"; echo \"$said\"; echo \"$said\" >&2; echo fixed > bug.txt; \
         echo \"summary={token} $deploy_key\" > \"$AGENTSMITH_OUTPUT\""
    );
    vec![
        row("fixes", "cat > /dev/null; echo fixed > bug.txt; echo mended it", done()),
        row("no-change", "cat > /dev/null; echo all is well", End::Failed("without a change to any file")),
        row("crash", "echo fixed > bug.txt; echo no key >&2; exit 7", End::Failed("exited with code 7")),
        Behaviour {
            options: ", stall_timeout_seconds: 1",
            ..row(
                "hang",
                &format!("echo fixed > bug.txt; echo working; sleep {marker}"),
                End::Failed("printed nothing for 1 s"),
            )
        },
        Behaviour {
            options: ", stall_timeout_seconds: 1",
            ..row("deaf", &deaf, End::Failed("printed nothing for 1 s"))
        },
        row("forks-away", &format!("(setsid sh -c 'sleep {marker} &' &); echo fixed > bug.txt"), done()),
        Behaviour { options: ", prompt: 'Mend it.'", ..row("tells", &tells, done()) },
        row("breaks", "echo worse > bug.txt", End::Failed("1 test failed")),
        Behaviour {
            tests: ", continue_on_error: true",
            ..row("breaks-tolerated", "echo worse > bug.txt", End::Done { draft: true })
        },
    ]
}

/// The pipelines with these agents, and the map from labels to them.
fn pipelines(behaviours: &[Behaviour], folder: &Path) -> (String, String) {
    let (mut pipelines, mut map) = (String::new(), Vec::new());
    for Behaviour { name, script, options, tests, .. } in behaviours {
        let program = folder.join(format!("agent-{name}"));
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let said = "{{ ticket.title }} {{ steps.work.outputs.summary }}";
        let (words, secrets) = match *name {
            "tells" => (format!("title: '{said}', body: '{said}'"), ", secrets: [deploy_key]"),
            _ => (String::new(), ""),
        };
        let message = if *name == "tells" { format!("message: '{said}'") } else { String::new() };
        pipelines.push_str(&format!(
            "  {name}:
    timeout_seconds: 60
    steps:
      - checkout: {{}}
      - {{ agent: {{ command: ['{}']{options} }}, name: work{secrets} }}
      - {{ run: sh test.sh, name: tests{tests} }}
      - commit: {{ {message} }}
      - push: {{}}
      - open_change_request: {{ {words} }}
",
            program.display()
        ));
        map.push(format!("{name}: {name}"));
    }
    (pipelines, format!("pipeline_from_label: {{ {} }}", map.join(", ")))
}

async fn every_behaviour_ends_as_it_should(kind: Kind) {
    let (ground, marker) = (Ground::new(kind).await, marker());
    let behaviours = behaviours(&marker, kind.token());
    let (pipelines, map) = pipelines(&behaviours, ground.folder.path());
    let settings = Settings { projects: ground.project(&[&map]), pipelines, ..Settings::steps(&[]) };
    let top = "secrets:\n  deploy_key: ${DEPLOY_KEY}\n";
    let numbers: Vec<u64> = behaviours
        .iter()
        .map(|one| ground.ask(NewTicket::titled(format!("Case {}", one.name)).body("Often.").label(one.name)))
        .collect();
    let app = ground.start(&settings, top, &[("DEPLOY_KEY", SECRET)]).await;
    for (behaviour, number) in behaviours.iter().zip(numbers) {
        let ticket = ground.ended(number).await;
        let [comment] = &ticket.comments[..] else { panic!("{kind:?} {}: {ticket:?}", behaviour.name) };
        let comment = plain(&comment.body);
        let state = Lifecycle::of(&ticket.labels);
        match behaviour.ends {
            End::Failed(why) => {
                assert_eq!(state, Some(Lifecycle::Failed), "{kind:?} {}: {comment}", behaviour.name);
                assert!(comment.contains(why), "{kind:?} {}: `{why}` in {comment}", behaviour.name);
                assert_eq!(ground.branches_of(number), [""; 0], "{kind:?} {}", behaviour.name);
            }
            End::Done { draft } => {
                assert_eq!(state, Some(Lifecycle::Done), "{kind:?} {}: {comment}", behaviour.name);
                let request = request_of(&ground, number);
                let end = format!("/{}", request.number);
                assert!(comment.contains("Change request") && comment.contains(&end), "{kind:?}: {comment}");
                let change = request.change.as_ref().unwrap();
                assert_eq!((change.draft, request.open), (draft, true), "{kind:?} {}", behaviour.name);
                looks_right(&ground, behaviour.name, &ticket, &request);
            }
        }
        assert!(!comment.contains(kind.token()) && !comment.contains(SECRET), "{kind:?}: {comment}");
    }
    merges_unless_somebody_was_faster(&ground).await;
    let opened = behaviours.iter().filter(|one| matches!(one.ends, End::Done { .. })).count();
    assert_eq!((ground.requests().len(), ground.branches().len()), (opened, opened + 1), "{kind:?}");
    assert_eq!(running(&marker), [0_u32; 0], "{kind:?}");
    assert!(app.stop().await);
    let seen = without(&ground.path("data"), &[kind.token(), SECRET]);
    assert!(seen >= behaviours.len(), "a log for each run: {seen} files");
}

/// What the platform says of every change request: ready to merge, or a draft. Then main changes the same line.
async fn merges_unless_somebody_was_faster(ground: &Ground) {
    let [ready, draft, conflict] = match ground.kind {
        Kind::GitHub | Kind::JiraAndGitHub => ["clean", "draft", "dirty"],
        Kind::GitLab => ["mergeable", "draft_status", "conflict"],
        Kind::AzureDevOps => ["succeeded", "succeeded", "conflicts"],
    };
    for request in ground.requests() {
        let expected = if request.change.as_ref().unwrap().draft { draft } else { ready };
        assert_eq!(ground.merge_state(request.number).await, expected, "{:?}", ground.kind);
    }
    ground.write_to_main("bug.txt", "mended by hand\n");
    assert_eq!(ground.merge_state(ground.requests()[0].number).await, conflict, "{:?}", ground.kind);
}

/// The one change request for the one branch of a ticket.
fn request_of(ground: &Ground, number: u64) -> TicketView {
    let branches = ground.branches_of(number);
    let [branch] = &branches[..] else { panic!("{:?} {number}: {branches:?}", ground.kind) };
    let requests = ground.requests_of(branch);
    let [request] = &requests[..] else { panic!("{:?} {branch}: {requests:?}", ground.kind) };
    request.clone()
}

/// The tree, who made it, and what the change request says of it.
fn looks_right(ground: &Ground, name: &str, ticket: &TicketView, request: &TicketView) {
    let change = request.change.as_ref().unwrap();
    let (head, body) = (&change.head, &request.body);
    assert_eq!(change.base, "main");
    let fixed = if name == "breaks-tolerated" { "worse" } else { "fixed" };
    assert_eq!(ground.git(&["show", &format!("{head}:bug.txt")]), fixed);
    let names = ground.git(&["diff", "--name-only", "main", head]);
    assert_eq!(names, "bug.txt", "nothing else is in the change");
    let commit = ground.git(&["log", "--format=%an <%ae>%n%B", &format!("main..{head}")]);
    assert!(commit.starts_with("agent-smith <agent-smith@test-host>\n"), "{commit}");
    let runs: Vec<&str> = commit.lines().filter_map(|line| line.strip_prefix("Agent-Smith-Run: ")).collect();
    let [run] = runs[..] else { panic!("one commit of one run: {commit}") };
    assert!(!commit.contains(ground.kind.token()) && !commit.contains(SECRET), "{commit}");
    let shown = format!("{} {body}", request.title);
    assert!(!shown.contains(ground.kind.token()) && !shown.contains(SECRET), "{shown}");
    let tests = if name == "breaks-tolerated" { "**failed**, tolerated |" } else { "done |" };
    let row = body.lines().find(|line| line.starts_with("| `tests` | "));
    assert!(row.is_some_and(|row| row.ends_with(tests)), "{body}");
    assert!(body.contains("One file differs from `main`") && body.contains("Run `"), "{body}");
    let link = body.lines().find(|line| line.contains("Ticket: <http"));
    let id = ground.id_of(ticket.number);
    assert!(link.is_some_and(|link| link.contains(&format!("/{id}>"))), "{body}");
    assert!(body.trim_end().ends_with(&format!("<!-- agent-smith run {run} -->")), "{body}");
}

/// Looks for texts in every file below a folder; returns how many files there were.
fn without(folder: &Path, texts: &[&str]) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            seen += without(&path, texts);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            for text in texts {
                let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
                assert!(!found, "`{text}` is in {}", path.display());
            }
            seen += 1;
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_github() {
    every_behaviour_ends_as_it_should(Kind::GitHub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_gitlab() {
    every_behaviour_ends_as_it_should(Kind::GitLab).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_azure_devops() {
    every_behaviour_ends_as_it_should(Kind::AzureDevOps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tickets_in_jira_and_source_on_github() {
    every_behaviour_ends_as_it_should(Kind::JiraAndGitHub).await;
}

/// What a workflow does not allow is a note, and no failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_cannot_move_its_ticket_leaves_a_note_and_the_run_goes_on() {
    for (kind, status, possible) in
        [(Kind::JiraAndGitHub, "Done", "In Progress"), (Kind::AzureDevOps, "Released", "Closed")]
    {
        let ground = Ground::new(kind).await;
        let pipelines = format!("  fix-bug:\n    steps:\n      - set_status: {status}\n      - run: echo went on\n");
        let projects = ground.project(&["pipeline_from_label: { agent-smith: fix-bug }"]);
        let app = ground.start(&Settings { projects, pipelines, ..Settings::steps(&[]) }, "", &[]).await;
        let ticket = ground.ended(ground.ask(NewTicket::titled("Move me").label("agent-smith"))).await;
        let comment = plain(&ticket.comments[0].body);
        assert_eq!(Lifecycle::of(&ticket.labels), Some(Lifecycle::Done), "{kind:?}: {comment}");
        let note = format!("The ticket could not be moved to {status}: ");
        let line = comment.lines().find_map(|line| line.split_once(&note)).unwrap_or_else(|| panic!("{comment}"));
        assert!(line.1.contains(possible), "{kind:?}: {comment}");
        assert_eq!(comment.matches(&note).count(), 1, "{comment}");
        assert!(ticket.open && comment.contains("went on"), "{comment}");
        assert!(app.stop().await);
    }
}
