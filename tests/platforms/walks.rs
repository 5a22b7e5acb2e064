//! Listings that take more than one cycle: where they go on, and when they begin anew.

use std::future::{Future, pending};
use std::time::Duration;

use agent_smith::housekeeping::Enqueued;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::{End, Listing, Stretch, Walk};
use agent_smith::poll::Poller;
use agent_smith::runner::Tick;
use agent_smith::sim::{Fault, Times};

use crate::house::{Backend, House};
use crate::on_every_platform;
use crate::rig::{BOUND, Rig, TRIGGER};

on_every_platform!(
    a_listing_that_is_interrupted_goes_on_where_it_stopped,
    a_walk_goes_on_although_what_it_found_has_left_the_listing,
    a_position_that_is_refused_is_left_for_the_start_at_once,
    what_was_found_before_a_page_failed_stands_and_the_walk_goes_on_there,
    a_page_that_fails_again_and_again_is_left_for_the_start,
    a_listing_without_a_page_in_time_has_failed,
    a_walk_goes_from_label_to_label,
    a_backlog_that_takes_two_cycles_is_claimed_whole,
    a_reconciler_goes_on_in_its_next_pass,
    what_could_not_be_claimed_is_offered_in_the_next_cycle_and_not_listed_again,
);

/// More than two pages of the largest size, which is that of Azure DevOps.
const TICKETS: usize = 450;

fn triggers() -> [String; 1] {
    [TRIGGER.to_owned()]
}

fn filled(rig: &Rig) -> Vec<u64> {
    (0..TICKETS).map(|_| rig.ticket(&[TRIGGER])).collect()
}

async fn go_on(rig: &Rig, walk: &mut Walk, until: impl Future<Output = ()> + Send) -> Stretch {
    walk.go_on(rig.platform.as_ref(), Listing::Discovery(&triggers()), until).await
}

/// The first page in a stretch of its own: how many tickets it had.
async fn interrupted(rig: &Rig, walk: &mut Walk, opened: &[u64]) -> usize {
    let stretch = rig.stretch_of_one_page(walk, Listing::Discovery(&triggers())).await;
    assert!(matches!(stretch.end, End::Interrupted), "{stretch:?}");
    let read = stretch.candidates.len();
    assert!(read > 0 && read < opened.len() && walk.is_under_way());
    assert_eq!(rig.numbers(&stretch.candidates), opened[..read]);
    read
}

async fn a_listing_that_is_interrupted_goes_on_where_it_stopped(rig: Rig) {
    let (opened, mut walk) = (filled(&rig), Walk::default());
    let read = interrupted(&rig, &mut walk, &opened).await;
    let rest = go_on(&rig, &mut walk, pending()).await;
    assert!(matches!(rest.end, End::Complete), "{:?}", rest.end);
    assert_eq!(rig.numbers(&rest.candidates), opened[read..]);
    assert!(!walk.is_under_way());
    let anew = go_on(&rig, &mut walk, pending()).await;
    assert_eq!(rig.numbers(&anew.candidates), opened);
}

async fn a_walk_goes_on_although_what_it_found_has_left_the_listing(rig: Rig) {
    let (opened, mut walk) = (filled(&rig), Walk::default());
    let read = interrupted(&rig, &mut walk, &opened).await;
    for number in &opened[..read] {
        rig.board.add_label(rig.tracker, *number, Lifecycle::Enqueued.label()).unwrap();
    }
    let mut rest = rig.numbers(&go_on(&rig, &mut walk, pending()).await.candidates);
    if rig.counts_pages() {
        // Others have moved up to the pages that were read already; the next walk finds them.
        assert!(rest.len() < opened.len() - read);
        rest = rig.numbers(&go_on(&rig, &mut walk, pending()).await.candidates);
    }
    assert_eq!(rest, opened[read..]);
}

async fn a_position_that_is_refused_is_left_for_the_start_at_once(rig: Rig) {
    let (opened, mut walk) = (filled(&rig), Walk::default());
    interrupted(&rig, &mut walk, &opened).await;
    rig.faults().fail(rig.pages(), Times::Next(1), Fault::status(400));
    let stretch = go_on(&rig, &mut walk, pending()).await;
    assert!(matches!(stretch.end, End::Complete), "{:?}", stretch.end);
    assert_eq!(rig.numbers(&stretch.candidates), opened);
}

async fn what_was_found_before_a_page_failed_stands_and_the_walk_goes_on_there(rig: Rig) {
    let (opened, mut walk) = (filled(&rig), Walk::default());
    let first = rig.faults().hold(rig.pages());
    let failing = async {
        let second = rig.second_page(first, 1).await;
        rig.faults().fail(rig.pages(), Times::Always, Fault::status(500));
        drop(second);
    };
    let (stretch, ()) = tokio::join!(go_on(&rig, &mut walk, pending()), failing);
    assert!(matches!(&stretch.end, End::Failed(error) if error.is_temporary()), "{:?}", stretch.end);
    let read = stretch.candidates.len();
    assert!(read > 0 && walk.is_under_way());
    assert_eq!(rig.numbers(&stretch.candidates), opened[..read]);
    rig.faults().clear();
    let rest = go_on(&rig, &mut walk, pending()).await;
    assert_eq!(rig.numbers(&rest.candidates), opened[read..]);
}

async fn a_page_that_fails_again_and_again_is_left_for_the_start(rig: Rig) {
    let (opened, mut walk) = (filled(&rig), Walk::default());
    interrupted(&rig, &mut walk, &opened).await;
    rig.faults().fail(rig.pages(), Times::Always, Fault::status(503));
    for left in [2, 1, 0] {
        let stretch = go_on(&rig, &mut walk, pending()).await;
        assert!(matches!(stretch.end, End::Failed(_)) && stretch.candidates.is_empty(), "{stretch:?}");
        assert_eq!(walk.is_under_way(), left > 0);
    }
    rig.faults().clear();
    assert_eq!(rig.numbers(&go_on(&rig, &mut walk, pending()).await.candidates), opened);
}

async fn a_listing_without_a_page_in_time_has_failed(rig: Rig) {
    let (opened, mut walk) = (filled(&rig), Walk::default());
    let hold = rig.faults().hold(rig.pages());
    let until = async { assert!(hold.reached(1, BOUND).await) };
    let stretch = go_on(&rig, &mut walk, until).await;
    assert!(matches!(&stretch.end, End::Failed(error) if error.is_temporary()), "{stretch:?}");
    drop(hold);
    assert_eq!(rig.numbers(&go_on(&rig, &mut walk, pending()).await.candidates), opened);
}

/// Thirty labels are thirty listings on two platforms, two on another and one on the last.
async fn a_walk_goes_from_label_to_label(rig: Rig) {
    let labels: Vec<String> = (0..30).map(|n| format!("label-{n}")).collect();
    let opened: Vec<u64> = (0..TICKETS).map(|n| rig.ticket(&[labels[n % 2].as_str(), labels[29].as_str()])).collect();
    let mut walk = Walk::default();
    let first = rig.stretch_of_one_page(&mut walk, Listing::Discovery(&labels)).await;
    assert!(matches!(first.end, End::Interrupted), "{:?}", first.end);
    let rest = walk.go_on(rig.platform.as_ref(), Listing::Discovery(&labels), pending()).await;
    assert!(matches!(rest.end, End::Complete), "{:?}", rest.end);
    let mut found: Vec<u64> = rig.numbers(&first.candidates);
    found.extend(rig.numbers(&rest.candidates));
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, opened);
}

/// Moves the clock.
async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

/// A cycle in which the platform does not answer for the second page in time.
async fn cycle_of_one_page(house: &House, poller: &mut Poller) {
    let first = house.rig.faults().hold(house.rig.pages());
    poller.tick().await;
    let slow = async {
        let second = house.rig.second_page(first, house.rig.first_pages()).await;
        later(Duration::from_secs(21)).await;
        second
    };
    let ((), held) = tokio::join!(poller.settle(), slow);
    drop(held);
}

async fn cycle(house: &House, poller: &mut Poller) {
    later(Duration::from_secs(2)).await;
    house.rig.faults().forget_requests();
    poller.tick().await;
    poller.settle().await;
}

/// Three pages on most platforms, two on Azure DevOps.
const BACKLOG: usize = 210;

async fn a_backlog_that_takes_two_cycles_is_claimed_whole(rig: Rig) {
    for _ in 0..BACKLOG {
        rig.ticket(&[TRIGGER]);
    }
    let house = House::with(rig, Backend::Embedded, "true");
    let mut poller = house.poller();
    cycle_of_one_page(&house, &mut poller).await;
    let claimed = house.showing(Lifecycle::Enqueued);
    assert!((100..BACKLOG).contains(&claimed), "{claimed} were claimed in the first cycle");
    cycle(&house, &mut poller).await;
    if house.rig.counts_pages() {
        cycle(&house, &mut poller).await;
    }
    assert_eq!(house.showing(Lifecycle::Enqueued), BACKLOG);
    let late = house.rig.ticket(&[TRIGGER]);
    cycle(&house, &mut poller).await;
    assert_eq!(Lifecycle::of(&house.ticket(late).labels), Some(Lifecycle::Enqueued), "the listing began anew");
}

async fn what_could_not_be_claimed_is_offered_in_the_next_cycle_and_not_listed_again(rig: Rig) {
    for _ in 0..BACKLOG {
        rig.ticket(&[TRIGGER]);
    }
    rig.board.set_can_write(rig.tracker, false).unwrap();
    let house = House::with(rig, Backend::Embedded, "true");
    let mut poller = house.poller();
    cycle_of_one_page(&house, &mut poller).await;
    assert_eq!(house.showing(Lifecycle::Enqueued), 0);
    house.rig.board.set_can_write(house.rig.tracker, true).unwrap();
    cycle(&house, &mut poller).await;
    assert_eq!(house.showing(Lifecycle::Enqueued), BACKLOG);
    let expected = house.rig.pages_of(BACKLOG) - 1 + house.rig.first_pages() - 1;
    assert_eq!(house.pages_read(), expected, "the first page was read again");
}

async fn a_reconciler_goes_on_in_its_next_pass(rig: Rig) {
    for _ in 0..BACKLOG {
        rig.ticket(&[Lifecycle::Enqueued.label()]);
    }
    let house = House::with(rig, Backend::Embedded, "true");
    let mut reconciler = Enqueued::new(house.housekeeping());
    let first = house.rig.faults().hold(house.rig.pages());
    let slow = async {
        let second = house.rig.second_page(first, 1).await;
        later(Duration::from_secs(21)).await;
        second
    };
    let (_, held) = tokio::join!(reconciler.tick(), slow);
    drop(held);
    let queued = house.queued().await;
    assert!((100..BACKLOG).contains(&queued), "{queued} were queued again in the first pass");
    house.rig.faults().forget_requests();
    reconciler.tick().await;
    assert_eq!(house.queued().await, BACKLOG);
    assert_eq!(house.pages_read(), house.rig.pages_of(BACKLOG) - 1, "the first page was read again");
}
