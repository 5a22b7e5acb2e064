//! The four simulated platforms of the demo, with one tracker each, and how the configuration names them.

use anyhow::Context;

use crate::sim::board::{Board, LabelRule};
use crate::sim::{SimServer, azure_devops, github, gitlab, jira};

/// The GitHub repository.
pub(super) const SHOP: &str = "acme/shop-api";
/// The GitLab project.
pub(super) const WEBSITE: &str = "acme/website";
/// The Azure DevOps project, behind its organization.
pub(super) const BILLING: &str = "org/billing";
/// The Jira project's key.
pub(super) const OPERATIONS: &str = "OPS";

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

    /// The credentials that the simulated platforms accept, as environment variables.
    pub(super) fn environment() -> [(&'static str, &'static str); 5] {
        [
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
            format!("type: GitHub, url: \"https://github.com/{SHOP}\", api_url: \"{}\"", self.github.api_url());
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
