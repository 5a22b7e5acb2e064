//! The four simulated platforms of the demo, with one tracker each, how the configuration names them, and the webhooks that
//! they send to the server.

use std::net::SocketAddr;

use anyhow::Context;

use crate::sim::board::{Board, LabelRule};
use crate::sim::hooks::Hook;
use crate::sim::{SimServer, azure_devops, github, gitlab, jira};
use crate::ticket::PlatformKind;

/// The GitHub repository.
pub(super) const SHOP: &str = "acme/shop-api";
/// The GitLab project.
pub(super) const WEBSITE: &str = "acme/website";
/// The Azure DevOps project, behind its organization.
pub(super) const BILLING: &str = "org/billing";
/// The Jira project's key.
pub(super) const OPERATIONS: &str = "OPS";

/// What the platforms sign with. Not a secret: everything stays on this machine.
const WEBHOOK_SECRET: &str = "simulated-webhook-secret";

/// Running faces over one board.
pub(super) struct Platforms {
    github: SimServer,
    gitlab: SimServer,
    azure_devops: SimServer,
    jira: SimServer,
}

impl Platforms {
    /// Puts the trackers on the board and serves each platform on a free port.
    pub(super) async fn start(board: &Board) -> anyhow::Result<Self> {
        board.add_tracker(SHOP)?;
        board.add_tracker_with(WEBSITE, LabelRule::ExactCase)?;
        board.add_tracker(BILLING)?;
        board.add_tracker_with(OPERATIONS, LabelRule::ExactCase)?;
        let context = "starting a simulated platform";
        Ok(Self {
            github: github::serve(board.clone(), github::SimOptions::default()).await.context(context)?,
            gitlab: gitlab::serve(board.clone(), gitlab::SimOptions::default()).await.context(context)?,
            azure_devops: azure_devops::serve(board.clone(), azure_devops::SimOptions::default())
                .await
                .context(context)?,
            jira: jira::serve(board.clone(), jira::SimOptions::default()).await.context(context)?,
        })
    }

    /// Name of each platform and the page of its tracker.
    pub(super) fn pages(&self) -> [(&'static str, String); 4] {
        [
            ("GitHub", self.github.page_url(SHOP)),
            ("GitLab", self.gitlab.page_url(WEBSITE)),
            ("Azure DevOps", self.azure_devops.page_url(BILLING)),
            ("Jira", self.jira.page_url(OPERATIONS)),
        ]
    }

    /// Registers a webhook to the server on each platform, as an operator does there.
    pub(super) fn register_webhooks(&self, server: SocketAddr) {
        for (platform, sim, tracker) in [
            (PlatformKind::GitHub, &self.github, SHOP),
            (PlatformKind::GitLab, &self.gitlab, WEBSITE),
            (PlatformKind::AzureDevOps, &self.azure_devops, BILLING),
            (PlatformKind::Jira, &self.jira, OPERATIONS),
        ] {
            let url = format!("http://{server}/webhook/{platform}");
            sim.hooks().add(Hook::new(tracker, url).secret(WEBHOOK_SECRET));
        }
    }

    /// The credentials that the simulated platforms accept and send, as environment variables.
    pub(super) fn environment() -> [(&'static str, &'static str); 9] {
        [
            ("GITHUB_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("GITLAB_WEBHOOK_TOKEN", WEBHOOK_SECRET),
            ("AZDO_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("JIRA_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("GITHUB_TOKEN", "simulated-github-token"),
            ("GITLAB_TOKEN", "simulated-gitlab-token"),
            ("AZURE_DEVOPS_TOKEN", "simulated-azure-devops-token"),
            ("JIRA_EMAIL", "smith@simulated.example"),
            ("JIRA_TOKEN", "simulated-jira-token"),
        ]
    }

    /// The `projects:` section, as an operator would write it.
    pub(super) fn projects(&self) -> String {
        let project = |name: &str, tickets: String, trigger: &str| {
            format!(
                "  {name}:
    tickets: {{ {tickets}, auth: token }}
    {trigger}:
      default_pipeline: fix-bug
      pipeline_from_label: {{ agent-smith: fix-bug, feature: add-feature, security-review: security-scan }}
    polling: {{ enabled: true, interval_seconds: 2, jitter_percent: 20 }}
"
            )
        };
        let github =
            format!("type: GitHub, url: \"{}\", api_url: \"{}\"", self.github.page_url(SHOP), self.github.api_url());
        let gitlab = format!("type: GitLab, url: \"{}\", project: {WEBSITE}", self.gitlab.url());
        let azure = format!("type: AzureDevOps, url: \"{}\", project: billing", self.azure_devops.api_url());
        let jira = format!("type: Jira, url: \"{}\", project: {OPERATIONS}", self.jira.url());
        project("shop-api", github, "github_trigger")
            + &project("website", gitlab, "gitlab_trigger")
            + &project("billing", azure, "azuredevops_trigger")
            + &project("operations", jira, "jira_trigger")
    }

    /// Ends all of them.
    pub(super) async fn stop(self) {
        tokio::join!(self.github.stop(), self.gitlab.stop(), self.azure_devops.stop(), self.jira.stop());
    }
}
