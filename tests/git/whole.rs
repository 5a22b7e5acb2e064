//! The way from a repository to a pushed branch, for each kind of source.

use agent_smith::pipeline::{FailureCause, Outcome};
use agent_smith::sim::board::Board;
use agent_smith::sim::{azure_devops, gitlab};

use crate::fixture::{BRANCH, WHOLE, World, commit_to, done, git, log, refused};

#[tokio::test]
async fn what_changed_is_on_the_tickets_branch() {
    let world = World::new().await;
    let steps = "[{checkout: {}, name: source}, {run: 'git status --porcelain --branch; cat src/lib.txt; git log --format=%s; echo fixed > bug.txt; rm -r src; mkdir new; echo n > new/f; echo new/ignored > .gitignore; touch new/ignored; chmod +x new/f; ln -s /etc/passwd link'},
        {commit: {}, name: work}, {push: {}, name: up},
        {run: 'touch \"$HOME/../proof\"', if: 'steps.up.outputs.changed == \"5\" and steps.up.outputs.branch == \"agent-smith/42-it-crashes\" and steps.source.outputs.base == \"main\" and steps.work.outputs.commit == steps.up.outputs.commit'}]";
    let report = world.run(steps).await;
    done(&report);
    assert!(world.root.path().join("proof").exists(), "the outputs: {}", log(&report));
    let seen = log(&report);
    assert!(seen.contains("## agent-smith/42-it-crashes\nlibrary\nBegin\n"), "a clean tree on the branch: {seen}");
    assert_eq!(world.branches(), [BRANCH, "main"]);
    let listed = world.ask(&["ls-tree", "-r", BRANCH]);
    let files: Vec<(&str, &str)> =
        listed.lines().map(|line| (&line[..6], line.split('\t').next_back().unwrap())).collect();
    let expected = [("100644", ".gitignore"), ("100644", "bug.txt"), ("120000", "link"), ("100755", "new/f")];
    assert_eq!(files, expected);
    assert_eq!(world.ask(&["show", &format!("{BRANCH}:bug.txt")]), "fixed");
    let message = world.ask(&["log", "-1", "--format=%an <%ae> %cn%n%B", BRANCH]);
    let run = &world.job.run_id;
    assert_eq!(
        message,
        format!(
            "agent-smith <agent-smith@box-1> agent-smith\nIt crashes\n\nhttps://example.org/42\n\nAgent-Smith-Run: {run}/1"
        )
    );
    assert_eq!(world.ask(&["rev-list", "--count", &format!("main..{BRANCH}")]), "1");
}

/// The index has no room for both, whichever of them was there first.
#[tokio::test]
async fn a_file_takes_the_place_of_a_folder_and_a_folder_that_of_a_file() {
    let world = World::new().await;
    let swap = "rm -r src bug.txt; echo file > src; mkdir -p bug.txt/deep; echo folder > bug.txt/deep/f";
    done(&world.run(&WHOLE.replace("echo fixed > bug.txt", swap)).await);
    let files = |branch: &str| world.ask(&["ls-tree", "-r", "--format=%(objectmode) %(path)", branch]);
    assert_eq!(files(BRANCH), "100644 bug.txt/deep/f\n100644 src");
    let back = "rm -r src bug.txt; ln -s bug.d bug.txt; mkdir bug.d src; echo x > bug.d/x; echo x > src/x";
    done(&world.run(&WHOLE.replace("echo fixed > bug.txt", back)).await);
    assert_eq!(files(BRANCH), "100644 bug.d/x\n120000 bug.txt\n100644 src/x");
    // By way of the link everything seems to be where it was.
    done(&world.run(&WHOLE.replace("echo fixed > bug.txt", "mv src library; ln -s library src")).await);
    assert_eq!(files(BRANCH), "100644 bug.d/x\n120000 bug.txt\n100644 library/x\n120000 src");
}

#[tokio::test]
async fn a_run_that_changes_nothing_says_so() {
    let world = World::new().await;
    let report = world.run("[{checkout: {}}, {commit: {}}, {push: {}}]").await;
    let Outcome::Failed(failure) = &report.outcome else { panic!("{}", log(&report)) };
    assert_eq!(failure.cause, FailureCause::NoChange);
    let report = world.run("[{checkout: {}}, {push: {}}]").await;
    assert!(refused(&report).contains("no `commit` step has committed"), "{}", refused(&report));
    assert_eq!(world.branches(), ["main"]);
    // A branch that is ahead already is content with what it has.
    done(&world.run(WHOLE).await);
    done(&world.run(WHOLE).await);
    assert_eq!(world.ask(&["rev-list", "--count", &format!("main..{BRANCH}")]), "1");
}

#[tokio::test]
async fn a_branch_that_exists_is_continued_with_its_base_merged_in() {
    let world = World::new().await;
    done(&world.run(WHOLE).await);
    let first = world.ask(&["rev-parse", BRANCH]);
    world.write("main", &[("src/lib.txt", "newer library\n")], "Go on");
    let report = world.run("[{checkout: {}}, {run: 'cat bug.txt src/lib.txt; echo more > more.txt'}, {commit: {message: 'More of {{ ticket.id }}'}}, {push: {}}]").await;
    done(&report);
    assert!(log(&report).contains("fixed\nnewer library\n"), "{}", log(&report));
    assert_eq!(world.branches(), [BRANCH, "main"]);
    let subjects = world.ask(&["log", "--first-parent", "--format=%s", BRANCH]);
    assert_eq!(subjects, format!("More of 42\nMerge branch 'main' into {BRANCH}\nIt crashes\nBegin"));
    world.ask(&["merge-base", "--is-ancestor", &first, BRANCH]);
    world.ask(&["merge-base", "--is-ancestor", "main", BRANCH]);
    // A branch that was merged begins again where its base is.
    world.ask(&["update-ref", "refs/heads/main", BRANCH]);
    let newest = world.write("main", &[("later.txt", "x")], "Later");
    done(&world.run("[{checkout: {}}, {run: 'echo again > again.txt'}, {commit: {}}, {push: {}}]").await);
    assert_eq!(world.ask(&["rev-parse", &format!("{BRANCH}^")]), newest);
}

#[tokio::test]
async fn the_base_is_the_one_that_the_step_names() {
    let world = World::new().await;
    world.write("release/1.x", &[("old.txt", "old\n")], "Release");
    done(
        &world.run("[{checkout: {base: release/1.x}}, {run: 'echo fixed > old.txt'}, {commit: {}}, {push: {}}]").await,
    );
    assert_eq!(world.ask(&["rev-parse", &format!("{BRANCH}^")]), world.ask(&["rev-parse", "release/1.x"]));
}

#[tokio::test]
async fn a_repository_on_this_machine_needs_no_token() {
    let mut world = World::new().await;
    world.source = format!("{{ type: Local, path: '{}' }}", world.remote.display());
    world.token = "x".into();
    done(&world.run(WHOLE).await);
    assert_eq!(world.ask(&["show", &format!("{BRANCH}:bug.txt")]), "fixed");
    assert_eq!(world.calls(), 0, "nothing went over the network");
}

#[tokio::test]
async fn gitlab_and_azure_repos_are_found_at_their_own_addresses() {
    let mut world = World::new().await;
    let repositories = Some(world.repositories.clone());
    let options = gitlab::SimOptions { repositories: repositories.clone(), token: "gl".into(), ..Default::default() };
    let on_gitlab = gitlab::serve(Board::new(), options).await.unwrap();
    let options = azure_devops::SimOptions { repositories, token: "az".into(), ..Default::default() };
    let on_azure = azure_devops::serve(Board::new(), options).await.unwrap();
    let pages = [
        ("GitLab", format!("{}/group/sub/project", on_gitlab.url()), "group/sub/project", "gl"),
        ("AzureRepos", format!("{}/org/My%20Project/_git/repo", on_azure.url()), "org/My%20Project/_git/repo", "az"),
    ];
    for (kind, url, path, token) in pages {
        let remote = world.repositories.add(path).await.unwrap();
        commit_to(&remote, "main", &[("bug.txt", "broken")], "Begin");
        world.source = format!("{{ type: {kind}, url: '{url}' }}");
        world.token = token.into();
        done(&world.run(WHOLE).await);
        assert_eq!(git(&remote, &["show", &format!("{BRANCH}:bug.txt")]), "fixed", "{kind}");
    }
}
