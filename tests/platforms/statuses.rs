//! Moving a ticket in its platform's own workflow.

use std::time::Duration;

use agent_smith::platform::{Error, StatusChange};
use agent_smith::ticket::PlatformKind;

use crate::on_every_platform;
use crate::rig::Rig;

on_every_platform!(
    a_ticket_is_moved_and_a_second_time_is_there_already,
    what_is_not_possible_is_told_with_what_is,
    a_status_needs_a_right_that_lasts,
    labels_stay_as_they_are,
);

/// A status that a new ticket can be moved to, written in another case than the platform's.
fn next(rig: &Rig) -> &'static str {
    match rig.platform.kind() {
        PlatformKind::GitHub | PlatformKind::GitLab => "Closed",
        PlatformKind::AzureDevOps => "closed",
        PlatformKind::Jira => "in progress",
    }
}

async fn a_ticket_is_moved_and_a_second_time_is_there_already(rig: Rig) {
    let number = rig.ticket(&[]);
    let right = rig.right(number);
    assert_eq!(rig.platform.set_status(&right, next(&rig)).await.unwrap(), StatusChange::Moved);
    let ticket = rig.platform.read(&rig.id(number)).await.unwrap();
    assert_eq!((ticket.state.to_lowercase(), ticket.open), (next(&rig).to_lowercase(), next(&rig) == "in progress"));
    let writes = rig.writes();
    assert_eq!(rig.platform.set_status(&right, next(&rig)).await.unwrap(), StatusChange::AlreadyThere);
    assert_eq!(rig.writes(), writes, "nothing is written for it");
    let back = match rig.platform.kind() {
        PlatformKind::GitHub | PlatformKind::GitLab => "open",
        PlatformKind::AzureDevOps => "New",
        PlatformKind::Jira => "To Do",
    };
    assert_eq!(rig.platform.set_status(&right, back).await.unwrap(), StatusChange::Moved);
    assert!(rig.platform.read(&rig.id(number)).await.unwrap().open);
}

async fn what_is_not_possible_is_told_with_what_is(rig: Rig) {
    let number = rig.ticket(&[]);
    let change = rig.platform.set_status(&rig.right(number), "Released").await.unwrap();
    let StatusChange::Impossible { possible, .. } = &change else { panic!("{change:?}") };
    let named = |word: &str| possible.iter().any(|one| one.eq_ignore_ascii_case(word));
    assert!(named(next(&rig)), "{change}");
    assert!(change.to_string().contains("; possible: "), "{change}");
    assert!(rig.platform.read(&rig.id(number)).await.unwrap().open);
}

async fn a_status_needs_a_right_that_lasts(rig: Rig) {
    let number = rig.ticket(&[]);
    let stale = rig.right_for(number, Duration::ZERO);
    let error = rig.platform.set_status(&stale, next(&rig)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    let ticket = rig.board.ticket(rig.tracker, number).unwrap();
    assert!(ticket.open && ticket.status.is_none());
}

async fn labels_stay_as_they_are(rig: Rig) {
    let number = rig.ticket(&["agent-smith", "bug"]);
    rig.platform.set_status(&rig.right(number), next(&rig)).await.unwrap();
    assert_eq!(rig.labels(number), ["agent-smith", "bug"]);
    let right = rig.right(number);
    rig.platform.transition(&right, Some(agent_smith::lifecycle::Lifecycle::Done)).await.unwrap();
    assert_eq!(rig.labels(number), ["agent-smith", "agent-smith:done", "bug"]);
}
