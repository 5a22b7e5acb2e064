//! The one comment of a run: where it waits, how far it is, how it ended, and never a second one.
//!
//! Everything is told at once here, and steps wait for a file, so that no test depends on how fast the machine is.

use std::time::Duration;

use agent_smith::app::App;
use agent_smith::claim::Recall;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::pipeline::report::live::{Pace, marker};
use agent_smith::platform::Comment;
use agent_smith::sim::{Fault, Match, Times};
use agent_smith::store::Withdrawn;
use agent_smith::ticket::{PlatformKind, TicketKey};

use crate::support::world::{BOUND, Settings, World, eventually, has_result};
use crate::{Backend, Stored, on_both_stores};

on_both_stores!(
    a_run_that_waits_and_lasts_has_one_comment_that_grows,
    a_run_that_is_over_soon_has_its_result_and_costs_nothing_more,
    a_run_that_is_begun_again_says_so_and_goes_on_in_its_comment,
    what_a_dead_attempt_has_said_is_replaced_by_the_result,
    a_platform_that_hangs_delays_no_result_and_no_older_word_lands_on_it,
    a_platform_that_refuses_edits_gets_the_result_all_the_same,
    a_comment_that_a_person_deleted_comes_back_with_the_result,
    a_job_that_is_cancelled_while_it_waits_says_who_did_it,
    a_ticket_that_is_closed_while_it_waits_says_so,
    whoever_tells_a_ticket_that_it_waits_is_waited_for,
    many_tickets_and_two_replicas_have_one_comment_each,
);

mod dropped;

const TRACKER: &str = "org/api";
/// Long enough to see what must not happen, where it would happen at once.
const A_MOMENT: Duration = Duration::from_millis(500);

/// Everything is told as soon as there is something to tell.
fn at_once() -> Pace {
    Pace {
        running_after: Duration::ZERO,
        step_pause: Duration::ZERO,
        elapsed_pause: Duration::from_secs(3_600),
        queued_after: Duration::ZERO,
        queued_scan: Duration::from_millis(20),
        queued_pause: Duration::ZERO,
    }
}

/// The same, and nothing of jobs that wait.
fn while_it_runs() -> Pace {
    Pace { queued_after: Duration::from_secs(3_600), ..at_once() }
}

/// A world with one slot whose two steps each wait for a file.
async fn gated() -> World {
    let world = World::with(&[TRACKER]).await;
    let step = |gate: &str| format!("while [ ! -e {} ]; do sleep 0.05; done", world.path(gate).display());
    let (first, second) = (step("one"), step("two"));
    world.write_config(&Settings {
        projects: world.project("api", TRACKER),
        slots: 1,
        ..Settings::steps(&[&first, &second])
    });
    world
}

/// A server with one slot, and the run that has it and waits at its first gate.
struct Busy {
    world: World,
    stored: Stored,
    app: App,
    first: u64,
}

impl Busy {
    async fn on(backend: Backend) -> Self {
        let (world, stored) = (gated().await, backend.open());
        let app = world.start_at(at_once(), stored.store.clone(), "one", &[]).await;
        let first = world.ask(TRACKER, "Runs");
        world.says(first, "**step 1 of 2**").await;
        Self { world, stored, app, first }
    }
}

impl World {
    /// Ann cancels a job that waits.
    async fn drop_from_the_queue(&self, stored: &Stored, number: u64) {
        let mut door = self.door(stored.store.clone());
        door.claims = door.claims.at_pace(at_once());
        let withdrawn = door.withdraw("api", number, Recall::Cancelled { by: Some("ann") }).await;
        assert!(matches!(withdrawn, Withdrawn::Dropped(_)), "{withdrawn:?}");
    }

    fn open_gate(&self, gate: &str) {
        std::fs::write(self.path(gate), "").unwrap();
    }

    /// Awaits a word in the one comment of a ticket.
    async fn says(&self, number: u64, word: &str) -> String {
        let said = |board: &agent_smith::sim::board::Board| {
            let comments = board.ticket(TRACKER, number).unwrap().comments;
            comments.last().map(|comment| comment.body.clone()).filter(|body| body.contains(word))
        };
        if self.board.wait_until(|board| said(board).is_some(), BOUND).await.is_err() {
            panic!("never said {word}: {:?}", self.ticket(TRACKER, number).comments);
        }
        said(&self.board).unwrap_or_default()
    }

    /// Awaits the result; the id of the comment it is in, which is the only one.
    async fn only_result(&self, number: u64, state: Lifecycle) -> u64 {
        let ticket = self.ends(TRACKER, number, state).await;
        let [comment] = ticket.comments.as_slice() else { panic!("one comment: {:?}", ticket.comments) };
        comment.id
    }

    fn comment_id(&self, number: u64) -> u64 {
        self.ticket(TRACKER, number).comments[0].id
    }
}

async fn a_run_that_waits_and_lasts_has_one_comment_that_grows(backend: Backend) {
    let (world, stored) = (gated().await, backend.open());
    let app = world.start_at(at_once(), stored.store.clone(), "one", &[("GITHUB_WEBHOOK_SECRET", "s")]).await;
    let first = world.ask(TRACKER, "First");
    world.says(first, "**step 1 of 2**").await;
    let second = world.ask(TRACKER, "Second");
    let queued = world.says(second, "**position 1 of 1** in project `api`").await;
    assert!(queued.contains("comment `/agent-smith cancel`, remove the trigger label or close"), "{queued}");
    let third = world.ask(TRACKER, "Third");
    world.says(third, "**position 2 of 2**").await;
    let comment = world.comment_id(second);

    world.open_gate("one");
    let running = world.says(first, "**step 2 of 2**").await;
    for told in ["runs pipeline `fix-bug`", "Started 20", ": done after", "**running**", "Host `test-host`, attempt 1"]
    {
        assert!(running.contains(told), "{told} is missing: {running}");
    }
    world.open_gate("two");
    for number in [first, second, third] {
        world.only_result(number, Lifecycle::Done).await;
    }
    assert_eq!(world.comment_id(second), comment, "from the line to the result");
    assert!(world.board.comment_edits(TRACKER, first) >= 2 && world.board.comment_edits(TRACKER, second) >= 1);
    stored.is_left_clean("api", &[first, second, third]).await;
    assert!(app.stop().await);
}

async fn a_run_that_is_over_soon_has_its_result_and_costs_nothing_more(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let slow = Duration::from_secs(3_600);
    let pace = Pace { running_after: slow, queued_after: slow, ..at_once() };
    let app = world.start_at(pace, stored.store.clone(), "one", &[]).await;
    let number = world.ask(TRACKER, "Soon over");
    world.only_result(number, Lifecycle::Done).await;
    stored.is_left_clean("api", &[number]).await;
    let requests = world.sim.faults().requests();
    let about_comments: Vec<&str> = requests
        .iter()
        .filter(|request| request.path_and_query.contains("comments"))
        .map(|request| request.method.as_str())
        .collect();
    assert_eq!(about_comments, ["POST"]);
    assert_eq!(world.board.comment_edits(TRACKER, number), 0);
    assert!(app.stop().await);
}

async fn a_run_that_is_begun_again_says_so_and_goes_on_in_its_comment(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let (go, began) = (world.path("go"), world.path("began"));
    let gate = format!("echo x >> {}; while [ ! -e {} ]; do sleep 0.05; done", began.display(), go.display());
    let step = format!("[ $AGENTSMITH_ATTEMPT = 2 ] || exit 7; {gate}");
    let settings = Settings { projects: world.project("api", TRACKER), ..Settings::steps(&[&step]) };
    let again = "retry: on_failure\n    retry_backoff_seconds: 2\n    attempts: 2\n    steps:";
    world.write_config(&Settings { pipelines: settings.pipelines.replacen("steps:", again, 1), ..settings });
    let app = world.start_at(while_it_runs(), stored.store.clone(), "one", &[]).await;
    let number = world.ask(TRACKER, "Fails first");
    let waits = world.says(number, "**failed, tried again** at 20").await;
    assert!(waits.contains("Attempt 1 of at most 2: `step 1 exited with code 7`."), "{waits}");
    let comment = world.comment_id(number);
    let runs = world.says(number, "**step 1 of 1**").await;
    assert!(runs.contains("attempt 2 of at most 2"), "{runs}");
    world.open_gate("go");
    assert_eq!(world.only_result(number, Lifecycle::Done).await, comment);
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

/// The test is the consumer that dies: it has taken the job, said how far it is, and is never heard of again.
async fn what_a_dead_attempt_has_said_is_replaced_by_the_result(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let number = world.ask(TRACKER, "Crash");
    world.board.add_label(TRACKER, number, Lifecycle::InProgress.label()).unwrap();
    stored.queue(TicketKey::new(PlatformKind::GitHub, "api", number.to_string())).await;
    let ttl = Duration::from_secs(1);
    let lease = stored.store.take("dead", ttl, Duration::from_secs(5)).await.unwrap().unwrap();
    let door = world.door(stored.store.clone());
    let platform = door.trackers.of(&door.config.current().projects["api"]).unwrap();
    let said = Comment::new(marker(&lease.job.run_id), "agent-smith runs pipeline").interim();
    let id = platform.comment(&lease, &said).await.unwrap().unwrap();

    let app = world.start(stored.store.clone(), "one").await;
    let comment = world.only_result(number, Lifecycle::Done).await;
    assert_eq!((comment.to_string().as_str(), world.board.comment_edits(TRACKER, number)), (id.as_str(), 1));
    assert!(world.ticket(TRACKER, number).comments[0].body.contains("attempt 2"));
    let late = platform.comment(&lease, &Comment::new(marker(&lease.job.run_id), "late").at(Some(id))).await;
    assert!(late.is_err(), "a stale epoch edits nothing");
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn a_platform_that_hangs_delays_no_result_and_no_older_word_lands_on_it(backend: Backend) {
    let (world, stored) = (gated().await, backend.open());
    let app = world.start_at(while_it_runs(), stored.store.clone(), "one", &[]).await;
    let number = world.ask(TRACKER, "Hangs");
    world.says(number, "**step 1 of 2**").await;
    let edits = world.sim.faults().hold(Match::new("PATCH", "/issues/comments/"));
    world.open_gate("one");
    assert!(edits.reached(1, BOUND).await, "the next step is on its way to the ticket");
    world.open_gate("two");
    world.shows(TRACKER, number, Some(Lifecycle::Done)).await;
    assert!(!edits.reached(2, A_MOMENT).await, "the result waits until the older word has arrived");
    assert!(!has_result(&world.ticket(TRACKER, number)));
    drop(edits);
    world.only_result(number, Lifecycle::Done).await;
    stored.is_left_clean("api", &[number]).await;
    assert!(has_result(&world.ticket(TRACKER, number)), "and nothing came after the result");
    assert!(app.stop().await);
}

async fn a_platform_that_refuses_edits_gets_the_result_all_the_same(backend: Backend) {
    let (world, stored) = (gated().await, backend.open());
    world.sim.faults().fail(Match::new("PATCH", "/issues/comments/"), Times::Always, Fault::status(403));
    let app = world.start_at(while_it_runs(), stored.store.clone(), "one", &[]).await;
    let number = world.ask(TRACKER, "May write and not edit");
    world.says(number, "runs pipeline").await;
    world.open_gate("one");
    world.open_gate("two");
    let result = world.says(number, "**done** after").await;
    assert!(result.contains("attempt 1"), "{result}");
    assert_eq!(world.ticket(TRACKER, number).comments.len(), 2, "what was said, and the result");
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn a_comment_that_a_person_deleted_comes_back_with_the_result(backend: Backend) {
    let (world, stored) = (gated().await, backend.open());
    let app = world.start_at(while_it_runs(), stored.store.clone(), "one", &[]).await;
    let number = world.ask(TRACKER, "Deleted");
    world.says(number, "**step 1 of 2**").await;
    let (deleted, edits) = (world.comment_id(number), world.board.comment_edits(TRACKER, number));
    world.board.delete_comment(TRACKER, number, deleted).unwrap();
    world.sim.faults().forget_requests();
    world.open_gate("one");
    eventually("the edit that finds nothing", async || {
        let asked = world.sim.faults().requests();
        asked.iter().any(|request| request.method == "PATCH").then_some(())
    })
    .await;
    world.open_gate("two");
    assert_ne!(world.only_result(number, Lifecycle::Done).await, deleted);
    assert_eq!(world.board.comment_edits(TRACKER, number), edits, "written as it stays");
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn a_job_that_is_cancelled_while_it_waits_says_who_did_it(backend: Backend) {
    let Busy { world, stored, app, first } = Busy::on(backend).await;
    let second = world.ask(TRACKER, "Waits");
    world.says(second, "**position 1 of 1**").await;
    let comment = world.comment_id(second);
    world.drop_from_the_queue(&stored, second).await;
    let said = world.says(second, "**cancelled**, because it was cancelled by `ann`.").await;
    assert!(said.contains("Add the label `agent-smith:pending`"), "nobody hears commands here: {said}");
    world.open_gate("one");
    world.open_gate("two");
    world.only_result(first, Lifecycle::Done).await;
    let ticket = world.shows(TRACKER, second, None).await;
    assert!(ticket.comments.len() == 1 && ticket.comments[0].id == comment, "{ticket:?}");
    stored.is_left_clean("api", &[first, second]).await;
    assert!(app.stop().await);
}

/// Nobody hears of it before the job is taken.
async fn a_ticket_that_is_closed_while_it_waits_says_so(backend: Backend) {
    let Busy { world, stored, app, first } = Busy::on(backend).await;
    let second = world.ask(TRACKER, "Waits");
    world.says(second, "**position 1 of 1**").await;
    // The last word is worth more than one attempt.
    let edit = format!("/issues/comments/{}", world.comment_id(second));
    world.sim.faults().fail(Match::new("PATCH", &edit), Times::Next(1), Fault::status(502));
    world.board.close(TRACKER, second).unwrap();
    world.open_gate("one");
    world.open_gate("two");
    world.says(second, "**cancelled**, because the ticket was closed.").await;
    world.only_result(first, Lifecycle::Done).await;
    assert_eq!(world.shows(TRACKER, second, None).await.comments.len(), 1);
    stored.is_left_clean("api", &[first, second]).await;
    assert!(app.stop().await);
}

async fn whoever_tells_a_ticket_that_it_waits_is_waited_for(backend: Backend) {
    let Busy { world, stored, app, first } = Busy::on(backend).await;
    let new_comments = world.sim.faults().hold(Match::new("POST", "/comments"));
    let second = world.ask(TRACKER, "Waits");
    assert!(new_comments.reached(1, BOUND).await, "its place in line is on its way to the ticket");
    world.open_gate("one");
    world.open_gate("two");
    world.only_result(first, Lifecycle::Done).await;
    world.shows(TRACKER, second, Some(Lifecycle::Done)).await;
    assert!(!new_comments.reached(2, A_MOMENT).await, "its result waits");
    drop(new_comments);
    world.only_result(second, Lifecycle::Done).await;
    stored.is_left_clean("api", &[first, second]).await;
    assert_eq!(world.ticket(TRACKER, second).comments.len(), 1);
    assert!(app.stop().await);
}

/// Whoever tells a ticket that it waits and the consumer that takes its job meet here as often as they can.
async fn many_tickets_and_two_replicas_have_one_comment_each(backend: Backend) {
    const TICKETS: usize = 12;
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings {
        projects: world.project("api", TRACKER),
        slots: 1,
        ..Settings::steps(&["true", "true"])
    });
    let numbers: Vec<u64> = (0..TICKETS).map(|n| world.ask(TRACKER, &format!("Ticket {n}"))).collect();
    let one = world.start_at(at_once(), stored.store.clone(), "one", &[]).await;
    let two = world.start_at(at_once(), stored.store.clone(), "two", &[]).await;
    for number in &numbers {
        world.only_result(*number, Lifecycle::Done).await;
    }
    stored.is_left_clean("api", &numbers).await;
    for number in &numbers {
        assert_eq!(world.ticket(TRACKER, *number).comments.len(), 1);
    }
    assert!(one.stop().await && two.stop().await);
}
