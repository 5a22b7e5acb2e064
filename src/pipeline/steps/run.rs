//! A `run` step: a shell command in the workspace.
//!
//! Who calls: `steps`. What must stay true: the environment is the documented list and nothing else; the command is
//! given to the shell as it stands in the configuration, nothing is substituted into it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::{Ended, StepContext, StopNow};
use crate::job::{Job, WriteRight};
use crate::pipeline::confine::Confinement;
use crate::pipeline::programs::{DEFAULT_PATH, SHELL};
use crate::pipeline::supervise::client::{Launch, supervise};
use crate::pipeline::workspace::RunFolder;

/// What a step may see of the server's environment: where programs and the user's settings are, and how to print.
const PASSED_ON: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER"];

/// What the steps of one run have in common.
pub(in crate::pipeline) struct Surroundings {
    supervisor: PathBuf,
    workspace: PathBuf,
    environment: Vec<(OsString, OsString)>,
    right: Arc<dyn WriteRight>,
    confinement: Confinement,
}

impl Surroundings {
    /// Puts the environment together. Of `server_environment` only the few names of the documented list are used.
    pub(in crate::pipeline) fn new(
        (supervisor, server_environment): (&Path, &[(OsString, OsString)]),
        folder: &RunFolder,
        (job, attempt): (&Job, u32),
        right: Arc<dyn WriteRight>,
        confinement: Confinement,
    ) -> Self {
        let mut environment: Vec<(OsString, OsString)> = server_environment
            .iter()
            .filter(|(name, _)| PASSED_ON.iter().any(|passed| name == passed))
            .cloned()
            .collect();
        let has = |environment: &[(OsString, OsString)], name: &str| environment.iter().any(|(known, _)| known == name);
        if !has(&environment, "PATH") {
            environment.push(("PATH".into(), DEFAULT_PATH.into()));
        }
        if !has(&environment, "HOME") {
            environment.push(("HOME".into(), folder.tmp().into()));
        }
        let mut set = |name: &str, value: &dyn AsRef<OsStr>| environment.push((name.into(), value.as_ref().into()));
        set("TERM", &"dumb");
        set("TMPDIR", &folder.tmp());
        set("AGENTSMITH_TICKET_ID", &job.key.ticket);
        set("AGENTSMITH_TICKET_FILE", &folder.ticket_file());
        set("AGENTSMITH_PROJECT", &job.key.project);
        set("AGENTSMITH_PLATFORM", &job.key.platform.as_str());
        set("AGENTSMITH_PIPELINE", &job.pipeline);
        set("AGENTSMITH_RUN_ID", &job.run_id);
        set("AGENTSMITH_ATTEMPT", &attempt.to_string());
        set("AGENTSMITH_WORKSPACE", &folder.workspace());
        Self { supervisor: supervisor.to_owned(), workspace: folder.workspace(), environment, right, confinement }
    }

    /// What the run may use.
    pub(in crate::pipeline) fn confinement(&self) -> &Confinement {
        &self.confinement
    }

    /// The same when its steps are over.
    pub(in crate::pipeline) fn into_confinement(self) -> Confinement {
        self.confinement
    }

    /// What every step finds in its environment.
    pub(super) fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }

    /// The program that becomes the supervisor.
    pub(super) fn supervisor(&self) -> &Path {
        &self.supervisor
    }

    /// Where the programs of steps are looked for.
    pub(in crate::pipeline) fn path(&self) -> &OsStr {
        let path = self.environment.iter().find(|(name, _)| name == "PATH");
        path.map_or(OsStr::new(DEFAULT_PATH), |(_, path)| path)
    }
}

pub(super) async fn carry_out(command: &str, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    let surroundings = context.surroundings;
    // A step may have removed or replaced it; the next one is told so instead of running somewhere else.
    if !surroundings.workspace.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return Ended::NotStarted("the workspace is gone: an earlier step removed it".to_owned());
    }
    let environment = [surroundings.environment.as_slice(), context.variables.as_slice()].concat();
    let command = [SHELL.into(), "-c".into(), command.into()];
    let launch = Launch {
        supervisor: &surroundings.supervisor,
        command: &command,
        input: None,
        directory: &surroundings.workspace,
        environment: &environment,
        bounds: Some(surroundings.confinement.bounds()),
        right: surroundings.right.as_ref(),
    };
    let (ended, left) = supervise(&launch, stop, context.capture).await;
    context.left_behind += left;
    ended.into()
}
