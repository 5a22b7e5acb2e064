//! What a job writes to its ticket: the result, its label, its comment.
//!
//! Who calls: `run_job`. What must stay true: a result is recorded in the store before it is shown, and the first one
//! that was recorded is the one that is shown; each write is asked for anew by `write`.

use std::time::Duration;

use secrecy::ExposeSecret;
use tracing::warn;

use super::end::End;
use super::run_job::JobRun;
use crate::config::{Config, OperatorToken, Source};
use crate::job::{RunResult, Verdict};
use crate::lifecycle::Lifecycle;
use crate::pipeline::report::not_moved;
use crate::pipeline::{GivenUp, Mask};
use crate::platform::{Platform, StatusChange, Writing};

impl JobRun<'_> {
    /// Records the result, then shows it. The first recorded one stands.
    pub(super) async fn conclude(&self, platform: &dyn Platform, result: RunResult) -> Result<End, GivenUp> {
        let standing = loop {
            if !self.writer.still_ours().await {
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
        self.move_and_comment(platform, result).await?;
        Ok(End::Finish)
    }

    /// Moves the ticket where the project wants those that are done, and says what became of the run.
    pub(super) async fn move_and_comment(&self, platform: &dyn Platform, result: &RunResult) -> Result<(), GivenUp> {
        let note = match result.verdict {
            Verdict::Done => self.move_to_done_status(platform).await?,
            Verdict::Failed | Verdict::Cancelled => None,
        };
        let comment = match note {
            Some(note) => format!("{}\n\n{note}", result.comment),
            None => result.comment.clone(),
        };
        self.comment(platform, &RunResult { verdict: result.verdict, comment }).await
    }

    /// What a person must know of the move. One that is not possible, or that the platform refuses, does not keep the run
    /// from being done.
    async fn move_to_done_status(&self, platform: &dyn Platform) -> Result<Option<String>, GivenUp> {
        let config = self.parts.config.current();
        let project = config.projects.get(&self.lease.job.key.project);
        let Some(status) = project.and_then(|project| project.trigger.done_status.as_deref()) else { return Ok(None) };
        let why = match self.writer.insist(|| platform.set_status(self.lease, status)).await {
            Ok(StatusChange::Moved | StatusChange::AlreadyThere) => return Ok(None),
            Ok(change @ StatusChange::Impossible { .. }) => change.to_string(),
            Err(GivenUp::Refused(error)) => error.to_string(),
            Err(given_up) => return Err(given_up),
        };
        warn!("the ticket cannot be moved to {status}: {why}");
        Ok(Some(not_moved(status, &why)))
    }

    pub(super) async fn transition(&self, platform: &dyn Platform, to: Option<Lifecycle>) -> Result<(), GivenUp> {
        self.writer.insist(|| platform.transition(self.lease, to)).await.map(drop)
    }

    /// Puts the result where the run told how far it was, if it did. A platform that refuses the comment does not keep the ticket from its label. A comment that may have arrived
    /// although its answer did not is looked for before it is written again.
    pub(super) async fn comment(&self, platform: &dyn Platform, result: &RunResult) -> Result<(), GivenUp> {
        let fresh = self.live.last_word(&result.comment).await;
        let again = fresh.clone().writing(Writing::NewOrEdit);
        let mut tried = false;
        let write = || platform.comment(self.lease, if std::mem::replace(&mut tried, true) { &again } else { &fresh });
        unless_refused(self.writer.insist(write).await.map(drop))
    }

    /// Puts why a job is dropped where its ticket was told of it before, if it was.
    pub(super) async fn comment_on_dropped(&self, platform: &dyn Platform, why: &str) -> Result<(), GivenUp> {
        let Some(comment) = self.live.last_edit(why).await else { return Ok(()) };
        unless_refused(self.writer.insist(|| platform.comment(self.lease, &comment)).await.map(drop))
    }
}

fn unless_refused(commented: Result<(), GivenUp>) -> Result<(), GivenUp> {
    match commented {
        Err(GivenUp::Refused(error)) => {
            warn!(%error, "the platform refuses the comment; the label says it alone");
            Ok(())
        }
        other => other,
    }
}

/// Every token and secret of the configuration: a step may have got hold of one, and its output is about to be
/// published.
pub(super) fn mask(config: &Config) -> Mask {
    let credentials = config.projects.values().flat_map(|project| {
        let source = match &project.source {
            Some(Source::Remote { credentials, forge, .. }) => {
                credentials.as_ref().or_else(|| forge.as_ref().and_then(|forge| forge.credentials.as_ref()))
            }
            Some(Source::Local(_)) | None => None,
        };
        project.tracker.credentials.iter().chain(source)
    });
    let tokens = credentials.map(|credentials| &credentials.token);
    let operator = config.operator_token.iter().map(OperatorToken::secret);
    Mask::new(tokens.chain(config.secrets.values()).chain(operator).map(ExposeSecret::expose_secret))
}
