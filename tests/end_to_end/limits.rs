//! Limits on what runs at once, and budgets, from the file to what the ticket and an operator are told.

use std::num::NonZeroUsize;
use std::time::Duration;

use agent_smith::http::webhook::commands::Outcome;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{NewTicket, Role, TicketView};
use agent_smith::store::{Attempt, AttemptLimits};
use agent_smith::ticket::{PlatformKind, TicketKey};

use crate::support::world::{Settings, World, eventually};
use crate::{Backend, Stored, on_both_stores};

on_both_stores!(
    a_project_runs_one_at_a_time_and_says_so,
    attempts_of_a_day_are_counted_over_runs_and_names,
    a_run_has_no_more_time_than_its_budget,
    a_run_whose_time_is_used_up_is_not_begun_again,
);

const TRACKER: &str = "org/api";

struct Scene {
    world: World,
    stored: Stored,
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let world = World::with(&[TRACKER]).await;
        world.board.set_role(TRACKER, "wim", Role::Writer).unwrap();
        Self { world, stored: backend.open() }
    }

    /// One project and one pipeline with these more keys; the step notes its attempt and then does `then`.
    fn write(&self, project: (&str, &str), pipeline: &str, then: &str) {
        let (name, keys) = project;
        let step = format!("echo $AGENTSMITH_ATTEMPT >> {}; {then}", self.world.path("runs").display());
        let settings = Settings::steps(&[&step]);
        self.world.write_config(&Settings {
            projects: self.world.project(name, TRACKER) + keys,
            pipelines: settings.pipelines.replacen("    steps:", &format!("{pipeline}    steps:"), 1),
            ..settings
        });
    }

    /// Awaits a failed ticket with so many comments; the last of them.
    async fn fails(&self, number: u64, comments: usize) -> String {
        let over = |ticket: &TicketView| {
            Lifecycle::of(&ticket.labels) == Some(Lifecycle::Failed) && ticket.comments.len() == comments
        };
        self.world.reached(|board| over(&board.ticket(TRACKER, number).unwrap())).await;
        self.world.ticket(TRACKER, number).comments.last().unwrap().body.clone()
    }

    async fn nothing_is_live(&self) {
        eventually("the job is gone", async || {
            let counts = self.stored.store.counts().await.unwrap();
            (counts.claiming + counts.queued + counts.running == 0).then_some(())
        })
        .await;
    }
}

async fn a_project_runs_one_at_a_time_and_says_so(backend: Backend) {
    let scene = Scene::new(backend).await;
    let go = scene.world.path("go");
    let then = format!("while [ ! -e {} ]; do sleep 0.05; done", go.display());
    scene.write(("api", "    concurrency: 1\n"), "", &then);
    let (first, second) = (scene.world.ask(TRACKER, "One"), scene.world.ask(TRACKER, "Two"));
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    let key = |number: u64| TicketKey::new(PlatformKind::GitHub, "api", number.to_string());
    let (runs, waits) = eventually("one runs and one waits", async || {
        let states = scene.stored.store.job_states(&[key(first), key(second)]).await.unwrap();
        match states.as_slice() {
            [Some(a), Some(b)] if *a != *b && !scene.world.lines("runs").is_empty() => {
                let first_runs = *a == agent_smith::job::JobState::Running;
                let is_queued = [*a, *b].contains(&agent_smith::job::JobState::Queued);
                is_queued.then_some(if first_runs { (first, second) } else { (second, first) })
            }
            _ => None,
        }
    })
    .await;
    let door = scene.world.door(scene.stored.store.clone());
    let (_, outcome) = door.comment(TRACKER, waits, "wim", "/agent-smith status").await;
    let Outcome::Answered(said) = outcome else { panic!("{outcome:?}") };
    assert!(said.ends_with("It waits, because its project has 1 of at most 1 runs under way."), "{said}");
    let (_, outcome) = door.comment(TRACKER, runs, "wim", "/agent-smith status").await;
    let Outcome::Answered(said) = outcome else { panic!("{outcome:?}") };
    assert!(said.contains("**runs**") && !said.contains("It waits"), "{said}");
    let shown: serde_json::Value =
        reqwest::get(format!("http://{}/runs/api%23{waits}", app.address)).await.unwrap().json().await.unwrap();
    assert_eq!(shown["reason"], "it waits, because its project has 1 of at most 1 runs under way", "{shown}");

    std::fs::write(&go, "").unwrap();
    scene.world.shows(TRACKER, runs, Some(Lifecycle::Done)).await;
    scene.world.shows(TRACKER, waits, Some(Lifecycle::Done)).await;
    scene.nothing_is_live().await;
    assert!(app.stop().await);
}

async fn attempts_of_a_day_are_counted_over_runs_and_names(backend: Backend) {
    let scene = Scene::new(backend).await;
    let retried = "    retry: on_failure\n    retry_backoff_seconds: 0\n    attempts: 5\n";
    let budget = |most: u32| format!("{retried}    budget: {{ attempts_per_day: {most} }}\n");
    scene.write(("api", ""), &budget(2), "exit 1");
    let number = scene.world.ask(TRACKER, "Hopeless");
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    let said = scene.fails(number, 1).await;
    assert_eq!(scene.world.lines("runs"), ["1", "2"]);
    assert!(said.contains("It is not begun again") && said.contains("budget of 2 attempts"), "{said}");
    assert!(said.contains("there is room again from 20"), "{said}");
    assert!(said.contains("Remove the label `agent-smith:failed`"), "{said}");
    scene.nothing_is_live().await;

    // Neither does another run begin, whoever asks for it, and under whatever name.
    let door = scene.world.door(scene.stored.store.clone());
    let (_, outcome) = door.comment(TRACKER, number, "wim", "/agent-smith retry").await;
    assert!(matches!(outcome, Outcome::Claimed(_)), "{outcome:?}");
    // The first result and the command; whether the next result is there already is a matter of luck.
    let comments = 2;
    let said = scene.fails(number, comments + 1).await;
    assert!(said.contains("did not begin pipeline") && said.contains("attempts_per_day"), "{said}");
    scene.nothing_is_live().await;
    scene.write(("renamed", ""), &budget(2), "exit 1");
    scene.world.board.remove_label(TRACKER, number, Lifecycle::Failed.label()).unwrap();
    let said = scene.fails(number, comments + 2).await;
    assert!(said.contains("did not begin pipeline"), "{said}");
    assert_eq!(scene.world.lines("runs"), ["1", "2"], "no step began");
    scene.nothing_is_live().await;

    scene.write(("renamed", ""), &budget(3), "exit 1");
    scene.world.board.remove_label(TRACKER, number, Lifecycle::Failed.label()).unwrap();
    let said = scene.fails(number, comments + 3).await;
    assert!(said.contains("budget of 3 attempts"), "{said}");
    assert_eq!(scene.world.lines("runs"), ["1", "2", "1"], "one more is allowed by now");
    scene.nothing_is_live().await;
    assert!(app.stop().await);
}

async fn a_run_has_no_more_time_than_its_budget(backend: Backend) {
    let scene = Scene::new(backend).await;
    let keys = "    retry: on_failure\n    retry_backoff_seconds: 0\n    budget: { wall_seconds: 1 }\n";
    scene.write(("api", ""), keys, "exec sleep 86461");
    let number = scene.world.ask(TRACKER, "Endless");
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    let said = scene.fails(number, 1).await;
    assert!(said.contains("the time for the whole run (1 s) was over"), "{said}");
    assert!(said.contains("budget of 1 s for all attempts of a run") && said.contains("is used up"), "{said}");
    assert_eq!(scene.world.lines("runs"), ["1"]);
    scene.nothing_is_live().await;
    assert!(app.stop().await);
}

/// A take that nobody goes on with is what a process leaves that was killed in the middle of its steps.
async fn a_run_whose_time_is_used_up_is_not_begun_again(backend: Backend) {
    let scene = Scene::new(backend).await;
    scene.write(("api", ""), "    budget: { wall_seconds: 1 }\n", "true");
    let new = NewTicket::titled("Dies").label("agent-smith").label(Lifecycle::InProgress.label());
    let number = scene.world.board.open_ticket(TRACKER, new).unwrap();
    scene.stored.queue(TicketKey::new(PlatformKind::GitHub, "api", number.to_string())).await;
    let store = &scene.stored.store;
    let dead = store.take("dead", Duration::from_secs(2), Duration::ZERO).await.unwrap().unwrap();
    let limits = AttemptLimits {
        counted_for: "fix-bug",
        attempts: NonZeroUsize::new(9),
        window: Duration::from_secs(60),
        wall: Some(Duration::from_secs(1)),
    };
    assert!(matches!(store.begin_attempt(&dead, &limits).await.unwrap(), Attempt::Begun { .. }));
    let app = scene.world.start(store.clone(), "one").await;
    let said = scene.fails(number, 1).await;
    assert!(said.contains("did not begin pipeline `fix-bug`") && said.contains("`budget.wall_seconds`"), "{said}");
    assert_eq!(scene.world.lines("runs"), [] as [&str; 0]);
    scene.nothing_is_live().await;
    assert!(app.stop().await);
}
