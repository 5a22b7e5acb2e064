//! A workspace, a pipeline as a user would write it, and a script that plays the coding agent.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use agent_smith::config::{Env, Pipeline, parse};
use agent_smith::pipeline::{Failure, FailureCause, Outcome, RunReport, Stop};

use crate::fixture::{Bench, SECRET};

/// Begins every script.
const HEAD: &str = "#!/bin/sh\n";

/// A bench and a folder for programs.
pub(crate) struct Scene {
    pub(crate) bench: Bench,
    programs: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { bench: Bench::new(), programs: tempfile::tempdir().unwrap() }
    }

    /// Makes a program of this name; returns where it is.
    pub(crate) fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, format!("{HEAD}{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Where the programs are.
    pub(crate) fn folder(&self) -> PathBuf {
        self.programs.path().to_owned()
    }

    /// A step, on one line, in which this script is the agent.
    pub(crate) fn agent(&self, script: &str, options: &str) -> String {
        format!("agent: {{ command: [{}] {options} }}", self.program("agent", script).display())
    }

    /// Runs these steps, each on one line.
    pub(crate) async fn run(&self, steps: &[&str]) -> RunReport {
        self.run_with("{}", steps).await
    }

    /// The same with an `agent` section.
    pub(crate) async fn run_with(&self, agent: &str, steps: &[&str]) -> RunReport {
        self.bench.run_with(&pipeline(agent, steps), &Stop::default()).await
    }
}

/// The pipeline `fix-bug` of a file with these steps.
pub(crate) fn pipeline(agent: &str, steps: &[&str]) -> Pipeline {
    let steps: String = steps.iter().map(|step| format!("      - {{ {step} }}\n")).collect();
    let head = format!("projects: {{}}\nagent: {agent}\nsecrets:\n  deploy_key: ${{DEPLOY_KEY}}\n");
    let text = format!("{head}pipelines:\n  fix-bug:\n    timeout_seconds: 60\n    steps:\n{steps}");
    let env: Env = [("DEPLOY_KEY", SECRET), ("HOME", "/h")].into_iter().collect();
    let loaded = parse("f.yml", &text, &env).unwrap_or_else(|broken| panic!("{broken}"));
    Pipeline::clone(loaded.config.pipelines.get("fix-bug").unwrap_or_else(|| panic!("{:?}", loaded.problems)))
}

/// The step that failed, from 0, and why.
pub(crate) fn failure(report: &RunReport) -> (usize, &FailureCause) {
    match &report.outcome {
        Outcome::Failed(Failure { step: Some((index, _)), cause }) => (*index, cause),
        other => panic!("{other:?}: {}", report.tail),
    }
}

/// What the log of a run holds.
pub(crate) fn log(report: &RunReport) -> String {
    fs::read_to_string(report.log.as_ref().unwrap()).unwrap()
}
