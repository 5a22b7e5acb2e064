//! A second process that carries out one run: this test binary, started again with only [`serve`] to run.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agent_smith::config::{Limits, Pipeline, Secrets};
use agent_smith::job::{AskedBy, Job};
use agent_smith::pipeline::supervise::shield_environment;
use agent_smith::pipeline::{Mask, RunRequest, Runner, Stop};
use agent_smith::ticket::{PlatformKind, TicketKey};

use crate::fixture::{hands, pipeline, right, settings, ticket};

const ROOT: &str = "PIPELINE_HELPER_ROOT";
const COMMAND: &str = "PIPELINE_HELPER_COMMAND";
const PROCESSES: &str = "PIPELINE_HELPER_PROCESSES";
/// Nobody, on every system.
const ORDINARY_USER: u32 = 65534;

/// Starts the second process as an ordinary user, who is stopped by permissions as root is not. It owns `root`.
pub(crate) fn start(root: &Path, command: &str) -> Child {
    start_helper(root, command, None)
}

/// The same for a run that may have so many processes.
pub(crate) fn start_with(root: &Path, command: &str, processes: u64) -> Child {
    start_helper(root, command, Some(processes))
}

fn start_helper(root: &Path, command: &str, processes: Option<u64>) -> Child {
    let mut helper = Command::new(std::env::current_exe().unwrap());
    helper.args(["--exact", "helper::serve", "--ignored"]).env(ROOT, root).env(COMMAND, command);
    helper.envs(processes.map(|processes| (PROCESSES, processes.to_string())));
    helper.env("GITHUB_TOKEN", "ghp_secret-token").stdin(Stdio::null()).stdout(Stdio::null());
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        chown(root, Some(ORDINARY_USER), Some(ORDINARY_USER)).unwrap();
        helper.uid(ORDINARY_USER).gid(ORDINARY_USER);
    }
    helper.spawn().unwrap()
}

/// What the second process said of its run, once it is over.
pub(crate) fn report(root: &Path) -> String {
    fs::read_to_string(root.join("report")).unwrap_or_default()
}

#[tokio::test]
#[ignore = "runs in the second process only"]
async fn serve() {
    shield_environment().unwrap();
    // A shielded process can still start its own program again, as the server starts its supervisors.
    let again = Command::new("/proc/self/exe").arg("--list").stdout(Stdio::null()).status().unwrap();
    assert!(again.success());
    let root = std::env::var(ROOT).unwrap();
    let runner = Runner::new(settings(Path::new(&root))).unwrap();
    let job = Job::new(TicketKey::new(PlatformKind::Jira, "p", "P-1"), "fix-bug", AskedBy::TriggerLabel);
    let processes = std::env::var(PROCESSES).ok().map(|number| number.parse().unwrap());
    let limits = Limits { processes, ..Limits::default() };
    let pipeline = Pipeline { limits, ..pipeline(&[&std::env::var(COMMAND).unwrap()], Duration::from_secs(60)) };
    let (stop, right) = (Stop::default(), right(&job, Duration::from_secs(3600)));
    let (secrets, mask, hands) = (&Secrets::default(), Mask::default(), hands(&job));
    let (job, pipeline, ticket) = (&job, &pipeline, &ticket());
    let progress = Default::default();
    let request = RunRequest { job, attempt: 1, ticket, pipeline, secrets, mask, hands, stop, right, progress };
    let report = runner.run(request).await;
    fs::write(Path::new(&root).join("report.new"), format!("{:?}\n{}", report.outcome, report.tail)).unwrap();
    fs::rename(Path::new(&root).join("report.new"), Path::new(&root).join("report")).unwrap();
}
