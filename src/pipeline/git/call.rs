//! Calling the `git` program: under the supervisor, with nothing but what is written here.
//!
//! Who calls: everything in this room. What must stay true: a call ends with the step's stop, its time and the lease;
//! its environment is this file's and the remote's; no argument is ever read by a shell.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::{Fuse, FusedFuture, FutureExt};

use super::folders::TRUSTING;
use super::refusal::{self, Refusal, refusal};
use super::remote::Remote;
use crate::job::WriteRight;
use crate::pipeline::capture::Capture;
use crate::pipeline::steps::{Ended, StepContext, StopNow};
use crate::pipeline::supervise::client::{Answer, Launch, supervise_and_read};
use crate::runner::Backoff;

/// What git may see of the server's environment: where programs are, how the network is reached, whom to trust.
const PASSED_ON: [&str; 15] = [
    "PATH",
    "USER",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "SSH_AUTH_SOCK",
    "TZ",
];
/// Outranks every file, also one that somebody put into a folder of ours.
const CONFIG: [(&str, &str); 18] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.askPass", ""),
    ("core.quotePath", "false"),
    // Nobody else's helper, also not one that another file names.
    ("credential.helper", ""),
    ("protocol.version", "2"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.gpgSign", "false"),
    ("commit.gpgSign", "false"),
    // Tidying up would go on behind our back; `mirror` does it in its own time.
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("init.defaultBranch", "main"),
];
/// What helps when git is not there or too old. `merge-tree --write-tree` is the youngest command that we use.
const NEEDED: &str = "install git 2.38 or newer on this machine";
/// Git's exit code for an option that it does not know.
const USAGE: i32 = 129;
/// Attempts of a call that failed for the network or the remote: with the pauses between them about ten seconds. A
/// longer outage ends the step.
const ATTEMPTS: u32 = 4;
/// First pause between two of them.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// One call: the arguments and the folders that it works on.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Call<'a> {
    arguments: Vec<OsString>,
    git_dir: &'a Path,
    work_tree: Option<&'a Path>,
    index: Option<&'a Path>,
    input: Option<&'a Path>,
    environment: Vec<(OsString, OsString)>,
    remote: Option<&'a Remote>,
}

impl<'a> Call<'a> {
    /// A command on this repository.
    pub(in crate::pipeline) fn on(git_dir: &'a Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(OsString::from).collect();
        Self { arguments, git_dir, work_tree: None, index: None, input: None, environment: Vec::new(), remote: None }
    }

    /// One more argument.
    pub(super) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// With files, below this folder.
    pub(super) fn work_tree(mut self, folder: &'a Path) -> Self {
        self.work_tree = Some(folder);
        self
    }

    /// With an index that is not the repository's own.
    pub(super) fn index(mut self, file: &'a Path) -> Self {
        self.index = Some(file);
        self
    }

    /// With this file as its standard input.
    pub(super) fn input(mut self, file: &'a Path) -> Self {
        self.input = Some(file);
        self
    }

    /// With one more variable.
    pub(super) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// May talk to the remote, and has the token.
    pub(in crate::pipeline) fn with(mut self, remote: &'a Remote) -> Self {
        self.remote = Some(remote);
        self
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::pipeline) enum Trouble {
    /// The step is over, or nothing could be started.
    Over(Ended),
    /// Git ended with this code and these last words.
    Failed {
        /// The exit code.
        code: i32,
        /// The end of its standard error.
        errors: String,
        /// What a person is told.
        told: String,
        /// What it said on standard output.
        output: Vec<u8>,
    },
    /// It cannot be done, whatever git would say.
    Refused(String),
}

impl Trouble {
    /// A file that could not be read or written.
    pub(in crate::pipeline) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::Refused(format!("{}: {error}", path.display()))
    }
}

impl From<Trouble> for Ended {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Over(ended) => ended,
            Trouble::Failed { told, .. } | Trouble::Refused(told) => Self::Refused(told),
        }
    }
}

/// Makes the calls of one step.
pub(in crate::pipeline) struct Git<'a> {
    supervisor: &'a Path,
    right: &'a dyn WriteRight,
    environment: Vec<(OsString, OsString)>,
    /// Where a call without files works.
    folder: PathBuf,
    capture: &'a mut Capture,
    stop: Fuse<StopNow<'a>>,
    left_behind: &'a mut usize,
}

impl<'a> Git<'a> {
    /// For a step.
    pub(in crate::pipeline) fn of<'c: 'a>(context: &'a mut StepContext<'c>, stop: StopNow<'a>) -> Self {
        let settings = context.run.settings();
        let passed = settings.environment.iter().filter(|(name, _)| PASSED_ON.iter().any(|passed| name == passed));
        let mut environment: Vec<(OsString, OsString)> = passed.cloned().collect();
        let ca_file = environment.iter().find(|(name, _)| name == "SSL_CERT_FILE").map(|(_, file)| file.clone());
        let knows_ca = environment.iter().any(|(name, _)| name == "GIT_SSL_CAINFO");
        if let Some(file) = ca_file.filter(|_| !knows_ca) {
            environment.push(("GIT_SSL_CAINFO".into(), file));
        }
        let mut set = |name: &str, value: &OsStr| environment.push((name.into(), value.to_owned()));
        set("TMPDIR", context.folder.tmp().as_os_str());
        for (name, value) in [
            // Nobody's settings and passwords are there. Ssh asks the system where its user is at home.
            ("HOME", "/dev/null"),
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
        ] {
            set(name, OsStr::new(value));
        }
        Self {
            supervisor: &settings.supervisor,
            right: context.run.right(),
            environment,
            folder: context.folder.top().to_owned(),
            capture: context.capture,
            stop: stop.fuse(),
            left_behind: &mut context.left_behind,
        }
    }

    /// A line of ours in the run's log.
    pub(in crate::pipeline) async fn say(&mut self, line: &str) {
        self.capture.take(format!("{line}\n").as_bytes()).await;
    }

    /// Calls once; what is not an exit code of 0 is trouble.
    pub(in crate::pipeline) async fn call(&mut self, call: &Call<'_>) -> Result<Answer, Trouble> {
        if self.stop.is_terminated() {
            return Err(Trouble::Over(Ended::Stopped));
        }
        let mut command = vec![OsString::from("git")];
        command.extend(call.arguments.iter().cloned());
        let environment = self.environment_of(call);
        let launch = Launch {
            supervisor: self.supervisor,
            command: &command,
            input: call.input,
            directory: call.work_tree.unwrap_or(&self.folder),
            environment: &environment,
            // A pack is larger than any file that a step should write.
            bounds: None,
            right: self.right,
        };
        let mut answer = Answer::default();
        let (ended, left) = supervise_and_read(&launch, &mut self.stop, self.capture, &mut answer).await;
        *self.left_behind += left;
        match Ended::from(ended) {
            Ended::Exit(0) => Ok(answer),
            Ended::Exit(127) if String::from_utf8_lossy(&answer.errors).contains("cannot start git") => {
                Err(Trouble::Over(Ended::NotStarted(format!("the program git cannot be started: {NEEDED}"))))
            }
            Ended::Exit(USAGE) => {
                Err(Trouble::Over(Ended::NotStarted(format!("this git does not know what is asked of it: {NEEDED}"))))
            }
            Ended::Exit(code) => {
                let errors = String::from_utf8_lossy(&answer.errors).into_owned();
                let told = match call.remote {
                    Some(remote) => refusal::in_words(&errors, remote),
                    None => format!("git failed; it says: {}", refusal::quoted(&errors)),
                };
                Err(Trouble::Failed { code, errors, told, output: answer.output })
            }
            over => Err(Trouble::Over(over)),
        }
    }

    /// Calls again when the network or the remote failed. For calls that change nothing on the remote.
    pub(in crate::pipeline) async fn insist(&mut self, call: &Call<'_>) -> Result<Answer, Trouble> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        for _ in 1..ATTEMPTS {
            match self.call(call).await {
                Err(Trouble::Failed { errors, .. }) if refusal(&errors) == Refusal::Temporary => {}
                other => return other,
            }
            self.pause(backoff.pause()).await?;
        }
        self.call(call).await
    }

    /// Waits, and not beyond the stop.
    pub(in crate::pipeline) async fn pause(&mut self, pause: Duration) -> Result<(), Trouble> {
        if self.stop.is_terminated() {
            return Err(Trouble::Over(Ended::Stopped));
        }
        tokio::select! {
            () = &mut self.stop => Err(Trouble::Over(Ended::Stopped)),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    /// The one line that a command answers with.
    pub(in crate::pipeline) async fn line(&mut self, call: &Call<'_>) -> Result<String, Trouble> {
        let answer = self.call(call).await?;
        Ok(String::from_utf8_lossy(&answer.output).trim_end().to_owned())
    }

    /// What a command says by its exit code: 0 yes, 1 no.
    pub(super) async fn holds(&mut self, call: &Call<'_>) -> Result<bool, Trouble> {
        match self.call(call).await {
            Ok(_) => Ok(true),
            Err(Trouble::Failed { code: 1, .. }) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    fn environment_of(&self, call: &Call<'_>) -> Vec<(OsString, OsString)> {
        let mut environment = self.environment.clone();
        let mut set = |name: String, value: OsString| environment.push((name.into(), value));
        set("GIT_DIR".to_owned(), call.git_dir.into());
        if let Some(work_tree) = call.work_tree {
            set("GIT_WORK_TREE".to_owned(), work_tree.into());
        }
        if let Some(index) = call.index {
            set("GIT_INDEX_FILE".to_owned(), index.into());
        }
        let fixed = CONFIG.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
        let config = fixed.chain(call.remote.map(Remote::config).unwrap_or_default());
        let mut count = 0;
        for (name, value) in config {
            set(format!("GIT_CONFIG_KEY_{count}"), name.into());
            set(format!("GIT_CONFIG_VALUE_{count}"), value);
            count += 1;
        }
        set("GIT_CONFIG_COUNT".to_owned(), count.to_string().into());
        environment.extend(call.remote.map(Remote::environment).unwrap_or_default());
        if call.remote.is_some_and(Remote::is_local) {
            environment.push(("GIT_CONFIG_GLOBAL".into(), call.git_dir.join(TRUSTING).into()));
        }
        environment.extend(call.environment.iter().cloned());
        environment
    }
}
