//! What the demo plays: two projects, their pipelines, and people who open tickets.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::config::{self, Env, Live};
use crate::sim::SimServer;
use crate::sim::board::{Board, NewTicket};

/// Tickets that are there when the demo begins.
pub(super) const FIRST_TICKETS: usize = 6;

/// Tracker, title, trigger label. The first [`FIRST_TICKETS`] are there at once.
const TICKETS: [(&str, &str, &str); 10] = [
    ("acme/shop-api", "Checkout fails for an empty cart", "agent-smith"),
    ("acme/shop-api", "Add a health probe for the payment service", "feature"),
    ("acme/website", "Footer shows the wrong year", "agent-smith"),
    ("acme/shop-api", "Check the session cookies", "security-review"),
    ("acme/website", "Search box loses its text on reload", "agent-smith"),
    ("acme/shop-api", "Rounding error in the VAT of small orders", "agent-smith"),
    ("acme/website", "Offer the newsletter in French", "feature"),
    ("acme/shop-api", "Retry the stock service once before giving up", "feature"),
    ("acme/website", "Contact form accepts no plus sign in addresses", "agent-smith"),
    ("acme/shop-api", "Review the upload of pictures", "security-review"),
];

/// The board and the configuration that works on it.
pub(super) struct Stage {
    board: Board,
    config: Live,
}

impl Stage {
    /// Puts the trackers on the board and reads the configuration for them.
    pub(super) fn set(board: Board, sim: &SimServer, directory: &Path) -> anyhow::Result<Self> {
        for tracker in ["acme/shop-api", "acme/website"] {
            board.add_tracker(tracker)?;
        }
        let text = configuration(sim, directory);
        let loaded = config::parse("demo", &text, &Env::from_iter([("GITHUB_TOKEN", "simulated-github-token")]))
            .map_err(|broken| anyhow!("{broken}"))
            .context("reading the demo's own configuration")?;
        Ok(Self { board, config: Live::fixed(loaded.config) })
    }

    /// The configuration, for the app.
    pub(super) fn config(&self) -> Live {
        self.config.clone()
    }

    /// Opens the tickets that are there at once.
    pub(super) fn open_first_tickets(&self) -> anyhow::Result<()> {
        TICKETS[..FIRST_TICKETS].iter().try_for_each(|ticket| self.open(ticket))
    }

    /// Opens a further ticket every `pause`, until there are `most`, and then waits for ever. Returns when it fails.
    pub(super) async fn keep_opening(&self, pause: Duration, most: usize) -> anyhow::Error {
        for ticket in TICKETS.iter().cycle().skip(FIRST_TICKETS).take(most.saturating_sub(FIRST_TICKETS)) {
            tokio::time::sleep(pause).await;
            if let Err(error) = self.open(ticket) {
                return error;
            }
        }
        std::future::pending().await
    }

    fn open(&self, (tracker, title, label): &(&str, &str, &str)) -> anyhow::Result<()> {
        let people = self.board.acting_as("jane");
        people.open_ticket(tracker, NewTicket::titled(*title).body("Seen by a customer today.").label(*label))?;
        Ok(())
    }
}

/// What an operator would write, with steps that take a moment so that a person can watch.
fn configuration(sim: &SimServer, directory: &Path) -> String {
    let project = |name: &str| {
        format!(
            "  {name}:
    tickets: {{ type: GitHub, url: \"https://github.com/acme/{name}\", api_url: \"{api}\", auth: token }}
    pipeline: fix-bug
    github_trigger:
      default_pipeline: fix-bug
      pipeline_from_label:
        agent-smith: fix-bug
        feature: add-feature
        security-review: security-scan
    polling: {{ enabled: true, interval_seconds: 2, jitter_percent: 20 }}
",
            api = sim.api_url()
        )
    };
    format!(
        "projects:
{}{}pipelines:
  fix-bug:
    timeout_seconds: 60
    steps:
      - run: echo \"reading ticket $AGENTSMITH_TICKET_ID of $AGENTSMITH_PROJECT\" && cat \"$AGENTSMITH_TICKET_FILE\" && sleep 2
      - run: echo \"fixed in attempt $AGENTSMITH_ATTEMPT\" > result.txt && cat result.txt
  add-feature:
    timeout_seconds: 60
    steps:
      - run: sleep 3 && echo \"feature added\"
  security-scan:
    timeout_seconds: 60
    steps:
      - run: echo \"scanning\" && sleep 1
      - run: echo \"1 finding, the cookie lacks SameSite\" >&2 && exit 3
agent:
  data_dir: \"{}\"
  queue: {{ max_parallel_jobs: 2, shutdown_grace_seconds: 1 }}
",
        project("shop-api"),
        project("website"),
        directory.display()
    )
}
