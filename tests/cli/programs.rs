//! `validate --check` and `pipelines`: what the machine lacks, and what comes with the program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::fixture::{run, run_with};

/// A folder with a file and with programs that print these words.
fn machine(steps: &str, programs: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let places = "tickets: { type: GitHub, url: https://github.com/org/api }, source: { type: Local, path: /srv/api }";
    let project = format!("projects:\n  api: {{ {places}, pipeline: mine }}\n");
    let text = format!("{project}agent: {{ coding: {{ type: codex }} }}\npipelines:\n  mine:\n    steps:\n{steps}");
    fs::write(folder.path().join("f.yml"), text).unwrap();
    for (name, says) in programs {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

async fn check(folder: &Path) -> crate::fixture::Ended {
    let config = folder.join("f.yml").display().to_string();
    let env = [("PATH", folder.to_str().unwrap()), ("GITHUB_TOKEN", "t"), ("HOME", "/h")];
    run_with(&["validate", "--check", "--config", &config], &env).await
}

const STEPS: &str = "      - checkout: {}\n      - agent: {}\n      - run: make\n";

#[tokio::test]
async fn a_machine_with_everything_is_told_so_line_by_line() {
    let folder = machine(STEPS, &[("git", "git version 2.43.1"), ("codex", "")]);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let ended = check(folder.path()).await.with(0);
    let git = format!("ok       git version 2.43.1: {} (for mine)", at("git"));
    ended.prints(&["ok       sh: /bin/sh (for mine)", &git, &format!("ok       codex: {} (for mine)", at("codex"))]);
}

#[tokio::test]
async fn what_is_missing_or_too_old_is_named_with_the_cure() {
    let folder = machine(STEPS, &[("git", "git version 2.25.1")]);
    let ended = check(folder.path()).await.with(1);
    let path = format!("not in PATH ({})", folder.path().display());
    ended.prints(&["missing  git: ", "is git version 2.25.1; install git 2.38 or newer", "missing  codex: ", &path]);
    let config = folder.path().join("f.yml").display().to_string();
    run_with(&["validate", "--config", &config], &[("GITHUB_TOKEN", "t")]).await.with(0);
    let folder = machine(STEPS, &[("git", "git version 2.43.1")]);
    let text = fs::read_to_string(folder.path().join("f.yml")).unwrap();
    let built_in = text.replace("coding: { type: codex }", "").replace("pipeline: mine", "pipeline: fix-bug");
    fs::write(folder.path().join("f.yml"), built_in.replace("      - agent: {}\n", "")).unwrap();
    check(folder.path()).await.with(1).prints(&["missing  a coding agent: set `agent.coding`", "(for fix-bug)"]);
    let folder = machine("      - comment: hello\n", &[]);
    check(folder.path()).await.with(0).prints(&["no pipeline in use starts a program"]);
    let folder = machine("      - checkout: {}\n      - push: {}\n", &[]);
    check(folder.path()).await.with(1).prints(&["missing  git: not in PATH"]);
}

#[tokio::test]
async fn what_a_shell_can_see_of_limits_is_a_note_and_nothing_that_is_missing() {
    let folder = machine("      - run: make\n    limits: { memory_mb: 64 }\n", &[]);
    check(folder.path()).await.with(0).prints(&["note     limits, as seen from here: for "]);
    let folder = machine("      - run: make\n", &[]);
    assert!(!check(folder.path()).await.with(0).out.contains("limits"), "nobody asks for any");
}

#[tokio::test]
async fn the_pipelines_of_the_program_are_listed_and_shown_in_the_syntax_of_the_file() {
    let list = run(&["pipelines", "ls"]).await.with(0);
    let names: Vec<&str> = list.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["fix-bug", "add-feature", "security-scan"]);
    let shown = run(&["pipelines", "show", "fix-bug"]).await.with(0);
    assert!(shown.out.starts_with("pipelines:\n  fix-bug:\n"), "{}", shown.out);
    let file = tempfile::NamedTempFile::new().unwrap();
    let head = "projects: {}\nagent: { coding: { type: codex } }\n";
    fs::write(file.path(), format!("{head}{}", shown.out)).unwrap();
    run(&["validate", "--config", file.path().to_str().unwrap()]).await.with(0).prints(&["0 errors"]);
    run(&["pipelines", "show", "fix-bgu"]).await.with(2).says(&["fix-bgu", "did you mean `fix-bug`", "security-scan"]);
}
