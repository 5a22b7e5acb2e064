//! Deliveries that are lost, doubled, sent again by a person, or tried again by the platform.

use std::time::Duration;

use agent_smith::sim::board::NewTicket;
use agent_smith::sim::hooks::Hook;
use agent_smith::ticket::PlatformKind;
use http::header::HOST;
use tokio::net::TcpListener;

use crate::Rig;

fn open(rig: &Rig) -> u64 {
    rig.board.open_ticket(rig.tracker, NewTicket::titled("Broken")).unwrap()
}

/// How often one delivery was sent when it was answered so, and whether the hook still works.
async fn tries(kind: PlatformKind, answers: &[u16]) -> (usize, bool) {
    let rig = Rig::start(kind).await;
    rig.sim.hooks().retry_after(Duration::from_millis(1));
    let number = rig.sim.hooks().add(rig.hook());
    rig.receiver.answer(answers);
    open(&rig);
    let deliveries = rig.settle().await;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].answers.len(), rig.receiver.arrived().len());
    (deliveries[0].answers.len(), rig.sim.hooks().is_enabled(number))
}

#[tokio::test]
async fn each_platform_has_its_own_patience() {
    use PlatformKind::{AzureDevOps, GitHub, GitLab, Jira};
    assert_eq!(tries(GitHub, &[503]).await, (1, true));
    assert_eq!(tries(GitLab, &[503]).await, (1, true));
    assert_eq!(tries(AzureDevOps, &[503, 504]).await, (3, true));
    assert_eq!(tries(AzureDevOps, &[503; 20]).await, (9, true));
    for status in [401, 404, 410, 429, 500] {
        assert_eq!(tries(AzureDevOps, &[status]).await, (1, false), "{status}");
    }
    assert_eq!(tries(Jira, &[503, 429, 500]).await, (4, true));
    assert_eq!(tries(Jira, &[503; 20]).await, (6, true));
    assert_eq!(tries(Jira, &[404]).await, (1, true));
}

#[tokio::test]
async fn gitlab_disables_a_hook_after_four_failures_in_a_row() {
    let rig = Rig::start(PlatformKind::GitLab).await;
    let hook = rig.sim.hooks().add(rig.hook());
    rig.receiver.answer(&[500, 500, 500, 200, 500, 500, 500, 500]);
    for _ in 0..7 {
        open(&rig);
        rig.settle().await;
        assert!(rig.sim.hooks().is_enabled(hook));
    }
    open(&rig);
    rig.settle().await;
    assert!(!rig.sim.hooks().is_enabled(hook));
    open(&rig);
    assert_eq!(rig.settle().await.len(), 8, "nothing is sent while it is disabled");
    rig.sim.hooks().enable(hook);
    open(&rig);
    assert_eq!(rig.settle().await.len(), 9);
}

#[tokio::test]
async fn a_retry_is_the_same_delivery() {
    let rig = Rig::hooked(PlatformKind::Jira).await;
    rig.sim.hooks().retry_after(Duration::from_millis(1));
    rig.receiver.answer(&[503]);
    open(&rig);
    let deliveries = rig.settle().await;
    let arrived = rig.receiver.arrived();
    let name = "x-atlassian-webhook-identifier";
    assert_eq!((arrived[0].header(name), &arrived[0].body), (arrived[1].header(name), &arrived[1].body));
    let retry = "x-atlassian-webhook-retry";
    assert_eq!((arrived[0].header(retry), arrived[1].header(retry)), ("", "1"));
    let statuses: Vec<_> = deliveries[0].answers.iter().map(|answer| answer.status).collect();
    assert_eq!((statuses, deliveries[0].answers[1].body.as_str()), (vec![Some(503), Some(200)], "noted"));
}

#[tokio::test]
async fn a_person_can_have_it_sent_again() {
    for kind in PlatformKind::ALL {
        let rig = Rig::hooked(kind).await;
        open(&rig);
        let id = rig.settle().await[0].id.clone();
        rig.sim.hooks().redeliver(&id);
        let deliveries = rig.settle().await;
        assert_eq!((deliveries.len(), deliveries[0].answers.len()), (1, 2), "{kind}");
        let arrived = rig.receiver.arrived();
        assert_eq!(arrived[0].body, arrived[1].body);
        let without = |at: usize| {
            let mut headers = arrived[at].headers.clone();
            headers.remove(HOST);
            headers
        };
        assert_eq!(without(0), without(1), "{kind}");
    }
}

#[tokio::test]
async fn deliveries_are_lost_and_doubled_on_demand() {
    let rig = Rig::hooked(PlatformKind::GitHub).await;
    rig.sim.hooks().lose_next(1);
    rig.sim.hooks().double_next(1);
    for _ in 0..3 {
        open(&rig);
    }
    let deliveries = rig.settle().await;
    let sent: Vec<_> = deliveries.iter().map(|delivery| (delivery.is_lost, delivery.answers.len())).collect();
    assert_eq!(sent, [(true, 0), (false, 2), (false, 1)]);
    assert_eq!(rig.receiver.arrived().len(), 3);
}

#[tokio::test]
async fn nobody_who_listens_is_a_failure_without_a_status() {
    let rig = Rig::start(PlatformKind::GitHub).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhook", listener.local_addr().unwrap());
    drop(listener);
    rig.sim.hooks().add(Hook::new(rig.tracker, url));
    rig.sim.hooks().add(Hook::new(rig.tracker, "https://127.0.0.1/webhook"));
    open(&rig);
    let deliveries = rig.settle().await;
    assert_eq!((deliveries[0].status(), deliveries[1].status()), (None, None));
    assert!(deliveries[0].answers[0].body.contains("could not connect"), "{deliveries:?}");
    assert!(deliveries[1].answers[0].body.contains("no http URL"), "{deliveries:?}");
}
