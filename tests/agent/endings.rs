//! Agents that do not end well: crash, silence, endless talk, deafness.

use std::time::{Duration, Instant};

use agent_smith::pipeline::report::{Ways, comment};
use agent_smith::pipeline::{FailureCause, Mask};

use crate::fixture::{marker, running};
use crate::scene::{Scene, failure};

#[tokio::test]
async fn a_crash_is_the_agent_s_exit_code_or_signal() {
    let scene = Scene::new();
    let report = scene.run(&[&scene.agent("echo no key >&2; echo x > fix; exit 7", "")]).await;
    assert_eq!((failure(&report), report.tail.as_str()), ((0, &FailureCause::Exit(7)), "no key\n"));
    let report = scene.run(&[&scene.agent("kill -SEGV $$", "")]).await;
    assert_eq!(failure(&report), (0, &FailureCause::Signal(11)));
}

#[tokio::test]
async fn one_that_is_silent_for_too_long_is_ended_with_clear_words() {
    let (scene, marker) = (Scene::new(), marker());
    let agent = scene.agent(&format!("echo working; sleep {marker}"), ", stall_timeout_seconds: 1");
    let report = scene.run(&[&agent, "run: echo never"]).await;
    assert_eq!(failure(&report), (0, &FailureCause::Stalled(Duration::from_secs(1))));
    assert_eq!(running(&marker), [0_u32; 0]);
    let comment = comment(&report, &Mask::default(), Ways::default());
    assert!(
        comment.contains("was ended because it had printed nothing for 1 s") && comment.contains("working"),
        "{comment}"
    );
}

#[tokio::test]
async fn one_that_talks_on_is_ended_by_the_time_of_the_step() {
    let (scene, marker) = (Scene::new(), marker());
    let talks = format!("sleep {marker} & while :; do echo on and on; sleep 0.1; done");
    let agent = scene.agent(&talks, ", stall_timeout_seconds: 1") + ", timeout_seconds: 2";
    let report = scene.run(&[&agent]).await;
    assert_eq!(failure(&report), (0, &FailureCause::StepTimeout(Duration::from_secs(2))));
    assert_eq!(running(&marker), [0_u32; 0]);
}

#[tokio::test]
async fn one_that_hears_no_signal_and_forks_away_is_gone_all_the_same() {
    let (scene, marker) = (Scene::new(), marker());
    let deaf = format!("trap '' TERM INT HUP; (setsid sh -c \"trap '' TERM; sleep {marker}\" &); sleep {marker}");
    let agent = scene.agent(&deaf, ", stall_timeout_seconds: 1");
    let started = Instant::now();
    let report = scene.run(&[&agent]).await;
    assert_eq!(failure(&report), (0, &FailureCause::Stalled(Duration::from_secs(1))));
    assert_eq!((running(&marker), report.left_behind), (Vec::new(), 0));
    assert!(started.elapsed() < Duration::from_secs(11), "{:?}", started.elapsed());
}

#[tokio::test]
async fn one_that_spins_is_ended_by_the_limit_of_all_pipelines() {
    let scene = Scene::new();
    let agent = scene.agent("cat > /dev/null; while :; do :; done", "");
    let report = scene.run_with("{ limits: { cpu_seconds: 1 } }", &[&agent, "run: echo never"]).await;
    assert_eq!(failure(&report), (0, &FailureCause::CpuTime(Duration::from_secs(1))));
}
