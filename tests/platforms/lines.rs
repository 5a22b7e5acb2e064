//! What a ticket is told while its job waits: on each platform, by whoever leads, and never twice.

use std::time::Duration;

use agent_smith::housekeeping::{Parts, Queued};
use agent_smith::job::{Cause, RunResult, Verdict, Withdrawal};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::pipeline::report::live::{Pace, marker};
use agent_smith::platform::{Comment, Writing};
use agent_smith::run_record::{AttemptRecord, RunNote, RunState, at_millis};
use agent_smith::runner::Tick;
use agent_smith::sim::{Fault, Match, Times};
use agent_smith::store::Withdrawn;

use crate::house::{Backend, House};
use crate::on_every_platform;
use crate::rig::{Rig, TRIGGER};

on_every_platform!(
    a_ticket_that_waits_is_told_its_place_by_whoever_leads,
    a_ticket_that_has_just_been_queued_is_not_told,
    what_may_have_arrived_keeps_everybody_else_from_writing,
    a_job_that_somebody_dropped_and_died_is_set_right_by_whoever_told_its_place,
    a_run_that_was_stopped_keeps_the_word_of_its_consumer,
);

fn at_once(house: &House) -> Parts {
    let pace = Pace { queued_after: Duration::ZERO, queued_pause: Duration::ZERO, ..Pace::default() };
    Parts { pace, ..house.housekeeping() }
}

/// The text of the one comment on a ticket.
fn only_comment(house: &House, number: u64) -> String {
    let comments = house.ticket(number).comments;
    let [comment] = comments.as_slice() else { panic!("one comment: {comments:?}") };
    house.rig.read_by_people(&comment.body)
}

async fn a_ticket_that_waits_is_told_its_place_by_whoever_leads(rig: Rig) {
    let house = House::with(rig, Backend::Embedded, "true");
    let numbers = [house.rig.ticket(&[TRIGGER]), house.rig.ticket(&[TRIGGER])];
    for number in numbers {
        house.claim(number).await;
    }
    let parts = at_once(&house);
    let mut leader = Queued::new(parts.clone());
    leader.tick().await;
    for (number, place) in numbers.into_iter().zip(["position 1 of 2", "position 2 of 2"]) {
        let told = only_comment(&house, number);
        assert!(told.contains(place) && told.contains("remove the trigger label"), "{told}");
    }
    let writes = house.rig.writes();
    leader.tick().await;
    Queued::new(parts.clone()).tick().await;
    assert_eq!(house.rig.writes(), writes, "the next leader finds what is there");

    let lease = house.store.take("box", Duration::from_secs(60), Duration::ZERO).await.unwrap().unwrap();
    leader.tick().await;
    assert!(only_comment(&house, numbers[0]).contains("position 1 of 2"), "it runs: that is its consumer's to tell");
    assert!(only_comment(&house, numbers[1]).contains("position 1 of 1"));
    let (tracker, edits) = (house.rig.tracker, |number| house.rig.board.comment_edits(house.rig.tracker, number));
    assert_eq!((edits(numbers[0]), edits(numbers[1])), (0, 1));
    let deleted = house.ticket(numbers[1]).comments[0].id;
    house.rig.board.delete_comment(tracker, numbers[1], deleted).unwrap();
    assert!(house.store.release(&lease, agent_smith::store::ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
    for _ in 0..2 {
        leader.tick().await;
        assert!(house.ticket(numbers[1]).comments.is_empty(), "a person does not want to see it");
    }
}

async fn a_ticket_that_has_just_been_queued_is_not_told(rig: Rig) {
    let house = House::with(rig, Backend::Embedded, "true");
    let number = house.rig.ticket(&[TRIGGER]);
    house.claim(number).await;
    let calls = house.rig.arrived();
    Queued::new(Parts { pace: Pace::default(), ..house.housekeeping() }).tick().await;
    assert_eq!(house.rig.arrived(), calls);
    assert!(house.ticket(number).comments.is_empty());
}

async fn what_may_have_arrived_keeps_everybody_else_from_writing(rig: Rig) {
    let house = House::with(rig, Backend::Embedded, "true");
    let number = house.rig.ticket(&[TRIGGER]);
    house.claim(number).await;
    house.rig.faults().fail(Match::new("POST", "comment"), Times::Always, Fault::LoseAnswer);
    house.rig.faults().fail(Match::new("POST", "notes"), Times::Always, Fault::LoseAnswer);
    Queued::new(at_once(&house)).tick().await;
    assert_eq!(house.ticket(number).comments.len(), 1, "it has arrived, and nobody knows");
    let key = house.rig.key("api", number);
    assert!(house.store.lock_claim(&key).await.unwrap().is_none(), "so that the lock ends by itself");
}

async fn a_job_that_somebody_dropped_and_died_is_set_right_by_whoever_told_its_place(rig: Rig) {
    let house = House::with(rig, Backend::Embedded, "true");
    let number = house.rig.ticket(&[TRIGGER]);
    house.claim(number).await;
    let mut leader = Queued::new(at_once(&house));
    leader.tick().await;
    assert!(only_comment(&house, number).contains("position 1 of 1"));
    let by_ann = Withdrawal::new(Cause::Cancelled, Some("ann"));
    let withdrawn = house.store.withdraw(&house.rig.key("api", number), &by_ann).await.unwrap();
    assert!(matches!(withdrawn, Withdrawn::Dropped(_)), "{withdrawn:?}");
    leader.tick().await;
    let told = only_comment(&house, number);
    assert!(told.contains("cancelled") && told.contains("ann") && !told.contains("position"), "{told}");
    assert_eq!(Lifecycle::of(&house.ticket(number).labels), None);
    let writes = house.rig.writes();
    leader.tick().await;
    assert_eq!(house.rig.writes(), writes);
}

/// It was taken, stopped and over between two looks at the queue.
async fn a_run_that_was_stopped_keeps_the_word_of_its_consumer(rig: Rig) {
    let house = House::with(rig, Backend::Embedded, "true");
    let number = house.rig.ticket(&[TRIGGER]);
    house.claim(number).await;
    let mut leader = Queued::new(at_once(&house));
    leader.tick().await;
    let lease = house.store.take("box", Duration::from_secs(60), Duration::ZERO).await.unwrap().unwrap();
    let by_ann = Withdrawal::new(Cause::Cancelled, Some("ann"));
    assert_eq!(house.store.withdraw(&lease.job.key, &by_ann).await.unwrap(), Withdrawn::Stopping);
    let result = RunResult { verdict: Verdict::Cancelled, comment: "The result.".to_owned() };
    house.store.record_result(&lease, &result).await.unwrap();
    let note = RunNote {
        title: String::new(),
        url: String::new(),
        change_request: None,
        attempt: AttemptRecord {
            attempt: lease.attempt,
            epoch: lease.epoch,
            host: "box".to_owned(),
            state: RunState::Cancelled,
            reason: by_ann.to_string(),
            started_utc: at_millis(1_700_000_000_000),
            ended_utc: Some(at_millis(1_700_000_005_000)),
            steps: Vec::new(),
            steps_left_out: 0,
            log: None,
            workspace: None,
        },
    };
    assert!(house.store.record_run(&lease, &note).await.unwrap());
    let comment = Comment::new(marker(&lease.job.run_id), &*result.comment).writing(Writing::NewOrEdit);
    house.rig.platform.comment(&lease, &comment).await.unwrap();
    house.rig.platform.transition(&lease, None).await.unwrap();
    assert!(house.store.finish(&lease).await.unwrap());
    let writes = house.rig.writes();
    for _ in 0..2 {
        leader.tick().await;
    }
    assert!(only_comment(&house, number).contains("The result."));
    assert_eq!(house.rig.writes(), writes);
}
