//! Which project a delivery is for: the one whose tracker the payload names, and no other.

use agent_smith::lifecycle::Lifecycle;

use crate::Backend;
use crate::github::{Issue, delivery};
use crate::hook::{start, unpolled};
use crate::support::world::{Settings, World, lifecycle};

#[tokio::test]
async fn the_payload_names_the_project_however_it_is_spelled() {
    let world = World::with(&["org/api", "org/web"]).await;
    let projects = unpolled(&world, "first", "org/api", "") + &unpolled(&world, "second", "org/web", "");
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    for (at, page) in [
        "https://github.com/org/web",
        "https://GitHub.com/ORG/Web.git",
        "https://github.com:443/org/web/",
        "http://github.com/org/web",
    ]
    .into_iter()
    .enumerate()
    {
        let number = world.ask("org/web", page);
        let mut body = Issue::labeled("org/web", number, "agent-smith").body();
        body["repository"]["html_url"] = page.into();
        let answer = hook.send(&delivery("issues", &format!("r-{at}"), &body.to_string())).await;
        assert_eq!(answer.said(), (202, "claimed"), "{page}: {answer:?}");
        assert!(answer.reason.contains("of second"), "{page}: {answer:?}");
    }
    for (at, page) in ["https://github.com/org/webs", "https://ghe.example/org/web", "https://github.com/org/web/x"]
        .into_iter()
        .enumerate()
    {
        let number = world.ask("org/web", page);
        let mut body = Issue::labeled("org/web", number, "agent-smith").body();
        body["repository"]["html_url"] = page.into();
        let answer = hook.send(&delivery("issues", &format!("s-{at}"), &body.to_string())).await;
        assert_eq!(answer.said(), (200, "ignored"), "{page}: {answer:?}");
        assert!(answer.reason.contains(page), "{page}: {answer:?}");
        assert_eq!(lifecycle(&world.board, "org/web", number), None);
    }
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn of_several_projects_on_a_tracker_the_first_with_a_label_of_the_ticket_gets_it() {
    let world = World::with(&["org/api"]).await;
    let bug =
        unpolled(&world, "bugs", "org/api", "").replace("agent-smith: fix-bug", "bug: fix-bug, agent-smith: fix-bug");
    let review = unpolled(&world, "reviews", "org/api", "").replace("agent-smith: fix-bug", "review: fix-bug");
    world.write_config(&Settings { projects: review + &bug, ..Settings::steps(&["true"]) });
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    for (at, labels, owner) in
        [(0, &["bug"][..], "bugs"), (1, &["review"], "reviews"), (2, &["bug", "review"], "reviews")]
    {
        let new =
            labels.iter().fold(agent_smith::sim::board::NewTicket::titled("Whose?"), |new, label| new.label(*label));
        let number = world.board.open_ticket("org/api", new).unwrap();
        let issue = Issue {
            action: "opened",
            label: None,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            ..Issue::labeled("org/api", number, "")
        };
        let answer = hook.send(&issue.delivery(&format!("o-{at}"))).await;
        assert_eq!(answer.said(), (202, "claimed"), "{labels:?}: {answer:?}");
        assert!(answer.reason.contains(&format!("of {owner} ")), "{labels:?}: {answer:?}");
        assert_eq!(lifecycle(&world.board, "org/api", number), Some(Lifecycle::Enqueued));
    }
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn a_status_that_may_start_a_run_starts_one() {
    let world = World::with(&["org/api"]).await;
    let projects = unpolled(&world, "api", "org/api", "      trigger_statuses: [open]\n");
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.ask("org/api", "Open");
    let answer = hook.send(&Issue::labeled("org/api", number, "agent-smith").delivery("t-1")).await;
    assert_eq!(answer.said(), (202, "claimed"), "{answer:?}");
    assert!(hook.app.stop().await);
}
