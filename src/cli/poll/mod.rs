//! `agent-smith poll`: one poll cycle now, or what it would do.
//!
//! `tell` prints. What must stay true: a dry run only reads; a claim that was made stays made, whoever has stopped
//! reading what this prints; exit code 0 only when every project could be asked.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use super::open::{StoreKind, open_config, open_store};
use super::output::Output;
use super::{ConfigArgument, block_on, start_log, usage};
use crate::claim::{Admission, Admitted, ClaimService, Judgement, Rejection, judge};
use crate::config::{About, Config, Env, Live, Problem, Project, hint};
use crate::lifecycle::Lifecycle;
use crate::platform::http::Http;
use crate::platform::registry::Trackers;
use crate::platform::{self, Listing, PlannedCall, Platform};
use crate::poll::find::find_all;
use crate::poll::project::{Outcome, poll_to_the_end};
use crate::telemetry::Format;
use crate::ticket::Candidate;

mod tell;

use tell::{Answer, tell};

const NOTES: &str = "\
Without --dry-run a claimed ticket is labelled agent-smith:enqueued and queued in the Redis at REDIS_URL; a running
server takes it from there. Projects that the server does not poll are polled too: it is you who asks.

Examples:
  agent-smith poll --dry-run --project my-api      why does my ticket not run?
  REDIS_URL=redis://redis:6379 agent-smith poll    do not wait for the next cycle

Exit codes: 0 every project was asked, 1 one could not be, 2 bad usage or bad configuration.";

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Only this project.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Print the calls to the platform, what would be claimed, and why or why not; write nothing, need no Redis.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let env = Env::from_process();
    // What goes wrong is in what this prints.
    if let Err(exit) = start_log(Format::Text, &env, "off") {
        return exit;
    }
    let (live, loaded) = match open_config(&arguments.config.config, &env) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    tell_problems(&loaded.problems, arguments.project.as_deref());
    let config = live.current();
    let projects = match select(&live, &config, arguments.project.as_deref()) {
        Ok(projects) => projects,
        Err(message) => return usage(&message),
    };
    // A project that was left out could not be asked; nobody asked for it who named another.
    let complete = arguments.project.is_some() || live.left_out().is_empty();
    block_on(async move {
        let trackers = Trackers::new(Http::new()?);
        let claims = match arguments.dry_run {
            true => None,
            false => match open_store(StoreKind::Redis, &env) {
                Ok(Some(store)) => Some(ClaimService::new(store)),
                Ok(None) => {
                    let message = "REDIS_URL is not set: a claimed ticket needs a queue; set it, or use --dry-run";
                    return Ok(usage(message));
                }
                Err(message) => return Ok(usage(&message)),
            },
        };
        let mut out = Output::default();
        let all_asked = match claims {
            None => dry_run(&config, &projects, &trackers, &mut out).await,
            Some(claims) => poll(&config, &projects, &trackers, &claims, &mut out).await,
        };
        Ok(out.end(if all_asked && complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
    })
}

/// What is wrong in the file, as far as it concerns the project that was asked for.
fn tell_problems(problems: &[Problem], project: Option<&str>) {
    let mut err = std::io::stderr().lock();
    let concerns = |problem: &&Problem| match (&problem.about, project) {
        (About::Project(name), Some(asked)) => name == asked,
        _ => true,
    };
    for problem in problems.iter().filter(concerns) {
        let _ = writeln!(err, "{}: {}", problem.severity, problem.one_line());
    }
}

/// Every project, whether or not the server polls it: this is a person asking.
fn select(live: &Live, config: &Config, name: Option<&str>) -> Result<Vec<Arc<Project>>, String> {
    let Some(name) = name else { return Ok(config.projects.values().cloned().collect()) };
    if let Some(project) = config.projects.get(name) {
        return Ok(vec![Arc::clone(project)]);
    }
    Err(match live.left_out().get(name) {
        Some(reason) => format!("project `{name}` is left out: {reason}"),
        None => format!("no project `{name}`{}", hint(name, config.projects.keys().map(String::as_str))),
    })
}

/// True when every project could be asked.
async fn dry_run(config: &Config, projects: &[Arc<Project>], trackers: &Trackers, out: &mut Output) -> bool {
    let (mut all_asked, mut claimable) = (true, 0);
    let admission = Admission::default();
    for project in projects {
        let (mut calls, mut answers, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        match trackers.of(project) {
            Ok(platform) => {
                let candidates;
                (candidates, failures) = look(project, platform.as_ref()).await;
                calls = calls_of(project, platform.as_ref());
                for found in &candidates {
                    match would(config, project, platform.as_ref(), &admission, found).await {
                        Ok(answer) => answers.push(answer),
                        Err(error) => failures.push(error.to_string()),
                    }
                }
            }
            Err(error) => failures.push(error.to_string()),
        }
        claimable += answers.iter().filter(|answer| answer.positive).count();
        tell(project, &calls, &answers, &failures, out);
        all_asked &= failures.is_empty();
        if out.is_lost() {
            break;
        }
    }
    out.line(format_args!("{claimable} would be claimed; nothing was written"));
    all_asked
}

/// What a claim would say of a ticket, as far as reading tells.
async fn would(
    config: &Config,
    project: &Project,
    platform: &dyn Platform,
    admission: &Admission,
    found: &Candidate,
) -> platform::Result<Answer> {
    Ok(match judge(found, project, config) {
        Judgement::Claimable(_) => match admission.of(project, platform, &found.id, &found.labels).await? {
            Admitted::Yes => Answer::would(project, found),
            Admitted::No(reason) => Answer::would_not(found, &Judgement::Rejected(Rejection::Actor(reason))),
        },
        filtered => Answer::would_not(found, &filtered),
    })
}

/// What asks for a run, and what would keep it from being claimed: a token that may read and not label shows in no
/// listing.
async fn look(project: &Project, platform: &dyn Platform) -> (Vec<Candidate>, Vec<String>) {
    let (candidates, failures) = find_all(project, platform).await;
    let mut failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
    if failures.is_empty()
        && let Err(error) = platform.check_access().await
    {
        failures.push(error.to_string());
    }
    (candidates, failures)
}

/// The calls of both listings, each once, as they are made now that the tracker was asked.
fn calls_of(project: &Project, platform: &dyn Platform) -> Vec<PlannedCall> {
    let triggers = project.trigger.labels();
    let mut calls: Vec<PlannedCall> = Vec::new();
    for listing in [Listing::Discovery(&triggers), Listing::Lifecycle(Lifecycle::Pending)] {
        for call in platform.plan(listing) {
            if !calls.contains(&call) {
                calls.push(call);
            }
        }
    }
    calls
}

/// True when every project could be asked and the store could take every claim. Goes on when nobody reads any more.
async fn poll(
    config: &Config,
    projects: &[Arc<Project>],
    trackers: &Trackers,
    claims: &ClaimService,
    out: &mut Output,
) -> bool {
    let (mut all_asked, mut claimed) = (true, 0);
    for project in projects {
        let outcome = match trackers.of(project) {
            Ok(platform) => poll_to_the_end(claims, config, project, platform.as_ref()).await,
            Err(error) => Outcome { failures: vec![error], ..Outcome::default() },
        };
        claimed += outcome.claimed();
        let answers: Vec<Answer> =
            outcome.offers.iter().map(|(candidate, offer)| Answer::did(candidate, offer)).collect();
        let store = outcome.store_failure.iter().map(ToString::to_string);
        let failures: Vec<String> = outcome.failures.iter().map(ToString::to_string).chain(store).collect();
        tell(project, &[], &answers, &failures, out);
        all_asked &= failures.is_empty();
    }
    out.line(format_args!("{claimed} claimed"));
    all_asked
}
