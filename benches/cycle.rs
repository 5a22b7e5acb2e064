//! How long one poll cycle over 200 projects takes, and how many calls an idle cycle and a claimed ticket cost.
//!
//! `cargo bench --bench cycle`. A plain program: four simulated platforms that answer after 50 ms, 50 projects on each,
//! the real poller in one process. It prints the wall time of the first cycle, in which nothing is known, and of later
//! ones, in which nothing has changed; then, for one project on each platform, the calls of an idle cycle and those of a
//! ticket on its way from label to Done in the real app. What must stay true: a cycle ends when the last project's poll
//! has ended; listings are counted with the cycle, everything else with the ticket.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_smith::availability::Availability;
use agent_smith::claim::ClaimService;
use agent_smith::config::{Env, Live, parse};
use agent_smith::health::Health;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::registry::Trackers;
use agent_smith::poll::{Parts, Poller};
use agent_smith::runner::Tick;
use agent_smith::sim::board::{Board, LabelRule, NewTicket};
use agent_smith::sim::{Request, SimServer, azure_devops, github, gitlab, jira};
use agent_smith::store::embedded::EmbeddedStore;
use tokio_util::sync::CancellationToken;

#[path = "../tests/support/world.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)] // The tests use the rest of it.
mod world;

/// Projects on each platform.
const PROJECTS: usize = 50;
const LATENCY: Duration = Duration::from_millis(50);
/// Measured cycles in which nothing has changed.
const IDLE_CYCLES: usize = 5;
/// Projects are polled each second; after this all are due again.
const UNTIL_DUE: Duration = Duration::from_millis(1_100);
const BOUND: Duration = Duration::from_secs(60);

/// What a request for a page of a listing, and for what a listing needs, has in its path.
const LISTING: [&str; 6] = ["/issues?", "/labels?search", "/wiql?", "/workitemsbatch", "/search", "/myself"];

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A simulated platform with all of its trackers.
struct Stand {
    name: &'static str,
    board: Board,
    sim: SimServer,
    /// The name of a tracker on the board.
    tracker: fn(usize) -> String,
    /// The section `tickets` of a tracker, and the key of its trigger section.
    section: fn(&SimServer, usize) -> (String, &'static str),
}

impl Stand {
    async fn all() -> Outcome<[Self; 4]> {
        let board = |tracker: fn(usize) -> String, labels: LabelRule| -> Outcome<Board> {
            let board = Board::new();
            for number in 0..PROJECTS {
                board.add_tracker_with(&tracker(number), labels)?;
            }
            Ok(board)
        };
        let on_github = |number| format!("org/repo-{number}");
        let on_gitlab = |number| format!("group/repo-{number}");
        let on_azure = |number| format!("org/project-{number}");
        let on_jira = |number| format!("P{number}");
        let (hub, azure) = (board(on_github, LabelRule::IgnoreCase)?, board(on_azure, LabelRule::IgnoreCase)?);
        let (lab, site) = (board(on_gitlab, LabelRule::ExactCase)?, board(on_jira, LabelRule::ExactCase)?);
        let stands = [
            Self {
                name: "GitHub",
                sim: github::serve(hub.clone(), github::SimOptions::default()).await?,
                board: hub,
                tracker: on_github,
                section: |sim, number| {
                    let page = format!("https://github.com/org/repo-{number}");
                    (format!("type: GitHub, url: \"{page}\", api_url: \"{}\"", sim.api_url()), "github_trigger")
                },
            },
            Self {
                name: "GitLab",
                sim: gitlab::serve(lab.clone(), gitlab::SimOptions::default()).await?,
                board: lab,
                tracker: on_gitlab,
                section: |sim, number| {
                    (format!("type: GitLab, url: \"{}\", project: group/repo-{number}", sim.url()), "gitlab_trigger")
                },
            },
            Self {
                name: "Azure DevOps",
                sim: azure_devops::serve(azure.clone(), azure_devops::SimOptions::default()).await?,
                board: azure,
                tracker: on_azure,
                section: |sim, number| {
                    let place = format!("type: AzureDevOps, url: \"{}\", project: project-{number}", sim.api_url());
                    (place, "azuredevops_trigger")
                },
            },
            Self {
                name: "Jira",
                sim: jira::serve(site.clone(), jira::SimOptions::default()).await?,
                board: site,
                tracker: on_jira,
                section: |sim, number| {
                    (format!("type: Jira, url: \"{}\", project: P{number}", sim.url()), "jira_trigger")
                },
            },
        ];
        for stand in &stands {
            stand.sim.faults().latency(LATENCY);
        }
        Ok(stands)
    }

    fn project(&self, number: usize) -> String {
        let (tickets, trigger) = (self.section)(&self.sim, number);
        format!(
            "  \"{} {number}\":
    tickets: {{ {tickets} }}
    {trigger}: {{ pipeline_from_label: {{ agent-smith: fix-bug }} }}
    polling: {{ enabled: true, interval_seconds: 1, jitter_percent: 0 }}
",
            self.name
        )
    }

    fn arrived(&self) -> u64 {
        self.sim.faults().counters().total
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let stands = Stand::all().await?;
    cycles(&stands).await?;
    for stand in &stands {
        calls(stand).await?;
    }
    Ok(())
}

fn configuration(projects: &str, data: &Path) -> Outcome<Live> {
    let settings = world::Settings { projects: projects.to_owned(), ..world::Settings::steps(&["true"]) };
    let jira = jira::SimOptions::default();
    let env = Env::from_iter([
        ("GITHUB_TOKEN", github::SimOptions::default().token.as_str()),
        ("GITLAB_TOKEN", gitlab::SimOptions::default().token.as_str()),
        ("AZURE_DEVOPS_TOKEN", azure_devops::SimOptions::default().token.as_str()),
        ("JIRA_TOKEN", jira.token.as_str()),
        ("JIRA_EMAIL", jira.email.as_str()),
    ]);
    let loaded = parse("bench", &world::config_text(&settings, data), &env).map_err(|broken| format!("{broken:?}"))?;
    match loaded.problems.first() {
        None => Ok(Live::fixed(loaded.config)),
        Some(problem) => Err(problem.one_line().into()),
    }
}

fn quiet() -> Settings {
    Settings { proxies: false, ..Settings::default() }
}

fn poller(config: Live) -> Outcome<Poller> {
    let (store, health) = (Arc::new(EmbeddedStore::new()), Health::default());
    let parts = Parts {
        config,
        store: store.clone(),
        trackers: Trackers::new(Http::with(quiet())?),
        claims: ClaimService::new(store.clone()),
        availability: Availability::new(store, health.clone(), BOUND),
        health,
    };
    Ok(Poller::new(parts, CancellationToken::new()))
}

async fn cycle(poller: &mut Poller) -> Duration {
    let begun = Instant::now();
    poller.tick().await;
    poller.settle().await;
    begun.elapsed()
}

/// Wall time over all projects.
async fn cycles(stands: &[Stand; 4]) -> Outcome {
    let directory = tempfile::tempdir()?;
    let projects: String =
        (0..PROJECTS).flat_map(|number| stands.iter().map(move |stand| stand.project(number))).collect();
    let mut poller = poller(configuration(&projects, directory.path())?)?;
    let all = stands.len() * PROJECTS;
    println!("one cycle over {all} projects, {PROJECTS} on each platform, answers after {LATENCY:?}");
    println!("  first   {:>9.1?}", cycle(&mut poller).await);
    let mut idle = Vec::new();
    for _ in 0..IDLE_CYCLES {
        tokio::time::sleep(UNTIL_DUE).await;
        idle.push(cycle(&mut poller).await);
    }
    idle.sort_unstable();
    println!(
        "  idle    {:>9.1?}  (median of {IDLE_CYCLES}, longest {:.1?})",
        idle[idle.len() / 2],
        idle[idle.len() - 1]
    );
    Ok(())
}

/// Calls of one project.
async fn calls(stand: &Stand) -> Outcome {
    stand.sim.faults().latency(Duration::ZERO);
    let directory = tempfile::tempdir()?;
    let config = configuration(&stand.project(0), directory.path())?;
    let mut poller = poller(config.clone())?;
    cycle(&mut poller).await;
    tokio::time::sleep(UNTIL_DUE).await;
    let (before, spent) = (stand.arrived(), stand.sim.faults().counters().quota_spent);
    cycle(&mut poller).await;
    let (idle, spent) = (stand.arrived() - before, stand.sim.faults().counters().quota_spent - spent);

    let app = world::start(config, Arc::new(EmbeddedStore::new()), "bench").await;
    // The first ticket pays for what is done once, such as creating labels.
    run_ticket(stand).await?;
    let calls = run_ticket(stand).await?;
    let quota = stand.sim.faults().quota().map(|_| format!(" ({spent} of them against the quota)")).unwrap_or_default();
    println!("{:13} {idle} calls per idle cycle{quota}, {} per ticket from label to Done", stand.name, calls.len());
    for call in calls {
        println!("    {} {}", call.method, call.path_and_query.split('?').next().unwrap_or_default());
    }
    app.stop().await;
    Ok(())
}

/// What is asked for one ticket.
async fn run_ticket(stand: &Stand) -> Outcome<Vec<Request>> {
    stand.sim.faults().forget_requests();
    let tracker = (stand.tracker)(0);
    let number = stand.board.open_ticket(&tracker, NewTicket::titled("a ticket").label("agent-smith"))?;
    let is_done = |board: &Board| {
        board
            .ticket(&tracker, number)
            .is_some_and(|ticket| ticket.labels.contains(Lifecycle::Done.label()) && !ticket.comments.is_empty())
    };
    stand.board.wait_until(is_done, BOUND).await?;
    // What changed the board has yet to be answered, and is noted then.
    world::eventually("nothing is under way", async || (stand.sim.faults().counters().in_flight == 0).then_some(()))
        .await;
    let mut calls = stand.sim.faults().requests();
    calls.retain(|call| !LISTING.iter().any(|listing| call.path_and_query.contains(listing)));
    Ok(calls)
}
