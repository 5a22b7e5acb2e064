//! The GitLab client against the simulated GitLab, over real HTTP.
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
use agent_smith::sim::board::{Board, LabelRule, NewTicket};
use agent_smith::sim::gitlab::{SimOptions, serve};
use agent_smith::sim::{Faults, SimServer};
use agent_smith::ticket::{Candidate, PlatformKind, TicketKey};
use tokio::time::Instant;

/// The project that every test has.
const PROJECT: &str = "group/sub/my-api";
/// Its token.
const TOKEN: &str = "simulated-gitlab-token";
/// The trigger label of most tests.
const TRIGGER: &str = "agent-smith";

/// A simulated GitLab with one project, and our client of it.
struct World {
    board: Board,
    sim: SimServer,
    http: Http,
    gitlab: Arc<dyn Platform>,
}

impl World {
    async fn new() -> Self {
        Self::with(SimOptions::default()).await
    }

    async fn with(options: SimOptions) -> Self {
        let board = Board::new();
        board.add_tracker_with(PROJECT, LabelRule::ExactCase).unwrap();
        let sim = serve(board.clone(), options).await.unwrap();
        let http = Http::with(quick()).unwrap();
        let gitlab = open(&tracker(&sim, PROJECT, Some(TOKEN)), &http).unwrap();
        Self { board, sim, http, gitlab }
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
        let ticket = self.board.ticket(PROJECT, number).unwrap();
        ticket.label_defs.iter().map(|label| label.name.clone()).collect()
    }

    /// How many requests arrived so far.
    fn arrived(&self) -> u64 {
        self.faults().counters().total
    }

    /// Method and path below the project of each request, oldest first, without the query.
    fn asked(&self) -> Vec<String> {
        let short = |request: agent_smith::sim::Request| {
            let path = request.path_and_query.split('?').next().unwrap_or_default().to_owned();
            format!("{} {}", request.method, path.replace("/api/v4/projects/group%2Fsub%2Fmy-api", ""))
        };
        self.faults().requests().into_iter().map(short).collect()
    }

    async fn discover(&self) -> Result<Vec<Candidate>> {
        self.gitlab.list(Listing::Discovery(&[TRIGGER.to_owned()])).await
    }

    async fn show(&self, state: Lifecycle) -> Result<Vec<Candidate>> {
        self.gitlab.list(Listing::Lifecycle(state)).await
    }

    /// Asks for the spellings of the labels that tests list, so that what follows costs the listing alone.
    async fn warm_up(&self) {
        self.discover().await.unwrap();
        self.show(Lifecycle::Pending).await.unwrap();
        self.faults().forget_requests();
    }
}

/// Times that make failing quick; far above what a local answer takes.
fn quick() -> Settings {
    let pause = Duration::from_millis(2);
    Settings { total_timeout: Duration::from_secs(5), pause_base: pause, pause_cap: pause, ..Settings::default() }
}

fn tracker(sim: &SimServer, path: &str, token: Option<&str>) -> Tracker {
    Tracker {
        api_url: sim.api_url().parse().unwrap(),
        web_url: sim.page_url(path).parse().unwrap(),
        place: Place::GitLab { path: path.to_owned() },
        credentials: token.map(|token| Credentials { user: None, token: token.to_owned().into() }),
    }
}

/// A right to write to a ticket, good for a minute.
fn right(number: u64) -> JobLease {
    right_for(number, Duration::from_secs(60))
}

fn right_for(number: u64, ttl: Duration) -> JobLease {
    let key = TicketKey::new(PlatformKind::GitLab, "my-api", number.to_string());
    let job = Job::new(key, "fix-bug", AskedBy::TriggerLabel);
    JobLease::obtained(job, (1, 1, "g".to_owned()), None, (Instant::now(), ttl))
}

fn ids(candidates: &[Candidate]) -> Vec<u64> {
    candidates.iter().map(|candidate| candidate.id.parse().unwrap()).collect()
}
