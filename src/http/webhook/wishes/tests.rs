//! What each kind of change asks for, seen as a table.

use super::*;
use crate::config::{Env, parse};
use crate::http::webhook::event::{Seen, TrackerNamed};

const JIRA: &str = "type: Jira, url: https://j.example, project: P";
const AZURE: &str = "type: AzureDevOps, organization: o, project: P";
const TRIGGER: &str = "pipeline_from_label: { go: fix-bug, scan: fix-bug }";

fn projects(tickets: &str, trigger: &str) -> Vec<Arc<Project>> {
    let kind = if tickets == JIRA { "jira" } else { "azuredevops" };
    let pipelines = "pipelines: { fix-bug: { steps: [{ run: make }] } }";
    let text =
        format!("projects: {{ p: {{ tickets: {{ {tickets} }}, {kind}_trigger: {{ {trigger} }} }} }}\n{pipelines}\n");
    let loaded = parse("f.yml", &text, &Env::default()).unwrap();
    loaded.config.projects.into_values().collect()
}

fn account(id: &str) -> Account {
    Account { id: id.to_owned(), ..Account::default() }
}

/// Something that a person did to a ticket that carries these labels.
fn event(change: Change, labels: Option<&[&str]>) -> Event {
    let labels = labels.map(|labels| labels.iter().copied().collect());
    Event {
        tracker: TrackerNamed::Jira { site: None, project: "P".to_owned() },
        ticket: "P-1".to_owned(),
        changes: vec![change],
        actor: Some(account("jane")),
        seen: Seen { labels, ..Seen::default() },
    }
}

fn added(label: &str) -> Change {
    Change::LabelsAdded(vec![label.to_owned()])
}

fn removed(label: &str) -> Change {
    Change::LabelsRemoved(vec![label.to_owned()])
}

/// `start`, `gone`, or nothing.
fn wish(event: &Event, projects: &[Arc<Project>], by_us: bool) -> &'static str {
    let wishes = of(event, projects, by_us);
    let word = match (wishes.by_label, wishes.gone) {
        (true, false) => "start",
        (false, true) => "gone",
        (false, false) => "",
        (true, true) => "both",
    };
    assert_eq!(word.is_empty(), wishes.nothing.is_some(), "{wishes:?}");
    word
}

#[test]
fn what_a_person_does_to_labels() {
    let projects = projects(JIRA, TRIGGER);
    for (change, labels, asks) in [
        (added("Go"), Some(&["go"][..]), "start"),
        (added("go"), None, "start"),
        (added("other"), Some(&["go", "other"]), ""),
        (added("agent-smith:pending"), Some(&["agent-smith:pending"]), "start"),
        (added("agent-smith:done"), Some(&["go", "agent-smith:done"]), ""),
        (removed("agent-smith:done"), Some(&["go"]), "start"),
        (removed("agent-smith:failed"), Some(&[]), ""),
        (removed("agent-smith:enqueued"), Some(&["go"]), ""),
        (removed("go"), Some(&[]), "gone"),
        (removed("go"), Some(&["scan"]), ""),
        (removed("go"), None, "gone"),
        (Change::Opened, Some(&["go"]), "start"),
        (Change::Opened, Some(&["bug"]), ""),
        (Change::Reopened, None, "start"),
        (Change::Closed, Some(&["go"]), "gone"),
        (Change::Deleted, None, "gone"),
    ] {
        assert_eq!(wish(&event(change.clone(), labels), &projects, false), asks, "{change:?} {labels:?}");
    }
}

#[test]
fn what_we_did_ourselves_or_nobody_is_named_for() {
    let projects = projects(JIRA, TRIGGER);
    for (change, asks) in
        [(added("agent-smith:pending"), ""), (removed("agent-smith:done"), ""), (added("go"), "start")]
    {
        let mut sent = event(change, Some(&["go", "agent-smith:pending"]));
        assert_eq!(wish(&sent, &projects, true), asks, "{sent:?}");
        sent.actor = None;
        assert_eq!(wish(&sent, &projects, false), asks, "{sent:?}");
    }
}

#[test]
fn a_closed_ticket_starts_nothing() {
    let projects = projects(JIRA, &format!("{TRIGGER}, assignee_name: smith"));
    for change in [added("go"), Change::Reopened, Change::Assigned(account("smith"))] {
        let mut sent = event(change, Some(&["go"]));
        sent.seen.open = Some(false);
        let wishes = of(&sent, &projects, false);
        assert!(wishes.nothing.as_ref().is_some_and(|why| why.contains("closed")), "{wishes:?}");
    }
}

#[test]
fn a_status_counts_where_the_file_names_some() {
    let changed = |status: &str| event(Change::StatusChanged(status.to_owned()), Some(&["go"]));
    let any = projects(JIRA, TRIGGER);
    assert_eq!(wish(&changed("Ready"), &any, false), "start", "it may have been reopened; the ticket says");
    let some = projects(JIRA, &format!("{TRIGGER}, trigger_statuses: [Ready]"));
    assert_eq!(wish(&changed("ready"), &some, false), "start");
    assert_eq!(wish(&changed("Waiting"), &some, false), "");
    // Azure DevOps knows states only, and the file says which of them are open.
    let azure = projects(AZURE, TRIGGER);
    assert_eq!(wish(&changed("active"), &azure, false), "start", "it may have been reopened");
    assert_eq!(wish(&changed("Closed"), &azure, false), "gone");
    let mut labelled = event(added("go"), Some(&["go"]));
    labelled.seen.status = Some("Resolved".to_owned());
    assert_eq!(wish(&labelled, &azure, false), "");
}

/// A ticket that is moved along while it waits, runs or is finished costs not even a look at it.
#[test]
fn a_status_starts_nothing_on_a_ticket_that_shows_a_claim_or_does_not_ask() {
    for (projects, status) in [(projects(JIRA, TRIGGER), "Ready"), (projects(AZURE, TRIGGER), "Active")] {
        let changed = |labels: Option<&[&str]>| event(Change::StatusChanged(status.to_owned()), labels);
        let taken = ["enqueued", "in-progress", "done", "failed"].map(|state| format!("agent-smith:{state}"));
        for taken in &taken {
            assert_eq!(wish(&changed(Some(&["go", taken])), &projects, false), "", "{status} {taken}");
        }
        assert_eq!(wish(&changed(Some(&["bug"])), &projects, false), "", "{status}");
        assert_eq!(wish(&changed(Some(&["agent-smith:pending"])), &projects, false), "start", "{status}");
        assert_eq!(wish(&changed(None), &projects, false), "start", "{status}: the ticket has to be read");
        let mut closed = changed(Some(&["go"]));
        closed.seen.open = Some(false);
        assert_eq!(wish(&closed, &projects, false), "", "{status}");
    }
}

#[test]
fn only_the_named_assignee_counts() {
    let projects = projects(JIRA, &format!("{TRIGGER}, assignee_name: Agent Smith"));
    let smith = Account { names: vec!["agent smith".to_owned()], ..account("5b10") };
    let assigned = event(Change::Assigned(smith.clone()), Some(&[]));
    assert_eq!(of(&assigned, &projects, false).assigned, Some(&smith));
    let other = event(Change::Assigned(account("joe")), Some(&[]));
    assert_eq!(of(&other, &projects, false).assigned, None);
}

#[test]
fn a_comment_counts_by_what_its_author_says() {
    let projects = projects(JIRA, &format!("{TRIGGER}, comment_keyword: \"@smith\""));
    for (body, keyword, command) in [
        ("please, @Smith!", true, false),
        ("nothing", false, false),
        ("{quote}@smith{quote}", false, false),
        ("/agent-smith status", false, true),
        ("@smith\n/agent-smith cancel", false, true),
        ("@smith\n\n~(agent\\-smith:run_1)~", false, false),
        ("@smith\n<!-- agent-smith:run_1 -->", false, false),
    ] {
        let comment = CommentSeen { id: None, body: body.to_owned() };
        let sent = event(Change::Commented(comment), None);
        let wishes = of(&sent, &projects, false);
        assert_eq!((wishes.keyword.is_some(), wishes.command.is_some()), (keyword, command), "{body}");
    }
}

#[test]
fn a_ticket_that_a_run_may_have_moved_is_not_taken_back() {
    let config = |trigger: &str, steps: &str| {
        let text = format!(
            "projects: {{ p: {{ tickets: {{ {JIRA} }}, jira_trigger: {{ {trigger} }} }} }}\npipelines: {{ fix-bug: {{ steps: [{{ run: make }}] }}, x: {{ steps: {steps} }} }}\n"
        );
        parse("f.yml", &text, &Env::default()).unwrap().config
    };
    let plain = (TRIGGER.to_owned(), "[{run: 'true'}]");
    let by_trigger = (format!("{TRIGGER}, done_status: Done"), "[{run: 'true'}]");
    let by_step = (TRIGGER.to_owned(), "[{set_status: Done}]");
    for ((trigger, steps), moves) in [(plain, false), (by_trigger, true), (by_step, true)] {
        let config = config(&trigger, steps);
        let projects: Vec<Arc<Project>> = config.projects.values().cloned().collect();
        let closed = event(Change::Closed, Some(&["go"]));
        assert_eq!(may_be_a_move_of_ours(&closed, &config, &projects), moves, "{trigger} {steps}");
        assert!(!may_be_a_move_of_ours(&event(removed("go"), None), &config, &projects));
        let wishes = of(&closed, &projects, true).of_our_own_move();
        assert!(!wishes.gone && wishes.nothing.is_some(), "{wishes:?}");
    }
}
