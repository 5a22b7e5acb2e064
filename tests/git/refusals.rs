//! What goes wrong, and whether a person is told what to do.

use crate::fixture::{BRANCH, WHOLE, World, done, log, refused};

#[tokio::test]
async fn a_token_that_is_not_accepted_names_its_cure() {
    let mut world = World::new().await;
    world.token = "wrong-token".into();
    let report = world.run(WHOLE).await;
    let why = refused(&report);
    assert!(why.contains("does not let us in") && why.contains("the token in GITHUB_TOKEN needs"), "{why}");
    assert!(!log(&report).contains("wrong-token"));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let mut world = World::new().await;
    let report = world.run("[{checkout: {base: nowhere}}]").await;
    assert!(refused(&report).contains("has no branch `nowhere`"), "{}", refused(&report));
    world.repositories.add("o/empty").await.unwrap();
    let source = world.source.clone();
    world.source = source.replace("/o/r", "/o/empty");
    let report = world.run("[{checkout: {}}]").await;
    assert!(refused(&report).contains("it is empty"), "{}", refused(&report));
    world.source = source.replace("/o/r", "/o/missing");
    let report = world.run("[{checkout: {}}]").await;
    assert!(refused(&report).contains("/o/missing.git is not there"), "{}", refused(&report));
    world.source = "{ type: Local, path: /nowhere/at/all }".into();
    let report = world.run("[{checkout: {}}]").await;
    assert!(refused(&report).contains("/nowhere/at/all is not there"), "{}", refused(&report));
}

#[tokio::test]
async fn a_conflict_names_its_paths_and_pushes_nothing() {
    let world = World::new().await;
    done(&world.run(WHOLE).await);
    let before = world.ask(&["rev-parse", BRANCH]);
    world.write("main", &[("bug.txt", "differently\n"), ("fine.txt", "fine\n")], "Spoil");
    let report = world.run(WHOLE).await;
    let why = refused(&report);
    assert!(
        why.contains("`main` cannot be merged into `agent-smith/42-it-crashes`: conflict in bug.txt; merge"),
        "{why}"
    );
    assert_eq!(world.ask(&["rev-parse", BRANCH]), before);
}

#[tokio::test]
async fn steps_in_the_wrong_order_say_so() {
    let world = World::new().await;
    for (steps, expected) in [
        ("[{checkout: {}, if: 'failure()'}, {commit: {}}]", "a `commit` step needs a `checkout` step before it"),
        ("[{checkout: {}, if: 'failure()'}, {push: {}}]", "a `push` step needs a `checkout` step before it"),
        ("[{run: 'ln -s /etc src'}, {checkout: {}}]", "the workspace is not empty"),
        ("[{checkout: {}}, {checkout: {}}]", "the workspace is not empty"),
        ("[{checkout: {}}, {run: 'cd /; rm -rf \"$AGENTSMITH_WORKSPACE\"'}, {commit: {}}]", "the workspace is gone"),
    ] {
        let report = world.run(steps).await;
        assert!(refused(&report).contains(expected), "{steps}: {}", refused(&report));
    }
}

/// A rule of the remote's, such as a protected branch.
#[tokio::test]
async fn what_the_remote_rejects_is_told_in_its_words() {
    let world = World::new().await;
    let hook = world.remote.join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho 'no pushes today'; exit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let report = world.run(WHOLE).await;
    assert!(refused(&report).contains("the remote rejects"), "{}", refused(&report));
    assert!(log(&report).contains("no pushes today"), "{}", log(&report));
    assert_eq!(world.branches(), ["main"]);
}
