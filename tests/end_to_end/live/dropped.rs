//! What is left in the one comment by whoever is late, dropped, or of another time.

use std::time::Duration;

use agent_smith::job::{AskedBy, Job, JobState};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::pipeline::report::live::{Pace, marker};
use agent_smith::platform::Comment;
use agent_smith::sim::Match;
use agent_smith::ticket::{PlatformKind, TicketKey};

use super::{Busy, TRACKER, at_once, while_it_runs};
use crate::support::world::{BOUND, Settings, World, eventually};
use crate::{Backend, on_both_stores};

on_both_stores!(
    a_failed_run_that_is_cancelled_before_it_is_begun_again_says_so,
    a_slow_platform_leaves_no_dropped_job_in_its_line,
    a_run_that_was_claimed_by_a_fast_clock_has_one_comment,
);

async fn a_failed_run_that_is_cancelled_before_it_is_begun_again_says_so(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let settings = Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["exit 7"]) };
    let again = "retry: on_failure\n    retry_backoff_seconds: 3600\n    attempts: 2\n    steps:";
    world.write_config(&Settings { pipelines: settings.pipelines.replacen("steps:", again, 1), ..settings });
    let app = world.start_at(while_it_runs(), stored.store.clone(), "one", &[]).await;
    let number = world.ask(TRACKER, "Fails, and nobody wants it any more");
    world.says(number, "**failed, tried again** at 20").await;
    let key = TicketKey::new(PlatformKind::GitHub, "api", number.to_string());
    eventually("the job waits", async || {
        let view = stored.store.look(&key).await.unwrap()?;
        (view.state == JobState::Queued).then_some(())
    })
    .await;
    world.drop_from_the_queue(&stored, number).await;
    let said = world.says(number, "**cancelled**, because it was cancelled by `ann`.").await;
    assert!(!said.contains("did not run"), "an attempt of it ran: {said}");
    assert_eq!(world.shows(TRACKER, number, None).await.comments.len(), 1);
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

/// Whoever drops the job does not wait for ever for the one who tells the ticket that it waits.
async fn a_slow_platform_leaves_no_dropped_job_in_its_line(backend: Backend) {
    let Busy { world, stored, app, first } = Busy::on(backend).await;
    let new_comments = world.sim.faults().hold(Match::new("POST", "/comments"));
    let second = world.ask(TRACKER, "Waits");
    assert!(new_comments.reached(1, BOUND).await, "its place in line is on its way to the ticket");
    world.drop_from_the_queue(&stored, second).await;
    drop(new_comments);
    world.says(second, "**cancelled**, because it was cancelled by `ann`.").await;
    assert_eq!(world.shows(TRACKER, second, None).await.comments.len(), 1);
    world.open_gate("one");
    world.open_gate("two");
    world.only_result(first, Lifecycle::Done).await;
    stored.is_left_clean("api", &[first, second]).await;
    assert!(app.stop().await);
}

/// The test is the replica that tells the ticket that it waits. By the clock of the one that claimed it, that is in an hour.
async fn a_run_that_was_claimed_by_a_fast_clock_has_one_comment(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let number = world.ask(TRACKER, "From the future");
    world.board.add_label(TRACKER, number, Lifecycle::Enqueued.label()).unwrap();
    let key = TicketKey::new(PlatformKind::GitHub, "api", number.to_string());
    let mut job = Job::new(key.clone(), "fix-bug", AskedBy::TriggerLabel);
    let ahead = uuid::Timestamp::from_unix(uuid::NoContext, agent_smith::clock::unix_millis() / 1_000 + 3_600, 0);
    job.run_id = uuid::Uuid::new_v7(ahead).to_string();
    stored.queue_job(&job).await;
    let door = world.door(stored.store.clone());
    let platform = door.trackers.of(&door.config.current().projects["api"]).unwrap();
    let lock = stored.store.lock_claim(&key).await.unwrap().unwrap();
    let said = Comment::new(marker(&job.run_id), "agent-smith queued pipeline").interim();
    platform.comment(&lock, &said).await.unwrap().unwrap();
    stored.store.unlock_claim(lock).await.unwrap();
    let comment = world.comment_id(number);

    let wait = Duration::from_millis(200);
    eventually("it has waited", async || {
        let view = stored.store.look(&key).await.unwrap()?;
        (view.since >= wait).then_some(())
    })
    .await;
    let pace = Pace { running_after: wait, queued_after: wait, ..at_once() };
    let app = world.start_at(pace, stored.store.clone(), "one", &[]).await;
    assert_eq!(world.only_result(number, Lifecycle::Done).await, comment);
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}
