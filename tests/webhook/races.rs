//! Webhook and poll on the same tickets: one run each.

use agent_smith::lifecycle::Lifecycle;
use futures_util::StreamExt;

use crate::github::Issue;
use crate::hook::start;
use crate::support::world::{Settings, World, lifecycle};
use crate::{Backend, on_both_stores};

on_both_stores!(two_hundred_tickets_run_once_each);

const TRACKER: &str = "org/api";
const TICKETS: usize = 200;

async fn two_hundred_tickets_run_once_each(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let step = format!("echo $AGENTSMITH_TICKET_ID >> {}", world.path("ran").display());
    world.write_config(&Settings { projects: world.project("api", TRACKER), slots: 16, ..Settings::steps(&[&step]) });
    let hook = start(&world, stored.store.clone(), true).await;
    let send = |at: usize| {
        let (hook, number) = (&hook, world.ask(TRACKER, "Race"));
        async move {
            let labeled = Issue::labeled(TRACKER, number, "agent-smith");
            let opened = Issue::that_was("opened", TRACKER, number, &["agent-smith"]);
            let (opened, labeled) = (opened.delivery(&format!("{at}-o")), labeled.delivery(&format!("{at}-l")));
            let answers = tokio::join!(hook.send(&opened), hook.send(&labeled));
            for answer in [answers.0, answers.1] {
                let documented = ["claimed", "already_claimed", "accepted", "busy"].contains(&answer.result.as_str());
                assert!(documented, "{answer:?}");
            }
        }
    };
    futures_util::stream::iter(0..TICKETS).map(send).buffer_unordered(20).collect::<Vec<()>>().await;
    world
        .reached(|board| {
            let tickets = board.tickets(TRACKER);
            tickets.len() == TICKETS
                && tickets.iter().all(|ticket| lifecycle(board, TRACKER, ticket.number) == Some(Lifecycle::Done))
        })
        .await;
    let mut ran = world.lines("ran");
    ran.sort();
    let before = ran.len();
    ran.dedup();
    assert_eq!((before, ran.len()), (TICKETS, TICKETS), "each ran once");
    assert!(hook.app.stop().await);
}
