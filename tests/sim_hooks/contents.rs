//! What happens on the board is what a delivery says.

use agent_smith::http::webhook::event::{Change, Event, Reading, TrackerNamed};
use agent_smith::sim::board::NewTicket;
use agent_smith::ticket::PlatformKind;
use serde_json::Value;

use crate::{Receiver, Rig};

fn events(readings: Vec<Reading>) -> Vec<Event> {
    let event = |reading| match reading {
        Reading::Event(event) => Some(*event),
        Reading::Nothing(_) => None,
    };
    readings.into_iter().filter_map(event).collect()
}

fn changes(events: &[Event]) -> Vec<Change> {
    events.iter().flat_map(|event| event.changes.clone()).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn every_platform_tells_everything_that_a_person_does() {
    for kind in PlatformKind::ALL {
        let rig = Rig::hooked(kind).await;
        let jane = rig.board.acting_as("jane");
        let number = jane.open_ticket(rig.tracker, NewTicket::titled("Broken").label("bug")).unwrap();
        let first = events(rig.readings(0).await);
        assert!(changes(&first).contains(&Change::Opened), "{kind}: {first:#?}");
        let opened = &first[0];
        let id = if kind == PlatformKind::Jira { format!("API-{number}") } else { number.to_string() };
        assert_eq!(opened.ticket, id);
        assert!(opened.actor.as_ref().unwrap().is_called("jane"), "{kind}: {opened:#?}");
        assert_eq!(opened.seen.labels.as_ref().unwrap().iter().collect::<Vec<_>>(), ["bug"]);
        names_the_tracker(&rig, &opened.tracker);

        let known = rig.settle().await.len();
        jane.add_label(rig.tracker, number, "agent-smith").unwrap();
        let added = events(rig.readings(known).await);
        assert_eq!(changes(&added), [Change::LabelsAdded(names(&["agent-smith"]))], "{kind}");
        assert!(added[0].seen.labels.as_ref().unwrap().contains("agent-smith"));

        let known = rig.settle().await.len();
        jane.set_labels(rig.tracker, number, &names(&["other"])).unwrap();
        let set = changes(&events(rig.readings(known).await));
        let removed = set.iter().filter_map(|change| match change {
            Change::LabelsRemoved(labels) => Some(labels.clone()),
            _ => None,
        });
        assert_eq!(removed.flatten().collect::<Vec<_>>(), ["bug", "agent-smith"], "{kind}: {set:?}");
        assert!(set.contains(&Change::LabelsAdded(names(&["other"]))), "{kind}: {set:?}");

        let known = rig.settle().await.len();
        jane.close(rig.tracker, number).unwrap();
        let closed = events(rig.readings(known).await);
        match kind {
            PlatformKind::AzureDevOps => assert_eq!(changes(&closed), [Change::StatusChanged("Closed".to_owned())]),
            _ => {
                assert!(changes(&closed).contains(&Change::Closed) && closed[0].seen.open == Some(false), "{closed:?}")
            }
        }

        let known = rig.settle().await.len();
        jane.reopen(rig.tracker, number).unwrap();
        let reopened = events(rig.readings(known).await);
        match kind {
            PlatformKind::AzureDevOps => assert_eq!(changes(&reopened), [Change::StatusChanged("New".to_owned())]),
            _ => assert!(changes(&reopened).contains(&Change::Reopened) && reopened[0].seen.open == Some(true)),
        }

        let known = rig.settle().await.len();
        jane.set_body(rig.tracker, number, "more").unwrap();
        assert_eq!(events(rig.readings(known).await), [], "{kind}");
        assert!(rig.settle().await.len() > known, "{kind}: it is told all the same");

        let known = rig.settle().await.len();
        jane.delete(rig.tracker, number).unwrap();
        let deleted = events(rig.readings(known).await);
        match kind {
            PlatformKind::GitLab => assert_eq!(deleted, [], "GitLab has no event for it"),
            _ => assert_eq!(changes(&deleted), [Change::Deleted]),
        }
    }
}

/// The names in the payload lead back to the place that the simulated platform serves.
fn names_the_tracker(rig: &Rig, tracker: &TrackerNamed) {
    match tracker {
        TrackerNamed::GitHub { web_url } => assert_eq!(web_url.as_str(), rig.sim.page_url(rig.tracker)),
        TrackerNamed::GitLab { web_url, path } => {
            assert_eq!((web_url.as_str(), path.as_str()), (rig.sim.page_url(rig.tracker).as_str(), rig.tracker));
        }
        TrackerNamed::AzureDevOps { collection, project, project_id } => {
            assert_eq!(collection.as_ref().unwrap().as_str(), format!("{}/", rig.sim.api_url()));
            assert_eq!(project.as_deref(), Some("My project"));
            assert!(project_id.is_some());
        }
        TrackerNamed::Jira { site, project } => {
            assert_eq!(site.as_ref().unwrap().as_str(), format!("{}/", rig.sim.url()));
            assert_eq!(project, "API");
        }
    }
}

#[tokio::test]
async fn a_comment_is_told_once_with_its_text() {
    for kind in PlatformKind::ALL {
        let rig = Rig::hooked(kind).await;
        let number = rig.board.open_ticket(rig.tracker, NewTicket::titled("Broken")).unwrap();
        let known = rig.settle().await.len();
        rig.board.acting_as("jane").comment(rig.tracker, number, "/agent-smith run").unwrap();
        let comments = events(rig.readings(known).await);
        assert_eq!(comments.len(), 1, "{kind}: {comments:#?}");
        assert!(comments[0].actor.as_ref().unwrap().is_called("jane"), "{kind}");
        assert!(
            matches!(&comments[0].changes[..], [Change::Commented(seen)] if seen.body == "/agent-smith run"),
            "{kind}: {comments:#?}"
        );
        assert_eq!(comments[0].seen.labels.is_none(), kind == PlatformKind::Jira);
    }
}

#[tokio::test]
async fn pull_requests_are_no_tickets() {
    for kind in PlatformKind::ALL {
        let rig = Rig::hooked(kind).await;
        let number = rig.board.open_pull_request(rig.tracker, NewTicket::titled("Fix").label("agent-smith")).unwrap();
        rig.board.comment(rig.tracker, number, "/agent-smith run").unwrap();
        assert_eq!(events(rig.readings(0).await), [], "{kind}");
        let told = if kind == PlatformKind::GitHub { 1 } else { 0 };
        assert_eq!(rig.settle().await.len(), told, "GitHub alone reports its comments as those of an issue");
    }
}

#[tokio::test]
async fn azure_devops_can_leave_out_the_fields() {
    let rig = Rig::start(PlatformKind::AzureDevOps).await;
    rig.sim.hooks().add(rig.hook().minimal());
    let number = rig.board.open_ticket(rig.tracker, NewTicket::titled("Broken")).unwrap();
    rig.board.add_label(rig.tracker, number, "agent-smith").unwrap();
    let events = events(rig.readings(0).await);
    assert_eq!(changes(&events), [Change::Opened, Change::Unnamed]);
    assert!(events.iter().all(|event| event.ticket == number.to_string() && event.seen.labels.is_none()));
}

#[tokio::test]
async fn nothing_is_told_of_before_the_hook_or_to_the_hook_of_another_tracker() {
    let rig = Rig::start(PlatformKind::GitHub).await;
    rig.board.add_tracker("org/other").unwrap();
    rig.board.open_ticket(rig.tracker, NewTicket::titled("before")).unwrap();
    rig.sim.hooks().add(rig.hook());
    let (other, url) = Receiver::start().await;
    rig.board.open_ticket(rig.tracker, NewTicket::titled("between")).unwrap();
    rig.sim.hooks().add(agent_smith::sim::hooks::Hook::new("org/other", url));
    rig.board.open_ticket(rig.tracker, NewTicket::titled("after")).unwrap();
    let titles: Vec<_> = rig.settle().await.iter().map(|delivery| title(&delivery.body)).collect();
    assert_eq!(titles, ["between", "after"]);
    assert_eq!(other.arrived().len(), 0);
}

fn title(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["issue"]["title"].as_str().unwrap().to_owned()
}

/// Some tell of it and some do not say that it is an edit: no reading of it may be a command.
#[tokio::test]
async fn an_edited_comment_of_ours_is_no_command() {
    for kind in PlatformKind::ALL {
        let rig = Rig::hooked(kind).await;
        let number = rig.board.open_ticket(rig.tracker, NewTicket::titled("Broken")).unwrap();
        let smith = rig.board.acting_as("smith");
        let said = |text: &str| format!("{text}\n/agent-smith run\n\n<!-- agent-smith:run_1 -->");
        let comment = smith.comment(rig.tracker, number, &said("running")).unwrap();
        let known = rig.settle().await.len();
        smith.edit_comment(rig.tracker, number, comment.id, &said("done")).unwrap();
        let readings = rig.readings(known).await;
        assert!(!readings.is_empty(), "{kind}: it is told all the same");
        for event in events(readings) {
            let [Change::Commented(seen)] = &event.changes[..] else { panic!("{kind}: {event:#?}") };
            assert_eq!(seen.body, said("done"), "{kind}: with the marker that makes it ours");
        }
    }
}
