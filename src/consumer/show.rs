//! What a job writes to its ticket: the result, its label, its comment.
//!
//! Who calls: `run_job`. What must stay true: a result is recorded in the store before it is shown, and the first one
//! that was recorded is the one that is shown; each write is asked for anew by `write`.

use std::time::Duration;

use secrecy::ExposeSecret;
use tracing::warn;

use super::end::End;
use super::run_job::JobRun;
use super::write::GivenUp;
use crate::config::{Config, OperatorToken};
use crate::job::{RunResult, Verdict};
use crate::lifecycle::Lifecycle;
use crate::pipeline::Mask;
use crate::platform::{Comment, Platform};

impl JobRun<'_> {
    /// Records the result, then shows it. The first recorded one stands.
    pub(super) async fn conclude(&self, platform: &dyn Platform, result: RunResult) -> Result<End, GivenUp> {
        let standing = loop {
            if !self.parts.still_ours(self.lease).await {
                return Err(GivenUp::LeaseLost);
            }
            match self.parts.store.record_result(self.lease, &result).await {
                Ok(standing) => break standing,
                Err(error) => {
                    self.parts.availability.report(&error);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        };
        match standing {
            Some(standing) => {
                self.record.result(standing.verdict);
                self.show(platform, &standing).await
            }
            None => Err(GivenUp::LeaseLost),
        }
    }

    pub(super) async fn show(&self, platform: &dyn Platform, result: &RunResult) -> Result<End, GivenUp> {
        let to = match result.verdict {
            Verdict::Done => Some(Lifecycle::Done),
            Verdict::Failed => Some(Lifecycle::Failed),
            Verdict::Cancelled => None,
        };
        self.transition(platform, to).await?;
        self.comment(platform, result).await?;
        Ok(End::Finish)
    }

    pub(super) async fn transition(&self, platform: &dyn Platform, to: Option<Lifecycle>) -> Result<(), GivenUp> {
        self.parts.insist(self.lease, || platform.transition(self.lease, to)).await.map(drop)
    }

    /// A platform that refuses the comment does not keep the ticket from its label. A comment that may have arrived
    /// although its answer did not is looked for before it is written again.
    pub(super) async fn comment(&self, platform: &dyn Platform, result: &RunResult) -> Result<(), GivenUp> {
        let marker = format!("run {}", self.lease.job.run_id);
        let comment = |may_exist| Comment { marker: marker.clone(), body: result.comment.clone(), may_exist };
        let (fresh, again) = (comment(false), comment(true));
        let mut tried = self.lease.attempt > 1 || self.lease.earlier_result.is_some();
        let write = || platform.comment(self.lease, if std::mem::replace(&mut tried, true) { &again } else { &fresh });
        match self.parts.insist(self.lease, write).await {
            Err(GivenUp::Refused(error)) => {
                warn!(%error, "the platform refuses the comment; the label says it alone");
                Ok(())
            }
            other => other,
        }
    }
}

/// Every token and secret of the configuration: a step may have got hold of one, and its output is about to be
/// published.
pub(super) fn mask(config: &Config) -> Mask {
    let credentials = config.projects.values().filter_map(|project| project.tracker.credentials.as_ref());
    let tokens = credentials.map(|credentials| &credentials.token);
    let operator = config.operator_token.iter().map(OperatorToken::secret);
    Mask::new(tokens.chain(config.secrets.values()).chain(operator).map(ExposeSecret::expose_secret))
}
