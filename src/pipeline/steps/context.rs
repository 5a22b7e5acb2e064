//! What a step works with, and how it may end.
//!
//! Who calls: `sequence` makes one for each step; every step reads it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::pin::Pin;
use std::time::Duration;

use super::Surroundings;
use crate::pipeline::capture::Capture;
use crate::pipeline::git::{GitFolder, Remote};
use crate::pipeline::known::Known;
use crate::pipeline::outcome::{ChangeRequestLink, StepReport};
use crate::pipeline::run::Run;
use crate::pipeline::supervise::client;
use crate::pipeline::workspace::RunFolder;

/// What one step works with.
pub(in crate::pipeline) struct StepContext<'a> {
    /// The run.
    pub(in crate::pipeline) run: &'a Run,
    /// Its place in the pipeline, from 0.
    pub(in crate::pipeline) index: usize,
    /// What the steps of the run have in common.
    pub(in crate::pipeline) surroundings: &'a Surroundings,
    /// The environment of this step alone.
    pub(in crate::pipeline) variables: Vec<(OsString, OsString)>,
    /// What templates may name.
    pub(in crate::pipeline) known: Known<'a>,
    /// What became of the steps before it.
    pub(in crate::pipeline) done: &'a [StepReport],
    /// What earlier steps of the run have made.
    pub(in crate::pipeline) state: &'a mut State,
    /// What it says to the steps after it, beside what its program wrote into its file.
    pub(in crate::pipeline) outputs: BTreeMap<String, String>,
    /// Where the run happens.
    pub(in crate::pipeline) folder: &'a RunFolder,
    /// Takes what it prints.
    pub(in crate::pipeline) capture: &'a mut Capture,
    /// Processes of it that could not be ended.
    pub(in crate::pipeline) left_behind: usize,
}

/// Resolves when the step has to end.
pub(in crate::pipeline) type StopNow<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What the steps of a run have made so far.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct State {
    /// The source in the workspace.
    pub(in crate::pipeline) checkout: Option<Checkout>,
    /// The change request that is open for it.
    pub(in crate::pipeline) change_request: Option<ChangeRequestLink>,
    /// What a person must know of although no step failed for it, in Markdown.
    pub(in crate::pipeline) notes: Vec<String>,
}

/// The project's source in the workspace, and how far the work on it has come.
#[derive(Debug)]
pub(in crate::pipeline) struct Checkout {
    /// The repository.
    pub(in crate::pipeline) remote: Remote,
    /// The run's own copy of it, beside the workspace.
    pub(in crate::pipeline) own: GitFolder,
    /// The ticket's branch.
    pub(in crate::pipeline) branch: String,
    /// The branch that the work is to be merged into.
    pub(in crate::pipeline) base: String,
    /// Where that was when the source was checked out.
    pub(in crate::pipeline) base_commit: String,
    /// The repository's own branch, if it names one.
    pub(in crate::pipeline) default: Option<String>,
    /// Where the ticket's branch is on the remote, as far as we know; `None` when it is not there.
    pub(in crate::pipeline) known: Option<String>,
    /// The newest commit of the work; `base_commit` when there is none.
    pub(in crate::pipeline) commit: String,
    /// Files that differ between base and commit.
    pub(in crate::pipeline) changed: usize,
    /// What is there when the run ends without being done is committed and pushed.
    pub(in crate::pipeline) keep_work: bool,
}

impl StepContext<'_> {
    /// Where its programs are looked for.
    pub(super) fn path(&self) -> &OsStr {
        let own = self.variables.iter().rev().find(|(name, _)| name == "PATH");
        own.map_or_else(|| self.surroundings.path(), |(_, path)| path)
    }

    /// Says to the steps after it where the work stands: `branch`, `base`, `commit`, `changed`.
    pub(super) fn say_where_the_work_stands(&mut self) {
        if let Some(Checkout { branch, base, commit, changed, .. }) = &self.state.checkout {
            let pairs = [("branch", branch.clone()), ("base", base.clone()), ("commit", commit.clone())];
            self.outputs.extend(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)));
            self.outputs.insert("changed".to_owned(), changed.to_string());
        }
    }

    /// The last lines of every message of ours, by which a commit tells which run made it.
    pub(super) fn trailer(&self) -> String {
        format!("Agent-Smith-Run: {}/{}\n", self.run.job.run_id, self.run.hands.writer.right().epoch)
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pipeline) enum Ended {
    /// Its program exited by itself; with 0, it succeeded.
    Exit(i32),
    /// A signal that we did not send ended its program.
    Signal(i32),
    /// The stop came first.
    Stopped,
    /// The right to go on ran out first.
    Expired,
    /// It was never started; says why.
    NotStarted(String),
    /// What it was to do is refused, by a platform or by our own rules; says why.
    Refused(String),
    /// A coding agent was content and changed nothing.
    NoChange,
    /// A coding agent printed nothing for so long, and was ended.
    Stalled(Duration),
    /// Its supervisor was killed. Its processes have been ended.
    SupervisorLost,
}

impl From<client::Ended> for Ended {
    fn from(ended: client::Ended) -> Self {
        match ended {
            client::Ended::Exit(code) => Self::Exit(code),
            client::Ended::Signal(number) => Self::Signal(number),
            client::Ended::Stopped => Self::Stopped,
            client::Ended::Expired => Self::Expired,
            client::Ended::NotStarted(why) => Self::NotStarted(why),
            client::Ended::SupervisorLost => Self::SupervisorLost,
        }
    }
}
