//! The GitHub client against the simulated GitHub, over real HTTP.
//!
//! One file per promise: what a listing returns and costs, what a write does, what holds a token back, what a failing
//! platform does to us, what a person is told. No test waits for time to pass.

#![allow(clippy::unwrap_used)]

mod access;
mod comments;
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
use agent_smith::sim::board::{Board, NewTicket};
use agent_smith::sim::github::{SimOptions, serve};
use agent_smith::sim::{Faults, SimServer};
use agent_smith::ticket::{Candidate, PlatformKind, TicketKey};
use tokio::time::Instant;

/// The repository that every test has.
const REPO: &str = "org/my-api";
/// Its token.
const TOKEN: &str = "simulated-github-token";
/// The trigger label of most tests.
const TRIGGER: &str = "agent-smith";

/// A simulated GitHub with one repository, and our client of it.
struct World {
    board: Board,
    sim: SimServer,
    http: Http,
    github: Arc<dyn Platform>,
}

impl World {
    async fn new() -> Self {
        Self::with(SimOptions::default()).await
    }

    async fn with(options: SimOptions) -> Self {
        let board = Board::new();
        board.add_tracker(REPO).unwrap();
        let sim = serve(board.clone(), options).await.unwrap();
        let http = Http::with(quick()).unwrap();
        let github = open(&tracker(&sim, REPO, Some(TOKEN)), &http).unwrap();
        Self { board, sim, http, github }
    }

    fn faults(&self) -> &Faults {
        self.sim.faults()
    }

    /// Opens a ticket and returns its number.
    fn ticket(&self, labels: &[&str]) -> u64 {
        let new = labels.iter().fold(NewTicket::titled("a ticket"), |new, label| new.label(*label));
        self.board.open_ticket(REPO, new).unwrap()
    }

    /// The labels the board shows on a ticket.
    fn labels(&self, number: u64) -> Vec<String> {
        self.board.ticket(REPO, number).unwrap().labels.iter().map(str::to_owned).collect()
    }

    /// How many requests arrived so far.
    fn arrived(&self) -> u64 {
        self.faults().counters().total
    }

    /// Method and last part of the path of each request, oldest first, without the query.
    fn asked(&self) -> Vec<String> {
        let short = |request: agent_smith::sim::Request| {
            let path = request.path_and_query.split('?').next().unwrap_or_default().to_owned();
            let path = path.replace("/api/v3", "").replace("/repos/org/my-api", "");
            format!("{} {}", request.method, path.replace("%3A", ":"))
        };
        self.faults().requests().into_iter().map(short).collect()
    }

    async fn discover(&self) -> Result<Vec<Candidate>> {
        self.github.list(Listing::Discovery(&[TRIGGER.to_owned()])).await
    }

    async fn pending(&self) -> Result<Vec<Candidate>> {
        self.github.list(Listing::Lifecycle(Lifecycle::Pending)).await
    }
}

/// Times that make failing quick; far above what a local answer takes.
fn quick() -> Settings {
    let pause = Duration::from_millis(2);
    Settings { total_timeout: Duration::from_secs(5), pause_base: pause, pause_cap: pause, ..Settings::default() }
}

fn tracker(sim: &SimServer, repo: &str, token: Option<&str>) -> Tracker {
    let (owner, name) = repo.split_once('/').unwrap();
    Tracker {
        api_url: sim.api_url().parse().unwrap(),
        web_url: sim.page_url(repo).parse().unwrap(),
        place: Place::GitHub { owner: owner.to_owned(), repo: name.to_owned() },
        credentials: token.map(|token| Credentials { user: None, token: token.to_owned().into() }),
    }
}

/// A right to write to a ticket, good for a minute.
fn right(number: u64) -> JobLease {
    right_for(number, Duration::from_secs(60))
}

fn right_for(number: u64, ttl: Duration) -> JobLease {
    let key = TicketKey::new(PlatformKind::GitHub, "my-api", number.to_string());
    let job = Job::new(key, "fix-bug", AskedBy::TriggerLabel);
    JobLease::obtained(job, (1, 1, "g".to_owned()), None, (Instant::now(), ttl))
}

fn ids(candidates: &[Candidate]) -> Vec<u64> {
    candidates.iter().map(|candidate| candidate.id.parse().unwrap()).collect()
}
