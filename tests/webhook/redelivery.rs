//! A delivery that is sent again: acted on once, answered the same.

use std::time::Duration;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::{Fault, Match, Times};
use agent_smith::store::DeliveryHold;

use crate::github::{Issue, SECRET, signature};
use crate::hook::{Hook, one_project, start};
use crate::support::world::{BOUND, eventually};
use crate::{Backend, on_both_stores};

on_both_stores!(
    a_redelivery_answers_what_the_first_one_did,
    a_redelivery_beside_the_first_waits_for_its_answer,
    a_delivery_that_could_not_be_acted_on_may_be_sent_again,
    a_delivery_that_a_dead_process_holds_is_acted_on_once_it_lets_go,
);

const TRACKER: &str = "org/api";

async fn a_redelivery_answers_what_the_first_one_did(backend: Backend) {
    let world = one_project().await;
    let stored = backend.open();
    let hook = start(&world, stored.store.clone(), true).await;
    let number = world.ask(TRACKER, "Twice");
    let delivery = Issue::labeled(TRACKER, number, "agent-smith").delivery("same-id");
    let first = hook.send(&delivery).await;
    assert_eq!(first.said(), (202, "claimed"), "{first:?}");
    world.ends(TRACKER, number, Lifecycle::Done).await;
    eventually("the job is over", async || (stored.store.counts().await.unwrap().running == 0).then_some(())).await;
    // Asked again it would be claimed again: what keeps it from that is the id.
    world.board.remove_label(TRACKER, number, Lifecycle::Done.label()).unwrap();
    assert_eq!(hook.send(&delivery).await, first);
    assert_eq!(world.ticket(TRACKER, number).comments.len(), 1, "it ran once");
    let fresh = hook.send(&Issue::labeled(TRACKER, number, "agent-smith").delivery("another-id")).await;
    assert_eq!(fresh.said(), (202, "claimed"), "{fresh:?}");
    assert!(hook.app.stop().await);
}

async fn a_redelivery_beside_the_first_waits_for_its_answer(backend: Backend) {
    let world = one_project().await;
    let stored = backend.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.ask(TRACKER, "At once");
    let delivery = Issue::labeled(TRACKER, number, "agent-smith").delivery("at-once");
    let answers = futures_util::future::join_all((0..8).map(|_| hook.send(&delivery))).await;
    for answer in &answers {
        assert_eq!(answer.said(), (202, "claimed"), "{answers:?}");
    }
    assert_eq!(stored.store.counts().await.unwrap().queued, 1);
    assert!(hook.app.stop().await);
}

async fn a_delivery_that_could_not_be_acted_on_may_be_sent_again(backend: Backend) {
    let world = one_project().await;
    let stored = backend.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.ask(TRACKER, "At the second attempt");
    let delivery = Issue::labeled(TRACKER, number, "agent-smith").delivery("again");
    let reads = Match::new("GET", &format!("/issues/{number}"));
    world.sim.faults().fail(reads, Times::Always, Fault::status(403).header("retry-after", "1"));
    let failed = hook.send(&delivery).await;
    assert_eq!(
        (failed.said(), failed.retry_after.as_deref()),
        ((503, "platform_unavailable"), Some("10")),
        "{failed:?}"
    );
    world.sim.faults().clear();
    let answer = tokio::time::timeout(BOUND, async {
        loop {
            let answer = hook.send(&delivery).await;
            if answer.status != 503 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(answer.await.unwrap().said(), (202, "claimed"));
    assert!(hook.app.stop().await);
}

/// The sender is told that it is accepted, and then it is.
async fn a_delivery_that_a_dead_process_holds_is_acted_on_once_it_lets_go(backend: Backend) {
    let world = one_project().await;
    let stored = backend.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.ask(TRACKER, "Orphan");
    let held = stored.store.hold_delivery("github:signed:orphan", "dead", Duration::from_secs(4)).await.unwrap();
    assert_eq!(held, DeliveryHold::Held);
    let answer = hook.send(&Issue::labeled(TRACKER, number, "agent-smith").delivery("orphan")).await;
    assert_eq!(answer.said(), (202, "accepted"), "{answer:?}");
    world.shows(TRACKER, number, Some(Lifecycle::Enqueued)).await;
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn an_id_that_somebody_else_used_says_nothing_of_the_real_delivery() {
    let world = one_project().await;
    let text = std::fs::read_to_string(world.config_path()).unwrap();
    let text = text.replace("      pipeline_from_label:", "      webhook_secret: ${OWN}\n      pipeline_from_label:");
    world.write_config_text(&text);
    let stored = Backend::Embedded.open();
    let variables = [("GITHUB_WEBHOOK_SECRET", SECRET), ("OWN", "own")];
    let hook = Hook::on(world.start_with(Some(stored.store.clone()), "one", &variables, false).await);
    let number = world.ask(TRACKER, "Mine");
    // The holder of the project's secret uses the id up for another ticket.
    let other = Issue::labeled(TRACKER, 9_999, "agent-smith");
    let poison = other.delivery("guessed").header("x-hub-signature-256", &signature("own", &other.body().to_string()));
    assert_eq!(hook.send(&poison).await.said(), (200, "rejected"));
    let real = Issue::labeled(TRACKER, number, "agent-smith").delivery("guessed");
    assert_eq!(hook.send(&real).await.said(), (202, "claimed"));
    assert!(hook.app.stop().await);
}
