//! The Jira client against the simulated Jira, Cloud and Data Center, over real HTTP.
//!
//! One file per promise: what a listing returns and costs, what a write does, what holds whom back, what a failing
//! platform does to us, what a person is told. No test waits for time to pass, but for the second that a limit lasts.

#![allow(clippy::unwrap_used)]

mod access;
mod comments;
mod data_center;
mod failures;
mod limits;
mod listing;
mod transitions;

use std::sync::Arc;
use std::time::Duration;

use agent_smith::config::{Credentials, Place, Tracker};
use agent_smith::job::{AskedBy, Job, JobLease};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::{Listing, Platform, Result, open};
use agent_smith::sim::board::{Board, LabelRule, NewTicket};
use agent_smith::sim::jira::{Deployment, SimOptions, serve};
use agent_smith::sim::{Fault, Faults, SimServer};
use agent_smith::ticket::{Candidate, PlatformKind, TicketKey};
use tokio::time::Instant;

/// The project that every test has.
const PROJECT: &str = "PROJ";
const EMAIL: &str = "smith@simulated.example";
const TOKEN: &str = "simulated-jira-token";
/// The trigger label of most tests.
const TRIGGER: &str = "agent-smith";
/// The longest that anything may take; above what a busy machine needs.
const BOUND: Duration = Duration::from_secs(10);

/// A simulated Jira with one project, and our client of it.
struct World {
    board: Board,
    sim: SimServer,
    http: Http,
    jira: Arc<dyn Platform>,
}

impl World {
    async fn new() -> Self {
        Self::with(SimOptions::default()).await
    }

    async fn data_center() -> Self {
        Self::with(SimOptions { deployment: Deployment::DataCenter, ..SimOptions::default() }).await
    }

    /// The client of Data Center has a token and no account.
    async fn with(options: SimOptions) -> Self {
        let board = Board::new();
        board.add_tracker_with(PROJECT, LabelRule::ExactCase).unwrap();
        let user = (options.deployment == Deployment::Cloud).then_some(EMAIL);
        let sim = serve(board.clone(), options).await.unwrap();
        let http = Http::with(quick()).unwrap();
        let jira = open(&tracker(&sim, Some(PROJECT), credentials(user, TOKEN)), &http).unwrap();
        Self { board, sim, http, jira }
    }

    /// A client of the same site.
    fn client(&self, project: Option<&str>, credentials: Option<Credentials>) -> Arc<dyn Platform> {
        open(&tracker(&self.sim, project, credentials), &self.http).unwrap()
    }

    fn faults(&self) -> &Faults {
        self.sim.faults()
    }

    /// Opens a ticket and returns its number.
    fn ticket(&self, labels: &[&str]) -> u64 {
        let new = labels.iter().fold(NewTicket::titled("a ticket"), |new, label| new.label(*label));
        self.board.open_ticket(PROJECT, new).unwrap()
    }

    /// The labels the board shows on a ticket.
    fn labels(&self, number: u64) -> Vec<String> {
        self.board.ticket(PROJECT, number).unwrap().labels.iter().map(str::to_owned).collect()
    }

    /// The comments the board shows on a ticket.
    fn comments(&self, number: u64) -> Vec<String> {
        self.board.ticket(PROJECT, number).unwrap().comments.iter().map(|comment| comment.body.clone()).collect()
    }

    /// How many requests arrived so far.
    fn arrived(&self) -> u64 {
        self.faults().counters().total
    }

    /// Method and path below the API's version of each request, oldest first, without the query.
    fn asked(&self) -> Vec<String> {
        let short = |request: agent_smith::sim::Request| {
            let path = request.path_and_query.split('?').next().unwrap_or_default().to_owned();
            format!("{} {}", request.method, path.replace("/rest/api", ""))
        };
        self.faults().requests().into_iter().map(short).collect()
    }

    async fn discover(&self) -> Result<Vec<Candidate>> {
        self.jira.list(Listing::Discovery(&[TRIGGER.to_owned()])).await
    }

    async fn listed(&self, state: Lifecycle) -> Result<Vec<Candidate>> {
        self.jira.list(Listing::Lifecycle(state)).await
    }
}

/// Times that make failing quick; far above what a local answer takes.
fn quick() -> Settings {
    let pause = Duration::from_millis(2);
    Settings { total_timeout: Duration::from_secs(5), pause_base: pause, pause_cap: pause, ..Settings::default() }
}

fn tracker(sim: &SimServer, project: Option<&str>, credentials: Option<Credentials>) -> Tracker {
    let api_url = sim.api_url();
    Tracker {
        web_url: api_url.strip_suffix("/rest/api/3").unwrap().parse().unwrap(),
        api_url: api_url.parse().unwrap(),
        place: Place::Jira { project: project.map(str::to_owned) },
        credentials,
    }
}

#[allow(clippy::unnecessary_wraps)]
fn credentials(user: Option<&str>, token: &str) -> Option<Credentials> {
    Some(Credentials { user: user.map(str::to_owned), token: token.to_owned().into() })
}

fn key(number: u64) -> String {
    format!("{PROJECT}-{number}")
}

/// A right to write to a ticket, good for a minute.
fn right(number: u64) -> JobLease {
    right_for(&key(number), Duration::from_secs(60))
}

fn right_for(ticket: &str, ttl: Duration) -> JobLease {
    let key = TicketKey::new(PlatformKind::Jira, "my-api", ticket);
    let job = Job::new(key, "fix-bug", AskedBy::TriggerLabel);
    JobLease::obtained(job, (1, 1, "g".to_owned()), None, (Instant::now(), ttl))
}

fn ids(candidates: &[Candidate]) -> Vec<&str> {
    candidates.iter().map(|candidate| candidate.id.as_str()).collect()
}

/// An answer as Jira gives it.
fn answer(status: u16, body: &str) -> Fault {
    let content_type = "application/json;charset=UTF-8".to_owned();
    Fault::Answer { status, headers: Vec::new(), content_type, body: body.to_owned() }
}

/// A refusal as Jira words it.
fn refusal(status: u16, message: &str) -> Fault {
    answer(status, &format!(r#"{{"errorMessages":["{message}"],"errors":{{}}}}"#))
}
