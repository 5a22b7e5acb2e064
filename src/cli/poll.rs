//! `agent-smith poll`: one poll cycle now, or what it would do.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::server::{StoreKind, load, open_store};
use super::{ConfigArgument, block_on, start_log, usage};
use crate::claim::{Claim, ClaimService, Judgement, judge};
use crate::config::{Config, Env, Project};
use crate::pipeline::resolve;
use crate::platform::http::Http;
use crate::platform::registry::Trackers;
use crate::poll::project::{Offer, Outcome, find_candidates, poll_project};
use crate::telemetry::Format;
use crate::ticket::Candidate;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Only this project.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Say what would be claimed, and why not; write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let env = Env::from_process();
    if let Err(exit) = start_log(Format::Text, &env, "warn") {
        return exit;
    }
    let config = match load(&arguments.config.config, &env) {
        Ok(live) => live.current(),
        Err(exit) => return exit,
    };
    let projects = match select(&config, arguments.project.as_deref()) {
        Ok(projects) => projects,
        Err(message) => return usage(&message),
    };
    block_on(async move {
        let trackers = Trackers::new(Http::new()?);
        if arguments.dry_run {
            return Ok(dry_run(&config, &projects, &trackers).await);
        }
        let store = match open_store(StoreKind::Redis, &env) {
            Ok(Some(store)) => store,
            Ok(None) => {
                return Ok(usage("REDIS_URL is not set: a claimed ticket needs a queue; set it, or use --dry-run"));
            }
            Err(message) => return Ok(usage(&message)),
        };
        Ok(poll(&config, &projects, &trackers, &ClaimService::new(store)).await)
    })
}

/// Every project, whether or not the server polls it: this is a person asking.
fn select(config: &Config, name: Option<&str>) -> Result<Vec<Arc<Project>>, String> {
    let Some(name) = name else { return Ok(config.projects.values().cloned().collect()) };
    let known = || config.projects.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let project = config.projects.get(name).ok_or_else(|| format!("no project `{name}`; there are: {}", known()))?;
    Ok(vec![Arc::clone(project)])
}

async fn dry_run(config: &Config, projects: &[Arc<Project>], trackers: &Trackers) -> ExitCode {
    let mut failed = false;
    for project in projects {
        let (candidates, failures) = match trackers.of(project) {
            Ok(platform) => find_candidates(project, platform.as_ref()).await,
            Err(error) => (Vec::new(), vec![error]),
        };
        println!("{}: {} found on {}", project.name, candidates.len(), project.tracker.web_url);
        for candidate in &candidates {
            println!("  {}", would(config, project, candidate));
        }
        for failure in &failures {
            println!("  failed: {failure}");
        }
        failed |= !failures.is_empty();
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn would(config: &Config, project: &Project, candidate: &Candidate) -> String {
    let what = match judge(candidate.open, &candidate.labels, project, config) {
        Judgement::Claimable(_) => {
            format!("would be claimed for {}", resolve::pipeline_for(project, &candidate.labels))
        }
        Judgement::Taken(state) => format!("not claimed: its label is {state}"),
        Judgement::Rejected(rejection) => format!("not claimed: {rejection}"),
    };
    line(candidate, &what)
}

async fn poll(config: &Config, projects: &[Arc<Project>], trackers: &Trackers, claims: &ClaimService) -> ExitCode {
    let never = CancellationToken::new();
    let mut failed = false;
    for project in projects {
        let outcome = match trackers.of(project) {
            Ok(platform) => poll_project(claims, config, project, platform.as_ref(), &never).await,
            Err(error) => Outcome { failures: vec![error], ..Outcome::default() },
        };
        print!("{}", summary(project, &outcome));
        failed |= !outcome.failures.is_empty() || outcome.store_failure.is_some();
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn summary(project: &Project, outcome: &Outcome) -> String {
    let mut text = format!("{}: {} found, {} claimed\n", project.name, outcome.offers.len(), outcome.claimed());
    for (candidate, offer) in &outcome.offers {
        let what = match offer {
            Offer::Answered(Claim::Claimed(job)) => format!("claimed for {} as {}", job.pipeline, job.run_id),
            Offer::Answered(Claim::AlreadyClaimed(reason)) => format!("already claimed: {reason}"),
            Offer::Answered(Claim::Rejected(rejection)) => format!("not claimed: {rejection}"),
            Offer::Filtered(Judgement::Rejected(rejection)) => format!("not claimed: {rejection}"),
            Offer::Filtered(Judgement::Taken(state)) => format!("not claimed: its label is {state}"),
            Offer::Filtered(Judgement::Claimable(_)) => "not offered".to_owned(),
            Offer::Failed(reason) => format!("failed: {reason}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}", line(candidate, &what));
    }
    let store = outcome.store_failure.iter().map(ToString::to_string);
    for failure in outcome.failures.iter().map(ToString::to_string).chain(store) {
        let _ = writeln!(text, "  failed: {failure}");
    }
    text
}

/// Titles are other people's text: one line, no control characters, not too long.
fn line(candidate: &Candidate, what: &str) -> String {
    let title: String = candidate.title.chars().filter(|c| !c.is_control()).take(60).collect();
    format!("#{} {title} - {what}", candidate.id)
}
