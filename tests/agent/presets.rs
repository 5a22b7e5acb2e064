//! The pipelines that come with the program.

use agent_smith::config::{Env, Pipeline, parse};
use agent_smith::pipeline::{FailureCause, Stop};

use crate::scene::{Scene, failure};

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
