//! Rows about attempts that are counted and time that adds up.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_smith::job::JobLease;
use agent_smith::store::{Attempt, AttemptLimits, ReleaseReason, Store};

use crate::fixture::{LONG, SHORT, enqueue, eventually, take};

/// A day that no row sees the end of.
const DAY: Duration = Duration::from_secs(24 * 3600);

fn limits(attempts: usize) -> AttemptLimits<'static> {
    AttemptLimits { counted_for: "fix-bug of ticket 1", attempts: NonZeroUsize::new(attempts), window: DAY, wall: None }
}

async fn begin(store: &dyn Store, lease: &JobLease, limits: &AttemptLimits<'_>) -> Attempt {
    store.begin_attempt(lease, limits).await.unwrap()
}

/// Ends the attempt and takes the job again.
async fn next_attempt(store: &dyn Store, lease: JobLease) -> JobLease {
    assert!(store.release(&lease, ReleaseReason::Broken, Duration::ZERO).await.unwrap());
    take(store, LONG).await
}

pub(crate) async fn attempts_count_once_and_up_to_the_limit(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    for _ in 0..3 {
        let Attempt::Begun { next_in, .. } = begin(&*store, &lease, &limits(2)).await else { panic!("not begun") };
        assert_eq!(next_in, Duration::ZERO, "asked again, it is the same attempt");
    }
    let lease = next_attempt(&*store, lease).await;
    let Attempt::Begun { next_in, .. } = begin(&*store, &lease, &limits(2)).await else { panic!("not begun") };
    assert!(next_in > DAY / 2 && next_in <= DAY, "the limit is reached: {next_in:?}");
    let lease = next_attempt(&*store, lease).await;
    let Attempt::NoneLeft { room_in } = begin(&*store, &lease, &limits(2)).await else { panic!("begun") };
    assert!(room_in > DAY / 2 && room_in <= next_in, "{room_in:?}");
    assert!(matches!(begin(&*store, &lease, &limits(3)).await, Attempt::Begun { .. }), "a limit may be raised");
    let other = AttemptLimits { counted_for: "fix-bug of ticket 2", ..limits(1) };
    assert!(matches!(begin(&*store, &lease, &other).await, Attempt::Begun { .. }), "counted by itself");
    assert!(store.finish(&lease).await.unwrap());
}

/// A restart of the server is no attempt of the ticket's.
pub(crate) async fn an_attempt_that_is_handed_back_counts_once(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    let mut lease = take(&*store, LONG).await;
    for _ in 0..3 {
        assert!(matches!(begin(&*store, &lease, &limits(1)).await, Attempt::Begun { .. }));
        assert!(store.release(&lease, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
        lease = take(&*store, LONG).await;
    }
    assert!(matches!(begin(&*store, &lease, &limits(1)).await, Attempt::Begun { .. }));
    let lease = next_attempt(&*store, lease).await;
    assert!(matches!(begin(&*store, &lease, &limits(1)).await, Attempt::NoneLeft { .. }), "the next one is another");
    assert!(store.finish(&lease).await.unwrap());
    enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    assert!(matches!(begin(&*store, &lease, &limits(1)).await, Attempt::NoneLeft { .. }), "and so is another run");
    assert!(store.finish(&lease).await.unwrap());
}

pub(crate) async fn attempts_stop_counting_after_the_window(store: Arc<dyn Store>) {
    let limits = AttemptLimits { window: SHORT, ..limits(1) };
    enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    assert!(matches!(begin(&*store, &lease, &limits).await, Attempt::Begun { .. }));
    let lease = next_attempt(&*store, lease).await;
    let begun = eventually("there is room again", || async {
        Some(begin(&*store, &lease, &limits).await).filter(|attempt| matches!(attempt, Attempt::Begun { .. }))
    })
    .await;
    assert!(matches!(begun, Attempt::Begun { next_in, .. } if next_in > Duration::ZERO), "{begun:?}");
    assert!(store.finish(&lease).await.unwrap());
}

pub(crate) async fn a_stale_epoch_begins_nothing(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    let stale = take(&*store, LONG).await;
    let lease = next_attempt(&*store, stale.clone()).await;
    assert_eq!(begin(&*store, &stale, &limits(1)).await, Attempt::Lost);
    assert!(matches!(begin(&*store, &lease, &limits(1)).await, Attempt::Begun { .. }), "nothing was counted");
    assert!(store.finish(&lease).await.unwrap());
    assert_eq!(begin(&*store, &lease, &limits(1)).await, Attempt::Lost);
}

pub(crate) async fn the_time_of_all_attempts_adds_up(store: Arc<dyn Store>) {
    let limits = AttemptLimits { attempts: None, wall: Some(DAY), ..limits(1) };
    let spent = |attempt| match attempt {
        Attempt::Begun { spent, .. } => spent,
        other => panic!("{other:?}"),
    };
    enqueue(&*store, "p", "1").await;
    // What never began its steps took no time.
    let lease = take(&*store, LONG).await;
    let lease = next_attempt(&*store, lease).await;
    assert_eq!(spent(begin(&*store, &lease, &limits).await), Duration::ZERO);
    let begun_at = Instant::now();
    eventually("some time passes", || async { (begun_at.elapsed() > Duration::from_millis(30)).then_some(()) }).await;
    let lease = next_attempt(&*store, lease).await;
    let first = spent(begin(&*store, &lease, &limits).await);
    assert!(first >= Duration::from_millis(25) && first <= begun_at.elapsed() + Duration::from_millis(2), "{first:?}");
    let begun_at = Instant::now();
    eventually("more time passes", || async { (begun_at.elapsed() > Duration::from_millis(30)).then_some(()) }).await;
    let lease = next_attempt(&*store, lease).await;
    let used_up = AttemptLimits { wall: Some(first + Duration::from_millis(25)), ..limits };
    assert_eq!(begin(&*store, &lease, &used_up).await, Attempt::NoTimeLeft);
    assert!(spent(begin(&*store, &lease, &limits).await) >= first + Duration::from_millis(25));
    assert!(matches!(begin(&*store, &lease, &used_up).await, Attempt::Begun { .. }), "it has begun already");
    assert!(store.finish(&lease).await.unwrap());

    enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    assert_eq!(spent(begin(&*store, &lease, &limits).await), Duration::ZERO, "another run has all of its time");
    assert!(store.finish(&lease).await.unwrap());
}

pub(crate) async fn a_lapsed_attempt_took_no_longer_than_its_lease(store: Arc<dyn Store>) {
    let limits = AttemptLimits { attempts: None, wall: Some(DAY), ..limits(1) };
    enqueue(&*store, "p", "1").await;
    let lapsing = take(&*store, SHORT).await;
    assert!(matches!(begin(&*store, &lapsing, &limits).await, Attempt::Begun { .. }));
    let begun_at = Instant::now();
    eventually("much more time passes than the lease has", || async { (begun_at.elapsed() > SHORT * 3).then_some(()) })
        .await;
    assert_eq!(store.recover_lapsed(10).await.unwrap().len(), 1);
    let lease = take(&*store, LONG).await;
    let Attempt::Begun { spent, .. } = begin(&*store, &lease, &limits).await else { panic!("not begun") };
    assert!(spent > Duration::ZERO && spent <= SHORT, "{spent:?}");
    assert!(store.finish(&lease).await.unwrap());
}
