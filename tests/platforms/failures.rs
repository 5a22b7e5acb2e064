//! Platforms that fail, lie, refuse or hang: an error that names the thing, never an empty list, never a secret.

use std::time::Duration;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::Error;
use agent_smith::sim::{Fault, Match, Times};
use tokio::time::Instant;

use crate::on_every_platform;
use crate::rig::{Rig, TRIGGER};

on_every_platform!(
    a_listing_that_fails_in_any_way_is_an_error,
    a_passing_failure_of_a_read_is_bridged,
    a_wrong_token_is_named_with_its_cure_and_not_shown,
    a_missing_token_asks_nobody,
    a_platform_that_asks_for_a_pause_is_left_alone,
    a_ticket_that_is_gone_is_that_tickets_affair,
    a_hidden_tracker_is_named,
    access_is_checked_with_one_request,
    a_platform_that_hangs_is_given_up_in_time,
    an_unreachable_platform_is_named,
);

async fn a_listing_that_fails_in_any_way_is_an_error(rig: Rig) {
    rig.ticket(&[TRIGGER]);
    rig.discover(&[TRIGGER]).await.unwrap();
    let faults = [
        Fault::status(500),
        Fault::html_page(502),
        Fault::html_page(200),
        Fault::Garbage,
        Fault::Truncate,
        Fault::Close,
        Fault::Hang,
        Fault::status(404),
        Fault::status(400),
    ];
    for fault in faults {
        // Something has changed, so that "nothing has changed" is no answer.
        rig.ticket(&[TRIGGER, Lifecycle::Enqueued.label()]);
        rig.faults().fail(Match::any(), Times::Always, fault.clone());
        for result in [rig.discover(&[TRIGGER]).await, rig.listed(Lifecycle::Enqueued).await] {
            assert!(result.is_err(), "{fault:?} was taken for an answer: {result:?}");
        }
        rig.faults().clear();
    }
    let found = rig.discover(&[TRIGGER]).await.unwrap();
    assert!(rig.numbers(&found).contains(&1), "afterwards everything is as before");
    assert_eq!(rig.listed(Lifecycle::Enqueued).await.unwrap().len(), 9);
}

async fn a_passing_failure_of_a_read_is_bridged(rig: Rig) {
    let number = rig.ticket(&[TRIGGER]);
    for fault in [Fault::status(503), Fault::Close, Fault::Truncate] {
        rig.faults().fail(Match::any(), Times::Next(1), fault.clone());
        let read = rig.platform.read(&rig.id(number)).await;
        assert!(read.is_ok(), "{fault:?}: {read:?}");
        rig.faults().clear();
    }
}

async fn a_wrong_token_is_named_with_its_cure_and_not_shown(rig: Rig) {
    let number = rig.ticket(&[TRIGGER]);
    let stranger = rig.with_token(Some("hunter2-wrong"));
    let triggers = [TRIGGER.to_owned()];
    let errors = [
        stranger.check_access().await.unwrap_err(),
        stranger.list(agent_smith::platform::Listing::Discovery(&triggers)).await.unwrap_err(),
        stranger.read(&rig.id(number)).await.unwrap_err(),
        stranger.transition(&rig.right(number), Some(Lifecycle::Enqueued)).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
        assert!(error.to_string().contains("_TOKEN"), "no cure: {error}");
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error}");
    }
    assert_eq!(rig.labels(number), [TRIGGER]);
}

async fn a_missing_token_asks_nobody(rig: Rig) {
    let nobody = rig.with_token(None);
    let before = rig.arrived();
    let error = nobody.check_access().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("_TOKEN"), "{error:?}");
    assert_eq!(rig.arrived(), before);
}

async fn a_platform_that_asks_for_a_pause_is_left_alone(rig: Rig) {
    rig.ticket(&[TRIGGER]);
    rig.discover(&[TRIGGER]).await.unwrap();
    rig.faults().fail(Match::any(), Times::Next(1), Fault::status(429).header("retry-after", "120"));
    let refused = rig.discover(&[TRIGGER]).await.unwrap_err();
    let pause = refused.retry_after().unwrap_or_else(|| panic!("{refused:?}"));
    assert!((100..=130).contains(&pause.as_secs()), "{pause:?}");
    let before = rig.arrived();
    for _ in 0..3 {
        assert!(rig.discover(&[TRIGGER]).await.unwrap_err().retry_after() > Some(Duration::from_secs(60)));
    }
    assert_eq!(rig.arrived(), before, "nothing is sent meanwhile");
    assert!(rig.platform.held_back().is_some());
}

async fn a_ticket_that_is_gone_is_that_tickets_affair(rig: Rig) {
    let (gone, here) = (rig.ticket(&[TRIGGER]), rig.ticket(&[TRIGGER]));
    rig.board.delete(rig.tracker, gone).unwrap();
    let error = rig.platform.read(&rig.id(gone)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    let found = rig.discover(&[TRIGGER]).await.unwrap();
    assert_eq!(rig.numbers(&found), [here]);
}

async fn a_hidden_tracker_is_named(rig: Rig) {
    rig.ticket(&[TRIGGER]);
    rig.board.hide_tracker(rig.tracker, true).unwrap();
    let listed = rig.discover(&[TRIGGER]).await.unwrap_err();
    let checked = rig.platform.check_access().await.unwrap_err();
    for error in [listed, checked] {
        assert!(
            matches!(error, Error::NotFound { .. } | Error::Unauthorized { .. } | Error::Refused { .. }),
            "{error:?}"
        );
        assert!(!error.is_temporary());
    }
}

async fn access_is_checked_with_one_request(rig: Rig) {
    // Whatever is found out about the server is found out once.
    rig.discover(&[TRIGGER]).await.unwrap();
    let before = rig.arrived();
    let access = rig.platform.check_access().await.unwrap();
    assert_eq!(rig.arrived(), before + 1);
    assert!(!access.summary.is_empty());
}

async fn a_platform_that_hangs_is_given_up_in_time(rig: Rig) {
    let ticket = rig.id(rig.ticket(&[TRIGGER]));
    let bound = Duration::from_millis(300);
    let hasty = rig.with_total_timeout(bound);
    rig.faults().fail(Match::any(), Times::Always, Fault::Hang);
    let started = Instant::now();
    let error = hasty.read(&ticket).await.unwrap_err();
    assert!(started.elapsed() < bound * 4, "{:?}", started.elapsed());
    assert!(matches!(&error, Error::Transport(text) if text.contains("within 0.3 s")), "{error}");
    rig.faults().clear();
    // What it does after a failure is as quick as ever.
    rig.platform.read(&ticket).await.unwrap();
}

async fn an_unreachable_platform_is_named(rig: Rig) {
    let ticket = rig.id(rig.ticket(&[TRIGGER]));
    let Rig { sim, platform, .. } = rig;
    let host = sim.url().replace("http://", "");
    sim.stop().await;
    let error = platform.read(&ticket).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    assert!(error.to_string().contains("cannot connect") && error.to_string().contains(&host), "{error}");
}
