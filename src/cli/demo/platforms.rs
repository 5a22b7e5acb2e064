//! The four simulated platforms of the demo, with a tracker and source each, how the configuration names them, and the
//! webhooks that they send to the server. The source of the Jira project is on GitHub.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;

use super::repositories::{self, BILLING_REPOSITORY, INFRASTRUCTURE, Requests};
use crate::sim::board::{Board, LabelRule};
use crate::sim::git::Repositories;
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
    /// What is behind the trackers; nothing on a machine without git.
    repositories: Option<Repositories>,
}

impl Platforms {
    /// Puts the trackers on the board and serves each platform on a free port.
    pub(super) async fn start(board: &Board, directory: &Path) -> anyhow::Result<Self> {
        board.add_tracker(SHOP)?;
        board.add_tracker_with(WEBSITE, LabelRule::ExactCase)?;
        board.add_tracker(BILLING)?;
        board.add_tracker_with(OPERATIONS, LabelRule::ExactCase)?;
        board.add_tracker(INFRASTRUCTURE)?;
        let context = "starting a simulated platform";
        let all = repositories::make(directory).await;
        let repositories = || all.clone();
        let on_github = github::SimOptions { repositories: repositories(), ..github::SimOptions::default() };
        let on_gitlab = gitlab::SimOptions { repositories: repositories(), ..gitlab::SimOptions::default() };
        let on_azure = azure_devops::SimOptions { repositories: repositories(), ..azure_devops::SimOptions::default() };
        Ok(Self {
            repositories: repositories(),
            github: github::serve(board.clone(), on_github).await.context(context)?,
            gitlab: gitlab::serve(board.clone(), on_gitlab).await.context(context)?,
            azure_devops: azure_devops::serve(board.clone(), on_azure).await.context(context)?,
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

    /// What tells of change requests, if there are any.
    pub(super) fn requests(&self) -> Option<Requests> {
        let pages = [&self.github, &self.gitlab, &self.azure_devops].map(SimServer::url);
        self.repositories.clone().map(|repositories| Requests::new(repositories, pages))
    }

    /// True when pipelines can work on source.
    pub(super) fn have_source(&self) -> bool {
        self.repositories.is_some()
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
        let project = |name: &str, source: String, tickets: String, trigger: &str| {
            let source = match self.have_source() {
                true => format!("    source: {{ {source} }}\n"),
                false => String::new(),
            };
            format!(
                "  {name}:
{source}    tickets: {{ {tickets}, auth: token }}
    {trigger}:
      default_pipeline: fix-bug
      pipeline_from_label: {{ agent-smith: fix-bug, feature: add-feature, security-review: security-scan }}
    polling: {{ enabled: true, interval_seconds: 2, jitter_percent: 20 }}
"
            )
        };
        let page = |tracker: &str| format!("type: GitHub, url: \"{}\"", self.github.page_url(tracker));
        let on_gitlab = format!("type: GitLab, url: \"{}\"", self.gitlab.page_url(WEBSITE));
        let below = format!("{}/_git/{BILLING_REPOSITORY}", self.azure_devops.page_url(BILLING));
        let on_azure = format!("type: AzureRepos, url: \"{below}\"");
        let github = format!("{}, api_url: \"{}\"", page(SHOP), self.github.api_url());
        let gitlab = format!("type: GitLab, url: \"{}\", project: {WEBSITE}", self.gitlab.url());
        let azure = format!("type: AzureDevOps, url: \"{}\", project: billing", self.azure_devops.api_url());
        let jira = format!("type: Jira, url: \"{}\", project: {OPERATIONS}", self.jira.url());
        project("shop-api", page(SHOP), github, "github_trigger")
            + &project("website", on_gitlab, gitlab, "gitlab_trigger")
            + &project("billing", on_azure, azure, "azuredevops_trigger")
            + &project("operations", page(INFRASTRUCTURE), jira, "jira_trigger")
    }

    /// Ends all of them.
    pub(super) async fn stop(self) {
        tokio::join!(self.github.stop(), self.gitlab.stop(), self.azure_devops.stop(), self.jira.stop());
    }
}
