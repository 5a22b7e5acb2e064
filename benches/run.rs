//! What a run costs beside what its steps do, and how long a checkout takes with and without a mirror.
//!
//! `cargo bench --bench run`. A plain program: the real app on the embedded store, a simulated GitHub that answers at once
//! and tells of tickets by webhook, real git over HTTP. It prints, for runs of five steps that do nothing and for runs
//! from checkout to change request, the time from the label Enqueued to the label Done, the sum of the run's steps, and
//! the difference; then the `checkout` step of a repository of 50 MB that does not compress, the first and the second one
//! in a data directory. What must stay true: one run at a time, so nothing waits in the queue; steps are recorded in
//! whole milliseconds, rounded down, so that the difference is too large by a millisecond a step at most and never too
//! small.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_smith::app::App;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::run_record::RunState;
use agent_smith::sim::board::{Board, Event, NewTicket, What};
use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use chrono::{DateTime, Utc};
use rand::Rng;

#[path = "../tests/support/mod.rs"]
mod support;

use support::ground::{Ground, Kind};
use support::world::{BOUND, Settings, config_text, eventually};

/// Runs of steps that do nothing, and of steps that work with git.
const RUNS: usize = 200;
const GIT_RUNS: usize = 30;
/// Not measured: connections are made, labels created, the mirror filled.
const WARM_UP: usize = 5;
/// Data directories, each for a first and a second checkout.
const ROUNDS: usize = 3;
/// The large repository.
const FILES: usize = 50;
const FILE_BYTES: usize = 1_000_000;

const NO_OPS: &str = "[{run: 'true'}, {run: 'true'}, {run: 'true'}, {run: 'true'}, {run: 'true'}]";
const WITH_GIT: &str =
    "[{checkout: {}}, {run: 'echo fixed > bug.txt'}, {commit: {}}, {push: {}}, {open_change_request: {}}]";

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let bare = bare_shells()?;
    println!("five times `sh -c true`, started by this program: {bare:.1?} (median)\n");
    overhead("five steps that do nothing", NO_OPS, RUNS).await?;
    overhead("checkout, run, commit, push, change request", WITH_GIT, GIT_RUNS).await?;
    checkouts().await
}

/// A project on a simulated GitHub, and the app that works for it.
struct Bench<'a> {
    ground: &'a Ground,
    store: Arc<EmbeddedStore>,
    app: App,
}

impl<'a> Bench<'a> {
    async fn start(ground: &'a Ground, steps: &str, data: &Path) -> Self {
        let projects = ground.project(&["pipeline_from_label: { agent-smith: fix-bug }"]);
        let settings = Settings {
            // Tickets come by webhook; a poll would only be in the way.
            projects: projects.replace("interval_seconds: 1,", "interval_seconds: 3600,"),
            pipelines: format!("  fix-bug:\n    timeout_seconds: 60\n    steps: {steps}\n"),
            heartbeat_ttl_seconds: 120,
            heartbeat_renew_seconds: 30,
            lease_seconds: 60,
            reconcile_interval_seconds: 600,
            ..Settings::steps(&[])
        };
        let store = Arc::new(EmbeddedStore::new());
        let text = config_text(&settings, data);
        let app = ground.start_on(store.clone(), &text, &[]).await;
        ground.register_webhook(app.address);
        Self { ground, store, app }
    }

    /// One ticket from label to Done: the time between the two labels, and each of its steps.
    async fn run(&self, number: usize) -> Outcome<(Duration, Vec<Duration>)> {
        let (board, tracker) = (&self.ground.board, self.ground.tickets);
        let ticket = self.ground.ask(NewTicket::titled(format!("Case {number}")).label("agent-smith"));
        let is_over = |board: &Board| {
            let lifecycle = board.ticket(tracker, ticket).and_then(|ticket| Lifecycle::of(&ticket.labels));
            lifecycle.is_some_and(Lifecycle::is_terminal)
        };
        board.wait_until(is_over, BOUND).await?;
        let history = board.history_of(tracker, ticket);
        let claimed = when(&history, Lifecycle::Enqueued).ok_or("never claimed")?;
        let done = when(&history, Lifecycle::Done).ok_or("not done")?;
        let record = eventually("the record is complete", async || {
            let newest = self.store.runs(None, 1).await.ok()?.pop()?;
            (newest.state == RunState::Done && newest.key.ticket == ticket.to_string()).then_some(newest)
        })
        .await;
        let attempt = record.attempts.last().ok_or("no attempt")?;
        let steps = attempt.steps.iter().map(|step| Duration::from_millis(step.duration_ms)).collect();
        Ok(((done - claimed).to_std()?, steps))
    }
}

fn when(history: &[Event], state: Lifecycle) -> Option<DateTime<Utc>> {
    let shows = |event: &&Event| matches!(&event.what, What::LabelAdded(label) if label == state.label());
    history.iter().find(shows).map(|event| event.at)
}

async fn overhead(name: &str, steps: &str, runs: usize) -> Outcome {
    let ground = Ground::new(Kind::GitHub).await;
    let bench = Bench::start(&ground, steps, &ground.path("data")).await;
    let (mut whole, mut work, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..WARM_UP + runs {
        let (took, steps) = bench.run(number).await?;
        if number >= WARM_UP {
            let steps: Duration = steps.iter().sum();
            whole.push(took);
            work.push(steps);
            rest.push(took.saturating_sub(steps));
        }
    }
    println!("{runs} runs, claim to Done: {name}");
    for (what, times) in [("whole run", &mut whole), ("its steps", &mut work), ("overhead", &mut rest)] {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        println!("  {what:9}  p50 {:>8.1?}  p99 {:>8.1?}  max {:>8.1?}", at(50), at(99), at(100));
    }
    println!();
    bench.app.stop().await;
    Ok(())
}

/// What the machine itself takes for five shells.
fn bare_shells() -> Outcome<Duration> {
    let mut times = Vec::new();
    for _ in 0..WARM_UP * 10 {
        let begun = Instant::now();
        for _ in 0..5 {
            std::process::Command::new("sh").args(["-c", "true"]).status()?;
        }
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

async fn checkouts() -> Outcome {
    let ground = Ground::new(Kind::GitHub).await;
    let mut bytes = vec![0_u8; FILE_BYTES];
    let desk = ground.path("desk");
    for number in 1..FILES {
        rand::rng().fill_bytes(&mut bytes);
        std::fs::write(desk.join(format!("noise-{number}")), &bytes)?;
    }
    rand::rng().fill_bytes(&mut bytes);
    ground.write_to_main("noise-0", &bytes);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let data = ground.path(&format!("data-{round}"));
        let bench = Bench::start(&ground, "[{checkout: {}}]", &data).await;
        for times in [&mut first, &mut second] {
            let (_, steps) = bench.run(round).await?;
            times.push(*steps.first().ok_or("no step")?);
        }
        bench.app.stop().await;
        std::fs::remove_dir_all(data)?;
    }
    println!("checkout of {FILES} files, {} MB that do not compress, {ROUNDS} rounds", FILES * FILE_BYTES / 1_000_000);
    for (what, times) in [("first", &mut first), ("second", &mut second)] {
        times.sort_unstable();
        println!("  {what:6}  median {:>7.1?}  from {:.1?} to {:.1?}", times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
    }
    Ok(())
}
