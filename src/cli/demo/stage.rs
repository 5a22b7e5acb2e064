//! What the demo plays: the pipelines of four projects, and people who open tickets.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::platforms::{BILLING, OPERATIONS, Platforms, SHOP, WEBSITE};
use super::repositories::write_agent;
use crate::config::{self, Env, Live};
use crate::sim::board::{Board, NewTicket, Role};

/// Who opens and labels the tickets.
const PERSON: &str = "jane";

/// Tickets that are there when the demo begins.
pub(super) const FIRST_TICKETS: usize = 6;

/// Tracker, title, trigger label. The first [`FIRST_TICKETS`] are there at once.
const TICKETS: [(&str, &str, &str); 10] = [
    (SHOP, "Checkout fails for an empty cart", "agent-smith"),
    (WEBSITE, "Footer shows the wrong year", "agent-smith"),
    (BILLING, "Rounding error in the VAT of small orders", "agent-smith"),
    (OPERATIONS, "Check the session cookies", "security-review"),
    (SHOP, "Add a health probe for the payment service", "feature"),
    (OPERATIONS, "Rotate the certificate of the mail relay", "agent-smith"),
    (WEBSITE, "Offer the newsletter in French", "feature"),
    (BILLING, "Retry the bank service once before giving up", "feature"),
    (WEBSITE, "Contact form accepts no plus sign in addresses", "agent-smith"),
    (SHOP, "Review the upload of pictures", "security-review"),
];

/// The board and the configuration that works on it.
pub(super) struct Stage {
    board: Board,
    config: Live,
}

impl Stage {
    /// Reads the configuration for the platforms.
    pub(super) fn set(board: Board, platforms: &Platforms, directory: &Path) -> anyhow::Result<Self> {
        let agent = directory.join("agent.sh");
        write_agent(&agent)?;
        let text = configuration(platforms, directory, &agent);
        let loaded = config::parse("demo", &text, &Env::from_iter(Platforms::environment()))
            .map_err(|broken| anyhow!("{broken}"))
            .context("reading the demo's own configuration")?;
        for tracker in [SHOP, WEBSITE, BILLING, OPERATIONS] {
            board.set_role(tracker, PERSON, Role::Writer)?;
        }
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
        let people = self.board.acting_as(PERSON);
        people.open_ticket(tracker, NewTicket::titled(*title).body("Seen by a customer today.").label(*label))?;
        Ok(())
    }
}

/// From source to change request, with a program that plays the coding agent.
const WHOLE_WAY: &str = "
      - checkout: {}
      - agent: { command: [sh, \"AGENT\"] }
        name: agent
      - run: sh test.sh
        name: test
      - commit: {}
      - push: {}
      - open_change_request: {}";
/// On a machine without git.
const WITHOUT_SOURCE: &str = "
      - run: echo \"reading ticket $AGENTSMITH_TICKET_ID of $AGENTSMITH_PROJECT\" && cat \"$AGENTSMITH_TICKET_FILE\" && sleep 2
      - run: echo \"fixed in attempt $AGENTSMITH_ATTEMPT\" > result.txt && cat result.txt";

/// What an operator would write, with steps that take a moment so that a person can watch.
fn configuration(platforms: &Platforms, directory: &Path, agent: &Path) -> String {
    let fix = match platforms.have_source() {
        true => WHOLE_WAY.replace("AGENT", &agent.display().to_string()),
        false => WITHOUT_SOURCE.to_owned(),
    };
    format!(
        "projects:
{}pipelines:
  fix-bug:
    timeout_seconds: 60
    steps:{fix}
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
        platforms.projects(),
        directory.display()
    )
}
