//! An `agent` step: a coding agent works on the ticket in the workspace.
//!
//! Who calls: `steps`. What must stay true: of credentials it sees those that the step names and no other; what it is
//! told reaches it by standard input or a file, never by its command line; it is ended when it has been silent for too
//! long; being content without having changed anything is no success.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::context::{Ended, StepContext, StopNow};
use crate::config::CodingAgent;
use crate::pipeline::agents::{self, CommandLine};
use crate::pipeline::capture::Heard;
use crate::pipeline::fingerprint::fingerprint;
use crate::pipeline::git::replace;
use crate::pipeline::programs::{self, NO_AGENT};
use crate::pipeline::prompt;
use crate::pipeline::remove::remove_tree;
use crate::pipeline::supervise::client::{Launch, supervise};

/// Bytes of a report. A comment takes 60 KiB of it; what is longer is cut.
const REPORT_LIMIT: u64 = 48 * 1024;

pub(super) async fn carry_out(agent: &CodingAgent, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    let workspace = context.folder.workspace();
    if !workspace.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return Ended::NotStarted("the workspace is gone: an earlier step removed it".to_owned());
    }
    let line = match prepare(agent, context, &workspace) {
        Ok(line) => line,
        Err(ended) => return ended,
    };
    let before = look(&workspace, line.droppings).await;
    let report = agent.report.as_deref().map(|name| (name, workspace.join(name)));
    let is_theirs = report.as_ref().is_some_and(|(_, file)| file.symlink_metadata().is_ok());
    let ended = work(agent, &line, context, stop).await;
    // Also of one that failed or was ended: somebody may commit what is there.
    if let Some(beginning) = line.droppings {
        remove_new(&workspace, beginning, &before.droppings);
    }
    let ended = match (ended, &report) {
        (Ended::Exit(0), None) => return what_has_changed(&before, &workspace, context).await,
        (Ended::Exit(0), Some((name, file))) => match take_report(file) {
            Ok(text) => {
                context.outputs.insert("report".to_owned(), text);
                return Ended::Exit(0);
            }
            Err(why) => Ended::Refused(format!("the agent left no report in {}: {why}", name.display())),
        },
        (other, _) => other,
    };
    if let Some((_, file)) = report.filter(|_| !is_theirs) {
        let _ = fs::remove_file(file); // there may be none
    }
    ended
}

/// How an agent ends that was content.
async fn what_has_changed(before: &Look, workspace: &Path, context: &mut StepContext<'_>) -> Ended {
    let after = look(workspace, None).await;
    if before.files.is_none() || before.files != after.files {
        return Ended::Exit(0);
    }
    // The work of an earlier attempt may be all that is to be done.
    match context.state.checkout.as_ref().map(|checkout| checkout.changed) {
        Some(changed @ 1..) => {
            let line = format!("[agent-smith] nothing has changed; the branch had {changed} changed files already\n");
            context.capture.take(line.as_bytes()).await;
            Ended::Exit(0)
        }
        _ => Ended::NoChange,
    }
}

/// Finds the program and writes down what it is told.
fn prepare(agent: &CodingAgent, context: &StepContext<'_>, workspace: &Path) -> Result<CommandLine, Ended> {
    let top = context.folder.top();
    let prompt_file = top.join(format!("prompt-{}.md", context.index + 1));
    let Some(line) = agents::command_line(&agent.program, &prompt_file, top) else {
        return Err(Ended::NotStarted(NO_AGENT.to_owned()));
    };
    let path = context.path();
    let program = line.command.first().map(|program| program.to_string_lossy()).unwrap_or_default();
    if programs::find(&program, path, workspace).is_none() {
        return Err(Ended::NotStarted(programs::not_found(&program, path, context.run.host())));
    }
    let report = agent.report.as_deref();
    let told = match &agent.prompt {
        None => prompt::usual(&context.run.ticket, &mark(context), report),
        Some(template) => match template.render(&context.known) {
            Ok(text) => format!("{}\n\n{}\n", text.trim_end(), prompt::rules(report)),
            Err(why) => return Err(Ended::Refused(format!("the prompt cannot be filled: {why}"))),
        },
    };
    replace(&prompt_file, told).map_err(|error| Ended::NotStarted(format!("cannot write the prompt: {error}")))?;
    Ok(line)
}

/// Nobody could know it when the ticket was written.
fn mark(context: &StepContext<'_>) -> String {
    format!("=={}==", context.run.job.run_id)
}

/// Runs it to its end, to its end by `stop`, or until it has been silent for too long.
async fn work(agent: &CodingAgent, line: &CommandLine, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    let surroundings = context.surroundings;
    let mut environment = surroundings.environment().to_vec();
    environment.extend(line.environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))));
    environment.extend_from_slice(&context.variables);
    let prompt_file = context.folder.top().join(format!("prompt-{}.md", context.index + 1));
    let launch = Launch {
        supervisor: surroundings.supervisor(),
        command: &line.command,
        input: line.prompt_is_input.then_some(prompt_file.as_path()),
        directory: &context.folder.workspace(),
        environment: &environment,
        bounds: Some(surroundings.confinement().bounds()),
        right: context.run.right(),
    };
    let stalled = OnceLock::new();
    let heard = context.capture.heard();
    let stop = async {
        tokio::select! {
            biased;
            () = stop => {}
            () = silence(&heard, agent.stall_timeout) => drop(stalled.set(())),
        }
    };
    let (ended, left) = supervise(&launch, stop, context.capture).await;
    context.left_behind += left;
    match Ended::from(ended) {
        Ended::Stopped if stalled.get().is_some() => Ended::Stalled(agent.stall_timeout),
        other => other,
    }
}

/// Resolves when nothing has been printed for so long.
async fn silence(heard: &Heard, limit: Duration) {
    heard.begin();
    loop {
        let until = heard.last() + limit;
        if until <= Instant::now() {
            return;
        }
        sleep_until(until).await;
    }
}

/// What the workspace looks like.
struct Look {
    files: Option<u64>,
    droppings: Vec<PathBuf>,
}

async fn look(workspace: &Path, droppings: Option<&'static str>) -> Look {
    let folder = workspace.to_owned();
    let looked = tokio::task::spawn_blocking(move || Look {
        files: fingerprint(&folder),
        droppings: droppings.map(|beginning| beginning_with(&folder, beginning)).unwrap_or_default(),
    });
    looked.await.unwrap_or_else(|error| {
        warn!(%error, "cannot tell whether the workspace has changed");
        Look { files: None, droppings: Vec::new() }
    })
}

fn beginning_with(folder: &Path, beginning: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let begins = |name: &OsStr| name.as_encoded_bytes().starts_with(beginning.as_bytes());
    entries.flatten().filter(|entry| begins(&entry.file_name())).map(|entry| entry.path()).collect()
}

/// What the agent has left for itself is no part of the change.
fn remove_new(workspace: &Path, beginning: &str, before: &[PathBuf]) {
    for path in beginning_with(workspace, beginning).iter().filter(|path| !before.contains(path)) {
        if let Err(error) = remove_tree(path) {
            warn!(%error, "an agent's own file stays in the workspace");
        }
    }
}

/// Reads the report and takes it out of the workspace. It may be a link or a pipe: neither is followed nor waited for.
fn take_report(path: &Path) -> Result<String, String> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let read = || {
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("not a file"));
        }
        let mut bytes = Vec::new();
        file.take(REPORT_LIMIT).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().map_err(|error| error.to_string())?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    fs::remove_file(path).map_err(|error| error.to_string())?;
    Ok(text)
}
