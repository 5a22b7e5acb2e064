//! The pipelines that come with the program.

use std::sync::Arc;

use agent_smith::config::{Env, Pipeline, parse};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::pipeline::{FailureCause, Stop};
use agent_smith::sim::board::NewTicket;
use agent_smith::store::embedded::EmbeddedStore;

use crate::scene::{Scene, failure};
use crate::support::ground::{Ground, Kind, plain};
use crate::support::world::{Settings, config_text, pipeline};

#[tokio::test]
async fn without_an_agent_they_say_which_key_is_missing_before_anything_is_done() {
    let env: Env = [("HOME", "/h")].into_iter().collect();
    let loaded = parse("f.yml", "projects: {}\n", &env).unwrap_or_else(|broken| panic!("{broken}"));
    for name in ["fix-bug", "add-feature", "security-scan"] {
        let preset = Pipeline::clone(&loaded.config.pipelines[name]);
        let scene = Scene::new();
        let report = scene.bench.run_with(&preset, &Stop::default()).await;
        let (1, FailureCause::NotStarted(why)) = failure(&report) else { panic!("{report:?}") };
        assert!(why.contains("`agent.coding`"), "{why}");
        assert_eq!(report.tail, "", "no checkout has been tried");
    }
}

/// As they stand, with an agent: what people are told of a run they are told in its one comment. A report is no news of a
/// run but what it was for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_leads_from_a_label_to_what_it_is_for() {
    let ground = Ground::new(Kind::GitHub).await;
    let agent = ground.path("agent.sh");
    let script = "cat > /dev/null
        if [ $AGENTSMITH_PIPELINE = security-scan ]; then echo 'one hole' > security-report.md; else echo fixed > bug.txt; fi";
    std::fs::write(&agent, script).unwrap();
    let map = "pipeline_from_label: { bug: fix-bug, feature: add-feature, scan: security-scan }";
    let settings = Settings {
        projects: ground.project(&[map]),
        pipelines: pipeline("another", &["true"]),
        ..Settings::steps(&[])
    };
    let coding = format!("  coding: {{ command: [sh, '{}'] }}\n", agent.display());
    let text = config_text(&settings, &ground.path("data")) + &coding;
    let [bug, feature, scan] =
        ["bug", "feature", "scan"].map(|label| ground.ask(NewTicket::titled(format!("A {label}")).label(label)));
    let app = ground.start_on(Arc::new(EmbeddedStore::new()), &text, &[]).await;
    for number in [bug, feature] {
        let ticket = ground.ended(number).await;
        assert_eq!(Lifecycle::of(&ticket.labels), Some(Lifecycle::Done), "{ticket:?}");
        let [branch] = &ground.branches_of(number)[..] else { panic!("{:?}", ground.branches()) };
        assert_eq!(ground.requests_of(branch).len(), 1);
        let [comment] = &ticket.comments[..] else { panic!("{:?}", ticket.comments) };
        assert!(plain(&comment.body).contains("Change request"), "{}", comment.body);
    }
    let ticket = ground.ended(scan).await;
    assert_eq!(Lifecycle::of(&ticket.labels), Some(Lifecycle::Done), "{ticket:?}");
    let told: Vec<&str> = ticket.comments.iter().map(|comment| comment.body.as_str()).collect();
    assert!(told.len() == 2 && told.iter().any(|body| body.contains("one hole")), "{told:?}");
    assert_eq!((ground.branches_of(scan).len(), ground.requests().len()), (0, 2));
    assert!(app.stop().await);
}
