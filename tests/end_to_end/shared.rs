//! Two projects on one tracker, and projects that come and go.

use std::time::Duration;

use agent_smith::claim::{Claim, ClaimService, Recall, Request};
use agent_smith::config::{Env, Live};
use agent_smith::health::State;
use agent_smith::job::{Cause, RunResult, Verdict, Withdrawal};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::http::Http;
use agent_smith::platform::registry::Trackers;
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::{Fault, Match, Times};
use agent_smith::store::{ReleaseReason, Withdrawn};
use agent_smith::ticket::{PlatformKind, TicketKey};

use crate::support::world::{BOUND, Settings, TOKEN, World, eventually};
use crate::{Backend, Stored, on_both_stores};

on_both_stores!(
    two_projects_never_claim_one_ticket,
    a_recorded_result_is_shown_although_the_ticket_was_closed,
    a_renamed_project_does_not_run_its_ticket_twice,
    a_label_that_comes_back_asks_again_in_whichever_project,
    a_dropped_job_is_not_queued_again_by_the_neighbour,
);

const TRACKER: &str = "org/api";

/// While an edit that changes their order spreads, each of two projects may think that a ticket is its own.
async fn two_projects_never_claim_one_ticket(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let number = world.ask(TRACKER, "Whose?").to_string();
    let trackers = Trackers::new(Http::new().unwrap());
    let claims = ClaimService::new(stored.store.clone());
    let config = |first: &str, second: &str| {
        let projects = world.project(first, TRACKER) + &world.project(second, TRACKER);
        world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
        Live::start(&world.config_path(), Env::from_iter([("GITHUB_TOKEN", TOKEN)])).unwrap().0.current()
    };
    let configs = [config("a", "b"), config("b", "a")];
    let hold = world.sim.faults().hold(Match::new("GET", &format!("/issues/{number}")));
    let claim = async |config: &agent_smith::config::Config| {
        let project = config.projects.values().next().unwrap();
        let platform = trackers.of(project).unwrap();
        claims
            .claim(&Request { config, project, platform: platform.as_ref(), ticket: &number, asked_by: None })
            .await
            .unwrap()
    };
    let release = async {
        assert!(hold.reached(2, BOUND).await, "both have looked at the store and are reading the ticket");
        drop(hold);
    };
    let (a, b, ()) = tokio::join!(claim(&configs[0]), claim(&configs[1]), release);
    let won = [&a, &b].into_iter().filter(|claim| matches!(claim, Claim::Claimed(_))).count();
    assert!(won <= 1, "{a:?} {b:?}");
    let counts = stored.store.counts().await.unwrap();
    assert_eq!((counts.queued, counts.claiming), (won as u64, 0));
}

/// A delivery names the tracker and not the project, so that what it says is about every project on it.
async fn a_label_that_comes_back_asks_again_in_whichever_project(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let first = world.project("first", TRACKER).replace("agent-smith: fix-bug", "other: fix-bug");
    let projects = first + &world.project("second", TRACKER);
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    let live = Live::start(&world.config_path(), Env::from_iter([("GITHUB_TOKEN", TOKEN)])).unwrap().0;
    let (config, number) = (live.current(), world.ask(TRACKER, "Not now"));
    let (trackers, claims) = (Trackers::new(Http::new().unwrap()), ClaimService::new(stored.store.clone()));
    let (ticket, platform) = (number.to_string(), trackers.of(&config.projects["first"]).unwrap());
    let request = |name: &str| {
        let (project, platform) = (&config.projects[name], platform.as_ref());
        Request { config: &config, project, platform, ticket: &ticket, asked_by: None }
    };
    let cancelled = Recall::Cancelled { by: Some("ann") };
    assert!(matches!(claims.claim(&request("second")).await.unwrap(), Claim::Claimed(_)));
    assert!(matches!(claims.withdraw(&request("first"), cancelled).await.unwrap(), Withdrawn::Dropped(_)));
    assert!(matches!(claims.claim(&request("second")).await.unwrap(), Claim::Rejected(_)), "it was cancelled");
    world.board.remove_label(TRACKER, number, "agent-smith").unwrap();
    let changed = Recall::TicketChanged { by: Some("ann") };
    assert_eq!(claims.withdraw(&request("first"), changed).await.unwrap(), Withdrawn::Nothing);
    world.board.add_label(TRACKER, number, "agent-smith").unwrap();
    let claim = claims.claim(&request("second")).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(_)), "{claim:?}");
}

/// Without its trigger label the ticket looks like one of the first project.
async fn a_dropped_job_is_not_queued_again_by_the_neighbour(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let first = world.project("first", TRACKER).replace("agent-smith: fix-bug", "other: fix-bug");
    let projects = first + &world.project("second", TRACKER);
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    let number = world.ask(TRACKER, "Never mind");
    let app = world.start_with(Some(stored.store.clone()), "one", &[], false).await;
    let key = TicketKey::new(PlatformKind::GitHub, "second", number.to_string());
    eventually("a job waits", async || (stored.store.counts().await.unwrap().queued == 1).then_some(())).await;
    world.board.remove_label(TRACKER, number, "agent-smith").unwrap();
    // The store's half of a withdrawal, and nothing after it.
    let removed = Withdrawal::new(Cause::TriggerRemoved, Some("ann"));
    assert!(matches!(stored.store.withdraw(&key, &removed).await.unwrap(), Withdrawn::Dropped(_)));
    world.shows(TRACKER, number, None).await;
    eventually("the withdrawal is forgotten", async || {
        (stored.store.withdrawals(std::slice::from_ref(&key)).await.unwrap() == [None]).then_some(())
    })
    .await;
    assert_eq!(stored.store.counts().await.unwrap().queued, 0);
    assert!(app.stop().await);
}

/// As a consumer leaves it that recorded its result and could not show it.
async fn leave_recorded_result(stored: &Stored, key: TicketKey) {
    stored.queue(key).await;
    let lease = stored.store.take("dead", Duration::from_secs(60), Duration::ZERO).await.unwrap().unwrap();
    let result = RunResult { verdict: Verdict::Done, comment: "it went well".to_owned() };
    stored.store.record_result(&lease, &result).await.unwrap().unwrap();
    assert!(stored.store.release(&lease, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
}

async fn a_recorded_result_is_shown_although_the_ticket_was_closed(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["exit 9"]) });
    let new = NewTicket::titled("Closed by its own run").label("agent-smith").label(Lifecycle::InProgress.label());
    let number = world.board.open_ticket(TRACKER, new).unwrap();
    world.board.close(TRACKER, number).unwrap();
    leave_recorded_result(&stored, TicketKey::new(PlatformKind::GitHub, "api", number.to_string())).await;
    let app = world.start(stored.store.clone(), "one").await;
    let ticket = world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(ticket.comments[0].body.contains("it went well"));
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

/// Nobody has tried anything while the project was missing, so that no attempt may be counted.
#[tokio::test]
async fn waiting_for_a_missing_project_uses_no_attempt_up() {
    let world = World::with(&[TRACKER]).await;
    let stored = Backend::Embedded.open();
    world.write_config(&Settings { projects: world.project("other", TRACKER), ..Settings::steps(&["true"]) });
    stored.queue(TicketKey::new(PlatformKind::GitHub, "missing", "1")).await;
    let app = world.start(stored.store.clone(), "one").await;
    for _ in 0..2 {
        eventually("the job was looked at and waits", async || {
            let counts = stored.store.counts().await.unwrap();
            let taken = stored.store.take("test", Duration::from_secs(60), Duration::ZERO).await.unwrap();
            if let Some(lease) = &taken {
                stored.store.release(lease, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap();
            }
            (counts.queued == 1 && taken.is_none()).then_some(())
        })
        .await;
        later(Duration::from_secs(31)).await;
    }
    app.shutdown().begin();
    let lease = eventually("the job is still there", async || {
        later(Duration::from_secs(31)).await;
        stored.store.take("test", Duration::from_secs(60), Duration::ZERO).await.unwrap()
    })
    .await;
    assert_eq!(lease.attempt, 1);
    assert!(app.stop().await);
}

/// Moves the clock.
async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

async fn project_is(app: &agent_smith::app::App, name: &str, state: Option<State>) {
    let name = format!("project:{name}");
    eventually(&format!("{name} is {state:?}"), async || (app.health.state_of(&name) == state).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_that_is_not_polled_recovers_on_health() {
    let world = World::with(&[TRACKER]).await;
    let stored = Backend::Embedded.open();
    let projects = world.project("api", TRACKER).replace("enabled: true", "enabled: false");
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    world.sim.faults().fail(Match::any(), Times::Always, Fault::status(502));
    let app = world.start(stored.store.clone(), "one").await;
    project_is(&app, "api", Some(State::Degraded)).await;
    world.sim.faults().clear();
    project_is(&app, "api", Some(State::Up)).await;
    assert!(app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mended_project_that_is_not_polled_recovers_on_health() {
    let world = World::with(&[TRACKER]).await;
    let stored = Backend::Embedded.open();
    let good = world.project("api", TRACKER).replace("enabled: true", "enabled: false");
    let bad = good.replace("agent-smith: fix-bug", "agent-smith: fix-bugg");
    let other = world.project("other", "org/other");
    world.board.add_tracker("org/other").unwrap();
    world.write_config(&Settings { projects: bad + &other, ..Settings::steps(&["true"]) });
    let app = world.start(stored.store.clone(), "one").await;
    project_is(&app, "api", Some(State::Down)).await;
    world.write_config(&Settings { projects: good + &other, ..Settings::steps(&["true"]) });
    project_is(&app, "api", Some(State::Up)).await;
    assert!(app.stop().await);
}

/// `/health` of a replica that leads no more must not go on telling what it saw when it did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_leads_no_more_takes_its_complaints_back() {
    let world = World::with(&[TRACKER]).await;
    let stored = Backend::Embedded.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    // Whether the tracker can be used at all is every replica's affair, so that only the listings fail.
    world.sim.faults().fail(Match::path("/issues?"), Times::Always, Fault::status(502));
    let app = world.start(stored.store.clone(), "one").await;
    project_is(&app, "api", Some(State::Degraded)).await;
    app.shutdown().begin();
    eventually("nothing is told of the project", async || {
        (app.health.state_of("project:api") != Some(State::Degraded)).then_some(())
    })
    .await;
    assert!(app.stop().await);
}

/// A project gets another name in the file while its job runs: the ticket is the same, and so is its one run.
async fn a_renamed_project_does_not_run_its_ticket_twice(backend: Backend) {
    let world = World::with(&["org/api"]).await;
    let stored = backend.open();
    let (runs, go) = (world.path("runs"), world.path("go"));
    let step = format!("echo run >> {}; while [ ! -e {} ]; do sleep 0.05; done", runs.display(), go.display());
    // The data must be older than the heartbeat TTL before silence counts, so that the scan is not merely waiting.
    let settings = Settings { heartbeat_ttl_seconds: 3, ..Settings::steps(&[&step]) };
    world.write_config(&Settings { projects: world.project("before", "org/api"), ..settings.clone() });
    let number = world.ask("org/api", "Same ticket");
    let app = world.start(stored.store.clone(), "one").await;
    eventually("the step runs", async || (!world.lines("runs").is_empty()).then_some(())).await;

    world.write_config(&Settings { projects: world.project("after", "org/api"), ..settings });
    // Listings of stale and of enqueued tickets under the new name: several passes of both reconcilers.
    let listed = |state: &str| {
        let requests = world.sim.faults().requests();
        requests.iter().filter(|one| one.method == "GET" && one.path_and_query.contains(state)).count()
    };
    eventually("the new name is known", async || app.health.state_of("project:after").map(|_| ())).await;
    eventually("the data are old enough", async || {
        stored.store.silence_counts_in(Duration::from_secs(3)).await.unwrap().is_zero().then_some(())
    })
    .await;
    let before = listed("in-progress");
    eventually("the scan has looked several times", async || (listed("in-progress") >= before + 4).then_some(())).await;
    assert_eq!(world.lines("runs"), ["run"], "the scan took the old name's run for dead");
    std::fs::write(&go, "").unwrap();
    let ticket = world.ends("org/api", number, Lifecycle::Done).await;
    assert_eq!((ticket.comments.len(), world.lines("runs").len()), (1, 1));
    assert!(app.stop().await);
}
