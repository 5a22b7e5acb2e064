//! One attempt at a run: its steps, and what follows from how they ended.
//!
//! Who calls: `run_job`, for a ticket that still asks for the run. What must stay true: while the steps go on the ticket
//! is looked at and told; nothing that is told of them can arrive after the result; an attempt that failed counts whether
//! or not that can be shown.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, info, warn};

use super::budget::UsedUp;
use super::end::{self, End};
use super::live::{self, Worth};
use super::run_job::JobRun;
use super::show;
use crate::claim::taken_back;
use crate::config::{Pipeline, Project, Retry};
use crate::job::{RunResult, Withdrawal};
use crate::lifecycle::Lifecycle;
use crate::pipeline::{GivenUp, Hands, Outcome, RunReport, RunRequest, StopReason, report};
use crate::platform::Platform;
use crate::store::ReleaseReason;
use crate::ticket::Ticket;

/// Longest pause before a failed run is begun again. Whoever waits for more has looked already.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3600);

impl JobRun<'_> {
    /// Shows InProgress, lets the steps run, and shows what became of them.
    pub(super) async fn run(
        &self,
        project: &Project,
        tracker: &Arc<dyn Platform>,
        ticket: &Ticket,
        pipeline: &Arc<Pipeline>,
    ) -> Result<End, GivenUp> {
        let platform = tracker.as_ref();
        let show = || platform.transition(self.lease, Some(Lifecycle::InProgress));
        self.writer.try_first(show).await?;
        let config = self.parts.config.current();
        let hands = self.hands(project, tracker)?;
        let allowance = match self.allowance(pipeline, ticket).await? {
            Ok(allowance) => allowance,
            Err(used_up) => return self.conclude(platform, self.not_begun(used_up)).await,
        };
        self.tell_while_it_runs(tracker, pipeline);
        let pipeline = &*allowance.within(pipeline);
        info!("running {} for {}", pipeline.name, self.lease.job.key);
        let request = RunRequest {
            job: &self.lease.job,
            attempt: self.lease.attempt,
            ticket,
            pipeline,
            secrets: &config.secrets,
            mask: show::mask(&config),
            hands,
            stop: self.stop.clone(),
            right: Arc::new(self.lease.clone()),
            progress: self.record.steps_begin(ticket),
        };
        let record = self.record.clone().keep(self.parts.clone(), self.lease.clone());
        let recording = AbortOnDropHandle::new(tokio::spawn(record.in_current_span()));
        let mut run = std::pin::pin!(self.parts.runner.run(request));
        let report = tokio::select! {
            report = &mut run => report,
            reason = self.watch(project, platform) => {
                self.stop.ask(reason);
                run.await
            }
        };
        drop(recording);
        self.live.stop();
        let again_in = again_in(pipeline, &report);
        match (again_in, allowance.used_up(&report, again_in)) {
            (Some(pause), None) => {
                self.record.because(end::why(&report));
                self.try_again(platform, pipeline, (pause, &report)).await
            }
            (_, used_up) => self.after_run(platform, pipeline, &report, used_up).await,
        }
    }

    /// What the run may reach outside of its workspace.
    fn hands(&self, project: &Project, tracker: &Arc<dyn Platform>) -> Result<Hands, GivenUp> {
        Ok(Hands {
            platform: Arc::clone(tracker),
            source: project.source.clone(),
            forge: self.parts.trackers.forge_of(project).map_err(GivenUp::Refused)?,
            writer: self.writer.clone(),
        })
    }

    /// A task that ends by itself after [`live::LiveComment::end`]: to break it off would leave open whether its last
    /// request arrives after the result.
    fn tell_while_it_runs(&self, tracker: &Arc<dyn Platform>, pipeline: &Arc<Pipeline>) {
        let (platform, pipeline, progress) = (Arc::clone(tracker), Arc::clone(pipeline), self.record.progress());
        let telling = self.live.clone().keep(platform, pipeline, self.ways(), progress);
        tokio::spawn(telling.in_current_span());
    }

    /// The run failed and its pipeline gives it another attempt: nothing is recorded, the ticket waits again. The attempt
    /// counts also when the label cannot be written, or a platform that is away would make it run again and again.
    async fn try_again(
        &self,
        platform: &dyn Platform,
        pipeline: &Pipeline,
        (pause, report): (Duration, &RunReport),
    ) -> Result<End, GivenUp> {
        info!("the run failed: it is begun again in {} s", pause.as_secs());
        match self.transition(platform, Some(Lifecycle::Enqueued)).await {
            Err(GivenUp::LeaseLost) => return Err(GivenUp::LeaseLost),
            Err(error) => warn!(?error, "could not show that the ticket waits again; its next consumer does not mind"),
            Ok(()) => {}
        }
        let why = live::masked(self.parts, &end::why(report));
        // Who comes back at once tells it with what is next.
        let worth = if pause >= self.parts.pace.running_after { Worth::Anyway } else { Worth::IfKnown };
        self.live.say(platform, self.live.run(pipeline, self.ways()).failed(&why, pause), worth).await;
        Ok(End::HandBack(ReleaseReason::Broken, pause))
    }

    async fn after_run(
        &self,
        platform: &dyn Platform,
        pipeline: &Pipeline,
        report: &RunReport,
        used_up: Option<UsedUp>,
    ) -> Result<End, GivenUp> {
        end::log(report);
        let used_up = used_up.map(UsedUp::in_words);
        self.record.because(used_up.iter().fold(end::why(report), |why, used_up| format!("{why}; {used_up}")));
        match report.verdict() {
            Some(verdict) => {
                let comment = report::comment(report, &show::mask(&self.parts.config.current()), self.ways());
                let note = used_up.map(|used_up| report::not_begun_again(&used_up));
                let comment = std::iter::once(comment).chain(note).collect::<Vec<_>>().join("\n\n");
                self.conclude(platform, RunResult { verdict, comment }).await
            }
            None if report.outcome == Outcome::Stopped(StopReason::ShuttingDown) => {
                self.put_back(platform, pipeline).await
            }
            None => Ok(End::Abandon),
        }
    }

    /// Resolves when the run must end: the process ends, also while the platform hangs, or the ticket says so.
    async fn watch(&self, project: &Project, platform: &dyn Platform) -> StopReason {
        tokio::select! {
            () = self.parts.shutdown.hard().cancelled() => StopReason::ShuttingDown,
            reason = self.watch_ticket(project, platform) => reason,
        }
    }

    /// Resolves when a look at the ticket with each heartbeat finds that the request was taken back, or the job is
    /// somebody else's. A lifecycle label that somebody removed meanwhile comes back.
    async fn watch_ticket(&self, project: &Project, platform: &dyn Platform) -> StopReason {
        let id = &self.lease.job.key.ticket;
        loop {
            tokio::time::sleep(self.parts.config.current().agent.lifecycle.heartbeat_renew).await;
            let ticket = match platform.read(id).await {
                Ok(ticket) => ticket,
                Err(error) => {
                    debug!(%error, "could not look at the ticket; looking again with the next heartbeat");
                    continue;
                }
            };
            let by_us = !ticket.open && self.writer.has_moved_ticket();
            if let Some(cause) = taken_back(project, self.lease.job.asked_by, &ticket).filter(|_| !by_us) {
                return StopReason::Withdrawn(Withdrawal::new(cause, None));
            }
            if Lifecycle::of(&ticket.labels) != Some(Lifecycle::InProgress) {
                info!("the label {} is back: the ticket is being worked on", Lifecycle::InProgress);
                match self.transition(platform, Some(Lifecycle::InProgress)).await {
                    Ok(()) => {}
                    Err(GivenUp::LeaseLost) => return StopReason::LeaseLost,
                    Err(error) => debug!(?error, "could not show the label again"),
                }
            }
        }
    }

    /// The process ends before the run did: the ticket shows Enqueued again and the job waits for another consumer.
    async fn put_back(&self, platform: &dyn Platform, pipeline: &Pipeline) -> Result<End, GivenUp> {
        info!("the process ends: the ticket is put back");
        if let Err(error) = self.transition(platform, Some(Lifecycle::Enqueued)).await {
            warn!(?error, "could not show that the ticket waits again; its next consumer does not mind");
        }
        self.live.say(platform, self.live.run(pipeline, self.ways()).put_back(), Worth::IfKnown).await;
        Ok(End::HandBack(ReleaseReason::HandedBack, Duration::ZERO))
    }
}

/// The pause before a failed run is begun again, if it is: doubled with each attempt, and drawn by a fifth, so that what
/// failed together does not come back together.
fn again_in(pipeline: &Pipeline, report: &RunReport) -> Option<Duration> {
    let failed = matches!(report.outcome, Outcome::Failed(_));
    if !failed || pipeline.retry != Retry::OnFailure || report.attempt >= pipeline.attempts {
        return None;
    }
    let doubled = pipeline.backoff.saturating_mul(1 << (report.attempt - 1).min(10)).min(LONGEST_BACKOFF);
    Some(doubled.mul_f64(rand::random_range(0.8..=1.2)))
}
