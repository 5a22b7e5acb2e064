//! Several projects that can find the same tickets: each ticket runs once, in the project that comes first.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{LabelRule, NewTicket};

use crate::house::{Backend, House};
use crate::on_every_platform_and_store;
use crate::rig::{Rig, TRIGGER};

on_every_platform_and_store!(two_spellings_of_one_tracker_run_each_ticket_once,);

/// The whole site in one project, one project of it in another, in this order.
async fn on_one_site(rig: Rig, backend: Backend, site_first: bool) {
    rig.board.add_tracker_with("OTHER", LabelRule::ExactCase).unwrap();
    let both = rig.ticket(&[TRIGGER]);
    let own = rig.ticket(&["review"]);
    let waits = rig.ticket(&[Lifecycle::Pending.label()]);
    let site_alone = rig.ticket(&["audit"]);
    let elsewhere = rig.board.open_ticket("OTHER", NewTicket::titled("there").label(TRIGGER)).unwrap();
    let house = House::with(rig, backend, "true");
    let runs = house.path("runs");
    let (site, key) = (
        house.rig.section_spelled_differently("site", "audit"),
        house.rig.section("key").replace("agent-smith: fix-bug", "review: fix-bug, agent-smith: fix-bug"),
    );
    let projects = if site_first { site + &key } else { key + &site };
    house.write_config(&projects, &format!("echo $AGENTSMITH_PROJECT $AGENTSMITH_TICKET_ID >> {}", runs.display()));
    let app = house.start().await;
    for number in [both, own, waits, site_alone] {
        house.ends(number, Lifecycle::Done).await;
    }
    let done = |board: &agent_smith::sim::board::Board| {
        board.ticket("OTHER", elsewhere).unwrap().labels.contains(Lifecycle::Done.label())
    };
    house.rig.board.wait_until(done, crate::support::world::BOUND).await.unwrap();
    let first = if site_first { "site" } else { "key" };
    let mut expected = vec![
        format!("{first} API-{both}"),
        format!("key API-{own}"),
        format!("{first} API-{waits}"),
        format!("site API-{site_alone}"),
        format!("site OTHER-{elsewhere}"),
    ];
    expected.sort();
    assert_eq!(house.lines("runs"), expected);
    assert!(app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_site_before_one_of_its_projects_embedded() {
    on_one_site(Rig::jira().await, Backend::Embedded, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_site_before_one_of_its_projects_redis() {
    on_one_site(Rig::jira().await, Backend::Redis, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_site_behind_one_of_its_projects_embedded() {
    on_one_site(Rig::jira().await, Backend::Embedded, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_site_behind_one_of_its_projects_redis() {
    on_one_site(Rig::jira().await, Backend::Redis, false).await;
}

async fn two_spellings_of_one_tracker_run_each_ticket_once(rig: Rig, backend: Backend) {
    let both = rig.ticket(&[TRIGGER, "review"]);
    let second = rig.ticket(&["review"]);
    let waits = rig.ticket(&[Lifecycle::Pending.label()]);
    let house = House::with(rig, backend, "true");
    let projects = house.rig.section("first") + &house.rig.section_spelled_differently("second", "review");
    let runs = house.path("runs");
    house.write_config(&projects, &format!("echo $AGENTSMITH_PROJECT $AGENTSMITH_TICKET_ID >> {}", runs.display()));
    let app = house.start().await;
    for number in [both, second, waits] {
        house.ends(number, Lifecycle::Done).await;
    }
    // A ticket that comes later has been seen by both projects' polls once this one is through.
    let last = house.rig.ticket(&[TRIGGER, "review"]);
    house.ends(last, Lifecycle::Done).await;
    let mut expected = [("first", both), ("second", second), ("first", waits), ("first", last)]
        .map(|(project, number)| format!("{project} {}", house.rig.id(number)));
    expected.sort();
    assert_eq!(house.lines("runs"), expected);
    assert!(app.stop().await);
}
