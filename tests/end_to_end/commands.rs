//! Commands in comments, from the comment to what the ticket shows.

use agent_smith::http::webhook::commands::Outcome;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{NewTicket, Role};
use tokio::time::Instant;

use crate::support::process::processes_with;
use crate::support::world::{Door, Settings, World, eventually, pipeline};
use crate::{Backend, Stored, on_both_stores};

on_both_stores!(
    run_starts_a_ticket_without_a_label,
    run_names_a_pipeline_that_must_exist,
    retry_repeats_the_last_pipeline,
    cancel_stops_what_runs,
    cancel_drops_what_waits,
    cancel_of_what_is_over_says_so,
    a_cancelled_ticket_runs_again_when_somebody_says_so,
    status_says_how_it_stands,
    outsiders_are_not_heard,
);

const TRACKER: &str = "org/api";

struct Scene {
    world: World,
    stored: Stored,
    door: Door,
}

impl Scene {
    /// Two pipelines that note which of them runs, and wait for the file `go` if `waits`. Wim may write, Rita may not.
    async fn new(backend: Backend, waits: bool, slots: usize) -> Self {
        let (world, stored) = (World::with(&[TRACKER]).await, backend.open());
        let (runs, go) = (world.path("runs").display().to_string(), world.path("go").display().to_string());
        let wait = if waits { format!("while [ ! -e {go} ]; do sleep 0.05; done") } else { "true".to_owned() };
        let step = format!("echo $AGENTSMITH_TICKET_ID $AGENTSMITH_PIPELINE >> {runs}; {wait}");
        let settings = Settings {
            projects: world.project("api", TRACKER),
            pipelines: pipeline("fix-bug", &[&step]) + &pipeline("Other One", &[&step]),
            slots,
            heartbeat_ttl_seconds: 600,
            heartbeat_renew_seconds: 250,
            ..Settings::steps(&[])
        };
        world.write_config(&settings);
        world.board.set_role(TRACKER, "wim", Role::Writer).unwrap();
        world.board.set_role(TRACKER, "rita", Role::Labeller).unwrap();
        let door = world.door(stored.store.clone());
        Self { world, stored, door }
    }

    fn unlabelled(&self, title: &str) -> u64 {
        self.world.board.open_ticket(TRACKER, NewTicket::titled(title)).unwrap()
    }

    async fn says(&self, login: &str, number: u64, body: &str) -> (u64, Outcome) {
        self.door.comment(TRACKER, number, login, body).await
    }

    fn reactions(&self, comment: u64) -> Vec<String> {
        self.world.board.reactions(TRACKER, comment).into_iter().map(|reaction| reaction.content).collect()
    }

    /// What our account wrote on the ticket, in order.
    fn answers(&self, number: u64) -> Vec<String> {
        let ticket = self.world.ticket(TRACKER, number);
        ticket.comments.iter().filter(|one| one.author == "smith").map(|one| one.body.clone()).collect()
    }

    async fn runs(&self, line: String) {
        eventually("the pipeline runs", async || self.world.lines("runs").contains(&line).then_some(())).await;
    }

    async fn ends(&self, number: u64, state: Lifecycle, answers: usize) {
        self.world.reached(|_| self.answers(number).len() == answers).await;
        self.world.shows(TRACKER, number, Some(state)).await;
        self.stored.is_left_clean("api", &[number]).await;
    }

    fn go(&self) {
        std::fs::write(self.world.path("go"), "").unwrap();
    }
}

async fn run_starts_a_ticket_without_a_label(backend: Backend) {
    let scene = Scene::new(backend, true, 4).await;
    let number = scene.unlabelled("Please");
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    let (comment, outcome) = scene.says("wim", number, "Let us see.\n\n/agent-smith run").await;
    let Outcome::Claimed(job) = outcome else { panic!("{outcome:?}") };
    assert_eq!((job.pipeline.as_str(), scene.reactions(comment)), ("fix-bug", vec!["eyes".to_owned()]));
    assert!(scene.answers(number).is_empty(), "the reaction says it");
    scene.runs(format!("{number} fix-bug")).await;

    let (comment, outcome) = scene.says("wim", number, "/agent-smith run").await;
    let Outcome::Answered(said) = outcome else { panic!("{outcome:?}") };
    assert!(said.contains("its job is running"), "{said}");
    assert_eq!(scene.reactions(comment), ["confused"]);
    scene.go();
    scene.ends(number, Lifecycle::Done, 2).await;
    assert_eq!(scene.world.lines("runs").len(), 1);
    assert!(app.stop().await);
}

async fn run_names_a_pipeline_that_must_exist(backend: Backend) {
    let scene = Scene::new(backend, false, 4).await;
    let number = scene.world.ask(TRACKER, "Which one");
    scene.world.board.add_label(TRACKER, number, Lifecycle::Failed.label()).unwrap();
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    let (comment, outcome) = scene.says("wim", number, "/agent-smith run `nothing @all`\n/agent-smith cancel").await;
    let Outcome::Answered(said) = outcome else { panic!("{outcome:?}") };
    for part in ["no pipeline `nothing @all`", "`fix-bug`", "`Other One`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(scene.answers(number)[0].contains("Only the first command"), "{:?}", scene.answers(number));
    assert_eq!(scene.reactions(comment), ["confused"]);
    scene.world.shows(TRACKER, number, Some(Lifecycle::Failed)).await;

    // Its label is reset with the claim, and the case of the name does not matter.
    let (_, outcome) = scene.says("wim", number, "/agent-smith run OTHER one").await;
    assert!(matches!(outcome, Outcome::Claimed(_)), "{outcome:?}");
    scene.ends(number, Lifecycle::Done, 2).await;
    assert_eq!(scene.world.lines("runs"), [format!("{number} Other One")]);
    assert!(app.stop().await);
}

async fn retry_repeats_the_last_pipeline(backend: Backend) {
    let scene = Scene::new(backend, false, 4).await;
    let number = scene.world.ask(TRACKER, "Again");
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    scene.ends(number, Lifecycle::Done, 1).await;
    assert!(matches!(scene.says("wim", number, "/agent-smith run Other One").await.1, Outcome::Claimed(_)));
    scene.ends(number, Lifecycle::Done, 2).await;
    assert!(matches!(scene.says("wim", number, "/agent-smith retry").await.1, Outcome::Claimed(_)));
    scene.ends(number, Lifecycle::Done, 3).await;
    let ran = ["fix-bug", "Other One", "Other One"].map(|name| format!("{number} {name}"));
    assert_eq!(scene.world.lines("runs"), ran);
    assert!(app.stop().await);
}

async fn cancel_stops_what_runs(backend: Backend) {
    let scene = Scene::new(backend, true, 4).await;
    let number = scene.world.ask(TRACKER, "Stop it");
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    scene.runs(format!("{number} fix-bug")).await;
    let mark = scene.world.path("go").display().to_string();
    assert!(!processes_with(&mark).is_empty());
    let asked = Instant::now();
    let (comment, outcome) = scene.says("wim", number, "/Agent-Smith Cancel").await;
    assert!(matches!(outcome, Outcome::Withdrawn(_)), "{outcome:?}");
    assert_eq!(scene.reactions(comment), ["eyes"]);
    eventually("nothing of it runs", async || processes_with(&mark).is_empty().then_some(())).await;
    assert!(asked.elapsed().as_secs() < 10, "{:?}", asked.elapsed());
    scene.world.reached(|_| scene.answers(number).len() == 1).await;
    scene.world.shows(TRACKER, number, None).await;
    assert!(scene.answers(number)[0].contains("cancelled by `wim`"), "{:?}", scene.answers(number));
    assert!(app.stop().await);
}

async fn cancel_drops_what_waits(backend: Backend) {
    let scene = Scene::new(backend, true, 1).await;
    let first = scene.world.ask(TRACKER, "Runs");
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    scene.runs(format!("{first} fix-bug")).await;
    let queued = scene.unlabelled("Waits");
    assert!(matches!(scene.says("wim", queued, "/agent-smith run").await.1, Outcome::Claimed(_)));
    let (_, outcome) = scene.says("wim", queued, "/agent-smith cancel").await;
    assert!(matches!(outcome, Outcome::Withdrawn(_)), "{outcome:?}");
    assert_eq!(scene.stored.store.counts().await.unwrap().queued, 0);
    scene.world.shows(TRACKER, queued, None).await;
    let said = scene.answers(queued);
    assert!(said.len() == 1 && said[0].contains("waiting and is **cancelled**"), "{said:?}");
    scene.go();
    scene.ends(first, Lifecycle::Done, 1).await;
    assert_eq!(scene.world.lines("runs").len(), 1, "it never ran");
    assert!(app.stop().await);
}

async fn cancel_of_what_is_over_says_so(backend: Backend) {
    let scene = Scene::new(backend, false, 4).await;
    let number = scene.world.ask(TRACKER, "Too late");
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    scene.ends(number, Lifecycle::Done, 1).await;
    let (_, outcome) = scene.says("wim", number, "/agent-smith cancel").await;
    assert_eq!(outcome, Outcome::Answered("It is over already: **done**.".to_owned()));
    scene.world.shows(TRACKER, number, Some(Lifecycle::Done)).await;
    let idle = scene.unlabelled("Never ran");
    let (_, outcome) = scene.says("wim", idle, "/agent-smith cancel").await;
    assert_eq!(outcome, Outcome::Answered("Nothing of this ticket waits or runs.".to_owned()));
    assert!(app.stop().await);
}

async fn a_cancelled_ticket_runs_again_when_somebody_says_so(backend: Backend) {
    let scene = Scene::new(backend, true, 4).await;
    let number = scene.world.ask(TRACKER, "Or rather not");
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    scene.runs(format!("{number} fix-bug")).await;
    scene.says("wim", number, "/agent-smith cancel").await;
    scene.world.reached(|_| scene.answers(number).len() == 1).await;
    scene.stored.is_left_clean("api", &[number]).await;
    scene.go();
    assert!(matches!(scene.says("wim", number, "/agent-smith run").await.1, Outcome::Claimed(_)));
    scene.ends(number, Lifecycle::Done, 2).await;
    // That was a new request: from now on the labels count again.
    scene.world.board.remove_label(TRACKER, number, Lifecycle::Done.label()).unwrap();
    scene.ends(number, Lifecycle::Done, 3).await;
    assert!(app.stop().await);
}

async fn status_says_how_it_stands(backend: Backend) {
    let scene = Scene::new(backend, true, 1).await;
    let (running, idle) = (scene.world.ask(TRACKER, "Runs"), scene.unlabelled("Idle"));
    let app = scene.world.start(scene.stored.store.clone(), "status-box").await;
    scene.runs(format!("{running} fix-bug")).await;
    let status = async |number: u64| match scene.says("wim", number, "/agent-smith status").await.1 {
        Outcome::Answered(said) => said,
        other => panic!("{other:?}"),
    };
    let said = status(running).await;
    for part in ["Pipeline `fix-bug` **runs** for ", "`status-box`", "attempt 1"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(status(idle).await.contains("Nothing of this ticket"));
    assert!(matches!(scene.says("wim", idle, "/agent-smith run other one").await.1, Outcome::Claimed(_)));
    let said = status(idle).await;
    assert!(said.contains("waits for pipeline `Other One`") && said.contains("next of its project"), "{said}");
    scene.go();
    eventually("all is through", async || {
        let counts = scene.stored.store.counts().await.unwrap();
        (counts.queued + counts.running == 0).then_some(())
    })
    .await;
    assert!(status(idle).await.contains("of pipeline `Other One`, ended **done**"));
    assert!(app.stop().await);
}

async fn outsiders_are_not_heard(backend: Backend) {
    let scene = Scene::new(backend, true, 4).await;
    let (running, idle) = (scene.world.ask(TRACKER, "Runs"), scene.unlabelled("Idle"));
    let app = scene.world.start(scene.stored.store.clone(), "one").await;
    scene.runs(format!("{running} fix-bug")).await;
    for login in ["mallory", "rita"] {
        for (number, body) in
            [(running, "/agent-smith cancel"), (idle, "/agent-smith run"), (running, "/agent-smith x")]
        {
            let (comment, outcome) = scene.says(login, number, body).await;
            let Outcome::Ignored(why) = outcome else { panic!("{login} {body}: {outcome:?}") };
            assert!(why.contains(login) && scene.reactions(comment).is_empty(), "{why}");
        }
    }
    assert!(scene.answers(running).is_empty() && scene.answers(idle).is_empty(), "outsiders make us write nothing");
    scene.world.shows(TRACKER, running, Some(Lifecycle::InProgress)).await;
    scene.world.shows(TRACKER, idle, None).await;
    let (_, outcome) = scene.says("wim", running, "just talking about `/agent-smith cancel`").await;
    assert_eq!(outcome, Outcome::NoCommand);
    scene.go();
    scene.ends(running, Lifecycle::Done, 1).await;
    assert!(app.stop().await);
}
